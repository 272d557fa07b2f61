"""Ended spans as an OTLP/JSON request (opentelemetry-proto 1.x, the JSON mapping of its specification).

Ids are hexadecimal, 64-bit integers are strings, enums are numbers. Nothing here raises over an attribute: a value of a
kind that OTLP does not know is its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext


def request(spans: Iterable[ReadableSpan]) -> bytes:
    """The body of one export request, spans grouped by resource and scope."""
    groups: dict[int, tuple[ReadableSpan, dict[int, tuple[ReadableSpan, list[dict[str, Any]]]]]] = {}
    for span in spans:
        _, scopes = groups.setdefault(id(span.resource), (span, {}))
        scopes.setdefault(id(span.instrumentation_scope), (span, []))[1].append(_span(span))
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(first.resource.attributes)},
                "scopeSpans": [{"scope": _scope(one), "spans": made} for one, made in scopes.values()],
            }
            for first, scopes in groups.values()
        ]
    }
    return json.dumps(body, separators=(",", ":")).encode("utf-8", "replace")


def _scope(span: ReadableSpan) -> dict[str, Any]:
    scope = span.instrumentation_scope
    return {"name": scope.name, "version": scope.version or ""} if scope else {}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context = span.get_span_context()
    made: dict[str, Any] = {
        **(_ids(context) if context else {}),
        "name": span.name,
        "kind": span.kind.value + 1,  # OTLP counts from UNSPECIFIED
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes),
        "droppedAttributesCount": span.dropped_attributes,
        "events": [
            {
                "timeUnixNano": str(event.timestamp),
                "name": event.name,
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        "links": [{**_ids(link.context), "attributes": _attributes(link.attributes)} for link in span.links],
        "status": {"code": span.status.status_code.value},
    }
    if span.status.description:
        made["status"]["message"] = span.status.description
    if span.parent:
        made["parentSpanId"] = f"{span.parent.span_id:016x}"
    return made


def _ids(context: SpanContext) -> dict[str, str]:
    return {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}


def _attributes(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in (attributes or {}).items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return (
            {"doubleValue": value} if value - value == 0 else {"stringValue": str(value)}
        )  # JSON has no NaN
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
