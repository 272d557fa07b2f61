"""Count the patterns of a stream of lines: what `flyball distill` does between reading and writing.

Memory holds one chunk, the shapes and their counts. Patterns are settled when the input has ended; the shape
of each line waits for that in a temporary file, 8 bytes a line.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np

from flyball.distill.catalog import Catalog
from flyball.distill.line_counts import Tally, line_counts
from flyball.model.severity import Severity

ASSIGN_IDS = 1 << 20
"""Ids resolved at a time when the assignment is written."""


class Count:
    """Counts shapes while the input streams by, patterns when it has ended."""

    def __init__(self, spool: IO[bytes] | None) -> None:
        self.catalog = Catalog()
        self.bytes_in = 0
        self._counts = line_counts(spool)

    @property
    def records(self) -> int:
        """Records so far: a stack trace is one, a blank line none."""
        return self._counts.records

    def feed(self, chunk: bytes) -> None:
        """Count what is complete with the next bytes."""
        self.bytes_in += len(chunk)
        self._counts.feed(chunk)

    def end_file(self) -> None:
        """Count what is left of a file."""
        self._counts.end_file()

    def rows(self) -> list[dict[str, Any]]:
        """One row per pattern, the most frequent first. Patterns are made now: call it once, at the end."""
        shapes = self._counts.shapes()
        # age is the order of the first record
        self.catalog = Catalog((shape, age) for age, (shape, _tally) in enumerate(shapes))
        tallies: dict[str, list[Tally]] = {}
        for shape, tally in shapes:
            tallies.setdefault(self.catalog.resolve(shape.id), []).append(tally)
        rows: list[dict[str, Any]] = []
        for pattern in self.catalog.patterns():
            of_shapes = tallies[pattern.fingerprint]
            severity = max(tally.severity for tally in of_shapes)
            times = [time for tally in of_shapes for time in tally.times_ns()]
            rows.append(
                {
                    "fingerprint": pattern.fingerprint,
                    "template": pattern.template,
                    "count": sum(tally.count for tally in of_shapes),
                    "severity": Severity(severity).name if severity else None,
                    "first_seen": _rfc3339(min(times, default=None)),
                    "last_seen": _rfc3339(max(times, default=None)),
                    "example": self.catalog.example(pattern.fingerprint),
                }
            )
        return sorted(rows, key=lambda row: -row["count"])

    def summary(self, patterns: int, bytes_kept: int, elapsed_s: float) -> str:
        """One line: what came in, what was kept, what was not told apart or cut."""
        counts = self._counts
        return (
            f"lines {counts.lines:,} | records {counts.records:,} | patterns {patterns:,} | bytes in {self.bytes_in:,}"
            f" | bytes kept {bytes_kept:,} | kept {percent(bytes_kept, self.bytes_in)} | {counts.lines / max(elapsed_s, 1e-9):,.0f} lines/s"
            f" | redacted {counts.redacted:,} | other {counts.other:,} | cut {counts.cut:,}"
        )


def percent(part: int, whole: int) -> str:
    """A share in words: two figures that count, so that a thousandth is no `0 %`; `-` of nothing."""
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"  # noqa: PLR2004 - two figures


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
