"""Delivery: the app does not notice a server that is away, slow or wrong, and the counts are right."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flyball_sdk.tracing import delivery
from flyball_sdk.tracing.delivery import Deliverer, endpoint_of
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind


class Collector(ThreadingHTTPServer):
    """A server that answers as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.last: tuple[int, bytes] = (200, b"{}")
        self.wait_s = 0.0
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def names(self) -> list[str]:
        return [
            one["name"] for body in self.got for one in body["resourceSpans"][0]["scopeSpans"][0]["spans"]
        ]


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Quiet."""

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(server.wait_s)
        status, answer = server.answers.pop(0) if server.answers else server.last
        if status == 200:
            server.got.append(body)
            server.headers.append(dict(self.headers))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that waits does so for a moment."""
    monkeypatch.setattr(delivery, "FLUSH_S", 0.02)
    monkeypatch.setattr(delivery, "EXIT_S", 0.5)


def made(url: str, count: int, **headers: str) -> Deliverer:
    """A deliverer with so many spans."""
    deliverer = Deliverer(endpoint_of(url, headers))
    provider = TracerProvider(resource=Resource({"service.name": "t"}), shutdown_on_exit=False)
    provider.add_span_processor(deliverer)
    tracer = provider.get_tracer("scope", "1")
    for number in range(count):
        tracer.start_span(f"s{number}").end()
    return deliverer


def test_spans_arrive_as_otlp_says(collector: Collector) -> None:
    deliverer = Deliverer(endpoint_of(collector.url, {"Authorization": "Bearer t"}))
    provider = TracerProvider(resource=Resource({"service.name": "t"}), shutdown_on_exit=False)
    provider.add_span_processor(deliverer)
    tracer = provider.get_tracer("scope", "1")
    with tracer.start_as_current_span("above") as above:
        span = tracer.start_span("s", kind=SpanKind.CLIENT, links=[Link(above.get_span_context(), {"l": 1})])
        span.set_attributes({"b": True, "i": 2**60, "f": 0.5, "s": "x", "many": ("a", "b")})
        span.add_event("e", {"k": "v"})
        span.end()
    assert deliverer.force_flush(2_000)
    sent = collector.got[0]["resourceSpans"][0]
    assert {"key": "service.name", "value": {"stringValue": "t"}} in sent["resource"]["attributes"]
    assert sent["scopeSpans"][0]["scope"] == {"name": "scope", "version": "1"}
    told = sent["scopeSpans"][0]["spans"][0]
    assert (told["traceId"], told["parentSpanId"]) == (
        f"{above.get_span_context().trace_id:032x}", f"{above.get_span_context().span_id:016x}",
    )  # fmt: skip
    assert (told["name"], told["kind"], told["status"]) == ("s", 3, {"code": 0})
    assert {one["key"]: one["value"] for one in told["attributes"]} == {
        "b": {"boolValue": True}, "i": {"intValue": str(2**60)}, "f": {"doubleValue": 0.5}, "s": {"stringValue": "x"},
        "many": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}},
    }  # fmt: skip
    assert told["events"][0]["name"] == "e"
    assert told["links"][0]["spanId"] == told["parentSpanId"]
    assert collector.headers[0]["Authorization"] == "Bearer t"
    assert deliverer.delivery() == delivery.Delivery(sent=2)
    deliverer.shutdown()


def test_many_spans_go_in_batches_and_none_is_lost(collector: Collector) -> None:
    deliverer = made(collector.url, 1_000)
    deliverer.shutdown()
    assert sorted(collector.names()) == sorted(f"s{number}" for number in range(1_000))
    assert len(collector.got) >= 4
    assert deliverer.delivery() == delivery.Delivery(sent=1_000)


def test_a_server_that_is_away_costs_the_app_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began = time.perf_counter()
    with caplog.at_level(logging.WARNING, logger="flyball_sdk"):
        deliverer = made("http://127.0.0.1:9", 300)
        assert time.perf_counter() - began < 1
        deliverer.shutdown()
        deliverer.shutdown()
    told = deliverer.delivery()
    assert (told.sent, told.failed, told.dropped, told.queued) == (0, 300, 0, 0)
    assert "refused" in told.last_error
    assert len(caplog.records) == 1
    assert time.perf_counter() - began < 2


def test_a_slow_server_is_waited_for_no_longer_than_the_bound(collector: Collector) -> None:
    collector.wait_s = 1.5
    deliverer = made(collector.url, 10)
    time.sleep(0.1)
    began = time.perf_counter()
    deliverer.shutdown()
    assert time.perf_counter() - began < 1.2
    told = deliverer.delivery()
    assert (told.sent, told.failed, told.queued) == (0, 10, 0)


