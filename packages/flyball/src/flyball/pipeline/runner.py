"""The runner: batches from the bus through the stages into the store, one at a time, in order.

A batch that fails for now (a full disk) is asked again until it goes in, while the bus fills and senders get
429. A batch that the store rejects for good is halved until the bad exports stand alone; those are set aside
in `rejected/` and counted. Nothing else is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from flyball.component.ports import TelemetryStore
from flyball.errors import RowsRejected, StoreError
from flyball.model.batch import Batch
from flyball.model.export import Export, Signal
from flyball.pipeline.bus_local import LocalBus, Sealed
from flyball.pipeline.journal import Entry
from flyball.pipeline.meter import Meter

_log = logging.getLogger(__name__)

_PAUSE_S = 1.0
"""From one batch to the next: what arrives meanwhile travels together."""
_RETRY_S = 2.0
_DRAIN_SECONDS_MAX = 30.0
_REJECTED_BYTES_MAX = 64 * 1024 * 1024

# What the distil stage took in and left; `Meter.snapshot` has them on the edge `distil`.
BYTES_IN = "bytes in"
RECORDS_IN = "records in"
BYTES_KEPT = "bytes kept"

Decode = Callable[[Sequence[Export], int], Batch]
Stage = Callable[[Batch], Batch]
Observe = Callable[[Batch], Awaitable[None]]


class Runner:
    """Owns the way from the bus to the store.

    `decode` makes a batch of exports, each of `stages` adds to it (both in a thread), `before` is awaited ahead
    of the insert (what a batch refers to must be there before its rows are visible), `after` behind it.
    """

    def __init__(
        self,
        *,
        bus: LocalBus,
        store: TelemetryStore,
        meter: Meter,
        decode: Decode,
        stages: Sequence[Stage],
        before: Observe,
        after: Observe,
        rejected: Path,
    ) -> None:
        self._bus = bus
        self._store = store
        self._meter = meter
        self._decode = decode
        self._stages = stages
        self._before = before
        self._after = after
        self._rejected = rejected
        self._stopping = asyncio.Event()
        self.trouble = ""

    async def run(self) -> None:
        """Move batches until `stop`, then what is still pending."""
        while not self._stopping.is_set():
            arriving = asyncio.ensure_future(self._bus.arrival())
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({arriving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            arriving.cancel()
            stopping.cancel()
            if self._bus.waiting:
                await self._move()
                await self._pause()
        with contextlib.suppress(TimeoutError):  # the log keeps what does not get through in time
            async with asyncio.timeout(_DRAIN_SECONDS_MAX):
                while self._bus.waiting:
                    await self._move()

    def stop(self) -> None:
        """End `run` after what is pending has been stored."""
        self._stopping.set()

    async def _move(self) -> None:
        try:
            sealed = await self._bus.seal()
        except OSError as error:
            await self._wait_out("wal", f"the batch boundaries cannot be written: {error.strerror}")
            return
        await self._process(sealed)

    async def _process(self, sealed: Sealed) -> None:
        exports = [entry.export for entry in sealed.entries]
        batch = await asyncio.to_thread(self._prepare, exports, sealed.received_ms)
        try:
            await self._until_done(lambda: self._before(batch))
            await self._until_done(
                lambda: self._store.insert(tables_of(batch), received_ms=batch.received_ms)
            )
        except RowsRejected as error:
            await self._divide(sealed, str(error))
            return
        self._count(exports, batch)
        await self._until_done(lambda: self._after(batch))
        await self._bus.commit(sealed)

    async def _until_done(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it, and again while it fails for now (a full disk, say); each act may be done twice."""
        while True:
            try:
                await act()
            except RowsRejected:
                raise
            except (StoreError, OSError) as error:
                await self._wait_out("store", str(error))
            else:
                return

    def _prepare(self, exports: Sequence[Export], received_ms: int) -> Batch:
        # Decoding makes millions of short-lived objects and no cycles: collecting meanwhile cost 15 % of it.
        gc.disable()
        try:
            batch = self._decode(exports, received_ms)
            for stage in self._stages:
                batch = stage(batch)
        finally:
            gc.enable()
        return batch

    async def _divide(self, sealed: Sealed, reason: str) -> None:
        if len(sealed.entries) > 1:
            _log.warning("%s; the batch is divided", reason)
            await self._until_done(lambda: self._bus.split(sealed))
            return
        _log.error("%s; one export is set aside in %s", reason, self._rejected)
        await self._until_done(lambda: asyncio.to_thread(self._set_aside, sealed.entries[0]))
        self._meter.count("store", "dropped: export rejected by the store")
        await self._until_done(lambda: self._store.insert({}, received_ms=sealed.received_ms))
        await self._bus.commit(sealed)

    def _set_aside(self, entry: Entry) -> None:
        self._rejected.mkdir(exist_ok=True)
        kept = sum(file.stat().st_size for file in self._rejected.iterdir())
        if kept + len(entry.export.payload) <= _REJECTED_BYTES_MAX:
            name = f"{entry.number:020d}.{entry.export.signal}.pb"
            (self._rejected / name).write_bytes(entry.export.payload)

    async def _wait_out(self, edge: str, trouble: str) -> None:
        self._meter.count(edge, "failed and asked again")
        if trouble != self.trouble:
            _log.error("%s; asked again every %.0f s", trouble, _RETRY_S)
        self.trouble = trouble
        await asyncio.sleep(_RETRY_S)

    async def _pause(self) -> None:
        self.trouble = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE_S):
                await self._stopping.wait()

    def _count(self, exports: Sequence[Export], batch: Batch) -> None:
        self._meter.count("decode", "received: exports", len(exports))
        self._meter.count("decode", "sent: records", batch.records)
        distilled = (export for export in exports if export.signal is not Signal.METRICS)
        self._meter.count("distil", BYTES_IN, sum(len(export.payload) for export in distilled))
        for table in (batch.logs, batch.spans):
            self._meter.count("distil", RECORDS_IN, table.num_rows if table is not None else 0)
        for table in (batch.counts, batch.exemplars):
            self._meter.count("distil", BYTES_KEPT, table.nbytes if table is not None else 0)
        for name, table in (("logs", batch.logs), ("traces", batch.spans), ("metrics", batch.metrics)):
            self._meter.count("store", name, table.num_rows if table is not None else 0)
        for reason, number in batch.dropped.items():
            self._meter.count("decode", f"dropped: {reason}", number)


def tables_of(batch: Batch) -> Mapping[str, pa.Table]:
    """What is inserted of a batch, by the names of the store's tables."""
    tables = {
        "logs": batch.logs,
        "spans": batch.spans,
        "metrics": batch.metrics,
        "counts": batch.counts,
        "exemplars": batch.exemplars,
        "origins": batch.origin_rows,
        "agent_steps": batch.agent_steps,
        "agent_runs": batch.agent_runs,
    }
    return {name: table for name, table in tables.items() if table is not None}
