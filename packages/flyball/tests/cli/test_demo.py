"""The demo's own logic, without processes: when an answer is enough, and what a person is shown."""

from __future__ import annotations

from typing import Any

import pytest
from flyball.cli import demo_story as demo
from flyball.cli.demo_children import DemoFailed, free_ports, shop_script
from flyball.cli.demo_screen import Screen

FINDING: dict[str, Any] = {
    "kind": "new",
    "service": "checkout",
    "template": "payments connection pool exhausted: <*> of <*> in use, waited <*> ms",
    "severity": "ERROR",
    "severity_number": 17,
    "count": 77,
    "first_seen": "2026-01-01T00:00:01Z",
    "after_change_s": 1.2,
    "change_id": "chg_1",
    "evidence": ["ev_0123456789abcdef"],
    "exemplar": {"text": "payments connection pool exhausted: 8 of 8 in use, waited 250 ms"},
}


def test_an_answer_is_enough_when_the_same_finding_comes_first_twice() -> None:
    enough = demo.settled()
    other = FINDING | {"template": "order <*> lost"}
    answers = [[], [other], [FINDING, other], [FINDING], [FINDING]]
    assert [enough({"findings": findings}) for findings in answers] == [False, False, False, True, True]


def test_nothing_is_never_enough() -> None:
    enough = demo.settled()
    assert not any(enough({"findings": []}) for _ in range(3))


@pytest.mark.parametrize(
    ("verdict", "enough"), [("fixed", True), ("not fixed", True), ("not enough data", False)]
)
def test_a_verdict_is_awaited(verdict: str, *, enough: bool) -> None:
    assert demo.decided({"verdict": verdict}) is enough


def test_the_shop_is_found() -> None:
    assert shop_script().name == "run.py"
    assert (shop_script().parent / "releases" / "v2.py").is_file()


@pytest.mark.parametrize("missing", ["no_such_package.at_all", "flyball.no_such_module"])
def test_a_missing_exporter_is_one_line_that_helps(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SHOP_NEEDS", (missing,))
    with pytest.raises(DemoFailed, match=r"pip install 'flyball\[demo\]'"):
        demo.require_shop()


def test_ports_differ() -> None:
    assert len(set(free_ports(3))) == 3


def test_the_screen_tells_the_finding(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(to_stderr=False).findings(
        {"findings": [FINDING], "limits": []}, seconds=8.4, address="http://127.0.0.1:1"
    )
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "8.4 s after it (1 finding)",
        "new ■ checkout",
        "77",
        "+1 s",
        "ev_0123456789abcdef",
        "8 of 8",
    ):
        assert part in shown


def test_log_text_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = FINDING | {
        "template": "\x1b[31m[red]fire[/red] \u202ella",
        "exemplar": {"text": "\x07[bold]bell"},
    }
    Screen(to_stderr=False).findings({"findings": [hostile], "limits": []}, seconds=1.0, address="")
    shown = capsys.readouterr().out
    assert "[red]fire[/red]" in shown
    assert "[bold]bell" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}


def test_with_json_the_story_leaves_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(to_stderr=True)
    screen.title()
    screen.findings({"findings": [FINDING], "limits": ["a limit"]}, seconds=1.0, address="")
    screen.verdict({"verdict": "fixed", "verdicts": [{"why": "t is repaired"}], "limits": []})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "t is repaired" in captured.err
    assert "a limit" in captured.err


def test_no_findings_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(to_stderr=False).findings({"findings": [], "limits": []}, seconds=30.0, address="")
    assert "Nothing is new 30 s after the deploy" in capsys.readouterr().out
