"""Sides of a comparison: which slots are held against which, and how much traffic each side had.

It chooses and aligns; it tests nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.model.window import Basis, Cohort, Durations, SignalKind, Window

REFERENCE_S_MIN = 10.0
"""A reference shorter than this says nothing about what is usual."""
STEADY_S_MIN = 60.0
"""From this much steady time on, a version's first minute is left out of rates and durations."""
_STABLE_COUNT_MIN = 20
_STABLE_SERIES_MIN = 5
_STABLE_WITHIN = 1.3
_MEDIAN_ERROR = 1.86
"""Standard error of a median from the median deviation: 1.4826 sqrt(pi/2) / sqrt(n), normal logs."""
_ERRORS = 3.0
_TRAFFIC_RATIO_MAX = 20.0
_SIDE_BY_SIDE_RATIO_MAX = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two cohorts to hold against each other; `traffic` is after's traffic per second over before's."""

    before: Cohort
    after: Cohort
    traffic: float = 1.0


def select(cohort: Cohort, mask: NDArray[np.bool_]) -> Cohort:
    """The cohort of the masked slots."""
    position = np.cumsum(mask) - 1
    return Cohort(
        label=cohort.label,
        slot_s=cohort.slot_s,
        starts=cohort.starts[mask],
        seconds={kind: seconds[mask] for kind, seconds in cohort.seconds.items()},
        young=cohort.young[mask],
        series=cohort.series,
        counts={severity: counts[:, mask] for severity, counts in cohort.counts.items()},
        durations={
            row: Durations(
                slot=position[d.slot[mask[d.slot]]],
                bucket=d.bucket[mask[d.slot]],
                count=d.count[mask[d.slot]],
            )
            for row, d in cohort.durations.items()
        },
    )


def pairs(window: Window) -> tuple[Pair, ...]:
    """The comparisons a finding must survive: each of them, not one of them.

    A version in its first minute is held against the start of the previous one and against its steady state,
    as far as either is in the data: what belongs to starting up then is no finding. A version that is past
    its start is compared in its steady state, with the steady state of the other where there is enough.
    """
    before, after = window.before, window.after
    old_young, old_steady = select(before, before.young), select(before, ~before.young)
    if _seconds(select(after, ~after.young)) >= STEADY_S_MIN:
        after = select(after, ~after.young)
        chosen = [old_steady if _seconds(old_steady) >= REFERENCE_S_MIN else before]
    elif after.young.any():
        chosen = [side for side in (old_young, old_steady) if _seconds(side) >= REFERENCE_S_MIN] or [before]
    else:
        chosen = [before]
    return tuple(Pair(before=b, after=after, traffic=traffic(b, after, window.basis)) for b in chosen)


def traffic(before: Cohort, after: Cohort, basis: Basis) -> float:
    """How much more traffic a second the after side had, judged by what is stable.

    The median ratio of the series that occur on both sides (span operations first: they count requests),
    believed only when at least half of them agree within 30 % and it is further from 1 than chance; else 1. So a surge that moves everything is
    not a finding for everything. Of two versions side by side only the ratio tells what part each served.
    Source: median of ratios, Anders and Huber 2010, https://doi.org/10.1186/gb-2010-11-10-r106
    """
    limit = _SIDE_BY_SIDE_RATIO_MAX if basis is Basis.SIDE_BY_SIDE else _TRAFFIC_RATIO_MAX
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        rows = np.array([s.kind is kind for s in before.series], dtype=bool)
        old, new = before.of()[rows].sum(axis=1), after.of()[rows].sum(axis=1)
        both = (old >= _STABLE_COUNT_MIN) & (new >= _STABLE_COUNT_MIN)
        old_s, new_s = before.total_seconds(kind), after.total_seconds(kind)
        if both.sum() < _STABLE_SERIES_MIN or not old_s or not new_s:
            continue
        logs = np.log(new[both] / new_s) - np.log(old[both] / old_s)
        middle = float(np.median(logs))
        far = np.abs(logs - middle)
        error = _MEDIAN_ERROR * float(np.median(far)) / np.sqrt(len(logs))
        if np.mean(far <= np.log(_STABLE_WITHIN)) >= 0.5 and abs(middle) > _ERRORS * error:  # noqa: PLR2004
            return float(np.clip(np.exp(middle), 1.0 / limit, limit))
    return _volume(before, after) if basis is Basis.SIDE_BY_SIDE else 1.0


def exposures(pair: Pair, kinds: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exposure (series, slots) before and after; the after side in seconds of the before side's traffic."""
    sides = (
        np.where(kinds[:, None], side.seconds[SignalKind.SPAN], side.seconds[SignalKind.LOG])
        for side in (pair.before, pair.after)
    )
    before, after = sides
    return before, after * pair.traffic


def span_rows(cohort: Cohort) -> NDArray[np.bool_]:
    """Which rows are span series."""
    return np.array([s.kind is SignalKind.SPAN for s in cohort.series], dtype=bool)


def _seconds(cohort: Cohort) -> float:
    return max((cohort.total_seconds(kind) for kind in SignalKind), default=0.0)


def _volume(before: Cohort, after: Cohort) -> float:
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        rows = np.array([s.kind is kind for s in before.series], dtype=bool)
        old, new = before.of()[rows].sum(), after.of()[rows].sum()
        old_s, new_s = before.total_seconds(kind), after.total_seconds(kind)
        if old and new and old_s and new_s:
            return float((new / new_s) / (old / old_s))
    return 1.0
