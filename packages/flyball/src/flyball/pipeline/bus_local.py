"""The local bus: a write-ahead log in front of the telemetry store.

    append   returns when the export is durable (group commit: one fsync for all that waited, at most every
             20 ms): then the sender may be acknowledged.
    seal     takes what is pending as a batch and writes its boundaries down, so that a replay forms the same
             batch under the same name and the store recognises it.
    commit   after the insert: forget the batch, delete segments that are through.

An export whose bytes were accepted within the last ten minutes is acknowledged without being counted again,
across restarts too: OTLP has no idempotence key, and an exporter that timed out sends the same bytes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import zstandard

from flyball.component.ports import Clock
from flyball.errors import Overloaded
from flyball.model.export import Export
from flyball.pipeline.journal import Damage, Entry, encode, read_segment, sync_folder

_FSYNC_PAUSE_S = 0.020
_SEGMENT_BYTES_MAX = 64 * 1024 * 1024
_PENDING_BYTES_MAX = 256 * 1024 * 1024
"""Payload held in memory between acknowledge and insert; full means 429."""
_BATCH_BYTES_MAX = 48 * 1024 * 1024
_DIGEST_SECONDS = 600
_DIGESTS_MAX = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A batch with written-down boundaries: `received_ms` names it."""

    received_ms: int
    entries: Sequence[Entry]


