"""The pipeline's state: what the meter and the log counted, each number in its place and none lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from flyball.model.export import Export, Signal
from flyball.pipeline.bus_local import LocalBus
from flyball.pipeline.meter import Meter
from flyball.pipeline.runner import BYTES_IN, BYTES_KEPT, RECORDS_IN
from flyball.queries.pipeline import Pipeline, pipeline
from harness.clock import ManualClock

pytestmark = pytest.mark.anyio


def state(meter: Meter, bus: LocalBus, clock: ManualClock) -> Pipeline:
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    return pipeline(edges=meter.snapshot(), bus=bus, trouble="", patterns=3, since=now, at=now)


async def test_every_outcome_stands_in_its_stage(tmp_path: Path, clock: ManualClock) -> None:
    bus = LocalBus(tmp_path, clock)
    bus.start(0)
    meter = Meter()
    for edge, outcome, number in (
        ("otlp_http", "received: logs", 100),
        ("otlp_http", "refused: Overloaded", 2),
        ("stdin", "dropped: end of a line over 1 MiB", 7),
        ("wal", "dropped: damaged bytes", 50),
        ("wal", "recovered", 900),
        ("decode", "received: exports", 1),
        ("decode", "sent: records", 100),
        ("decode", "dropped: attributes over the limit", 4),
        ("distil", RECORDS_IN, 100),
        ("distil", BYTES_IN, 5_000),
        ("distil", BYTES_KEPT, 50),
        ("store", "logs", 100),
        ("store", "failed and asked again", 5),
        ("store", "expired: bytes over the disk budget", 6),
    ):
        meter.count(edge, outcome, number)
    view = state(meter, bus, clock)
    await bus.close()
    said = {stage.name: stage for stage in view.stages}
    assert list(said) == ["otlp_http", "stdin", "wal", "decode", "distil", "store"]
    assert said["otlp_http"].came == said["otlp_http"].went == {"logs": 100}
    assert said["otlp_http"].failed == {"refused: Overloaded": 2}
    assert said["stdin"].dropped == {"end of a line over 1 MiB": 7}
    assert said["wal"].dropped == {"damaged bytes": 50}
    assert said["wal"].failed == {}
    assert (said["decode"].came, said["decode"].went) == ({"exports": 1}, {"records": 100})
    assert said["decode"].dropped == {"attributes over the limit": 4}
    assert said["store"].came == {"records": 100}
    assert said["store"].went == {"logs": 100}
    assert said["store"].dropped == {"bytes over the disk budget": 6}
    assert said["store"].failed == {"failed and asked again": 5}
    assert [name for name, stage in said.items() if stage.lag_s is not None] == ["wal"]
    reduced = view.reduction
    assert (reduced.records_in, reduced.patterns, reduced.bytes_in, reduced.bytes_kept) == (100, 3, 5_000, 50)
    assert reduced.kept == 0.01


async def test_what_waits_is_told_until_it_is_in_the_store(tmp_path: Path, clock: ManualClock) -> None:
    bus = LocalBus(tmp_path, clock)
    bus.start(0)

    def wal() -> tuple[int, int, float | None]:
        (stage,) = (s for s in state(Meter(), bus, clock).stages if s.name == "wal")
        return stage.waiting["exports"], stage.went["exports"], stage.lag_s

    assert wal() == (0, 0, 0.0)
    for text in (b"one", b"two", b"one"):
        await bus.append(Export(signal=Signal.LOGS, payload=text, received_ns=clock.now_ns()))
        clock.advance(1)
    assert wal() == (2, 0, 3.0)
    whole = await bus.seal()
    assert wal() == (2, 0, 3.0), "what is on its way to the store is not there yet"
    await bus.split(whole)
    await bus.commit(await bus.seal())
    assert wal() == (1, 1, 2.0)
    await bus.commit(await bus.seal())
    assert wal() == (0, 2, 0.0)
    assert {s.name: s.dropped for s in state(Meter(), bus, clock).stages}["wal"] == {
        "exports that came twice": 1
    }
    await bus.close()


async def test_what_recovery_found_waits_too(tmp_path: Path, clock: ManualClock) -> None:
    first = LocalBus(tmp_path, clock)
    first.start(0)
    await first.append(Export(signal=Signal.LOGS, payload=b"one", received_ns=clock.now_ns()))
    await first.close()
    clock.advance(60)
    bus = LocalBus(tmp_path, clock)
    bus.start(0)
    (stage,) = (s for s in state(Meter(), bus, clock).stages if s.name == "wal")
    assert (stage.came["exports"], stage.waiting["exports"], stage.lag_s) == (1, 1, 60.0)
    await bus.close()
