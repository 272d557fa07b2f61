"""What Claude Code tells: with traces its spans are steps and events complete them, without them events are the steps."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from harness.runs import Span, batch_of, events_request, spans_request

SESSION = {
    "session.id": "9cd43570-1eb3-4f47-ae2b-77d2e662cc92",
    "user.id": "28eb63",
    "terminal.type": "vscode",
}
PROMPT = "fd53a744-da9d-4ad9-84be-3edae19154e7"
REQUEST = {
    "model": "claude-opus-4-8", "input_tokens": 2, "output_tokens": 1200, "cache_read_tokens": 84_562,
    "cache_creation_tokens": 7_096, "cost_usd": 0.1162, "duration_ms": 1500, "ttft_ms": 300,
}  # fmt: skip
TOOL = {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": '{"command":"exit 3"}'}
EVENTS = [
    ("plugin_loaded", {**SESSION, "plugin.name": "x"}),
    ("user_prompt", {**SESSION, "prompt.id": PROMPT, "prompt": "<REDACTED>", "prompt_length": "2"}),
    ("api_request", {**SESSION, "prompt.id": PROMPT, **REQUEST}),
    ("tool_decision", {**SESSION, "prompt.id": PROMPT, "decision": "accept", "source": "config"}),
    ("tool_result", {**SESSION, "prompt.id": PROMPT, **TOOL, "success": "false", "duration_ms": "10",
                     "error_type": "ShellError", "error": "Shell command failed"}),
]  # fmt: skip
SPANS = [
    Span(name="claude_code.interaction", id=1, ms=2000, attributes={**SESSION, "span.type": "interaction"}),
    Span(name="claude_code.llm_request", id=2, parent=1, ms=1500, attributes={
        **SESSION, "span.type": "llm_request", "model": "claude-opus-4-8[1m]", "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-opus-4-8[1m]", "input_tokens": 2, "output_tokens": 1200, "success": True,
        "cache_read_tokens": 84_562, "cache_creation_tokens": 7_096, "ttft_ms": 300, "stop_reason": "tool_use",
        "gen_ai.usage.input_tokens": 2,
    }),
    Span(name="claude_code.tool", id=3, parent=1, begin_ms=1500, attributes={
        **SESSION, "span.type": "tool", "tool_name": "Bash", "tool_use_id": "toolu_1", "full_command": "exit 3",
    }),
    Span(name="claude_code.tool.execution", id=4, parent=3, begin_ms=1501, ms=5, error="Shell command failed",
         attributes={**SESSION, "span.type": "tool.execution", "tool_use_id": "toolu_1", "success": False,
                     "error.type": "tool_error", "error": "Shell command failed", "error_class": "ShellError"}),
    Span(name="claude_code.tool.blocked_on_user", id=5, parent=3, begin_ms=1500, ms=1,
         attributes={**SESSION, "span.type": "tool.blocked_on_user", "decision": "accept"}),
]  # fmt: skip


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
