"""Lines -> how often each pattern occurred: a whole file at once, in bounded memory, without a server.

Two ways to the same counts: `PureLines` takes the records of `lines` through the pure path, `ScannedLines` (see
`line_scan`) reads the bytes with the compiled core. `line_counts` chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np

from flyball import native
from flyball.distill.catalog import Catalog
from flyball.distill.counted import Counted, Settled
from flyball.distill.lines import LineReader, Records
from flyball.distill.parse import TIME_CHARS, time_ns
from flyball.distill.shapes import OTHER, Distiller
from flyball.model.pattern import Pattern, Shape, shape_id


@dataclass(slots=True)
class Tally:
    """What was counted of one shape: how often, how severe at worst, and how its first and last records begin, redacted.

    `first_at` and `last_at` order records within one stream and mean nothing else.
    """

    count: int = 0
    severity: int = 0
    first_at: int = -1
    last_at: int = -1
    first: str = ""
    last: str = ""

    def add(self, other: Tally) -> None:
        """Count what the other counted as well."""
        self.count += other.count
        self.severity = max(self.severity, other.severity)
        if self.first_at < 0 or other.first_at < self.first_at:
            self.first_at, self.first = other.first_at, other.first
        if other.last_at > self.last_at:
            self.last_at, self.last = other.last_at, other.last

    def times_ns(self) -> list[int]:
        """The times that the first and the last record state, of those that state one."""
        texts = {self.first, self.last}
        return [time for text in texts if (time := time_ns(text)) is not None]


class LineCounts(Protocol):
    """Counts the shapes of lines while they stream by.

    `lines`, `records`, `redacted` and `other` (records over the cap on shapes) count since the beginning, and so does
    `cut`, lines over LINE_BYTES_MAX. Where a file was given, it receives the shape id of each line, 8 bytes
    in the machine's order, 0 for a blank line.
    """

    lines: int
    records: int
    redacted: int
    cut: int

    @property
    def other(self) -> int: ...  # noqa: D102 - told above

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        ...

    def end_file(self) -> None:
        """Count what is left of a file: its last line needs no newline, a trace does not go on in the next."""
        ...

    def settle(self) -> Settled:
        """The patterns. They are made now: call it once, at the end."""
        ...


def line_counts(spool: IO[bytes] | None = None) -> LineCounts:
    """The quickest that is there."""
    if native.library() is None:
        return PureLines(spool)
    from flyball.distill.line_scan import ScannedLines  # noqa: PLC0415 - it needs the compiled core

    return ScannedLines(spool)


class PureLines:
    """Without the compiled core."""

    def __init__(self, spool: IO[bytes] | None = None) -> None:
        self.lines = self.records = self.redacted = self.cut = 0
        self._spool = spool
        self._reader = LineReader()
        self._distiller = Distiller(core=None)
        self._shapes: dict[int, Shape] = {}
        self._tallies: dict[int, Tally] = {}

    @property
    def other(self) -> int:
        """Records over the cap on shapes."""
        return self._distiller.other

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        self._take(self._reader.feed(chunk))

    def end_file(self) -> None:
        """Count what is left of a file."""
        self._take(self._reader.flush())
        self.cut += self._reader.cut
        self._reader = LineReader()

    def settle(self) -> Settled:
        """The patterns. They are made now: call it once, at the end."""
        counted = sorted(self._tallies.items(), key=lambda pair: pair[1].first_at)
        # age is the order of the first record
        catalog = Catalog((self._shapes.get(shape, OTHER), age) for age, (shape, _) in enumerate(counted))
        tallies: dict[str, list[Tally]] = {}
        for shape, tally in counted:
            tallies.setdefault(catalog.resolve(shape), []).append(tally)
        ids = np.array(sorted(self._tallies), np.uint64)
        return Settled(
            patterns=[
                _counted(pattern, catalog.example(pattern.fingerprint), tallies[pattern.fingerprint])
                for pattern in catalog.patterns()
            ],
            shapes=ids,
            roots=np.array([shape_id(catalog.resolve(shape)) for shape in ids.tolist()], np.uint64),
        )

    def _take(self, records: Records) -> None:
        self.lines += len(records.of_line)
        if not len(records.of_line):
            return
        distilled = self._distiller.distill(records.texts, np.zeros(len(records.texts), np.uint8))
        self._shapes |= {shape.id: shape for shape in self._distiller.drain_new()}
        if self._spool is not None:
            shapes = np.append(distilled.shapes, np.uint64(0))  # NO_RECORD (-1) picks this 0
            self._spool.write(shapes[records.of_line].tobytes())
        ids, firsts, codes, counts = np.unique(
            distilled.shapes, return_index=True, return_inverse=True, return_counts=True
        )
        lasts = np.empty(len(ids), np.int64)
        lasts[codes] = np.arange(len(codes))
        worst = np.zeros(len(ids), np.uint8)
        np.maximum.at(worst, codes, distilled.severity)
        for at, shape in enumerate(ids.tolist()):
            first, last = int(firsts[at]), int(lasts[at])
            tally = Tally(
                count=int(counts[at]),
                severity=int(worst[at]),
                first_at=self.records + first,
                last_at=self.records + last,
                first=distilled.texts[first].as_py()[:TIME_CHARS],
                last=distilled.texts[last].as_py()[:TIME_CHARS],
            )
            self._tallies.setdefault(shape, Tally()).add(tally)
        self.records += len(distilled.shapes)
        self.redacted += distilled.redacted


def _counted(pattern: Pattern, example: str, tallies: Sequence[Tally]) -> Counted:
    times = [time // 1000 for tally in tallies for time in tally.times_ns()]
    return Counted(
        fingerprint=pattern.fingerprint,
        template=pattern.template,
        count=sum(tally.count for tally in tallies),
        severity=max(tally.severity for tally in tallies),
        first_us=min(times, default=None),
        last_us=max(times, default=None),
        example=example,
    )
