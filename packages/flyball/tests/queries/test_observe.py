"""What the store gives a diagnosis: the same signals as the loader makes of the records themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from flyball.model.signal import Signal, Surface
from flyball.queries.observe import observe
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.signals import signals
from gallery.stream import FAILING_S, Stream
from harness.ingest import ingest, now
from harness.otlp import logs_request
from harness.story import Clock as StoryClock
from harness.story import State

pytestmark = pytest.mark.anyio


def at(stream: Stream, onset: datetime) -> Stream:
    """The stream on another clock, its times such that they are cut to the same millisecond everywhere."""
    records = tuple(replace(record, time=round(record.time, 3) + 1e-4) for record in stream.records)
    return replace(stream, onset=onset, records=records)


async def ports_of(telemetry: ChdbTelemetry, requests: Iterable[tuple[str, Any]], at: datetime) -> Ports:
    catalog = await ingest(telemetry, requests)
    state = State(changes_=[], versions_=[])
    return Ports(
        telemetry=telemetry,
        changes=cast("Any", state),
        evidence=cast("Any", state),
        incidents=cast("Any", state),
        memory=cast("Any", state),
        catalog=catalog,
        clock=StoryClock(at),
    )


STACK = """Traceback (most recent call last):
  File "/app/shop/cart.py", line 31, in checkout
    pool.take()
  File "/app/shop/pool.py", line 9, in take
    connect(host)
  File "/usr/lib/python3.12/socket.py", line 865, in create_connection
OSError: timed out"""


async def test_a_failure_tells_function_file_and_line(telemetry: ChdbTelemetry) -> None:
    logged = {"code.function.name": "charge", "code.file.path": "/app/pay.py", "code.line.number": 42}
    bodies = [f"cannot charge\n{STACK}", "cannot pay", "cannot book", "nothing known", "fine"]
    attributes = [{}, logged, {**logged, "exception.type": "OSError", "exception.stacktrace": STACK}, {}]
    request = logs_request(bodies[:4], severity=17, attributes=attributes)
    calm = logs_request(bodies[4:], severity=9, attributes=[logged])
    end = now()
    ports = await ports_of(telemetry, [("/v1/logs", request), ("/v1/logs", calm)], end)
    later = end + timedelta(seconds=60)
    seen = await observe(ports, environment="", onset=end - timedelta(seconds=60), until=later)
    places = {str(one.value).partition("\n")[0]: one.detail for one in seen.signals}
    assert places == {
        "cannot charge": "take() in pool.py:9",
        "cannot pay": "charge() in /app/pay.py:42",
        "cannot book": "take() in pool.py:9",
        "nothing known": "",
        "fine": "",
    }


def plain(held: Iterable[Signal], surface: Surface) -> Counter[tuple[Any, ...]]:
    """What is equal in both: times to the millisecond of the store, numbers to a thousandth."""
    return Counter(
        (
            one.time.replace(microsecond=one.time.microsecond // 1000 * 1000),
            one.entity,
            one.key,
            round(one.value, 2) if isinstance(one.value, float) else one.value,
            one.operation,
            one.severity,
            one.count,
            one.detail,
        )
        for one in held
        if one.surface is surface
    )


@pytest.mark.parametrize(
    "name",
    ["oom-killed loop", "database max connections", "wrong address in env", "cpu throttling", "retry storm"],
)
async def test_the_store_gives_what_the_loader_makes(telemetry: ChdbTelemetry, name: str) -> None:
    end = now()
    onset = end - timedelta(seconds=FAILING_S)
    stream = at(play(name, 3)[0], onset)
    clock = Clock(onset_ns=int(onset.timestamp()) * 10**9)
    ports = await ports_of(telemetry, ((path, request) for path, request, _ in exports(stream, clock)), end)
    seen = await observe(ports, environment="", onset=onset, until=end)
    assert seen.limits == ()
    for mine, theirs in zip((seen.signals, seen.normal), signals(stream), strict=True):
        for surface in set(Surface) - {Surface.CHANGE}:
            assert plain(mine, surface) == plain(theirs, surface), surface
