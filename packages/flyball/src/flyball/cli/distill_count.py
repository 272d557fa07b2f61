"""Count the patterns of a stream of lines: what `flyball distill` does between reading and writing.

Memory holds one chunk, the shapes and their counts. Patterns are settled when the input has ended; the shape
of each line waits for that in a temporary file, 8 bytes a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from flyball.distill.catalog import Catalog
from flyball.distill.lines import LineReader, Records
from flyball.distill.parse import time_ns
from flyball.distill.shapes import Distiller
from flyball.model.severity import Severity

ASSIGN_IDS = 1 << 20
"""Ids resolved at a time when the assignment is written."""


@dataclass(slots=True)
class _Tally:
    """What is known of one shape."""

    count: int = 0
    severity: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def join(self, other: _Tally) -> None:
        self.count += other.count
        self.severity = max(self.severity, other.severity)
        self.saw(other.first_ns)
        self.saw(other.last_ns)

    def saw(self, time: int | None) -> None:
        if time is not None:
            self.first_ns = time if self.first_ns is None else min(self.first_ns, time)
            self.last_ns = time if self.last_ns is None else max(self.last_ns, time)


class Count:
    """Counts shapes while the input streams by, patterns when it has ended."""

    def __init__(self, spool: IO[bytes] | None) -> None:
        self.catalog = Catalog()
        self.lines = self.records = self.redacted = self.bytes_in = self.cut = 0
        self._spool = spool
        self._reader = LineReader()
        self._distiller = Distiller()
        self._tallies: dict[int, _Tally] = {}
        self._shapes = 0

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        self.bytes_in += len(chunk)
        self._take(self._reader.feed(chunk))

    def end_file(self) -> None:
        """Count what is left of a file: its last line needs no newline, a trace does not go on in the next."""
        self._take(self._reader.flush())
        self.cut += self._reader.cut
        self._reader = LineReader()

    def _take(self, records: Records) -> None:
        """Count one batch of records and spool the shape of each line."""
        self.lines += len(records.of_line)
        if not len(records.of_line):
            return
        distilled = self._distiller.distill(records.texts, np.zeros(len(records.texts), np.uint8))
        self.records += len(distilled.shapes)
        self.redacted += distilled.redacted
        for shape in self._distiller.drain_new():
            self._shapes += 1
            self.catalog.add([shape], self._shapes)  # age is the order of the first record
        self._tally(distilled.shapes, distilled.severity, records)
        if self._spool is not None:
            shapes = np.append(distilled.shapes, np.uint64(0))  # NO_RECORD (-1) picks this 0
            self._spool.write(shapes[records.of_line].tobytes())

    def _tally(self, shapes: NDArray[np.uint64], severity: NDArray[np.uint8], records: Records) -> None:
        ids, firsts, codes, counts = np.unique(
            shapes, return_index=True, return_inverse=True, return_counts=True
        )
        lasts = np.empty(len(ids), np.int64)
        lasts[codes] = np.arange(len(codes))
        worst = np.zeros(len(ids), np.uint8)
        np.maximum.at(worst, codes, severity)
        for at, shape in enumerate(ids.tolist()):
            tally = self._tallies.setdefault(shape, _Tally())
            tally.count += int(counts[at])
            tally.severity = max(tally.severity, int(worst[at]))
            for row in (int(firsts[at]), int(lasts[at])):
                tally.saw(time_ns(records.texts[row].as_py()))

    def rows(self) -> list[dict[str, Any]]:
        """One row per pattern, the most frequent first; aliases are resolved now."""
        patterns: dict[str, _Tally] = {}
        for shape, tally in self._tallies.items():
            patterns.setdefault(self.catalog.resolve(shape), _Tally()).join(tally)
        rows: list[dict[str, Any]] = []
        for pattern in self.catalog.patterns():
            tally = patterns[pattern.fingerprint]
            rows.append(
                {
                    "fingerprint": pattern.fingerprint,
                    "template": pattern.template,
                    "count": tally.count,
                    "severity": Severity(tally.severity).name if tally.severity else None,
                    "first_seen": _rfc3339(tally.first_ns),
                    "last_seen": _rfc3339(tally.last_ns),
                    "example": self.catalog.example(pattern.fingerprint),
                }
            )
        return sorted(rows, key=lambda row: -row["count"])

    def summary(self, patterns: int, bytes_kept: int, elapsed_s: float) -> str:
        """One line: what came in, what was kept, what was not told apart or cut."""
        return (
            f"lines {self.lines:,} | records {self.records:,} | patterns {patterns:,} | bytes in {self.bytes_in:,}"
            f" | bytes kept {bytes_kept:,} | {self.lines / max(elapsed_s, 1e-9):,.0f} lines/s"
            f" | redacted {self.redacted:,} | other {self._distiller.other:,} | cut {self.cut:,}"
        )


def _rfc3339(time: int | None) -> str | None:
    if time is None:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )


def write_assignment(path: Path, spool: IO[bytes], catalog: Catalog) -> None:
    """One line per input line, in input order; memory holds ASSIGN_IDS of them."""
    spool.seek(0)
    with path.open("wb") as out:
        while block := spool.read(ASSIGN_IDS * 8):
            ids, codes = np.unique(np.frombuffer(block, np.uint64), return_inverse=True)
            names = [f"{catalog.resolve(shape)}\n" if shape else "-\n" for shape in ids.tolist()]
            # fixed width, so that numpy copies; the padding of "-" goes
            out.write(np.array(names, "S17")[codes].tobytes().replace(b"\0", b""))
