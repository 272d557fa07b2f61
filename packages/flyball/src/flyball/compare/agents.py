"""Which of two versions of an agent is better, and is it real? The unit is the run: its calls stand and fall together.

Shares (runs that failed, of each run the part of its tool calls that failed) are compared by `proportions` with each run
as a slot of weight one, so that a run with thirty failures is one event. Durations, tokens and calls are compared as `latency` compares spans: by the
share of runs above the median of both sides together. Every p is paid for at every look (`fdr.always_valid`). Where
not even a clear difference could show in so few runs, the answer is *not enough data*.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.fdr import always_valid
from flyball.compare.proportions import compare_shares

Array = NDArray[np.float64]

P_MAX = 0.05
"""The chance to call one measure of two equal versions different, however often it is asked."""
RUNS_MIN = 5
"""Runs of each side, below which nothing is judged."""


class Moved(enum.StrEnum):
    """The four answers."""

    WORSE = "worse"
    BETTER = "better"
    NO_DIFFERENCE = "no difference seen"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNumbers:
    """One run in numbers. `tokens` is None where they were not told."""

    failed: bool
    seconds: float
    calls: int
    tool_calls: int
    tool_calls_failed: int
    tokens: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One measure of two versions: its share or median on both sides, the outcome, and p of the test that decided."""

    measure: str
    before: float
    after: float
    runs_before: int
    runs_after: int
    outcome: Moved
    p: float


def judge_agents(before: Sequence[RunNumbers], after: Sequence[RunNumbers]) -> tuple[Judged, ...]:
    """Every measure of two versions of an agent, `after` held against `before`."""
    found: list[Judged] = []
    for measure, read in _SHARES:
        sides = [
            np.array([share for run in side if (share := read(run)) is not None]) for side in (before, after)
        ]
        found.append(_judged(measure, [float(side.mean()) if len(side) else 0.0 for side in sides], sides))
    for measure, size in _SIZES:
        sizes = [[value for run in side if (value := size(run)) is not None] for side in (before, after)]
        found.append(_sizes(measure, sizes[0], sizes[1]))
    return tuple(found)


_SHARES: tuple[tuple[str, Callable[[RunNumbers], float | None]], ...] = (
    ("runs failed", lambda run: float(run.failed)),
    ("calls of tools failed", lambda run: run.tool_calls_failed / run.tool_calls if run.tool_calls else None),
)
"""What part of a run failed: each run weighs the same, however many calls it makes."""
_SIZES: tuple[tuple[str, Callable[[RunNumbers], float | None]], ...] = (
    ("seconds", lambda run: run.seconds),
    ("calls", lambda run: float(run.calls)),
    ("tokens", lambda run: run.tokens),
)


def _sizes(measure: str, before: Sequence[float], after: Sequence[float]) -> Judged:
    both = np.array([*before, *after])
    middle = float(np.median(both)) if len(both) else 0.0
    sides = [np.array([float(one > middle) for one in side]) for side in (before, after)]
    medians = [float(np.median(side)) if len(side) else 0.0 for side in (before, after)]
    return _judged(measure, medians, sides)


def _judged(measure: str, values: Sequence[float], sides: Sequence[Array]) -> Judged:
    runs = [len(side) for side in sides]
    outcome, p = Moved.NOT_ENOUGH_DATA, 1.0
    if min(runs) >= RUNS_MIN:
        worse, better = (always_valid(one) for one in _tails(sides[0], sides[1]))
        if min(worse, better) <= P_MAX:
            outcome, p = (Moved.WORSE, worse) if worse < better else (Moved.BETTER, better)
        elif _could_show(sides):
            outcome, p = Moved.NO_DIFFERENCE, min(worse, better)
    return Judged(
        measure=measure,
        before=values[0],
        after=values[1],
        runs_before=runs[0],
        runs_after=runs[1],
        outcome=outcome,
        p=p,
    )


def _could_show(sides: Sequence[Array]) -> bool:
    """Whether a clear difference would have shown: nothing of the one side, all of the other."""
    return always_valid(_tails(np.zeros(len(sides[0])), np.ones(len(sides[1])))[0]) <= P_MAX


def _tails(before: Array, after: Array) -> tuple[float, float]:
    """P that the after side has at least, or at most, so large a part, if both are the same."""
    parts = (before[None, :], after[None, :])
    wholes = (np.ones_like(parts[0]), np.ones_like(parts[1]))
    shares = compare_shares(parts, wholes, float(len(before) + len(after)))
    return float(shares.p_up[0]), float(shares.p_down[0])
