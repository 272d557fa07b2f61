"""Write the seeds of fuzz_otlp: small requests that hold every field once, as the benchmark's load has them.

python packages/flyball/native/fuzz/corpus.py
"""

from __future__ import annotations

from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

_FOLDER = Path(__file__).parent / "corpus" / "otlp"
_VALUES = (
    AnyValue(string_value="place ö"),
    AnyValue(int_value=-7),
    AnyValue(double_value=0.5),
    AnyValue(bool_value=True),
    AnyValue(bytes_value=b"\0\1"),
    AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue()])),
    AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a", value=AnyValue(int_value=1))])),
    AnyValue(),
)


def logs(values: tuple[AnyValue, ...]) -> bytes:
    """A request with a record a value, which is its body and an attribute."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add(schema_url="r")
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="checkout")))
    scope = resource.scope_logs.add(schema_url="s")
    scope.scope.name = "orders"
    for value in values:
        scope.log_records.add(
            time_unix_nano=1,
            observed_time_unix_nano=2,
            severity_number=17,  # pyright: ignore[reportArgumentType]
            severity_text="ERROR",
            body=value,
            attributes=[KeyValue(key="v", value=value), KeyValue(key="k")],
            dropped_attributes_count=3,
            flags=1,
            trace_id=bytes(16),
            span_id=bytes(8),
            event_name="placed",
        )
    return request.SerializeToString()


def spans() -> bytes:
    """A request with one span that has everything."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="GET /", trace_state="a=b", flags=1)
    span.attributes.add(key="k").value.string_value = "v"
    span.events.add(name="e").attributes.add(key="k")
    span.links.add(trace_state="t").attributes.add(key="k")
    span.status.message = "m"
    return request.SerializeToString()


def main() -> None:
    """Write the seeds."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    seeds = {"string": logs(_VALUES[:1]), "values": logs(_VALUES), "spans": spans(), "empty": b""}
    for name, seed in seeds.items():
        (_FOLDER / name).write_bytes(seed)


if __name__ == "__main__":
    main()
