"""OTLP requests for tests, built with the protocol's own messages."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF = {"content-type": "application/x-protobuf"}


def set_attributes(target: Any, attributes: Mapping[str, Any]) -> None:
    """Add string, integer, float and boolean attributes, and lists of strings."""
    for key, value in attributes.items():
        attribute = target.add()
        attribute.key = key
        if isinstance(value, bool):
            attribute.value.bool_value = value
        elif isinstance(value, int):
            attribute.value.int_value = value
        elif isinstance(value, float):
            attribute.value.double_value = value
        elif isinstance(value, list):
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                attribute.value.array_value.values.add(string_value=item)
        else:
            attribute.value.string_value = value


def logs_request(
    bodies: Sequence[str],
    *,
    service: str = "shop",
    version: str = "v1",
    severity: int = 9,
    time_ns: int | None = None,
    attributes: Sequence[Mapping[str, Any]] = (),
    resource: Mapping[str, Any] | None = None,
) -> ExportLogsServiceRequest:
    """One request with a record per body; `attributes[i]` belongs to body i."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    identity = {"service.name": service, "service.version": version, **(resource or {})}
    set_attributes(resource_logs.resource.attributes, {k: v for k, v in identity.items() if v})
    scope = resource_logs.scope_logs.add()
    now = time.time_ns() if time_ns is None else time_ns
    for position, body in enumerate(bodies):
        record = scope.log_records.add(time_unix_nano=now, severity_number=severity)  # pyright: ignore[reportArgumentType]
        record.body.string_value = body
        if position < len(attributes):
            set_attributes(record.attributes, attributes[position])
    return request


def spans_request(
    names: Sequence[str],
    *,
    service: str = "shop",
    version: str = "v1",
    duration_ms: float = 10,
    error: bool = False,
) -> ExportTraceServiceRequest:
    """One request with a span per name."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    set_attributes(resource_spans.resource.attributes, {"service.name": service, "service.version": version})
    scope = resource_spans.scope_spans.add()
    end = time.time_ns()
    for number, name in enumerate(names, start=1):
        span = scope.spans.add(
            name=name,
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=end - int(duration_ms * 1e6),
            end_time_unix_nano=end,
        )
        if error:
            span.status.code = 2  # pyright: ignore[reportAttributeAccessIssue]
    return request