class LocalBus:
    """The log in `folder`. `start` recovers and opens it, `close` makes what is pending durable.

    `cursors` says how far followed sources had been read by the newest exports that recovery found.
    """

    def __init__(self, folder: Path, clock: Clock, *, free_bytes_min: int = 0) -> None:
        self._folder = folder
        self._clock = clock
        self._free_bytes_min = free_bytes_min
        self._pending: deque[Entry] = deque()
        self._resealed: deque[Sealed] = deque()
        self._pending_bytes = 0
        self._arrived = asyncio.Event()
        self._next_number = 1
        self._through = 0  # entries up to this number are in the store
        self._last_received_ms = 0
        self._digests: OrderedDict[bytes, tuple[int, asyncio.Future[None] | None]] = OrderedDict()
        self._writes: queue.SimpleQueue[tuple[Entry, asyncio.Future[None]] | None] = queue.SimpleQueue()
        self._segments: list[tuple[int, Path]] = []
        self._boundaries: BinaryIO | None = None
        self._moving: Sealed | None = None
        self.damage = Damage()
        self.cursors: dict[str, str] = {}
        self.received = 0
        """Exports made durable since the start, those that recovery found included."""
        self.stored = 0
        """Exports of committed batches since the start."""
        self.duplicates = 0

    @property
    def pending_bytes(self) -> int:
        """Payload that is durable or on its way, and not yet in the store."""
        return self._pending_bytes

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest export that is durable and not yet in the store was received; None if all are."""
        batches = [*([self._moving] if self._moving else []), *self._resealed]
        waiting = [batch.entries[0] for batch in batches] + ([self._pending[0]] if self._pending else [])
        return min((entry.export.received_ns for entry in waiting), default=None)

    @property
    def waiting(self) -> bool:
        """Whether something durable waits to be sealed."""
        return bool(self._pending or self._resealed)

    # -- life -------------------------------------------------------------------------------------------

    def start(self, committed_ms: int) -> None:
        """Recover what was not committed; `committed_ms` is the store's last batch.

        Entries of batches that were sealed but not committed come back under the same name, the others as new.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        sealed = self._recover_boundaries(committed_ms)
        self._recover_entries(sealed)
        self._rewrite_boundaries()
        self._segment = self._open_segment()
        self._writer = threading.Thread(target=self._write_forever, name="flyball-wal", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        """Write what is queued, stop the writer, close the files."""
        self._writes.put(None)
        await asyncio.to_thread(self._writer.join)
        self._segment.close()
        if self._boundaries:
            self._boundaries.close()

    # -- receive ----------------------------------------------------------------------------------------

    async def append(self, export: Export) -> None:
        """Return when the export is durable.

        Raises:
            Overloaded: the buffer is full, or the disk is.
        """
        digest = export.digest
        known = self._digests.get(digest)
        if known is not None and export.received_ns - known[0] < _DIGEST_SECONDS * 1_000_000_000:
            self.duplicates += 1
            if known[1] is not None:
                await asyncio.shield(known[1])  # the first of the twins is still on its way to the disk
            return
        self._check_room(len(export.payload))
        entry = Entry(number=self._next_number, export=export, digest=digest)
        self._next_number += 1
        self._pending_bytes += entry.size_bytes
        durable: asyncio.Future[None] = self._loop.create_future()
        self._remember(digest, export.received_ns, durable)
        self._writes.put((entry, durable))
        try:
            await asyncio.shield(durable)
        except Overloaded:
            self._pending_bytes -= entry.size_bytes
            self._digests.pop(digest, None)
            raise

    def _check_room(self, size_bytes: int) -> None:
        if self._pending_bytes + size_bytes > _PENDING_BYTES_MAX:
            raise Overloaded("the buffer in front of the store is full", retry_after_s=2)
        free = shutil.disk_usage(self._folder).free
        if free < self._free_bytes_min:
            raise Overloaded(
                f"the disk has {free / 1e6:.0f} MB free and {self._free_bytes_min / 1e6:.0f} MB are kept free:"
                " nothing is received until there is room",
                retry_after_s=30,
            )

    def _remember(self, digest: bytes, received_ns: int, durable: asyncio.Future[None] | None) -> None:
        self._digests[digest] = (received_ns, durable)
        self._digests.move_to_end(digest)
        oldest_ns = received_ns - _DIGEST_SECONDS * 1_000_000_000
        while self._digests:
            first, (at_ns, _) = next(iter(self._digests.items()))
            if at_ns >= oldest_ns and len(self._digests) <= _DIGESTS_MAX:
                break
            del self._digests[first]

    # -- the writer thread ------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        compressor = zstandard.ZstdCompressor(level=1)
        last_sync = 0.0
        while (first := self._writes.get()) is not None:
            time.sleep(max(0.0, last_sync + _FSYNC_PAUSE_S - time.monotonic()))
            group, stop = [first], False
            with contextlib.suppress(queue.Empty):
                while True:
                    item = self._writes.get_nowait()
                    if item is None:
                        stop = True
                        break
                    group.append(item)
            last_sync = time.monotonic()
            error = self._write_group([entry for entry, _ in group], compressor)
            self._loop.call_soon_threadsafe(self._settle, group, error)
            if stop:
                return

    def _write_group(self, entries: Sequence[Entry], compressor: zstandard.ZstdCompressor) -> OSError | None:
        start = self._segment.tell()
        try:
            if start > _SEGMENT_BYTES_MAX:
                self._segment.close()
                self._segment = self._open_segment(entries[0].number)
                start = 0
            _write_all(self._segment, b"".join(encode(entry, compressor) for entry in entries))
            os.fsync(self._segment.fileno())
        except OSError as error:
            # What is in the page cache after a failed fsync is unknown: these entries are refused, and the
            # next ones go after the last byte known to be good.
            with contextlib.suppress(OSError):
                self._segment.seek(start)
                self._segment.truncate(start)
            return error
        return None

    def _open_segment(self, number: int | None = None) -> BinaryIO:
        first = self._next_number if number is None else number
        path = self._folder / f"{first:020d}.log"
        file = path.open("wb", buffering=0)
        sync_folder(self._folder)
        self._segments.append((first, path))
        return file

    def _settle(self, group: Sequence[tuple[Entry, asyncio.Future[None]]], error: OSError | None) -> None:
        for entry, durable in group:
            if error is not None:
                text = f"the write-ahead log cannot be written: {error.strerror}"
                durable.set_exception(Overloaded(text, retry_after_s=10))
                durable.exception()  # a sender that went away leaves nobody to read it
                continue
            # what waits for the store needs the payload only
            self.received += 1
            self._pending.append(replace(entry, export=replace(entry.export, packed=b"")))
            self._digests[entry.digest] = (entry.export.received_ns, None)
            durable.set_result(None)
        self._arrived.set()

    # -- towards the store ------------------------------------------------------------------------------

    async def arrival(self) -> None:
        """Wait until there is something to seal."""
        while not self.waiting:
            self._arrived.clear()
            await self._arrived.wait()

    async def seal(self) -> Sealed:
        """Take what has arrived (there must be something), up to a bound of bytes, as a batch. Not to be cancelled.

        Raises:
            OSError: the boundaries cannot be written (a full disk); nothing is taken.
        """
        if self._resealed:
            self._moving = self._resealed.popleft()
            return self._moving
        entries: list[Entry] = []
        size = 0
        for entry in self._pending:
            if entries and size + entry.size_bytes > _BATCH_BYTES_MAX:
                break
            entries.append(entry)
            size += entry.size_bytes
        sealed = await asyncio.to_thread(self._seal, entries)
        for _ in entries:
            self._pending.popleft()
        self._moving = sealed
        return sealed

    def _seal(self, entries: Sequence[Entry]) -> Sealed:
        self._last_received_ms = max(self._clock.now_ns() // 1_000_000, self._last_received_ms + 1)
        line = {
            "received_ms": self._last_received_ms,
            "numbers": [entries[0].number, entries[-1].number],
            "digests": [[e.digest.hex(), e.export.received_ns] for e in entries],
        }
        self._write_boundaries([line])
        return Sealed(received_ms=self._last_received_ms, entries=entries)

    async def split(self, batch: Sealed) -> None:
        """Put a batch that the store rejects back as two, each with a name of its own, first in line."""
        middle = len(batch.entries) // 2
        halves = [batch.entries[:middle], batch.entries[middle:]]
        self._write_boundaries([{"abandoned_ms": batch.received_ms}])
        self._resealed.extendleft(reversed([await asyncio.to_thread(self._seal, half) for half in halves]))
        self._moving = None

    async def commit(self, batch: Sealed) -> None:
        """Forget a batch that is in the store (or set aside): its segments may go."""
        self._pending_bytes -= sum(entry.size_bytes for entry in batch.entries)
        self.stored += len(batch.entries)
        self._moving = None
        await asyncio.to_thread(self._trim, batch.entries[-1].number)

    def _trim(self, through: int) -> None:
        waiting = [b.entries[0].number for b in self._resealed]
        through = self._through = min([through, *(number - 1 for number in waiting)])
        while len(self._segments) > 1 and self._segments[1][0] <= through + 1:
            _, path = self._segments.pop(0)
            path.unlink(missing_ok=True)
        if self._boundaries and self._boundaries.tell() > _SEGMENT_BYTES_MAX:
            self._rewrite_boundaries()

    # -- boundaries -------------------------------------------------------------------------------------

    @property
    def _boundary_path(self) -> Path:
        return self._folder / "batches.jsonl"

    def _write_boundaries(self, lines: Sequence[object]) -> None:
        file = self._boundaries
        if file is None:
            raise RuntimeError("the bus is not started")
        start = file.tell()
        try:
            _write_all(file, b"".join(orjson.dumps(line) + b"\n" for line in lines))
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.seek(start)
                file.truncate(start)
            raise

    def _rewrite_boundaries(self) -> None:
        """Start the file anew with the digests that still count and the batches that are not committed."""
        digests = [[d.hex(), at] for d, (at, _) in self._digests.items()]
        lines: list[object] = [
            {"digests": digests, "received_ms": self._last_received_ms, "through": self._through}
        ]
        lines += [
            {"received_ms": b.received_ms, "numbers": [b.entries[0].number, b.entries[-1].number]}
            for b in self._resealed
        ]
        fresh = self._boundary_path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._boundary_path)
        sync_folder(self._folder)
        if self._boundaries:
            self._boundaries.close()
        self._boundaries = self._boundary_path.open("ab", buffering=0)

    # -- recovery ---------------------------------------------------------------------------------------

    def _recover_boundaries(self, committed_ms: int) -> dict[int, tuple[int, int]]:
        """The sealed batches that are not committed (name -> numbers)."""
        sealed: dict[int, tuple[int, int]] = {}
        for line in _lines(self._boundary_path):
            for digest, at_ns in line.get("digests", []):
                self._remember(bytes.fromhex(digest), at_ns, None)
            self._last_received_ms = max(self._last_received_ms, line.get("received_ms", 0))
            self._through = max(self._through, line.get("through", 0))
            sealed.pop(line.get("abandoned_ms", 0), None)
            if "numbers" in line:
                first, last = line["numbers"]
                if line["received_ms"] <= committed_ms:
                    self._through = max(self._through, last)
                else:
                    sealed[line["received_ms"]] = (first, last)
        self._last_received_ms = max(self._last_received_ms, committed_ms)
        return sealed

    def _recover_entries(self, sealed: dict[int, tuple[int, int]]) -> None:
        batches: dict[int, list[Entry]] = {name: [] for name in sealed}
        paths = sorted(self._folder.glob("*.log"))
        self._next_number = self._through + 1
        for path in paths:
            keep = False
            for entry in read_segment(path, self.damage):
                self._next_number = max(self._next_number, entry.number + 1)
                self._remember(entry.digest, entry.export.received_ns, None)
                self.cursors |= entry.export.cursors
                name = next((n for n, (a, b) in sealed.items() if a <= entry.number <= b), None)
                if name is None and entry.number <= self._through:
                    continue
                keep = True
                self._pending_bytes += entry.size_bytes
                self.received += 1
                (self._pending if name is None else batches[name]).append(entry)
            if keep:
                self._segments.append((int(path.stem), path))
            else:
                path.unlink()
        self._resealed.extend(
            Sealed(received_ms=name, entries=entries) for name, entries in sorted(batches.items()) if entries
        )


def _write_all(file: BinaryIO, data: bytes) -> None:
    """An unbuffered write may stop early (at a full disk, say); the rest then raises."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a JSON-lines file; a torn last one was never relied upon."""
    if not path.exists():
        return []
    result = []
    for line in path.read_bytes().split(b"\n"):
        try:
            result.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return result
