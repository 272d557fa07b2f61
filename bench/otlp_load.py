"""Log requests as a busy service sends them, for the benchmarks: deterministic, and no two alike.

A request holds 1,000 records of about 260 bytes: a body of one of forty templates with numbers and ids in it,
five attributes (three that repeat, one of 10,000 values, one integer), trace and span ids, a resource as the
OpenTelemetry SDKs write it. Byte-identical requests would be counted once (OTLP has no idempotence key).
"""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

RECORDS = 1_000
"""Records in one request."""
_VALUES = 10_000
"""Different values of the attribute `user.id`."""

_ACTS = (
    "accepted order {n} of customer {u} over {m} EUR",
    "cart {h} holds {s} items",
    "charged card of customer {u}: {m} EUR in {s} ms",
    "connection {n} to 10.0.{s}.{s}:5432 opened in {s} ms",
    "request {h} answered with {c} in {s} ms",
    "retrying upstream call {h}, attempt {s}",
    "session {h} expired after {n} seconds",
    "published event {n} to partition {s} at offset {n}",
)
_ENDS = (
    "",
    " (worker {s})",
    " for tenant acme-{s}",
    ", trace sampled at 0.{s}",
    " by node checkout-7c9d-{s}",
)
TEMPLATES = tuple(act + end for act in _ACTS for end in _ENDS)
"""Forty bodies, before their values are filled in."""

_RESOURCE = {
    "service.name": "checkout",
    "service.namespace": "shop",
    "service.version": "2.14.0",
    "service.instance.id": "9b2f2c0e-5a52-4f6e-9d0a-8a4f0b6d2f11",
    "deployment.environment.name": "production",
    "host.name": "node-14.eu-central.example.net",
    "k8s.pod.name": "checkout-7c9d8b6f5-x2x7p",
    "process.runtime.name": "cpython",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.0",
}


def request(number: int) -> bytes:
    """The request of that number: always the same values, stamped with the time of now."""
    chance = random.Random(number)
    message = ExportLogsServiceRequest()
    resource = message.resource_logs.add()
    resource.resource.attributes.extend(_text(key, value) for key, value in _RESOURCE.items())
    scope = resource.scope_logs.add()
    scope.scope.name = "checkout.orders"
    now = time.time_ns()
    for position in range(RECORDS):
        severe = chance.random() < 1 / 50
        record = scope.log_records.add(
            time_unix_nano=now + position * 1_000,
            observed_time_unix_nano=now + position * 1_000,
            severity_number=17 if severe else 9,  # pyright: ignore[reportArgumentType]
            severity_text="ERROR" if severe else "INFO",
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            flags=1,
        )
        record.body.string_value = _body(chance)
        record.attributes.extend(_attributes(chance))
    return message.SerializeToString()


def _body(chance: random.Random) -> str:
    return chance.choice(TEMPLATES).format(
        n=chance.randrange(10**7),
        u=f"u{chance.randrange(_VALUES):05d}",
        m=f"{chance.uniform(1, 500):.2f}",
        h=f"{chance.getrandbits(64):016x}",
        s=chance.randrange(256),
        c=chance.choice((200, 200, 201, 404)),
    )


def _attributes(chance: random.Random) -> tuple[KeyValue, ...]:
    return (
        _text("code.function.name", "place"),
        _text("thread.name", f"worker-{chance.randrange(16)}"),
        _text("http.request.method", "POST"),
        _text("user.id", f"u{chance.randrange(_VALUES):05d}"),
        KeyValue(key="duration_us", value=AnyValue(int_value=chance.randrange(1, 20_000))),
    )


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
