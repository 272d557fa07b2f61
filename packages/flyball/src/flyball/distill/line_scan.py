"""Lines counted by the compiled core: it finds, keys and counts them; here stand only the rare ones.

A block of lines is scanned as it is. Where the core saw stack frames or private keys, the lines around them are
joined to records as `lines` does it; those, and what the core left, take the pure path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball.distill.counted import Settled
from flyball.distill.lines import KEY_MARK, LINE_BYTES_MAX, joined, settled
from flyball.distill.scanner import BEST, BLANK, NO_ENTRY, ODD
from flyball.distill.scans import Scan, Scans
from flyball.distill.settle import CoreShapes
from flyball.distill.shapes import OTHER, SHAPES_MAX, Distilled, Distiller
from flyball.distill.traces import FRAME_RE2, LINE_CHARS_MAX, Lines

BRIDGE_BYTES = 1 << 16
"""So much of a chunk is joined to the lines held back from the one before."""

ODD_CHARS_MAX = 1 << 20
"""Characters of texts that wait for the pure path."""
_SPACE = b"\t\n\f\r "  # of a line that is blank


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Some scanned lines: line i is data[start + begins[i] : start + begins[i + 1] - 1]."""

    data: bytes
    start: int
    begins: NDArray[np.uint32]
    scan: Scan

    def raw(self, row: int) -> bytes:
        return self.data[self.start + int(self.begins[row]) : self.start + int(self.begins[row + 1]) - 1]

    def text(self, row: int) -> str:
        return self.raw(row)[:LINE_BYTES_MAX].decode("utf-8", "replace")

    def joined(self) -> list[tuple[int, int]]:
        """The lines that are one record: see `lines.joined`."""
        frames, odd = self.scan.frames, self.scan.odd.tolist()
        if len(frames):
            texts = pa.array([self.text(row) for row in frames.tolist()], pa.string())
            frames = frames[pc.match_substring_regex(texts, FRAME_RE2).to_numpy(zero_copy_only=False)]
        mark = KEY_MARK.encode()
        keys = [row for row in odd if mark in self.raw(row)]
        if not len(frames) and not keys:
            return []
        lines = Lines(
            text=lambda row: self.text(row)[:LINE_CHARS_MAX],
            size=lambda row: len(self.text(row)),
            total=len(self.scan.codes),
        )
        return joined(lines, frames.tolist(), keys, LINE_BYTES_MAX)


