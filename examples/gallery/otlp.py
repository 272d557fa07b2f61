"""The stream as OTLP requests, as the Collector and the SDKs would send them, on a clock of the sender's choosing.

Events of Kubernetes come in the layout of the Collector's `k8s_events` receiver, objects in that of `k8sobjects`
when it pulls: the body is the object, the record has an observed time alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gallery.stream import Event, Log, Object, Point, Span, Stream
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

RECORDS_MAX = 2_000
"""Records of one request."""
_CUMULATIVE = 2
_SERVER, _CLIENT = 2, 3
_STATUS_ERROR = 2
_API = {"Pod": "v1", "Node": "v1", "Deployment": "apps/v1", "ReplicaSet": "apps/v1"}
_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/"
Request = ExportLogsServiceRequest | ExportTraceServiceRequest | ExportMetricsServiceRequest

_Places = dict[tuple[Any, ...], Any]
"""The scopes of a request by resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Where the onset lies on the receiver's clock, and how many seconds of the stream pass in one of its."""

    onset_ns: int
    faster: float = 1.0

    def ns(self, seconds: float) -> int:
        """Nanoseconds since 1970 of a moment of the stream."""
        return self.onset_ns + int(seconds / self.faster * 1e9)


def exports(stream: Stream, clock: Clock, environment: str = "") -> Iterator[tuple[str, Request, int]]:
    """Requests in time: the path they go to, the message, and how many records it holds.

    Every resource names the environment, as the Collector's `resource` processor would add it.
    """
    named = {"deployment.environment.name": environment} if environment else {}
    kinds = (("/v1/logs", (Log, Event, Object)), ("/v1/traces", (Span,)), ("/v1/metrics", (Point,)))
    makers = {"/v1/logs": _logs, "/v1/traces": _traces, "/v1/metrics": _metrics}
    for path, types in kinds:
        records = [record for record in stream.records if isinstance(record, types)]
        for begin in range(0, len(records), RECORDS_MAX):
            part = records[begin : begin + RECORDS_MAX]
            request = makers[path](stream, part, clock)
            for of in _resources(request):
                _attributes(of.resource.attributes, named)
            yield path, request, len(part)


def _logs(stream: Stream, records: Iterable[Any], clock: Clock) -> ExportLogsServiceRequest:
    request, places = ExportLogsServiceRequest(), _Places()
    makers = {Log: _log, Event: _event, Object: _object}
    for record in records:
        identity, scope, more, body = makers[type(record)](stream, record)
        of = _place(places, request, identity, scope)
        made = of.log_records.add(observed_time_unix_nano=clock.ns(record.time))
        _fill(made.body, body)
        _attributes(made.attributes, more)
        if isinstance(record, Object):
            continue
        made.time_unix_nano = clock.ns(record.time)
        if isinstance(record, Event):
            made.severity_number, made.severity_text = (9 if record.type == "Normal" else 13), record.type
        else:
            made.severity_number = record.severity
            made.trace_id, made.span_id = bytes.fromhex(record.trace), bytes.fromhex(record.span)
    return request


_Made = tuple[Mapping[str, Any], str, Mapping[str, Any], Any]
"""Resource attributes, scope, record attributes, body."""


def _log(stream: Stream, record: Log) -> _Made:
    return _identity(stream, record.source, record.pod, record.version), "", {}, record.body


def _event(stream: Stream, record: Event) -> _Made:
    name = f"{record.name}.{_digest(record.name, record.reason)[:16]}"
    resource = {
        "k8s.node.name": record.node,
        "k8s.object.kind": record.kind,
        "k8s.object.name": record.name,
        "k8s.object.uid": _uid(record.kind, record.name),
        "k8s.object.fieldpath": "",
        "k8s.object.api_version": _API.get(record.kind, "v1"),
        "k8s.object.resource_version": str(int(_digest(record.name)[:6], 16)),
    }
    more = {
        "k8s.event.reason": record.reason,
        "k8s.event.action": "",
        "k8s.event.start_time": stream.at(record).strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
        "k8s.event.name": name,
        "k8s.event.uid": _uid("Event", name),
        "k8s.namespace.name": "default" if record.kind == "Node" else stream.system.namespace,
        "k8s.event.count": record.count,
    }
    return resource, _SCOPE + "k8seventsreceiver", more, record.message


def _object(_stream: Stream, record: Object) -> _Made:
    space = record.manifest["metadata"].get("namespace")
    resource = {"k8s.namespace.name": space} if space else {}
    return resource, _SCOPE + "k8sobjectsreceiver", {"k8s.resource.name": record.resource}, record.manifest


