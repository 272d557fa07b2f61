"""Approvals, and every way in which somebody would rather approve themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flyball.errors import InputError, NotFound
from flyball.guard import operator
from flyball.guard.approvals import APPROVED_S, OPEN_BYTES_MAX, OPEN_MAX
from harness.wall import ASKING, DELETE, Guarded


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    one = Guarded(tmp_path / "guard")
    one.policy(ASKING)
    return one


def _asked(guarded: Guarded, command: str = DELETE, **more: object) -> str:
    answer = guarded.ask(command, **more)  # pyright: ignore[reportArgumentType]
    assert answer["action"] == "ask"
    return str(answer["approval"]["id"])


def _approve(guarded: Guarded, approval: str, verdict: str = "approve") -> None:
    operator.decide(guarded.wall, approval, verdict, by="ada")


def test_an_approved_call_passes_once(guarded: Guarded) -> None:
    approval = _asked(guarded)
    _approve(guarded, approval)
    answer = guarded.ask(DELETE)
    assert answer["action"] == "allow"
    assert "ada" in answer["reason"]
    assert _asked(guarded) != approval


def test_an_approval_outlasts_a_kill_and_its_use_too(guarded: Guarded) -> None:
    approval = _asked(guarded)
    guarded.again()
    _approve(guarded, approval)
    guarded.again()
    assert guarded.ask(DELETE)["action"] == "allow"
    guarded.again()
    assert guarded.ask(DELETE)["action"] == "ask"


def test_asking_again_while_it_waits_is_the_same_question(guarded: Guarded) -> None:
    assert _asked(guarded) == _asked(guarded)
    assert len(guarded.rows("approval")) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"command": DELETE + " /srv/other"},
        {"command": DELETE + " "},
        {"session_id": "s2"},
        {"agent_name": "other"},
        {"user_id": "other"},
        {"environment": "production"},
        {"cwd": "/other"},
        {"client": "other"},
        {"tool_input": {"command": DELETE, "run_in_background": True}},
    ],
)
def test_an_approval_is_for_exactly_this_call_of_this_caller(
    guarded: Guarded, other: dict[str, object]
) -> None:
    _approve(guarded, _asked(guarded))
    assert guarded.ask(**({"command": DELETE} | other))["action"] == "ask"  # pyright: ignore[reportArgumentType]
    assert guarded.ask(DELETE)["action"] == "allow"


def test_an_approval_is_for_the_files_as_they_were(guarded: Guarded, tmp_path: Path) -> None:
    script = tmp_path / "clean.sql"
    script.write_text("drop table orders")
    here: dict[str, Any] = {"cwd": str(tmp_path), "local": True}
    _approve(guarded, _asked(guarded, "psql -f clean.sql", **here))
    script.write_text("drop table customers")
    assert guarded.ask("psql -f clean.sql", **here)["action"] == "ask"
    script.write_text("drop table orders")
    assert guarded.ask("psql -f clean.sql", **here)["action"] == "allow"


def test_an_approval_is_for_the_scripts_of_the_session_as_they_were(guarded: Guarded) -> None:
    def write(name: str, text: str) -> None:
        guarded.ask(tool="Write", tool_input={"file_path": f"/w/{name}", "content": text}, cwd="/w")

    write("inner.sql", "select 1")
    write("clean.sql", "\\i /w/inner.sql\ndrop table orders;\n")
    _approve(guarded, _asked(guarded, "psql -f /w/clean.sql", cwd="/w"))
    write("inner.sql", "select 2")
    assert guarded.ask("psql -f /w/clean.sql", cwd="/w")["action"] == "ask"
    write("other.sql", "select 'it is not run'")
    write("inner.sql", "select 1")
    assert guarded.ask("psql -f /w/clean.sql", cwd="/w")["action"] == "allow"


def test_an_approval_and_an_ask_expire(guarded: Guarded) -> None:
    first = _asked(guarded)
    _approve(guarded, first)
    guarded.clock.advance(APPROVED_S)
    second = _asked(guarded)
    assert first != second
    guarded.clock.advance(300)
    with pytest.raises(InputError, match="expired"):
        _approve(guarded, second)


def test_a_denied_call_is_blocked_and_cannot_be_approved_later(guarded: Guarded) -> None:
    approval = _asked(guarded)
    _approve(guarded, approval, "deny")
    assert guarded.ask(DELETE)["action"] == "block"
    with pytest.raises(InputError, match="denied"):
        _approve(guarded, approval)
    guarded.clock.advance(APPROVED_S)
    assert guarded.ask(DELETE)["action"] == "ask"


def test_a_verdict_is_said_once_and_in_the_words_there_are(guarded: Guarded) -> None:
    approval = _asked(guarded)
    with pytest.raises(InputError):
        _approve(guarded, approval, "sure")
    with pytest.raises(NotFound):
        _approve(guarded, "apr_0")
    _approve(guarded, approval)
    rows = len(guarded.rows("approval"))
    _approve(guarded, approval)
    assert len(guarded.rows("approval")) == rows
    _approve(guarded, approval, "deny")  # an approval that was not used may be taken back
    assert guarded.ask(DELETE)["action"] == "block"


def test_a_block_is_not_for_approval(guarded: Guarded) -> None:
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    answer = guarded.ask("git push --force upstream main")
    assert answer["action"] == "block"
    assert "approval" not in answer
    assert not guarded.rows("approval")


def test_an_ask_that_nobody_answers_ends_by_its_default(guarded: Guarded) -> None:
    guarded.ask(DELETE)
    assert guarded.ask(DELETE, last=True)["action"] == "block"
    guarded.policy(ASKING + "ask_default: allow\nask_timeout: 1m\n")
    guarded.ask(DELETE, session_id="s3")
    assert guarded.ask(DELETE, session_id="s3")["action"] == "ask"
    guarded.clock.advance(300)
    assert guarded.ask(DELETE, session_id="s3")["action"] == "allow"
    assert guarded.ask(DELETE, session_id="s3")["action"] == "ask"


def test_a_repeat_with_the_same_id_passes_when_it_was_approved_meanwhile(guarded: Guarded) -> None:
    approval = _asked(guarded, decision_id="d1")
    _approve(guarded, approval)
    assert guarded.ask(DELETE, decision_id="d1")["action"] == "allow"
    assert guarded.ask(DELETE, decision_id="d1")["action"] == "allow"  # the same answer, not another use
    assert guarded.ask(DELETE)["action"] == "ask"


def test_no_more_wait_than_there_is_room_for(guarded: Guarded) -> None:
    for number in range(OPEN_MAX):
        assert guarded.ask(f"{DELETE}/{number}")["action"] == "ask"
    answer = guarded.ask(f"{DELETE}/one-more")
    assert (answer["action"], answer["kind"]) == ("block", "overloaded")


def test_a_lockdown_is_above_an_approval(guarded: Guarded) -> None:
    _approve(guarded, _asked(guarded))
    operator.lockdown(guarded.wall, by="ada")
    assert guarded.ask(DELETE)["action"] == "block"
    operator.resume(guarded.wall, by="ada")
    assert guarded.ask(DELETE)["action"] == "allow"


def test_the_whole_call_is_kept_with_nothing_cut(guarded: Guarded) -> None:
    long = f"{DELETE} " + " ".join(f"/srv/{number}" for number in range(600))
    guarded.ask(long)
    (row,) = guarded.rows("approval")
    assert row["call"]["command"] == long


def test_calls_that_wait_hold_no_more_than_their_bound(guarded: Guarded) -> None:
    long = "x" * 200_000
    answers = [guarded.ask(f"{DELETE}/{number} '{long}'")["action"] for number in range(60)]
    assert answers[0] == "ask"
    assert answers[-1] == "block"
    assert sum(len(row["call"]["command"]) for row in guarded.rows("approval")) <= OPEN_BYTES_MAX


def test_everything_is_known_from_the_last_files_alone(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path / "small", segment_bytes=3_000)
    guarded.policy(ASKING + "budgets: [{id: few, counts: calls, limit: 9, per: session}]\n")
    guarded.ask("ls")
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    approval = _asked(guarded)
    _approve(guarded, approval)
    for number in range(40):
        guarded.ask(f"ls {number}", session_id="other")
        guarded.wall.log.checkpoint()
    assert len(list((tmp_path / "small" / "log").glob("*.jsonl"))) > 3
    guarded.again()
    assert guarded.wall.controls.modes == {"default": "enforce"}
    assert guarded.wall.spending.spent("asking/few/session/s1", guarded.wall.now()) == 1
    assert guarded.ask(DELETE)["action"] == "allow"
    guarded.again()
    assert guarded.ask(DELETE)["action"] == "ask"
