"""Allow, deny, ask, modify and audit in the real clients: told by what was done, not by what was printed."""

from __future__ import annotations

import pytest
from harness.agents import Agent, each_cli
from harness.scripted_guard import Guard

pytestmark = pytest.mark.e2e


@each_cli()
def test_an_allowed_call_runs_and_its_result_is_observed(agent: Agent, guard: Guard) -> None:
    agent.run(agent.shell("touch made; echo seen"))
    assert agent.made()
    calls = [one for one in guard.asked if one["context"]["event"] == "PreToolUse"]
    assert [one["tool_name"] for one in calls] == ["Bash"]
    assert calls[0]["tool_input"]["command"] == "touch made; echo seen"
    assert calls[0]["context"]["cwd"] == str(agent.work)
    assert [one["tool_name"] for one in guard.observed] == ["Bash"]
    assert "seen" in guard.observed[0]["tool_output"]


@each_cli()
def test_a_session_starts_with_a_canary(agent: Agent, guard: Guard) -> None:
    agent.run(agent.shell("true"))
    starts = [one for one in guard.asked if one["context"]["event"] == "SessionStart"]
    assert len(starts) == 1
    assert starts[0]["tool_input"]["command"].startswith(": flyball-canary ")


@each_cli()
def test_a_denied_call_does_not_run_and_the_model_is_told_why(agent: Agent) -> None:
    agent.run(agent.shell("touch made # BLOCK"))
    assert not agent.made()
    (said,) = agent.model.results()
    assert (
        "flyball blocked this call: the script says so. Rule test.block, severity high. Safer: do less."
        in said
    )


@each_cli()
def test_a_call_that_is_asked_about_does_not_run_where_nobody_is_there(agent: Agent) -> None:
    agent.run(agent.shell("touch made # ASK"))
    assert not agent.made()
    (said,) = agent.model.results()
    assert "flyball guard approve" in said


@each_cli()
def test_a_changed_call_is_asked_about(agent: Agent) -> None:
    agent.run(agent.shell("touch made MODIFY"))
    assert not agent.made()
    assert not agent.made("changed")


@each_cli()
def test_a_changed_call_runs_as_changed_where_the_rule_asks_nobody(agent: Agent) -> None:
    agent.run(agent.shell("touch SILENT"))
    assert agent.made("changed")
    assert not agent.made("SILENT")


@each_cli("claude-code")
def test_an_allowed_or_changed_call_is_not_granted_what_the_client_would_refuse(agent: Agent) -> None:
    agent.run(agent.shell("touch made"), agent.shell("touch SILENT"), permissions="default")
    assert not agent.made()
    assert not agent.made("changed")


@each_cli("codex")
def test_a_changed_call_stays_in_the_sandbox_of_codex(agent: Agent) -> None:
    agent.run(agent.shell("touch SILENT"), arguments=["-s", "read-only"])
    assert not agent.made("changed")


@each_cli()
def test_in_audit_everything_runs(agent: Agent, guard: Guard) -> None:
    guard.audit = True
    agent.run(agent.shell("touch made # BLOCK"))
    assert agent.made()
    assert agent.status().state == "auditing"


@each_cli()
def test_a_call_too_large_to_be_judged_does_not_run_unseen(agent: Agent, guard: Guard) -> None:
    agent.run(agent.shell("touch made # " + "x" * 300_000))
    assert not agent.made()
    assert guard.asked[-1]["context"]["input_left_out"] > 0


@each_cli()
def test_the_hook_presents_its_token_and_nobody_elses(agent: Agent, guard: Guard) -> None:
    agent.run(agent.shell("true"))
    token = (agent.place.guard_folder / "tokens" / f"{agent.cli.client}.token").read_text().strip()
    assert guard.tokens == {f"Bearer {token}"}


@each_cli("claude-code")
@pytest.mark.parametrize("word", ["", "BLOCK", "ASK"])
def test_over_http_the_same_holds(bare: Agent, guard: Guard, word: str) -> None:
    bare.install(guard.port, via="http", fail="open")
    bare.run(bare.shell(f"touch made # {word}"))
    assert bare.made() == (word == "")
    assert guard.asked[-1]["failure_mode"] == "open"
    assert (bare.status().canary or {})["outcome"] == "caught"
