"""What repeats in a sequence of calls: run lengths, cycles, n-grams. Pure, bounded, blind to what the symbols mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

S = TypeVar("S", bound=Hashable)

PERIOD_MAX = 6
"""Longest cycle that is looked for: more different calls in a row are work, not a loop."""
GRAMS_MAX = 1_000
"""Different n-grams that are counted of one sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A stretch that repeats: where it begins, how many symbols its period has and how often that comes, whole."""

    begin: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The index after its last whole period."""
        return self.begin + self.period * self.times


def run_lengths(sequence: Sequence[S]) -> list[tuple[S, int]]:
    """The sequence with equal neighbours as one: `aab` is `(a, 2), (b, 1)`."""
    found: list[tuple[S, int]] = []
    for symbol in sequence:
        if found and found[-1][0] == symbol:
            found[-1] = (symbol, found[-1][1] + 1)
        else:
            found.append((symbol, 1))
    return found


def longest_cycle(sequence: Sequence[Hashable], period_max: int = PERIOD_MAX) -> Cycle | None:
    """The stretch that repeats most often; of equals the one with the shorter period, then the earlier. At least twice."""
    best: Cycle | None = None
    for period in range(1, period_max + 1):
        same = 0
        for at in range(period, len(sequence)):
            same = same + 1 if sequence[at] == sequence[at - period] else 0
            times = same // period + 1
            if times > 1 and (best is None or times > best.times):
                best = Cycle(begin=at - same - period + 1, period=period, times=times)
    return best


def grams(sequence: Sequence[Hashable], size: int) -> Counter[tuple[Hashable, ...]]:
    """How often each n-gram of this size comes; beyond GRAMS_MAX different ones, only those met before."""
    counted: Counter[tuple[Hashable, ...]] = Counter()
    for at in range(len(sequence) - size + 1):
        gram = tuple(sequence[at : at + size])
        if gram in counted or len(counted) < GRAMS_MAX:
            counted[gram] += 1
    return counted
