"""Count the patterns of a stream of lines: what `flyball distill` does between reading and writing.

Memory holds one chunk, the shapes and their counts. Patterns are settled when the input has ended; the shape
of each line waits for that in a temporary file, 8 bytes a line.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np

from flyball.distill.counted import Settled
from flyball.distill.line_counts import line_counts
from flyball.model.pattern import fingerprint
from flyball.model.severity import Severity

ASSIGN_IDS = 1 << 20
"""Ids resolved at a time when the assignment is written."""


class Count:
    """Counts shapes while the input streams by, patterns when it has ended."""

    def __init__(self, spool: IO[bytes] | None) -> None:
        self.settled = Settled(patterns=[], shapes=np.empty(0, np.uint64), roots=np.empty(0, np.uint64))
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
        self.settled = self._counts.settle()
        rows = [
            {
                "fingerprint": pattern.fingerprint,
                "template": pattern.template,
                "count": pattern.count,
                "severity": Severity(pattern.severity).name if pattern.severity else None,
                "first_seen": _rfc3339(pattern.first_us),
                "last_seen": _rfc3339(pattern.last_us),
                "example": pattern.example,
            }
            for pattern in self.settled.patterns
        ]
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


def _rfc3339(time_us: int | None) -> str | None:
    if time_us is None:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )


def write_assignment(path: Path, spool: IO[bytes], settled: Settled) -> None:
    """One line per input line, in input order; memory holds ASSIGN_IDS of them."""
    spool.seek(0)
    with path.open("wb") as out:
        while block := spool.read(ASSIGN_IDS * 8):
            roots, codes = np.unique(settled.of(np.frombuffer(block, np.uint64)), return_inverse=True)
            names = [f"{fingerprint(root)}\n" if root else "-\n" for root in roots.tolist()]
            # fixed width, so that numpy copies; the padding of "-" goes
            out.write(np.array(names, "S17")[codes].tobytes().replace(b"\0", b""))
