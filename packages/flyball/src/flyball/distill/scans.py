"""A block of lines scanned by one core or by two: it is cut at a newline and each half has a scanner of its own.

The answers are the same. Only the cap on shapes depends on what came first, so near it the block is scanned again by
one scanner, and so are all that follow.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.distill.scanner import ODD, Found, Scanner
from flyball.distill.settle import CoreShapes

ROWS_MAX = 1 << 16
"""Lines that one scanner reads at a time."""

HALF_BYTES_MIN = 1 << 17
"""Less than this in each half is not worth a thread: it is scanned in a tenth of a millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Some scanned lines: line i begins at begins[i]; what `codes` from row `cut` on mean, the second scanner knows.

    `odd` and `frames` are rows as `scanner.Found` has them, `odd_entries` the entries that wait for their shape.
    """

    begins: NDArray[np.uint32]
    codes: NDArray[np.int32]
    cut: int
    odd: NDArray[np.int64]
    odd_entries: NDArray[np.int64]
    frames: NDArray[np.int64]


class Scans:
    """Scanners and what they counted; not to be shared between threads.

    `other` is the shape of texts over the cap `shapes_max`, `level` the widest instructions that may be used,
    `workers` how many cores (at most two are used), 0 for those that this process may run on.

    Raises:
        MemoryError: there is none left (from any method).
    """

    def __init__(
        self, shapes: CoreShapes, *, other: int, shapes_max: int, level: int, workers: int = 0
    ) -> None:
        self._shapes, self._other, self._shapes_max, self._level = shapes, other, shapes_max, level
        self._scanners = [self._scanner() for _ in range(min(workers or _cores(), 2))]
        self._rooms = [
            (np.empty(ROWS_MAX + 1, np.uint32), np.empty(ROWS_MAX, np.int32)) for _ in self._scanners
        ]
        self._threads = ThreadPoolExecutor(1) if len(self._scanners) > 1 else None

    def scan(self, data: bytes, address: int, start: int, end: int) -> Scan:
        """The first lines of data[start:end], which lies at `address` and ends with a newline."""
        cut = data.rfind(b"\n", start, start + (end - start) // 2) + 1
        if self._threads is None or cut - start < HALF_BYTES_MIN or end - cut < HALF_BYTES_MIN:
            return self._one(address + start, end - start)
        second = self._threads.submit(self._lines, 1, address + cut, end - cut)
        rows, found = self._lines(0, address + start, cut - start)
        other_rows, other = second.result()
        if self._shapes.scanned(self._scanners) > self._shapes_max:
            self._become_one()
            return self._one(address + start, end - start)
        for scanner in self._scanners:
            self._shapes.note(scanner)
        (begins, codes), (other_begins, other_codes) = self._rooms
        if int(begins[rows]) < cut - start:  # more lines than are read at a time: the second half must wait
            return _scan(rows, begins, codes, found)
        return Scan(
            begins=np.concatenate((begins[:rows], other_begins[: other_rows + 1] + np.uint32(cut - start))),
            codes=np.concatenate((codes[:rows], other_codes[:other_rows])),
            cut=rows,
            odd=np.concatenate((found.odd, other.odd + rows)),
            odd_entries=np.concatenate((found.odd_entries, other.odd_entries)),
            frames=np.concatenate((found.frames, other.frames + rows)),
        )

    def tally(self, scan: Scan, until: int, address: int, at: int) -> int:
        """Count the first `until` lines, negative codes not; the first is at `address`, and `at` in the stream.

        Returns from how many of them secrets were removed.
        """
        cut = min(scan.cut, until)
        second = None
        if self._threads is not None and until > cut:
            rest = scan.begins[cut : until + 1], scan.codes[cut:until]
            second = self._threads.submit(self._scanners[1].tally, address, *rest, at)
        redacted = self._scanners[0].tally(address, scan.begins[: cut + 1], scan.codes[:cut], at)
        return redacted if second is None else redacted + second.result()

    def shapes(self, scan: Scan, until: int) -> NDArray[np.uint64]:
        """The shape of each of the first lines, 0 for a negative code."""
        cut = min(scan.cut, until)
        parts = (scan.codes[:cut], scan.codes[cut:until])
        zeros = np.zeros(-ODD, np.uint64)  # the codes below zero pick them
        return np.concatenate(
            [
                np.append(scanner.shapes, zeros)[codes]
                for scanner, codes in zip(self._scanners, parts, strict=False)
            ]
        )

    def settle(self, scan: Scan, row: int, entry: int, shape: int, severity: int) -> None:
        """The entry that waited for this row has this shape and states this severity."""
        self._scanners[row >= scan.cut].settle(entry, shape, severity)

    @property
    def is_full(self) -> bool:
        """Whether it is time to `harvest`."""
        return any(scanner.is_full for scanner in self._scanners)

    def harvest(self) -> None:
        """Hand over what was counted; keys are forgotten."""
        for scanner in self._scanners:
            self._shapes.harvest(scanner)

    def _one(self, address: int, size: int) -> Scan:
        rows, found = self._lines(0, address, size)
        self._shapes.note(self._scanners[0])
        return _scan(rows, *self._rooms[0], found)

    def _lines(self, at: int, address: int, size: int) -> tuple[int, Found]:
        return self._scanners[at].lines(address, size, *self._rooms[at])

    def _become_one(self) -> None:
        """Near the cap it counts which shape came first: from now on one scanner, which knows what both did."""
        self.harvest()
        self._scanners, self._threads = [self._scanner()], None
        self._scanners[0].know(self._shapes.noted().tolist())

    def _scanner(self) -> Scanner:
        return Scanner(other=self._other, shapes_max=self._shapes_max, level=self._level)


def _scan(rows: int, begins: NDArray[np.uint32], codes: NDArray[np.int32], found: Found) -> Scan:
    return Scan(
        begins=begins[: rows + 1],
        codes=codes[:rows],
        cut=rows,
        odd=found.odd,
        odd_entries=found.odd_entries,
        frames=found.frames,
    )


def _cores() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
