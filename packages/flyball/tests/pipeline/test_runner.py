"""The runner: a batch that fails for now is asked again, one that never goes in is halved, and both are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from flyball.component.ports import TelemetryStore
from flyball.errors import RowsRejected, StoreError
from flyball.model.batch import Batch
from flyball.model.export import Export, Signal
from flyball.pipeline import runner
from flyball.pipeline.bus_local import LocalBus
from flyball.pipeline.meter import Meter
from flyball.pipeline.runner import Runner
from harness.clock import ManualClock

pytestmark = pytest.mark.anyio

POISON = "poison"


class Store:
    """Keeps the texts of its rows, after so many failures; refuses POISON for good."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.kept: list[str] = []

    async def insert(self, tables: Mapping[str, pa.Table], *, received_ms: int) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreError(f"no room for batch {received_ms}")
        texts = tables["logs"]["body"].to_pylist() if tables else []
        if POISON in texts:
            raise RowsRejected("poison")
        self.kept += texts


def _decode(exports: Sequence[Export], received_ms: int) -> Batch:
    return Batch(
        received_ms=received_ms,
        origins=[],
        logs=pa.table({"body": [export.payload.decode() for export in exports]}),
    )


async def _nothing(_batch: Batch) -> None:
    return


async def _ran(folder: Path, clock: ManualClock, store: Store, texts: Sequence[str]) -> Mapping[str, Any]:
    """What the meter says when these texts have been through."""
    bus, meter = LocalBus(folder / "wal", clock), Meter()
    bus.start(0)
    for text in texts:
        await bus.append(Export(signal=Signal.LOGS, payload=text.encode(), received_ns=clock.now_ns()))
    moving = Runner(
        bus=bus,
        store=cast("TelemetryStore", store),
        meter=meter,
        decode=_decode,
        stages=(),
        before=_nothing,
        after=_nothing,
        rejected=folder / "rejected",
    )
    moving.stop()
    async with asyncio.timeout(10):
        await moving.run()
    assert bus.pending_bytes == 0
    await bus.close()
    return meter.snapshot()["store"]


async def test_a_store_that_fails_for_now_is_asked_again_and_says_so(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_RETRY_S", 0.0)
    store = Store(failures=3)
    counted = await _ran(tmp_path, clock, store, ["one", "two"])
    assert store.kept == ["one", "two"]
    assert counted["failed and asked again"] == 3
    assert counted["logs"] == 2


async def test_what_never_goes_in_is_set_aside_alone(tmp_path: Path, clock: ManualClock) -> None:
    store = Store()
    counted = await _ran(tmp_path, clock, store, ["one", POISON, "three", "four"])
    assert sorted(store.kept) == ["four", "one", "three"]
    assert counted["dropped: export rejected by the store"] == 1
    assert [file.read_text() for file in (tmp_path / "rejected").iterdir()] == [POISON]