def _traces(stream: Stream, records: Iterable[Any], clock: Clock) -> ExportTraceServiceRequest:
    request, places = ExportTraceServiceRequest(), _Places()
    for record in records:
        of = _place(places, request, _identity(stream, record.source, record.pod, record.version))
        made = of.spans.add(
            trace_id=bytes.fromhex(record.trace),
            span_id=bytes.fromhex(record.id),
            parent_span_id=bytes.fromhex(record.parent),
            name=record.name,
            kind=_SERVER if record.kind == "server" else _CLIENT,
            start_time_unix_nano=clock.ns(record.time),
            end_time_unix_nano=clock.ns(record.time) + int(record.duration_ms * 1e6),
        )
        _attributes(made.attributes, record.attributes)
        if record.error:
            made.status.code = _STATUS_ERROR
    return request


def _metrics(stream: Stream, records: Iterable[Any], clock: Clock) -> ExportMetricsServiceRequest:
    request, places = ExportMetricsServiceRequest(), _Places()
    metrics: dict[tuple[str, str], Any] = {}
    for record in records:
        key = record.source, record.name
        if key not in metrics:
            of = _place(places, request, _source(stream, record.source))
            metrics[key] = of.metrics.add(name=record.name, unit=record.unit)
        _point(metrics[key], record, clock)
    return request


def _point(metric: Any, record: Point, clock: Clock) -> None:
    more = {name: value for name, value in record.attributes.items() if name != "count"}
    if record.unit == "s" and "count" in record.attributes:
        metric.histogram.aggregation_temporality = 1
        count = int(record.attributes["count"])
        point = metric.histogram.data_points.add(count=count, sum=record.value * count)
    elif record.name.endswith("_total"):
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = _CUMULATIVE, True
        point = metric.sum.data_points.add(as_double=record.value)
    else:
        point = metric.gauge.data_points.add(as_double=record.value)
    point.time_unix_nano = clock.ns(record.time)
    _attributes(point.attributes, more)


def _identity(stream: Stream, source: str, pod: str, version: str) -> dict[str, Any]:
    """The resource of a service's or database's own telemetry."""
    if source.startswith("database/"):
        return _source(stream, source)
    found: dict[str, Any] = {"service.name": source, "k8s.namespace.name": stream.system.namespace}
    service = stream.system.services.get(source)
    if service:
        found |= {
            "service.version": version or service.version,
            "k8s.deployment.name": source,
            "telemetry.sdk.language": {"node": "nodejs"}.get(service.language, service.language),
        }
    return found | ({"k8s.pod.name": pod} if pod else {})


def _source(stream: Stream, source: str) -> dict[str, Any]:
    """The resource of what a metric is of."""
    kind, _, name = source.partition("/")
    if kind == "database":
        return {
            "service.name": name,
            "db.system.name": stream.system.databases[name].engine,
            "db.namespace": name,
        }
    if kind == "service":
        return {"service.name": name, "k8s.namespace.name": stream.system.namespace}
    space = {"k8s.namespace.name": stream.system.namespace} if kind == "pod" else {}
    return {f"k8s.{kind}.name": name, **space}


def _place(places: _Places, request: Request, identity: Mapping[str, Any], scope: str = "") -> Any:
    """The scope of a resource in a request, made when it is not there."""
    key = (*identity.items(), scope)
    if key not in places:
        made = _resources(request).add()
        _attributes(made.resource.attributes, identity)
        places[key] = _scopes(made, request).add()
        places[key].scope.name = scope
    return places[key]


def _resources(request: Request) -> Any:
    if isinstance(request, ExportLogsServiceRequest):
        return request.resource_logs
    return (
        request.resource_spans if isinstance(request, ExportTraceServiceRequest) else request.resource_metrics
    )


def _scopes(resource: Any, request: Request) -> Any:
    if isinstance(request, ExportLogsServiceRequest):
        return resource.scope_logs
    return resource.scope_spans if isinstance(request, ExportTraceServiceRequest) else resource.scope_metrics


def _attributes(target: Any, attributes: Mapping[str, Any]) -> None:
    for key, value in attributes.items():
        _fill(target.add(key=key).value, value)


def _fill(target: AnyValue, value: Any) -> None:
    """Set a value of any type, maps and lists as they are."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        _attributes(target.kvlist_value.values, value)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        target.array_value.SetInParent()
        for one in value:
            _fill(target.array_value.values.add(), one)
    else:
        target.string_value = str(value)


def _uid(*of: str) -> str:
    digits = _digest(*of)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _digest(*of: str) -> str:
    return hashlib.sha256("\x00".join(of).encode()).hexdigest()
