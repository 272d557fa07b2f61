"""One span, whatever library wrote it, -> one step of a run, or nothing where it is no step of an agent.

Pure. What was not told is empty or None. Usage is taken of model calls alone: an agent's span that sums up its calls
would count them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from flyball.enrich.runs import names
from flyball.enrich.runs.values import NAME_CHARS_MAX, PARSED_CHARS_MAX, TEXT_CHARS_MAX, Values
from flyball.model.run import Decided, Step, StepKind, Usage

_SERVER = 2  # opentelemetry.proto.trace.v1.Span.SPAN_KIND_SERVER
_ERROR = 2  # opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR
_DECISIONS_MAX = 8
_RULES_MAX = 20
_REQUESTED_MAX = 32

_OPERATIONS = {
    **dict.fromkeys(("invoke_agent", "create_agent", "invoke_workflow", "plan"), StepKind.AGENT),
    **dict.fromkeys(("chat", "text_completion", "generate_content", "embeddings"), StepKind.MODEL),
    **dict.fromkeys(("completion", "embedding", "responses", "message"), StepKind.MODEL),
    "execute_tool": StepKind.TOOL,
    **dict.fromkeys(("retrieval", "rerank"), StepKind.OTHER),
}
_OPENINFERENCE = {
    **dict.fromkeys(("LLM", "EMBEDDING"), StepKind.MODEL),
    **dict.fromkeys(("AGENT", "CHAIN"), StepKind.AGENT),
    "TOOL": StepKind.TOOL,
    **dict.fromkeys(("RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR", "PROMPT"), StepKind.OTHER),
}
_TRACELOOP = {
    **dict.fromkeys(("workflow", "agent", "task"), StepKind.AGENT),
    "tool": StepKind.TOOL,
}
_REQUEST_TYPES = {
    **dict.fromkeys(("chat", "completion", "embedding"), StepKind.MODEL),
    "rerank": StepKind.OTHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A span or event as it came, with where it came from."""

    run_id: str
    span_id: str
    parent_id: str
    name: str
    begin_ns: int
    end_ns: int
    values: Values
    service: str = ""
    environment: str = ""
    version: str = ""
    span_kind: int = 0
    status: int = 0
    status_message: str = ""
    events: Sequence[Any] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A step; or, with `part`, what completes another one of its run. `told` says that the sender told the cost."""

    step: Step
    part: bool = False
    told: bool = False


def step_of(told: Told) -> Noted | None:
    """The step that the span is."""
    values = told.values
    kind = _kind(told)
    if kind is None:
        return None
    events = [_Event(event) for event in told.events]
    error, message = _error(told, events)
    tool = values.text(names.TOOL) or (values.text(names.TOOL_OF_ENTITY) if kind is StepKind.TOOL else "")
    tool = tool if kind is StepKind.TOOL else ""
    model = values.text(names.MODEL) if kind is StepKind.MODEL else ""
    arguments = values.text(names.ARGUMENTS, PARSED_CHARS_MAX) if tool else ""
    cost = values.number(names.COST_USD) if kind is StepKind.MODEL else None
    agent = values.text(names.AGENT) or values.text(names.AGENT_OF_WORKFLOW)
    step = Step(
        **common(told),
        kind=kind,
        name=tool or model or (agent if kind is StepKind.AGENT else "") or told.name[:NAME_CHARS_MAX],
        agent=agent,
        error=error,
        message=message,
        provider=values.text(names.PROVIDER) if kind is StepKind.MODEL else "",
        model=model,
        answered_by=values.text(names.ANSWERED_BY) if kind is StepKind.MODEL else "",
        usage=usage_of(values) if kind is StepKind.MODEL else Usage(),
        cost_usd=cost,
        first_chunk_ms=_milliseconds(values.number(names.FIRST_CHUNK_S)),
        finish=values.first(names.FINISH) if kind is StepKind.MODEL else "",
        tool=tool,
        tool_call_id=values.text(names.TOOL_CALL) if tool else "",
        digest=(values.text((names.DIGEST,)) or digest_of(tool, arguments)) if tool else "",
        arguments=arguments[:TEXT_CHARS_MAX],
        result=values.text(names.RESULT, TEXT_CHARS_MAX) if tool else "",
        said=_said(kind, values, events),
        config=_config(values),
        decided=decisions_of(events),
    )
    return Noted(step=step, told=cost is not None)


def requested(told: Told, asking: Step) -> list[Noted]:
    """The tools that a model asked for, as our SDK tells them on its call: parts, for the app may have no span of a tool."""
    if asking.kind is not StepKind.MODEL:
        return []
    found = [_Event(event).values for event in told.events if _is_request(event)][:_REQUESTED_MAX]
    return [
        Noted(
            part=True,
            step=replace(
                Step(**common(told), kind=StepKind.TOOL, name=names.REQUESTED, agent=asking.agent),
                span_id=hashlib.blake2b(f"{told.span_id} {number}".encode(), digest_size=8).hexdigest(),
                begin_ns=asking.end_ns,
                tool=values.text(names.TOOL),
                tool_call_id=values.text(names.TOOL_CALL),
                digest=values.text((names.DIGEST,)),
            ),
        )
        for number, values in enumerate(found)
    ]


def _is_request(event: Any) -> bool:
    return isinstance(event, dict) and event.get("name") == names.REQUESTED


def common(told: Told) -> dict[str, Any]:
    """What every step has."""
    values = told.values
    return {
        "run_id": told.run_id,
        "span_id": told.span_id,
        "parent_id": told.parent_id,
        "service": told.service,
        "environment": told.environment,
        "version": told.version,
        "conversation": values.text(names.CONVERSATION),
        "user": values.text(names.USER),
        "begin_ns": told.begin_ns,
        "end_ns": max(told.end_ns, told.begin_ns),
        "commit": values.text(names.COMMIT),
        "branch": values.text(names.BRANCH),
        "dirty": values.flag(names.DIRTY),
    }


def usage_of(values: Values) -> Usage:
    """Tokens. Parts that are more than their whole show a sender who counts them beside it: then they belong to it."""
    read, written = values.count(names.CACHE_READ), values.count(names.CACHE_WRITE)
    given = values.count(names.INPUT)
    parts = (read or 0) + (written or 0)
    return Usage(
        input=given + parts if given is not None and parts > given else given,
        output=values.count(names.OUTPUT),
        cache_read=read,
        cache_write=written,
        reasoning=values.count(names.REASONING),
    )


def digest_of(tool: str, arguments: str) -> str:
    """Equal for equal calls, however their JSON is written; empty where arguments are not known."""
    if not arguments:
        return ""
    try:
        canonical = orjson.dumps(orjson.loads(arguments), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        canonical = arguments.encode(errors="replace")
    return hashlib.blake2b(tool.encode(errors="replace") + b"\0" + canonical, digest_size=8).hexdigest()


def _kind(told: Told) -> StepKind | None:
    values = told.values
    if values.text((names.MCP_METHOD,)) and told.span_kind == _SERVER:
        return None  # the client's span is the call; this is what it did behind it
    for name, kinds in (
        (names.OPENINFERENCE_KIND, _OPENINFERENCE),
        (names.OPERATION, _OPERATIONS),
        (names.TRACELOOP_KIND, _TRACELOOP),
        (names.REQUEST_TYPE, _REQUEST_TYPES),
    ):
        if kind := kinds.get(values.text((name,))):
            return kind
    if names.OPERATION in values:
        return StepKind.OTHER  # an operation of tomorrow
    if "gen_ai.tool.name" in values:
        return StepKind.TOOL  # pydantic-ai before the conventions had a name for it
    if names.AGENT_NAME_OF_LOGFIRE in values:
        return StepKind.AGENT
    return StepKind.MODEL if values.text(names.MODEL) and values.text(names.PROVIDER) else None


class _Event:
    """An event of a span, as OTLP/JSON has it."""

    __slots__ = ("name", "values")

    def __init__(self, event: Any) -> None:
        given: Mapping[str, Any] = event if isinstance(event, dict) else {}
        self.name = str(given.get("name", ""))
        texts: list[tuple[str, str]] = []
        types: list[tuple[str, str]] = []
        listed = given.get("attributes")
        for one in listed if isinstance(listed, list) else ():
            held = one.get("value") if isinstance(one, dict) else None
            if not isinstance(held, dict) or not held:
                continue
            key, (kind, value) = str(one.get("key", "")), next(iter(held.items()))
            if kind in ("arrayValue", "kvlistValue"):
                types.append((key, "json"))
                value = orjson.dumps(held).decode()
            texts.append((key, str(value).lower() if isinstance(value, bool) else str(value)))
        self.values = Values(texts, types)


def decisions_of(events: Sequence[_Event]) -> tuple[Decided, ...]:
    """What the guard said, as the SDK writes it on the span of the call."""
    found: list[Decided] = []
    for event in events:
        if event.name == names.GUARD_EVENT and len(found) < _DECISIONS_MAX:
            rules = next(filter(None, map(event.values.json, names.GUARD_RULES)), None)
            listed = rules if isinstance(rules, list) else [rules] if isinstance(rules, str) else []
            action = event.values.text(names.GUARD_ACTION)
            found.append(
                Decided(
                    decision_id=event.values.text(names.GUARD_ID),
                    action=action,
                    would=event.values.text(names.GUARD_WOULD) or action,
                    rules=tuple(str(rule)[:NAME_CHARS_MAX] for rule in listed[:_RULES_MAX]),
                )
            )
    return tuple(found)


def _error(told: Told, events: Sequence[_Event]) -> tuple[str, str]:
    """`error.type` and what came with it; a status of error without a type has OpenTelemetry's name for that."""
    raised = next((event.values for event in events if event.name == "exception"), None)
    error = told.values.text((names.ERROR_TYPE,))
    if not error and told.status == _ERROR:
        error = (raised.text(("exception.type",)) if raised else "") or names.UNNAMED_ERROR
    if not error:
        return "", ""
    said = told.status_message or (raised.text(("exception.message",), TEXT_CHARS_MAX) if raised else "")
    return error, (said or told.values.text(names.MESSAGE, TEXT_CHARS_MAX))[:TEXT_CHARS_MAX]


