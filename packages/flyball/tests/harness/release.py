"""A release told through OTLP in seconds: a healthy v1, a v2 with a new ERROR, a v3 without it.

Event times lie in the last minutes, so a real server has something to compare at once. Records come irregularly,
from a seed. Whether a fix worked is judged on what really arrives after it: that part takes its seconds.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from harness.otlp import set_attributes
from harness.server import FlyballProcess
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

FAULT = "connection pool exhausted: 5 of 5 in use, waited {} ms"
ERROR = 17
INFO = 9
WARN = 13

Line = tuple[float, int, str]
"""(records a second, severity number, text with {} for a number)"""

CHECKOUT: Sequence[Line] = (
    (8.0, INFO, "order {} placed, {} items"),
    (6.0, INFO, "checkout of cart {} started"),
    (0.5, WARN, "card declined for cart {}"),
    (0.2, INFO, "cache refreshed in {} ms"),
)
STOREFRONT: Sequence[Line] = ((10.0, INFO, "GET /product/{} 200 in {} ms"), (0.3, WARN, "slow page: {} ms"))


def tell(server: FlyballProcess, *, seconds: int = 100) -> Mapping[str, Any]:
    """v1 for `seconds`, then the faulty v2 until now; returns v2's change when all of it is visible."""
    now = datetime.now(UTC).timestamp()
    chance = random.Random(1)  # noqa: S311 - a story, no secret
    start, deploy = now - 2 * seconds, now - seconds
    # announced with the times of the story: else each version were deployed when its first record arrives
    announce(server, "storefront", "v7", start)
    announce(server, "checkout", "v1", start)
    _send(server, "storefront", "v7", STOREFRONT, start, now, chance)
    _send(server, "checkout", "v1", CHECKOUT, start, deploy, chance)
    server.settled()
    change = announce(server, "checkout", "v2", deploy)
    _send(server, "checkout", "v2", [*CHECKOUT, (3.0, ERROR, FAULT)], deploy, now, chance)
    server.settled()
    return change


def tell_fix(server: FlyballProcess, *, seconds: float = 14.0) -> Mapping[str, Any]:
    """v3 without the fault, for `seconds` that really pass; returns its change when all of it is visible."""
    begin = datetime.now(UTC).timestamp()
    change = announce(server, "checkout", "v3", begin)
    time.sleep(seconds)
    chance = random.Random(2)  # noqa: S311 - as above
    _send(server, "storefront", "v7", STOREFRONT, begin, begin + seconds, chance)
    _send(server, "checkout", "v3", CHECKOUT, begin, begin + seconds, chance)
    server.settled()
    return change


def announce(server: FlyballProcess, service: str, version: str, at: float) -> Mapping[str, Any]:
    """Record a deploy at `at` (seconds since 1970)."""
    body = {"service": service, "version": version, "environment": "prod"}
    body["time"] = datetime.fromtimestamp(at, UTC).isoformat()
    answer = httpx.post(f"{server.url}/api/v1/changes", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _send(
    server: FlyballProcess,
    service: str,
    version: str,
    lines: Sequence[Line],
    begin: float,
    end: float,
    chance: random.Random,
) -> None:
    logs, spans = ExportLogsServiceRequest(), ExportTraceServiceRequest()
    resource_logs, resource_spans = logs.resource_logs.add(), spans.resource_spans.add()
    identity = {"service.name": service, "service.version": version, "deployment.environment.name": "prod"}
    set_attributes(resource_logs.resource.attributes, identity)
    set_attributes(resource_spans.resource.attributes, identity)
    records, traced = resource_logs.scope_logs.add().log_records, resource_spans.scope_spans.add().spans
    for rate, severity, text in lines:
        for at in _times(rate, begin, end, chance):
            trace_id = chance.randbytes(16)
            record = records.add(time_unix_nano=int(at * 1e9), severity_number=severity, trace_id=trace_id)  # pyright: ignore[reportArgumentType]
            record.body.string_value = text.format(chance.randrange(9999), chance.randrange(2, 9))
            if text.startswith(("order", "GET")):
                took_ns = int(chance.lognormvariate(3.0, 0.4) * 1e6)
                traced.add(
                    name="POST /checkout" if service == "checkout" else "GET /product",
                    trace_id=trace_id,
                    span_id=chance.randbytes(8),
                    start_time_unix_nano=int(at * 1e9) - took_ns,
                    end_time_unix_nano=int(at * 1e9),
                )
    for signal, request in (("logs", logs), ("traces", spans)):
        answer = httpx.post(
            f"{server.otlp_url}/v1/{signal}",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text


def _times(rate: float, begin: float, end: float, chance: random.Random) -> Iterator[float]:
    steps = itertools.accumulate(iter(lambda: chance.expovariate(rate), None), initial=begin)
    return itertools.takewhile(lambda at: at < end, itertools.islice(steps, 1, None))