@pytest.mark.parametrize(
    ("status", "body", "sent", "why"),
    [
        (200, b"", 5, ""),
        (200, b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "x"}}', 3, "2 spans rejected"),
        (200, b'{"partialSuccess": {}}', 5, ""),
        (200, b"<html>", 0, "no OTLP answer"),
        (200, b"[1]", 0, "no OTLP answer"),
        (200, b"{" * 60_000, 0, "no OTLP answer"),
        (200, b'{"partialSuccess": {"rejectedSpans": -7}}', 5, "-7"),
        (500, b"no", 0, "answered 500"),
        (401, b"", 0, "answered 401"),
        (307, b"", 0, "answered 307"),
    ],
)
def test_what_a_server_answers_is_counted(
    collector: Collector, status: int, body: bytes, sent: int, why: str
) -> None:
    collector.last = (status, body)
    deliverer = made(collector.url, 5)
    deliverer.force_flush(2_000)
    told = deliverer.delivery()
    assert (told.sent, told.failed, told.queued) == (sent, 5 - sent, 0)
    assert why in told.last_error
    deliverer.shutdown()


def test_a_server_that_has_no_time_is_asked_again(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deliverer, "_pause", lambda *_: True)
    collector.answers = [(429, b""), (503, b"")]
    deliverer = made(collector.url, 5)
    assert deliverer.force_flush(2_000)
    assert deliverer.delivery().sent == 5
    collector.last = (503, b"")
    deliverer.shutdown()


def test_what_does_not_fit_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    monkeypatch.setattr(delivery, "QUEUE_SPANS_MAX", 50)
    collector.wait_s = 0.2
    deliverer = made(collector.url, 200)
    deliverer.shutdown()
    told = deliverer.delivery()
    assert told.dropped >= 100
    assert told.sent + told.failed + told.dropped == 200


def test_an_address_that_is_none_is_told_and_harms_nobody() -> None:
    assert endpoint_of("file:///etc/passwd") is None
    assert endpoint_of("nonsense") is None
    assert endpoint_of("http://[") is None
    deliverer = Deliverer(None, "no address")
    assert deliverer.delivery().last_error == "no address"


def test_spans_of_a_forked_child_arrive(collector: Collector) -> None:
    script = f"""
import os, sys
from flyball_sdk import init, span, delivery
init(service="t", endpoint={collector.url!r})
with span("parent"): pass
pid = os.fork()
with span("child" if pid == 0 else "later"): pass
if pid: os.waitpid(pid, 0)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=30)
    assert sorted(collector.names()) == ["child", "later", "parent"]


def run(script: str, **env: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """A process of its own, and how long it took."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return time.perf_counter() - began, done


def test_the_end_of_a_process_waits_for_what_is_queued_and_not_for_long(collector: Collector) -> None:
    script = "from flyball_sdk import init, span\ninit(service='t')\nwith span('s'): pass\nprint('end')"
    _, done = run(script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert (collector.names(), done.stdout, done.stderr) == (["s"], "end\n", "")
    collector.wait_s = 10
    took, done = run(script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert took < 8
    assert "1 failed" in done.stderr
    _, done = run(script, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert "1 failed" in done.stderr


def test_an_apps_own_provider_is_joined(collector: Collector) -> None:
    script = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
held, own = InMemorySpanExporter(), TracerProvider()
own.add_span_processor(SimpleSpanProcessor(held))
trace.set_tracer_provider(own)
from flyball_sdk import delivery, init, span
init(service="t", endpoint={collector.url!r})
assert trace.get_tracer_provider() is own
with span("s"): pass
assert [one.name for one in held.get_finished_spans()] == ["s"]
assert delivery().joined and delivery().sent == 0
"""
    run(script)
    assert collector.got == []


def test_nobody_elses_spans_are_lost_where_there_was_no_provider(collector: Collector) -> None:
    script = f"""
from flyball_sdk import delivery, flush, init, span
from opentelemetry import trace
init(service="t", endpoint={collector.url!r}, version="1", environment="prod")
with span("ours"), trace.get_tracer("theirs").start_as_current_span("theirs"): pass
assert flush(5)
assert delivery().sent == 2 and not delivery().joined
"""
    run(script)
    told = {
        one["key"]: one["value"].get("stringValue")
        for one in collector.got[0]["resourceSpans"][0]["resource"]["attributes"]
    }
    assert (told["service.name"], told["service.version"], told["deployment.environment.name"]) == (
        "t",
        "1",
        "prod",
    )