def _said(kind: StepKind, values: Values, events: Sequence[_Event]) -> str:
    if kind is StepKind.AGENT:
        return values.text(names.OUTCOME, TEXT_CHARS_MAX)
    if kind is not StepKind.MODEL:
        return ""
    told = _message_text(values.json("gen_ai.output.messages")) or values.text(names.ANSWER, TEXT_CHARS_MAX)
    if not told:
        ended = [event for event in events if event.name in ("gen_ai.choice", "gen_ai.content.completion")]
        told = next(
            (
                event.values.text(("message", "content", "gen_ai.completion"), TEXT_CHARS_MAX)
                for event in ended
            ),
            "",
        )
    return told or values.text(("output.value",), TEXT_CHARS_MAX)


def _message_text(messages: Any) -> str:
    """The text of the conventions' `[{"role", "parts": [{"type": "text", "content"}]}]`."""
    said: list[str] = []
    for message in messages if isinstance(messages, list) else ():
        parts = message.get("parts") if isinstance(message, dict) else None
        for part in parts if isinstance(parts, list) else ():
            content = part.get("content") if isinstance(part, dict) else None
            if isinstance(content, str):
                said.append(content[:TEXT_CHARS_MAX])
    return "\n".join(said)[:TEXT_CHARS_MAX]


def _config(values: Values) -> str:
    """What an agent was told, by its version or the digest of it; where only the words are there, of these."""
    named = values.text(names.CONFIG)
    if named:
        return named
    told = values.text(names.INSTRUCTIONS, PARSED_CHARS_MAX)
    if not told:
        for prefix, said in (("gen_ai.prompt.0", "content"), ("llm.input_messages.0.message", "content")):
            if values.text((f"{prefix}.role",)) == "system":
                told = told or values.text((f"{prefix}.{said}",), PARSED_CHARS_MAX)
    return hashlib.blake2b(told.encode(errors="replace"), digest_size=8).hexdigest() if told else ""


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
