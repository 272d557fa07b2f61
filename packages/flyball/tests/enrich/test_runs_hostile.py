"""Anybody may send anything under these names: no batch fails for it, and what is kept is bounded."""

from __future__ import annotations

from typing import Any

from flyball.enrich.runs import names
from flyball.enrich.runs.tables import RUNS, STEPS
from flyball.enrich.runs.values import TEXT_CHARS_MAX, Values
from harness.runs import Span, batch_of, events_request, spans_request
from hypothesis import given
from hypothesis import strategies as st

_NAMES = sorted(
    {
        name
        for value in vars(names).values()
        for name in (value if isinstance(value, tuple) else (value,))
        if isinstance(name, str) and "." in name
    }
    | {"model", "cost_usd", "prompt.id", "input_tokens", "tool_name", "tool_input", "success", "duration_ms"}
    | {"gen_ai.output.messages", "gen_ai.prompt.0.role", "span.type", "agent_name", "session.id", "ttft_ms"}
)
_WORDS = st.sampled_from(
    [
        "chat",
        "execute_tool",
        "invoke_agent",
        "LLM",
        "TOOL",
        "tool",
        "1e308",
        "-1",
        "nan",
        "[[[[",
        '{"a":',
        "null",
        "fd53a744-da9d-4ad9-84be-3edae19154e7",
        "claude-opus-4-8",
        '["x", 1]',
        '[{"parts": 3}]',
        "true",
    ]
)
_VALUES: Any = st.one_of(
    _WORDS, st.text(max_size=40), st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(),
    st.lists(st.text(max_size=8), max_size=3),
)  # fmt: skip
_ATTRIBUTES = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=24)
_SPAN_NAMES = st.sampled_from(
    ["x", "claude_code.llm_request", "claude_code.tool", "claude_code.tool.execution"]
)
_TIMES = st.integers(0, 2**64 - 2**40)


@given(
    attributes=_ATTRIBUTES, name=_SPAN_NAMES, begin_ns=_TIMES, error=st.text(max_size=5),
    events=st.lists(st.tuples(st.sampled_from(["exception", "flyball.guard.decision", "gen_ai.choice"]), _ATTRIBUTES),
                    max_size=3),
)  # fmt: skip
def test_no_span_whatsoever_raises(**told: Any) -> None:
    begin_ns, span = told.pop("begin_ns"), Span(**told)
    batch = batch_of(spans_request([span], begin_ns=begin_ns))
    if batch.agent_steps is not None and batch.agent_runs is not None:
        assert batch.agent_steps.schema == STEPS
        assert batch.agent_runs.schema == RUNS
        (step,) = batch.agent_steps.to_pylist()
        assert all(len(text) <= TEXT_CHARS_MAX for text in step.values() if isinstance(text, str))


@given(
    attributes=_ATTRIBUTES, name=st.sampled_from(["user_prompt", "api_request", "tool_result", "api_error"]),
    run=st.integers(0, 1), begin_ns=_TIMES,
)  # fmt: skip
def test_no_event_whatsoever_raises(attributes: Any, name: str, run: int, begin_ns: int) -> None:
    batch = batch_of(events_request([(name, attributes)], run=run, begin_ns=begin_ns))
    assert (batch.agent_steps is None) == (batch.agent_runs is None)


def test_long_texts_are_cut() -> None:
    given = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "t" * 9_000,
        "gen_ai.tool.call.arguments": "a" * 90_000,
    }
    steps = batch_of(spans_request([Span(name="n" * 9_000, attributes=given)])).agent_steps
    assert steps is not None
    (step,) = steps.to_pylist()
    assert len(step["arguments"]) == TEXT_CHARS_MAX
    assert len(step["tool"]) == 200


def test_deep_json_is_no_json() -> None:
    assert Values([("x", "[" * 5_000)]).json("x") == "[" * 5_000
    deep = '{"arrayValue":{"values":[' * 900
    assert Values([("x", deep)], [("x", "json")]).json("x") is None
