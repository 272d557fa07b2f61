"""Runs of agents for tests: spans and Claude Code's events as OTLP requests, and the steps that the pipeline makes of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.distill.redact import redact_attributes
from flyball.distill.shapes import Distiller
from flyball.model.batch import Batch
from flyball.model.export import Export, Signal
from flyball.queries.ports import Ports
from flyball.receivers.otlp_decode import Decoder
from flyball.stores.telemetry_chdb import ChdbTelemetry
from flyball.wiring_runs import stages_of
from harness.otlp import set_attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span; ids are small numbers, times milliseconds after the run's begin."""

    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: int = 1
    parent: int = 0
    run: int = 1
    begin_ms: float = 0
    ms: float = 10
    error: str = ""
    kind: int = 1
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()


def run_hex(number: int) -> str:
    """The run's id as the faces show it."""
    return number.to_bytes(16, "big").hex()


def spans_request(
    spans: Sequence[Span],
    *,
    service: str = "shop-agent",
    version: str = "v1",
    resource: Mapping[str, Any] | None = None,
    begin_ns: int | None = None,
) -> ExportTraceServiceRequest:
    """One request with these spans."""
    request = ExportTraceServiceRequest()
    of = request.resource_spans.add()
    set_attributes(
        of.resource.attributes, {"service.name": service, "service.version": version, **(resource or {})}
    )
    scope = of.scope_spans.add()
    zero = time.time_ns() - 60_000_000_000 if begin_ns is None else begin_ns
    for one in spans:
        span = scope.spans.add(
            name=one.name,
            trace_id=one.run.to_bytes(16, "big"),
            span_id=one.id.to_bytes(8, "big"),
            parent_span_id=one.parent.to_bytes(8, "big") if one.parent else b"",
            kind=one.kind,  # pyright: ignore[reportArgumentType]
            start_time_unix_nano=zero + int(one.begin_ms * 1e6),
            end_time_unix_nano=zero + int((one.begin_ms + one.ms) * 1e6),
        )
        set_attributes(span.attributes, one.attributes)
        if one.error:
            span.status.code, span.status.message = 2, one.error  # pyright: ignore[reportAttributeAccessIssue]
        for name, attributes in one.events:
            event = span.events.add(name=name)
            set_attributes(event.attributes, attributes)
    return request


def events_request(
    events: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    run: int = 0,
    service: str = "claude-code",
    version: str = "2.1.332",
    begin_ns: int | None = None,
) -> ExportLogsServiceRequest:
    """Claude Code's events, 10 ms apart; `run` is the trace that they carry."""
    request = ExportLogsServiceRequest()
    of = request.resource_logs.add()
    set_attributes(of.resource.attributes, {"service.name": service, "service.version": version})
    scope = of.scope_logs.add()
    zero = time.time_ns() - 60_000_000_000 if begin_ns is None else begin_ns
    for number, (name, attributes) in enumerate(events):
        record = scope.log_records.add(time_unix_nano=zero + (number + 1) * 10_000_000)
        record.body.string_value = f"claude_code.{name}"
        set_attributes(record.attributes, {"event.name": name, "event.sequence": number, **attributes})
        if run:
            record.trace_id, record.span_id = run.to_bytes(16, "big"), (1).to_bytes(8, "big")
    return request


def batch_of(*requests: Any) -> Batch:
    """What the pipeline makes of requests, as one batch received now."""
    received_ms = int(time.time() * 1000)  # noqa: TID251 - rows count at their own time only if that is near
    signals = {ExportTraceServiceRequest: Signal.TRACES, ExportLogsServiceRequest: Signal.LOGS}
    exports = [
        Export(
            signal=signals[type(one)], payload=one.SerializeToString(), received_ns=received_ms * 1_000_000
        )
        for one in requests
    ]
    batch = Decoder(redact_attributes).decode(exports, received_ms=received_ms)
    for stage in stages_of(Distiller()):
        batch = stage(batch)
    return batch


def steps_told(*spans: Span, **resource: Any) -> list[dict[str, Any]]:
    """The rows of the steps that these spans are, in the order of the spans."""
    steps = batch_of(spans_request(spans, resource=resource)).agent_steps
    return steps.to_pylist() if steps is not None else []


def ports_of(telemetry: ChdbTelemetry, **fields: Any) -> Ports:
    """What queries of runs ask: a store, the time, and what is given."""
    given: dict[str, Any] = dict.fromkeys(("changes", "evidence", "incidents", "memory", "catalog"))
    given |= {"clock": Now(), **fields}
    return Ports(telemetry=telemetry, **given)


class Now:
    """The machine's clock: rows expire by the engine's."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_s(self) -> float:
        return time.monotonic()


CHAT = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
}  # fmt: skip
"""0.0035 US dollars by the price list."""
CHAT_USD = 0.0035


def agent_run(
    run: int, *, agent: str = "planner", tools: Sequence[str] = ("weather",), failing: str = "", user: str = "ada",
    conversation: str = "conv-1", chat: Mapping[str, Any] | None = None, begin_ms: float = 0,
) -> list[Span]:  # fmt: skip
    """A run: an agent that asks a model, and a tool each time, and an HTTP call behind the first one."""
    who = {"gen_ai.agent.name": agent, "gen_ai.conversation.id": conversation, "user.id": user}
    spans = [
        Span(name=f"invoke_agent {agent}", run=run, id=1, begin_ms=begin_ms, ms=1000,
             attributes={"gen_ai.operation.name": "invoke_agent", **who})
    ]  # fmt: skip
    for number, tool in enumerate(tools):
        at, own = begin_ms + 10 + number * 100, 10 + number * 10
        called = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.conversation.id": conversation,
                  "gen_ai.tool.call.id": f"call_{run}_{number}", "gen_ai.tool.call.arguments": f'{{"n":{number}}}'}  # fmt: skip
        error = "it broke" if tool == failing else ""
        spans += [
            Span(name="chat gpt-4o", run=run, id=own, parent=1, begin_ms=at, ms=50, attributes=CHAT | dict(chat or {})),
            Span(name=f"execute_tool {tool}", run=run, id=own + 1, parent=1, begin_ms=at + 50, ms=20, attributes=called,
                 error=error),
        ]  # fmt: skip
    spans.append(
        Span(name="GET /weather", run=run, id=900, parent=11, begin_ms=begin_ms + 61, ms=5, kind=3,
             attributes={"http.request.method": "GET"})
    )  # fmt: skip
    return spans
