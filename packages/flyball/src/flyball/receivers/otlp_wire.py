"""OTLP's messages with log records, and the attributes of a record, left as bytes.

On the wire an embedded message and a bytes field look the same, so a copy of OTLP's descriptors in which
`ScopeLogs.log_records`, `LogRecord.attributes` and `Span.attributes` are `repeated bytes` parses the same
requests. Most attributes repeat within a batch: decoding each distinct one once took 1.8 us a record of five
attributes instead of 5.3. Where the compiled core is there, log requests do not come this way (see otlp_core).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from flyball.model.export import Signal

_AS_BYTES = {("ScopeLogs", "log_records"), ("LogRecord", "attributes"), ("Span", "attributes")}


def _copy(*modules: ModuleType) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in modules:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for field in message.field:
                if (message.name, field.name) in _AS_BYTES:
                    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
        pool.Add(file)
    return pool


_pool = _copy(
    common_pb2,
    resource_pb2,
    logs_pb2,
    trace_pb2,
    metrics_pb2,
    logs_service_pb2,
    trace_service_pb2,
    metrics_service_pb2,
)


def _message(name: str) -> Any:
    descriptor = _pool.FindMessageTypeByName(f"opentelemetry.proto.{name}")
    return message_factory.GetMessageClass(descriptor)


REQUESTS: dict[Signal, Any] = {
    Signal.LOGS: _message("collector.logs.v1.ExportLogsServiceRequest"),
    Signal.TRACES: _message("collector.trace.v1.ExportTraceServiceRequest"),
    Signal.METRICS: _message("collector.metrics.v1.ExportMetricsServiceRequest"),
}
"""The export request of each signal: log records are serialised, attributes of spans serialised `KeyValue`s."""

LOG_RECORD: Any = _message("logs.v1.LogRecord")
"""A log record whose attributes are serialised `KeyValue`s."""

REQUESTS_PARSED: dict[Signal, Any] = {
    Signal.LOGS: logs_service_pb2.ExportLogsServiceRequest,
    Signal.TRACES: trace_service_pb2.ExportTraceServiceRequest,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceRequest,
}
"""The same, wholly parsed: what checks a request and builds one from JSON."""
