"""What Claude Code tells of itself -> steps of a run: spans (behind a switch of its own) and events, which it sends as logs.

With traces on, spans are the steps, and an event completes one: `api_request` tells what a call cost, `tool_result` a
tool's input. Without them events are all there is; they name the prompt that they belong to, a UUID, and that is the run.
An event carries the trace's id if and only if traces are on (seen in 2.1.197 and 2.1.332).
Source: https://code.claude.com/docs/en/monitoring-usage
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from flyball.enrich.runs import names
from flyball.enrich.runs.spans import Noted, Told, common, digest_of
from flyball.enrich.runs.values import PARSED_CHARS_MAX, TEXT_CHARS_MAX, Values
from flyball.model.run import Step, StepKind, Usage

PREFIX = "claude_code."
AGENT = "claude-code"
_SPANS = {
    "claude_code.interaction": StepKind.AGENT,
    "claude_code.llm_request": StepKind.MODEL,
    "claude_code.tool": StepKind.TOOL,
}
_EXECUTION = "claude_code.tool.execution"
"""The span inside a tool's that ends in the tool's error, which the tool's own span does not tell."""
_EVENTS = ("user_prompt", "api_request", "api_error", "tool_result")
_UUID_DIGITS = 32
_INPUT_OF_SPAN = ("full_command", "file_path", "skill_name", "subagent_type")
"""The one argument that a tool's span shows, where details are on."""


def span_step(told: Told) -> Noted | None:
    """The step that a span of Claude Code's is."""
    if told.name == _EXECUTION:
        return _executed(told)
    kind = _SPANS.get(told.name)
    if kind is None:
        return None
    if kind is StepKind.MODEL:
        return Noted(step=_model_step(told))
    if kind is StepKind.TOOL:
        return Noted(step=_tool_step(told, told.values.text(_INPUT_OF_SPAN, PARSED_CHARS_MAX), hashed=False))
    return Noted(step=Step(**common(told), kind=StepKind.AGENT, name=AGENT, agent=AGENT))


def event_step(told: Told) -> Noted | None:
    """The step that an event is, or the part of one; `told` carries the trace's ids where traces are on."""
    event = told.name.removeprefix(PREFIX)
    if event not in _EVENTS:
        return None
    if told.run_id:
        return _part(told, event)
    placed = _placed(told)
    if placed is None:
        return None
    if event == "user_prompt":
        return Noted(step=Step(**common(placed), kind=StepKind.AGENT, name=AGENT, agent=AGENT))
    if event == "tool_result":
        given = placed.values.text(("tool_input", "tool_parameters"), PARSED_CHARS_MAX)
        return Noted(step=_tool_step(placed, given))
    step = _model_step(placed)
    cost = placed.values.number(("cost_usd",)) if event == "api_request" else None
    return Noted(step=replace(step, cost_usd=cost), told=cost is not None)


def _part(told: Told, event: str) -> Noted | None:
    """What an event adds to the step that a span is. Its span id is of the interaction, so it stands for itself."""
    own = replace(told, span_id=_id(told), begin_ns=told.begin_ns, end_ns=told.begin_ns)
    if event == "api_request":
        cost = told.values.number(("cost_usd",))
        return (
            None
            if cost is None
            else Noted(step=replace(_model_step(own), cost_usd=cost), part=True, told=True)
        )
    if event == "tool_result":
        given = told.values.text(("tool_input", "tool_parameters"), PARSED_CHARS_MAX)
        # its error is told by the span of the execution, too, and counts once
        return Noted(step=replace(_tool_step(own, given), error="", message=""), part=True)
    return None


def _executed(told: Told) -> Noted | None:
    """Only an execution that failed adds something."""
    step = _tool_step(told, "")
    return Noted(step=step, part=True) if step.error else None


def _model_step(told: Told) -> Step:
    values = told.values
    model = values.text(("gen_ai.request.model", "model")).removesuffix("[1m]")
    first = values.number(("ttft_ms",))
    return Step(
        **common(told),
        kind=StepKind.MODEL,
        name=model or told.name,
        agent=AGENT,
        error=_error(told, "api_error"),
        message=_message(told),
        provider=values.text(names.PROVIDER) or "anthropic",
        model=model,
        answered_by=values.text(names.ANSWERED_BY),
        usage=_usage(values),
        first_chunk_ms=first,
        finish=values.text(("stop_reason",)) or values.first(names.FINISH),
    )


def _usage(values: Values) -> Usage:
    """Anthropic's own way to count: what was cached stands beside `input_tokens`, not in it."""
    given, read, written = (
        values.count((name,)) for name in ("input_tokens", "cache_read_tokens", "cache_creation_tokens")
    )
    return Usage(
        input=None if given is None else given + (read or 0) + (written or 0),
        output=values.count(("output_tokens",)),
        cache_read=read,
        cache_write=written,
    )


def _tool_step(told: Told, given: str, *, hashed: bool = True) -> Step:
    tool = told.values.text(("tool_name", "gen_ai.tool.name"))
    return Step(
        **common(told),
        kind=StepKind.TOOL,
        name=tool or told.name,
        agent=AGENT,
        error=_error(told, "tool_error"),
        message=_message(told),
        tool=tool,
        tool_call_id=told.values.text(("tool_use_id", "gen_ai.tool.call.id")),
        digest=digest_of(tool, given) if hashed else "",
        arguments=given[:TEXT_CHARS_MAX],
    )


def _error(told: Told, unnamed: str) -> str:
    """The type of what went wrong: `success` says whether, and the newer of the names is the closer one."""
    named = told.values.text(("error_class", "error_type", "error.type", "status_code"))
    failed = told.status == 2 or told.values.flag("success") is False or told.name.endswith("_error")  # noqa: PLR2004 - ERROR
    return (named or unnamed) if failed else ""


def _message(told: Told) -> str:
    return (
        told.values.text(("error", "error.message"), TEXT_CHARS_MAX) or told.status_message[:TEXT_CHARS_MAX]
    )


def _placed(told: Told) -> Told | None:
    """An event without a trace in the run of its prompt, under the prompt's own step; it was told when it was over."""
    run_id = told.values.text(("prompt.id",)).replace("-", "").lower()
    if len(run_id) != _UUID_DIGITS or not _is_hex(run_id):
        return None
    root = _hash(run_id)
    is_root = told.name.endswith("user_prompt")
    took_ns = int((told.values.number(("duration_ms",)) or 0) * 1e6)
    return replace(
        told,
        run_id=run_id,
        span_id=root if is_root else _id(replace(told, run_id=run_id)),
        parent_id="" if is_root else root,
        begin_ns=max(told.end_ns - took_ns, 0),
    )


def _id(told: Told) -> str:
    """Of an event: its number within the session, so that an event that is sent again is the same step."""
    session, number = told.values.text(("session.id",)), told.values.text(("event.sequence",))
    return _hash(told.run_id, session, number, told.name, str(told.end_ns))


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=8).hexdigest()


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdef" for c in text)