class ScannedLines:
    """With the compiled core, its instructions no wider than `level`, on so many cores as `scans.Scans` says."""

    def __init__(self, spool: IO[bytes] | None = None, *, level: int = BEST, workers: int = 0) -> None:
        self.lines = self.records = self.redacted = self.cut = 0
        self._spool = spool
        self._distiller = Distiller(core=None)
        self._held = b""  # lines that may go on, and what has no newline yet
        self._odd: list[tuple[str, int]] = []  # texts that the core left, with their places
        self._odd_chars = 0
        self._at = 0  # where in the stream that begins
        self._skipping = False  # the rest of a line that was cut
        self._shapes = CoreShapes()
        self._shapes.know(OTHER, 0)  # before any record, so that its example is none of them
        self._scans = Scans(self._shapes, other=OTHER.id, shapes_max=SHAPES_MAX, level=level, workers=workers)

    @property
    def other(self) -> int:
        """Records over the cap on shapes."""
        self._distil_waiting()
        self._scans.harvest()
        return self._shapes.count(OTHER.id)

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        if self._skipping:
            end = chunk.find(b"\n")
            if end < 0:
                return
            chunk, self._skipping = chunk[end:], False
        held, start, take = self._held, 0, BRIDGE_BYTES
        while held and start < len(
            chunk
        ):  # what was held goes on with the chunk's first lines; the rest is not copied
            data = held + chunk[start : start + take]
            until = self._scan(data, 0, data.rfind(b"\n") + 1, final=False)
            if until >= len(held):
                start, held = start + until - len(held), b""
            else:
                start, take, held = start + take, 2 * take, data[until:]
        if start < len(chunk):
            held = chunk[self._scan(chunk, start, chunk.rfind(b"\n") + 1, final=False) :]
        tail = held.rfind(b"\n") + 1
        if len(held) - tail > LINE_BYTES_MAX:
            held, self._skipping = held[: tail + LINE_BYTES_MAX], True
            self.cut += 1
        self._held = held

    def end_file(self) -> None:
        """Count what is left of a file."""
        data, self._held, self._skipping = self._held, b"", False
        if data:
            data = data if data.endswith(b"\n") else data + b"\n"
            self._scan(data, 0, len(data), final=True)
        self._distil_waiting()

    def settle(self) -> Settled:
        """The patterns. They are made now: call it once, at the end."""
        self._distil_waiting()
        self._scans.harvest()
        return self._shapes.settle()

    def _scan(self, data: bytes, start: int, end: int, *, final: bool) -> int:
        """Count the lines from `start` to `end`, but for the last ones unless `final`; returns where those begin."""
        address = np.frombuffer(data, np.uint8).ctypes.data if data else 0
        at = start
        self._at -= start  # where in the stream the data begins
        while at < end:
            scan = self._scans.scan(data, address, at, end)
            rows = len(scan.codes)
            block = _Block(data=data, start=at, begins=scan.begins, scan=scan)
            whole = int(block.begins[rows]) == end - at
            blocks = block.joined() if len(scan.odd) else []
            until = rows if final and whole else settled(rows, blocks)
            if until:
                self._count(block, until, [some for some in blocks if some[1] <= until], address + at)
            at += int(block.begins[until])
            if whole:
                break
        self._at += at
        return at

    def _count(self, block: _Block, until: int, blocks: list[tuple[int, int]], address: int) -> None:
        """Count the first lines of a block."""
        scan = block.scan
        codes = scan.codes[:until]
        for row in scan.odd[scan.odd < until].tolist():
            if not block.raw(row).strip(_SPACE):
                codes[row] = BLANK
        blank = codes == BLANK
        for first, after in blocks:
            codes[first:after] = BLANK
        odd = np.flatnonzero(codes == ODD) if len(scan.odd) else scan.odd
        stream_at = self._at + block.start
        self.redacted += self._scans.tally(scan, until, address, stream_at)
        self.lines += until
        self.records += int((codes >= 0).sum()) + len(odd) + len(blocks)
        shapes = None if self._spool is None else self._scans.shapes(scan, until)
        if len(odd) or blocks:
            whole = [(row, row + 1) for row in odd.tolist()] + blocks
            entries = dict(zip(scan.odd.tolist(), scan.odd_entries.tolist(), strict=True))
            ids = self._take(
                block, whole, [entries.get(first, NO_ENTRY) for first, _after in whole], stream_at
            )
            if shapes is not None:
                for (first, after), shape in zip(whole, ids, strict=True):
                    shapes[first:after] = shape
        if self._spool is not None and shapes is not None:
            shapes[blank] = 0
            self._spool.write(shapes.tobytes())
        if self._scans.is_full:
            self._scans.harvest()

    def _take(
        self, block: _Block, rows: list[tuple[int, int]], entries: list[int], stream_at: int
    ) -> list[int]:
        """Records that the core left; returns their shapes when the spool wants them, else they may wait.

        Redaction costs half as much when many texts come at once.
        """
        before = len(self._odd)
        for first, after in rows:
            text = "\n".join(map(block.text, range(first, after)))
            self._odd.append((text, stream_at + int(block.begins[first])))
            self._odd_chars += len(text)
        self.cut += sum(len(block.raw(first)) > LINE_BYTES_MAX for first, _after in rows)
        waiting = any(entry != NO_ENTRY for entry in entries)
        if self._spool is None and not waiting and self._odd_chars < ODD_CHARS_MAX:
            return []
        distilled = self._distil()
        ids = distilled.shapes[before:].tolist()
        if not distilled.redacted:
            for (first, _after), entry, shape, severity in zip(
                rows, entries, ids, distilled.severity[before:].tolist(), strict=True
            ):
                if entry != NO_ENTRY:
                    self._scans.settle(block.scan, first, entry, shape, severity)
        return ids

    def _distil_waiting(self) -> None:
        if self._odd:
            self._distil()

    def _distil(self) -> Distilled:
        """The records that waited, the pure way."""
        original = pa.array([text for text, _place in self._odd], pa.string())
        places = np.array([place for _text, place in self._odd], np.uint64)
        self._odd, self._odd_chars = [], 0
        distilled = self._distiller.distill(original, np.zeros(len(original), np.uint8))
        new = {shape.id: shape for shape in self._distiller.drain_new()}
        self.redacted += distilled.redacted
        self._shapes.add(distilled.shapes, distilled.severity, places, distilled.texts)
        for shape, place in zip(distilled.shapes.tolist() if new else [], places.tolist(), strict=False):
            if shape in new:
                self._shapes.know(new.pop(shape), place)
        return distilled
