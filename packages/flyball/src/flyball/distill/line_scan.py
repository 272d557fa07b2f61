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

from flyball.distill.line_counts import Tally, in_order
from flyball.distill.lines import KEY_MARK, LINE_BYTES_MAX, joined, settled
from flyball.distill.parse import TIME_CHARS
from flyball.distill.redact import RULES_VERSION
from flyball.distill.scanner import BEST, BLANK, NO_ENTRY, ODD, Found, Scanner
from flyball.distill.shapes import OTHER, SHAPES_MAX, Distiller
from flyball.distill.traces import FRAME_RE2, LINE_CHARS_MAX, Lines
from flyball.model.pattern import Shape

_SPACE = b"\t\n\f\r "  # of a line that is blank
ROWS_MAX = 1 << 16
"""Lines scanned at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Some scanned lines: line i is data[start + begins[i] : start + begins[i + 1] - 1]."""

    data: bytes
    start: int
    begins: NDArray[np.uint32]
    codes: NDArray[np.int32]
    found: Found

    def raw(self, row: int) -> bytes:
        return self.data[self.start + int(self.begins[row]) : self.start + int(self.begins[row + 1]) - 1]

    def text(self, row: int) -> str:
        return self.raw(row)[:LINE_BYTES_MAX].decode("utf-8", "replace")

    def joined(self) -> list[tuple[int, int]]:
        """The lines that are one record: see `lines.joined`."""
        frames, odd = self.found.frames, self.found.odd.tolist()
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
            total=len(self.codes),
        )
        return joined(lines, frames.tolist(), keys, LINE_BYTES_MAX)


