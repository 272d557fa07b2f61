"""Settings of others: ours goes in and out, theirs stays, and what cannot be kept is not touched."""

from __future__ import annotations

import copy
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from flyball.errors import ConfigurationError
from flyball.hook import files, merged
from hypothesis import given
from hypothesis import strategies as st

RUN = "python /data/guard/hook/alone/run.py"
OURS = {
    "PreToolUse": {"type": "command", "command": f"{RUN} 1"},
    "SessionStart": {"type": "command", "command": f"{RUN} 2"},
}
THEIRS = st.fixed_dictionaries({"type": st.just("command"), "command": st.text(max_size=8)})
GROUP = st.fixed_dictionaries(
    {"hooks": st.lists(THEIRS, max_size=3)}, optional={"matcher": st.sampled_from(["", "Bash", "*"])}
)
EVENTS = st.sampled_from(["PreToolUse", "PostToolUse", "SessionStart", "Stop"])
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "hooks": st.dictionaries(EVENTS, st.lists(GROUP, max_size=3)),
        "env": st.dictionaries(st.text(max_size=4), st.text(max_size=4)),
        "model": st.text(),
    },
)


def _theirs(settings: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(e, m, h["command"]) for e, m, h in merged.handlers(settings) if not merged.is_ours(h)]


@given(SETTINGS)
def test_ours_goes_in_and_theirs_stays_in_its_place(settings: dict[str, Any]) -> None:
    before = copy.deepcopy(settings)
    made = merged.with_ours(settings, OURS, "f")
    assert settings == before
    assert _theirs(made) == _theirs(settings)
    assert [h for _, _, h in merged.handlers(made) if merged.is_ours(h)].sort(key=str) == list(
        OURS.values()
    ).sort(key=str)
    assert {k: v for k, v in made.items() if k != "hooks"} == {
        k: v for k, v in settings.items() if k != "hooks"
    }


@given(SETTINGS)
def test_twice_is_once(settings: dict[str, Any]) -> None:
    once = merged.with_ours(settings, OURS, "f")
    assert merged.with_ours(once, OURS, "f") == once


@given(SETTINGS)
def test_in_and_out_is_nothing(settings: dict[str, Any]) -> None:
    back = merged.without_ours(merged.with_ours(settings, OURS, "f"), "f")
    tidy = {
        event: groups for event, groups in settings.get("hooks", {}).items() if groups or event not in OURS
    }
    assert _theirs(back) == _theirs(settings)
    assert back.get("hooks", {}) == tidy


def test_another_installation_is_replaced_where_it_stands() -> None:
    older = {"type": "command", "command": "python3 /elsewhere/guard/hook/alone/run.py"}
    other = {"type": "command", "command": "lint"}
    settings = {
        "hooks": {"PreToolUse": [{"hooks": [older, other]}, {"hooks": [older]}], "Stop": [{"hooks": [older]}]}
    }
    made = merged.with_ours(settings, OURS, "f")
    assert made["hooks"]["PreToolUse"] == [{"hooks": [OURS["PreToolUse"], other]}]
    assert "Stop" not in made["hooks"]


def test_one_of_ours_that_was_narrowed_to_a_tool_asks_about_all_again() -> None:
    narrowed = {"hooks": {"PreToolUse": [{"matcher": "Nothing", "hooks": [OURS["PreToolUse"]]}]}}
    made = merged.with_ours(narrowed, OURS, "f")
    assert made["hooks"]["PreToolUse"] == [{"hooks": [OURS["PreToolUse"]]}]


@pytest.mark.parametrize(
    "hooks", [[], "x", 3, {"PreToolUse": {}}, {"PreToolUse": ["x"]}, {"PreToolUse": [{"hooks": {}}]}, None]
)
def test_a_table_that_is_none_is_not_touched(hooks: Any) -> None:
    with pytest.raises(ConfigurationError, match="nothing was touched"):
        merged.with_ours({"hooks": hooks}, OURS, "f")


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"{",
            b"[]",
            b'{"a": 1, "a": 2}',
            b'// comment\n{"a": 1}',
            b'{"a": NaN}',
            b'{"a": 1e999}',
            b"\xff{}",
        ),
        *(b'"x"', b"[" * 100_000, b'{"a": 18446744073709551616}', b'{"a": "\\ud800"}'),
    ],
)
def test_a_file_that_could_not_be_written_back_as_it_was_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="nothing was touched"):
        files.json_object(Path("settings.json"), text)


@given(st.binary(max_size=100))
def test_any_bytes_are_an_object_or_refused(text: bytes) -> None:
    try:
        value = files.json_object(Path("settings.json"), text)
    except ConfigurationError:
        return
    assert json.loads(files.json_text(value)) == value


def test_a_file_is_replaced_whole_and_what_was_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b"old")
    path.chmod(0o644)
    files.replace(path, b"new", was=b"old")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    kept = tmp_path / "settings.json.before-flyball"
    assert kept.read_bytes() == b"old"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_somebody_else_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(b"theirs")
    with pytest.raises(ConfigurationError, match="changed just now"):
        files.replace(path, b"new", was=b"old")
    assert path.read_bytes() == b"theirs"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.write_bytes(b"old")
    link = tmp_path / "settings.json"
    link.symlink_to(kept)
    files.replace(link, b"new", was=b"old")
    assert link.is_symlink()
    assert kept.read_bytes() == b"new"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.json")
    with pytest.raises(ConfigurationError, match="is no file"):
        files.read(tmp_path / "settings.json")
