"""One call in, one answer out: idempotence, modes, switches, failure modes, and what a killed process remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flyball.errors import InputError, StoreError
from flyball.guard import operator
from flyball.guard.recent import ANSWER_SECONDS
from flyball.guard.request import Refused
from flyball_sdk.guard.evaluate import Evaluator
from harness.wall import ASKING, DELETE, Guarded


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path / "guard")


def test_the_default_policy_records_and_stops_nothing(guarded: Guarded) -> None:
    answer = guarded.ask("git push --force upstream main")
    assert (answer["action"], answer["would"], answer["mode"]) == ("allow", "block", "audit")
    assert answer["results"] == [{"policy": "default", "mode": "audit", "action": "block"}]
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    answer = guarded.ask("git push --force upstream main")
    assert (answer["action"], answer["would"], answer["mode"]) == ("block", "block", "enforce")
    assert answer["rules_triggered"][0]["rule"] == "git.force-push"


def test_what_protects_the_guard_is_enforced_in_audit_and_in_a_pause(guarded: Guarded) -> None:
    tampering = "rm ~/.claude/settings.json"
    assert guarded.ask(tampering)["action"] == "block"
    operator.pause(guarded.wall, seconds=60, by="ada")
    assert guarded.ask(tampering)["action"] == "block"


def test_every_answer_is_a_row(guarded: Guarded) -> None:
    answers = [guarded.ask("ls", decision_id="d1"), guarded.ask("ls", decision_id="d1"), guarded.ask("pwd")]
    assert answers[0] == answers[1]
    assert [row["kind"] for row in guarded.rows()] == ["decision", "replay", "decision"]
    assert guarded.wall.statistics.counts["allowed"] == 2


def test_a_decision_id_means_one_call(guarded: Guarded) -> None:
    guarded.ask("ls", decision_id="d1")
    for other in (
        {"command": "pwd"},
        {"session_id": "s2"},
        {"agent_name": "b"},
        {"cwd": "/x"},
        {"tool": "Shell"},
    ):
        with pytest.raises(Refused) as refused:
            guarded.ask(**({"command": "ls"} | other), decision_id="d1")  # pyright: ignore[reportArgumentType]
        assert refused.value.kind == "reused"
    guarded.clock.advance(ANSWER_SECONDS)
    guarded.ask("pwd", decision_id="d1")


def test_a_killed_process_knows_what_its_ids_meant_and_books_nothing_twice(guarded: Guarded) -> None:
    guarded.policy("mode: enforce\nbudgets: [{id: few, counts: calls, limit: 3, per: session}]", "few")
    guarded.ask("ls", decision_id="d1")
    guarded.again()
    with pytest.raises(Refused):
        guarded.ask("pwd", decision_id="d1")
    key = "few/few/session/s1"
    assert guarded.wall.spending.spent(key, guarded.wall.now()) == 1
    guarded.ask("ls", decision_id="d1")
    guarded.ask("ls", decision_id="d1")
    assert guarded.wall.spending.spent(key, guarded.wall.now()) == 1


def test_what_is_measured_of_a_budget_counts_beside_no_call_and_is_replaced(guarded: Guarded) -> None:
    told = "mode: enforce\nbudgets:\n- {id: usd, counts: usd, limit: 5, per: session, action: block}\n"
    guarded.policy(told + "- {id: seen, counts: tokens, limit: 1, per: session, action: alert}\n", "spending")
    key = "spending/usd/session/s1"
    for used, action in ((0.0, "allow"), (4.99, "allow"), (5.0, "block"), (1.0, "allow")):
        guarded.wall.spending.measured = {key: used, "spending/seen/session/s1": 9e9}
        assert guarded.ask(f"cat {used}.txt")["action"] == action
    assert guarded.ask("cat 9.txt", session_id="s2")["action"] == "allow"
    assert guarded.wall.spending.snapshot(guarded.wall.now()) == {}, "nothing of it is booked"


def test_a_replay_is_judged_again_when_the_policy_changed(guarded: Guarded) -> None:
    push = "git push --force upstream main"
    assert guarded.ask(push, decision_id="d1")["action"] == "allow"
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    assert guarded.ask(push, decision_id="d1")["action"] == "block"
    operator.pause(guarded.wall, seconds=60, by="ada")
    assert guarded.ask(push, decision_id="d1")["action"] == "allow"
    guarded.clock.advance(60)
    assert guarded.ask(push, decision_id="d1")["action"] == "block"


def test_a_lockdown_blocks_everything_and_outlasts_a_kill(guarded: Guarded) -> None:
    operator.lockdown(guarded.wall, by="ada", reason="fire")
    operator.pause(guarded.wall, seconds=60, by="ada")  # a pause does not open it
    guarded.again()
    answer = guarded.ask("ls")
    assert (answer["action"], answer["mode"]) == ("block", "lockdown")
    operator.resume(guarded.wall, by="ada")
    guarded.again()
    assert guarded.ask("ls")["action"] == "allow"


def test_a_pause_ends_by_itself(guarded: Guarded) -> None:
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    operator.pause(guarded.wall, seconds=600, by="ada", reason="a release")
    guarded.again()
    answer = guarded.ask("git push --force upstream main")
    assert (answer["action"], answer["would"]) == ("allow", "block")
    guarded.clock.advance(600)
    assert guarded.ask("git push --force upstream main")["action"] == "block"
    for seconds in (0, -1, 24 * 3600 + 1):
        with pytest.raises(InputError):
            operator.pause(guarded.wall, seconds=seconds, by="ada")


def test_the_failure_mode_is_the_strictest_and_no_request_loosens_it(guarded: Guarded) -> None:
    late: dict[str, Any] = {"deadline_ms": 0}
    answer = guarded.ask("ls", **late)  # the default policy is in audit
    assert (answer["action"], answer["would"], answer["kind"]) == ("allow", "block", "deadline")
    guarded.policy("mode: enforce\nfailure_mode: open", "open")
    operator.remove_policy(guarded.wall, "open", by="ada")
    guarded.policy("name: default\nmode: enforce\nfailure_mode: open", "default")
    answer = guarded.ask("ls", **late)
    assert (answer["action"], answer["evaluation_status"]) == ("allow", "failed")
    assert guarded.ask("ls", failure_mode="closed", **late)["action"] == "block"
    guarded.policy("name: default\nmode: enforce\nfailure_mode: closed", "default")
    assert guarded.ask("ls", failure_mode="open", **late)["action"] == "block"
    assert guarded.ask("ls", deadline_ms=1e9)["action"] == "allow"


def test_an_evaluator_that_raises_follows_the_failure_mode_and_tells_no_call(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise ValueError("the raw call was: tr0ub4dor")

    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    monkeypatch.setattr(Evaluator, "judge", broken)
    answer = guarded.ask("echo tr0ub4dor")
    assert (answer["action"], answer["kind"], answer["evaluation_status"]) == ("block", "engine", "failed")
    assert "ValueError" in caplog.text
    assert "tr0ub4dor" not in caplog.text


def test_what_cannot_be_logged_is_not_answered(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("flyball.guard.log.os.write", full)
        with pytest.raises(StoreError):
            guarded.ask("ls")
    guarded.ask("ls")
    assert len(guarded.rows("decision")) == 1


def test_a_call_over_the_bound_asks(guarded: Guarded) -> None:
    guarded.policy(ASKING)
    answer = guarded.ask("x" * (256 * 1024 + 1))
    assert (answer["action"], answer["evaluation_status"], answer["kind"]) == ("ask", "unread", "unread")
    assert len(guarded.text()) < 256 * 1024 * 3


def test_budgets_are_shared_by_all_callers_and_outlast_a_kill(guarded: Guarded) -> None:
    guarded.policy(
        "mode: enforce\ncatalogue: []\nbudgets: [{id: calls, counts: calls, limit: 3, per: agent, window: 10m}]",
        "few",
    )
    for session in ("a", "b", "c"):
        assert guarded.ask("ls", session_id=session, agent_name="bot")["action"] == "allow"
    guarded.again()
    answer = guarded.ask("ls", session_id="d", agent_name="bot")
    assert answer["action"] == "ask"
    assert answer["rules_triggered"][0]["rule"] == "budget.calls"
    assert guarded.ask("ls", session_id="d", agent_name="other")["action"] == "allow"
    guarded.clock.advance(11 * 60)
    assert guarded.ask("ls", session_id="d", agent_name="bot")["action"] == "allow"


def test_what_is_stopped_uses_no_budget(guarded: Guarded) -> None:
    guarded.policy(ASKING + "budgets: [{id: calls, counts: calls, limit: 1, per: session}]\n")
    for _ in range(3):
        guarded.ask(DELETE)
    assert guarded.ask("ls")["action"] == "allow"


def test_the_canary_is_answered_and_left_out_of_the_counts(guarded: Guarded) -> None:
    answer = guarded.ask(": flyball-canary 0123abcd", client="claude-code")
    assert (answer["action"], answer["would"]) == ("allow", "block")
    operator.set_mode(guarded.wall, policy="default", mode="enforce", by="ada")
    assert guarded.ask(": flyball-canary 0123abcd", client="claude-code")["action"] == "block"
    assert not guarded.wall.statistics.counts
    (caller,) = guarded.wall.statistics.callers()
    assert (caller.calls, caller.canary_action, caller.canary_at) == (0, "block", guarded.wall.now())
    assert all(row["canary"] for row in guarded.rows("decision"))


def test_a_canary_with_something_else_in_it_is_an_ordinary_call(guarded: Guarded) -> None:
    guarded.ask(": flyball-canary 0123abcd; git push --force upstream main")
    assert guarded.wall.statistics.counts["would_block"] == 1


def test_a_file_of_the_session_is_known_when_it_is_run(guarded: Guarded) -> None:
    guarded.policy(ASKING)
    script = {"file_path": "/w/clean.sql", "content": "drop table orders"}
    assert guarded.ask(tool="Write", tool_input=script, cwd="/w")["action"] == "allow"
    assert guarded.ask("psql -f /w/clean.sql", cwd="/w")["action"] == "ask"
    assert guarded.ask("psql -f /w/clean.sql", cwd="/w", session_id="another")["action"] == "allow"


def test_only_a_local_caller_is_judged_by_the_files_here(guarded: Guarded, tmp_path: Path) -> None:
    guarded.policy(ASKING)
    (tmp_path / "clean.sql").write_text("drop table orders")
    run, harmless = "psql -f clean.sql", {"clean.sql": "select 1"}
    assert guarded.ask(run, cwd=str(tmp_path), local=True, files=harmless)["action"] == "ask"
    assert guarded.ask(run, cwd=str(tmp_path), local=False)["action"] == "allow"
    assert guarded.ask("psql -f b.sql", cwd="/elsewhere", files={"b.sql": "drop table x"})["action"] == "ask"
