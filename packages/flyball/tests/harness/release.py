"""A release told through OTLP in seconds: a healthy v1, a v2 with a new ERROR, a v3 without it.

Event times lie in the last minutes, so a real server has something to compare at once. Requests come
irregularly, from a seed. The numbers are of one moment: a second call tells the story again, later.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.otlp import set_attributes
from harness.server import FlyballProcess

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What was announced."""

    deploy: Mapping[str, Any]
    fix: Mapping[str, Any] | None


def tell(server: FlyballProcess, *, fixed: bool = False, seconds: int = 100) -> Release:
    """v1 for `seconds`, then the faulty v2 for as long, then v3 when `fixed`; returns when all is visible."""
    end = time.time()  # noqa: TID251 - a story for a real server has real times
    begins = [end - seconds * back for back in ((3, 2, 1) if fixed else (2, 1))]
    versions = ["v1", "v2", "v3"][: len(begins)]
    chance = random.Random(1)  # noqa: S311 - a story, no secret
    announced: list[Mapping[str, Any]] = []
    for version, begin in zip(versions, begins, strict=True):
        lines = [*CHECKOUT, *([(3.0, ERROR, FAULT)] if version == "v2" else [])]
        _send(server, "checkout", version, lines, begin, begin + seconds, chance)
        _send(server, "storefront", "v7", STOREFRONT, begin, begin + seconds, chance)
        server.settled()
        if version != "v1":
            announced.append(_announce(server, version, begin))
    server.settled()
    return Release(deploy=announced[0], fix=announced[1] if fixed else None)


def _announce(server: FlyballProcess, version: str, begin: float) -> Mapping[str, Any]:
    body = {"service": "checkout", "version": version, "environment": "prod", "commit": f"9f2c1{version}"}
    body["time"] = datetime.fromtimestamp(begin, UTC).isoformat()
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
