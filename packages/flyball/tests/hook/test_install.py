"""Install, uninstall, status: without a client, with a guard that follows a script."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from flyball.errors import ConfigurationError, InputError
from flyball.hook import claude, installed
from flyball.hook.command import CLIENTS, Client, Hook
from flyball.hook.install import Place, install, uninstall
from flyball.hook.status import status
from harness.scripted_guard import Guard, scripted_guard

THEIRS: dict[str, Any] = {
    "model": "m",
    "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "lint"}]}]},
}


@pytest.fixture
def guard() -> Iterator[Guard]:
    with scripted_guard() as guard:
        yield guard


def _place(tmp_path: Path, client: Client = "claude-code", version: str = "2.1.332") -> Place:
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "claude"
    program.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
    program.chmod(0o700)
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "CLAUDE_CONFIG_DIR": str(tmp_path / "home" / ".claude"),
        "CODEX_HOME": str(tmp_path / "home" / ".codex"),
    }
    return Place(
        client=client, guard_folder=tmp_path / "data" / "guard", environment=environment, folder=work
    )


def _put(place: Place, port: int = 4320, /, **more: Any) -> installed.Installed:
    asked: dict[str, Any] = {"scope": "user", "fail": "closed", "via": "command", "trust": False} | more
    return install(place, port=port, **asked)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scope", ["user", "project"])
def test_in_and_out_leaves_what_was_there(tmp_path: Path, client: Client, scope: str) -> None:
    place = _place(tmp_path, client)
    file = place.settings_file(cast("Any", scope))  # parametrize hands over plain strings
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(THEIRS))
    _put(place, scope=scope)
    once = file.read_bytes()
    assert json.loads(once)["hooks"]["PreToolUse"][0] == THEIRS["hooks"]["PreToolUse"][0]
    _put(place, scope=scope)
    assert file.read_bytes() == once
    assert json.loads(file.with_name(file.name + ".before-flyball").read_text()) == THEIRS
    assert uninstall(place) == [str(file)]
    assert json.loads(file.read_text()) == THEIRS
    assert uninstall(place) == []


def test_what_is_in_the_way_is_one_error_and_nothing_is_touched(tmp_path: Path) -> None:
    place = _place(tmp_path)
    file = place.settings_file("user")
    file.parent.mkdir(parents=True)
    file.write_text("{ // mine\n}")
    with pytest.raises(ConfigurationError, match="nothing was touched"):
        _put(place)
    assert file.read_text() == "{ // mine\n}"
    assert [path.name for path in file.parent.iterdir()] == ["settings.json"]
    assert status(place).state == "not guarding"


def test_moving_to_another_scope_leaves_one(tmp_path: Path) -> None:
    place = _place(tmp_path)
    _put(place)
    _put(place, scope="project")
    assert json.loads(place.settings_file("user").read_text()) == {}
    assert "PreToolUse" in json.loads(place.settings_file("project").read_text())["hooks"]


def test_secrets_are_the_owners_alone_and_in_no_command(tmp_path: Path, guard: Guard) -> None:
    place = _place(tmp_path)
    _put(place, guard.port)
    token_file = place.guard_folder / "tokens" / "claude-code.token"
    token = token_file.read_text().strip()
    assert len(token) >= 32
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert token not in place.settings_file("user").read_text()
    _put(place, guard.port, via="http")
    assert stat.S_IMODE(place.settings_file("user").stat().st_mode) == 0o600
    assert token not in (place.guard_folder / "hook" / "installed.json").read_text()
    assert token not in json.dumps(status(place).view())


@pytest.mark.parametrize(
    ("more", "version", "why"),
    [
        ({"via": "http"}, "2.1.294", "fails closed from Claude Code 2.1.295, this is 2.1.294"),
        ({"via": "http"}, "unknown", "this is not found here"),
        ({"via": "http", "scope": "project"}, "2.1.332", "holds a token"),
    ],
)
def test_what_could_not_guard_is_refused(
    tmp_path: Path, more: dict[str, str], version: str, why: str
) -> None:
    place = _place(tmp_path, version=version)
    with pytest.raises(InputError, match=why):
        _put(place, 4320, **more)
    assert not place.settings_file("user").exists()


def test_a_guard_that_answers_is_guarding(tmp_path: Path, guard: Guard) -> None:
    place = _place(tmp_path)
    assert status(place).why == ["the hook is not installed"]
    _put(place, guard.port)
    found = status(place)
    assert found.why == []
    assert found.state in {"guarding", "partly"}
    assert (found.canary or {})["outcome"] == "caught"
    guard.audit = True
    assert status(place).state == "auditing"


OFF = {
    "disableAllHooks of the project": (".claude/settings.json", {"disableAllHooks": True}, "disableAllHooks"),
    "disableAllHooks of the folder alone": (
        ".claude/settings.local.json",
        {"disableAllHooks": True},
        "disableAllHooks",
    ),
    "a variable": (".claude/settings.json", {"env": {"CLAUDE_CODE_SIMPLE": "1"}}, "env.CLAUDE_CODE_SIMPLE"),
}


@pytest.mark.parametrize("name", OFF)
def test_another_file_that_switches_hooks_off_is_told(tmp_path: Path, guard: Guard, name: str) -> None:
    place = _place(tmp_path)
    _put(place, guard.port)
    path, settings, word = OFF[name]
    (place.folder / path).parent.mkdir()
    (place.folder / path).write_text(json.dumps(settings))
    found = status(place)
    assert found.state == "not guarding"
    assert any(word in why and path in why for why in found.why)


def test_every_change_of_the_installation_is_told(tmp_path: Path, guard: Guard) -> None:
    place = _place(tmp_path)
    _put(place, guard.port)
    file = place.settings_file("user")
    whole = file.read_text()
    alone = place.guard_folder / "hook" / "alone"
    settings = json.loads(whole)
    for event in claude.EVENTS:
        less = {"hooks": {name: groups for name, groups in settings["hooks"].items() if name != event}}
        file.write_text(json.dumps(less))
        assert any(f"the hook of {event} is gone" in why for why in status(place).why)
    file.write_text(whole.replace("exit 2", "exit 0"))
    assert any("the hook of PreToolUse is gone or not the one" in why for why in status(place).why)
    file.write_text(whole.replace('"PreToolUse": [\n      {', '"PreToolUse": [\n      {"matcher": "Read",'))
    assert any("the hook of PreToolUse is gone or not the one" in why for why in status(place).why)
    file.write_text(whole)
    assert status(place).why == []
    (alone / "__pycache__" / "process.cpython-399.pyc").write_bytes(b"other")
    assert any("not those that were installed" in why for why in status(place).why)
    _put(place, guard.port)
    assert status(place).why == []


def test_a_hook_that_says_yes_by_itself_does_not_pass_for_a_guard(tmp_path: Path, guard: Guard) -> None:
    place = _place(tmp_path)
    _put(place, guard.port)
    file = place.settings_file("user")
    file.write_text(file.read_text().replace("/usr/bin/timeout", "exit 0; /usr/bin/timeout"))
    assert (status(place).canary or {})["outcome"] == "passed"
    file.write_text(file.read_text().replace("exit 0; ", "echo guard.canary >&2; exit 2; "))
    assert (status(place).canary or {})["outcome"] == "unanswered"


def test_codex_that_is_not_here_is_not_called_guarded(tmp_path: Path, guard: Guard) -> None:
    place = _place(tmp_path, "codex")
    _put(place, guard.port)
    found = status(place)
    assert found.state == "not guarding"
    assert any("nothing can tell whether it trusts the hook" in why for why in found.why)
    (place.settings_file("user").parent / "config.toml").write_text("[features]\nhooks = false\n")
    assert any("features.hooks = false" in why for why in status(place).why)


def test_a_folder_with_spaces_and_quotes_is_no_way_out_of_the_command(tmp_path: Path, guard: Guard) -> None:
    folder = tmp_path / "it's; touch made #"
    folder.mkdir()
    place = _place(folder)
    _put(place, guard.port)
    assert status(place).why == []


def test_the_command_depends_on_no_place_or_variable(tmp_path: Path) -> None:
    hook = Hook(
        client="codex",
        fail="closed",
        port=1,
        guard_folder=tmp_path,
        python=Path("/py"),
        timeout=("/bin/timeout", "7"),
    )
    words = hook.command("PreToolUse").split(" || ")[0].split()
    assert words[0].startswith("/")
    assert words[2:6] == ["/py", "-B", "-I", "-S"]
    assert words[6].startswith("/")


def test_bash_passes_on_what_comes_at_every_call(tmp_path: Path) -> None:
    hook = Hook(
        client="codex", fail="closed", port=1, guard_folder=tmp_path, python=Path("/py"),
        timeout=("/bin/timeout", "7"), bash=Path("/bin/bash"),
    )  # fmt: skip
    words = hook.command("PreToolUse").split(" || ")[0].split()
    assert words[2:6] == ["/bin/bash", "--norc", "--noprofile", "-p"]
    assert [Path(word).name for word in words[6:9]] == ["relay.bash", "py", "run.py"]
    assert "relay" not in hook.command("SessionStart")
    assert "relay" not in hook.command("ConfigChange")
