"""What Claude Code tells: with traces its spans are steps and events complete them, without them events are the steps."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from harness.claude_told import EVENTS, PROMPT, REQUEST, SESSION, SPANS
from harness.runs import batch_of, events_request, spans_request


def _sum(runs: pa.Table | None, name: str) -> Any:
    assert runs is not None
    return sum(runs[name].to_pylist())


def test_events_alone_are_a_run_of_the_prompt() -> None:
    batch = batch_of(events_request(EVENTS))
    assert batch.agent_steps is not None
    root, call, tool = batch.agent_steps.to_pylist()
    assert {step["run_id"].hex() for step in (root, call, tool)} == {PROMPT.replace("-", "")}
    assert (root["kind"], root["agent"], root["parent_id"]) == ("agent", "claude-code", bytes(8))
    assert call["parent_id"] == tool["parent_id"] == root["span_id"]
    assert (call["kind"], call["model"], call["provider"]) == ("model", "claude-opus-4-8", "anthropic")
    assert (call["input"], call["output"]) == (2 + 84_562 + 7_096, 1200)
    assert call["cost_nusd"] == 116_200_000
    assert call["end_ns"] - call["begin_ns"] == 1_500_000_000
    assert (tool["tool"], tool["tool_call_id"], tool["error"]) == ("Bash", "toolu_1", "ShellError")
    assert tool["arguments"] == '{"command":"exit 3"}'
    assert not any(step["part"] for step in (root, call, tool))
    assert (_sum(batch.agent_runs, "cost_nusd"), _sum(batch.agent_runs, "told")) == (116_200_000, 0)
    assert (_sum(batch.agent_runs, "steps"), _sum(batch.agent_runs, "errors")) == (3, 1)


def test_the_same_events_again_are_the_same_steps() -> None:
    first, second = (batch_of(events_request(EVENTS, begin_ns=1)).agent_steps for _ in range(2))
    assert first is not None
    assert second is not None
    assert first["span_id"] == second["span_id"]
    assert len(set(first["span_id"].to_pylist())) == 3


def test_with_traces_events_complete_the_spans_and_nothing_counts_twice() -> None:
    batch = batch_of(spans_request(SPANS, service="claude-code"), events_request(EVENTS, run=1))
    assert batch.agent_steps is not None
    rows = batch.agent_steps.to_pylist()
    steps = [row for row in rows if not row["part"]]
    assert [step["kind"] for step in steps] == ["agent", "model", "tool"]
    call = steps[1]
    assert (call["model"], call["input"], call["cache_read"]) == ("claude-opus-4-8", 91_660, 84_562)
    assert (call["first_chunk_ms"], call["finish"]) == (300, "tool_use")
    parts = [row for row in rows if row["part"]]
    assert sorted((row["kind"], row["error"], row["cost_nusd"]) for row in parts if row["kind"] == "tool") == [
        ("tool", "", None), ("tool", "ShellError", None),
    ]  # fmt: skip
    runs = batch.agent_runs
    assert [_sum(runs, name) for name in ("steps", "model_calls", "tool_calls", "errors")] == [3, 1, 1, 1]
    assert _sum(runs, "input") == 91_660
    assert (_sum(runs, "told"), _sum(runs, "told_nusd")) == (1, 116_200_000)
    assert _sum(runs, "priced") == 1


def test_an_event_of_no_prompt_is_no_step() -> None:
    odd = [
        ("api_request", {**SESSION, **REQUEST}),
        ("api_request", {**SESSION, **REQUEST, "prompt.id": "; DROP"}),
    ]
    assert batch_of(events_request(odd)).agent_steps is None


def test_a_call_that_failed_is_a_step_with_its_error() -> None:
    failed = ("api_error", {**SESSION, "prompt.id": PROMPT, "model": "claude-opus-4-8", "status_code": "529",
                            "error": "Overloaded", "duration_ms": 40})  # fmt: skip
    steps = batch_of(events_request([failed])).agent_steps
    assert steps is not None
    (step,) = steps.to_pylist()
    assert (step["kind"], step["error"], step["message"]) == ("model", "529", "Overloaded")
    assert step["cost_nusd"] is None