class ScannedLines:
    """With the compiled core, its instructions no wider than `level`."""

    def __init__(self, spool: IO[bytes] | None = None, *, level: int = BEST) -> None:
        self.lines = self.records = self.redacted = self.cut = 0
        self._spool = spool
        self._scanner = Scanner(other=OTHER.id, shapes_max=SHAPES_MAX, level=level)
        self._distiller = Distiller(core=None)
        self._begins = np.empty(ROWS_MAX + 1, np.uint32)
        self._codes = np.empty(ROWS_MAX, np.int32)
        self._held = b""  # lines that may go on, and what has no newline yet
        self._at = 0  # where in the stream that begins
        self._skipping = False  # the rest of a line that was cut
        self._shapes: dict[int, tuple[int, Shape]] = {}  # with the place of the record that is the example
        self._templates: dict[int, str] = {}
        self._tallies: dict[int, Tally] = {}

    @property
    def other(self) -> int:
        """Records over the cap on shapes."""
        self._harvest()
        other = self._tallies.get(OTHER.id)
        return other.count if other else 0

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        if self._skipping:
            end = chunk.find(b"\n")
            if end < 0:
                return
            chunk, self._skipping = chunk[end:], False
        data = self._held + chunk
        end = data.rfind(b"\n") + 1
        tail = data[end:]
        if len(tail) > LINE_BYTES_MAX:
            tail, self._skipping = tail[:LINE_BYTES_MAX], True
            self.cut += 1
        self._held = data[self._scan(data, end, final=False) : end] + tail

    def end_file(self) -> None:
        """Count what is left of a file."""
        data, self._held, self._skipping = self._held, b"", False
        if data:
            data = data if data.endswith(b"\n") else data + b"\n"
            self._scan(data, len(data), final=True)

    def shapes(self) -> list[tuple[Shape, Tally]]:
        """The shapes in the order of their first record, and what was counted."""
        self._harvest()
        return in_order({shape: known for shape, (_at, known) in self._shapes.items()}, self._tallies)

    def _scan(self, data: bytes, end: int, *, final: bool) -> int:
        """Count the lines up to `end`, but for the last ones unless `final`; returns how far that is."""
        address = np.frombuffer(data, np.uint8).ctypes.data if data else 0
        at = 0
        while at < end:
            rows, found = self._scanner.lines(address + at, end - at, self._begins, self._codes)
            self._templates.update((shape, template) for shape, _row, template in found.new)
            block = _Block(
                data=data,
                start=at,
                begins=self._begins[: rows + 1],
                codes=self._codes[:rows],
                found=found,
            )
            whole = int(block.begins[rows]) == end - at
            blocks = block.joined() if len(found.odd) else []
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
        begins, codes = block.begins[: until + 1], block.codes[:until]
        for row in block.found.odd[block.found.odd < until].tolist():
            if not block.raw(row).strip(_SPACE):
                codes[row] = BLANK
        blank = codes == BLANK
        for first, after in blocks:
            codes[first:after] = BLANK
        odd = np.flatnonzero(codes == ODD) if len(block.found.odd) else block.found.odd
        stream_at = self._at + block.start
        self._scanner.tally(address, begins, codes, stream_at)
        self.lines += until
        self.records += int((codes >= 0).sum()) + len(odd) + len(blocks)
        shapes = None
        if self._spool is not None:  # the codes below zero pick the zeros at the end
            shapes = np.append(block.found.shapes, np.zeros(-ODD, np.uint64))[codes]
        if len(odd) or blocks:
            whole = [(row, row + 1) for row in odd.tolist()] + blocks
            entries = dict(zip(block.found.odd.tolist(), block.found.odd_entries.tolist(), strict=True))
            ids = self._take(
                block, whole, [entries.get(first, NO_ENTRY) for first, _after in whole], stream_at
            )
            if shapes is not None:
                for (first, after), shape in zip(whole, ids, strict=True):
                    shapes[first:after] = shape
        if self._spool is not None and shapes is not None:
            shapes[blank] = 0
            self._spool.write(shapes.tobytes())
        if self._scanner.is_full:
            self._harvest()

    def _take(
        self, block: _Block, rows: list[tuple[int, int]], entries: list[int], stream_at: int
    ) -> list[int]:
        """Records that the core left, the pure way; returns their shapes."""
        texts = ["\n".join(map(block.text, range(first, after))) for first, after in rows]
        self.cut += sum(len(block.raw(first)) > LINE_BYTES_MAX for first, _after in rows)
        distilled = self._distiller.distill(pa.array(texts, pa.string()), np.zeros(len(texts), np.uint8))
        new = {shape.id: shape for shape in self._distiller.drain_new()}
        self.redacted += distilled.redacted
        ids, severities = distilled.shapes.tolist(), distilled.severity.tolist()
        for at, (first, _after) in enumerate(rows):
            place, text = stream_at + int(block.begins[first]), texts[at][:TIME_CHARS]
            tally = Tally(
                count=1, severity=severities[at], first_at=place, last_at=place, first=text, last=text
            )
            self._tallies.setdefault(ids[at], Tally()).add(tally)
            if ids[at] in new:
                self._know(new.pop(ids[at]), place)
            if entries[at] != NO_ENTRY and not distilled.redacted:
                self._scanner.settle(entries[at], ids[at], severities[at])
        return ids

    def _know(self, shape: Shape, place: int) -> None:
        """A shape, with the record at that place as its example: the first one stays."""
        if shape.id not in self._shapes or place < self._shapes[shape.id][0]:
            self._shapes[shape.id] = place, shape

    def _harvest(self) -> None:
        """Take over what the core counted, and let it forget the keys."""
        for shape, severity, seen in self._scanner.tallied():
            tally = Tally(
                count=seen.count,
                severity=severity,
                first_at=seen.first_at,
                last_at=seen.last_at,
                first=seen.first[:TIME_CHARS],
                last=seen.last[:TIME_CHARS],
            )
            self._tallies.setdefault(shape, Tally()).add(tally)
            template = self._templates.get(shape)
            if template is not None:
                known = Shape(id=shape, template=template, rules=RULES_VERSION, example=seen.first)
                self._know(known, seen.first_at)
        self._scanner.forget()
