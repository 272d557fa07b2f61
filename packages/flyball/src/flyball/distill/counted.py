"""What counting lines gives in the end: patterns, and to which of them each shape belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One pattern and what was counted of it.

    `severity` is the worst that a record states (0 for none), `first_us` and `last_us` the earliest and the latest time
    that the first and last records of its shapes state, microseconds since 1970 UTC, None where none does.
    """

    fingerprint: str
    template: str
    count: int
    severity: int
    first_us: int | None
    last_us: int | None
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The patterns, the oldest first, and to which each shape belongs.

    `shapes` (uint64) are the ids of all shapes, ascending, and `roots` (uint64) the shapes that name their patterns.
    """

    patterns: Sequence[Counted]
    shapes: NDArray[np.uint64]
    roots: NDArray[np.uint64]

    def of(self, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The shape that names the pattern of each shape id; ids that were not counted give 0."""
        if not len(self.shapes):
            return np.zeros(len(ids), np.uint64)
        at = np.minimum(np.searchsorted(self.shapes, ids), len(self.shapes) - 1)
        return np.where(self.shapes[at] == ids, self.roots[at], np.uint64(0))
