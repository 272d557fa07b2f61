"""Sides of a comparison: which slots are held against which, and how much traffic each side had.

It chooses and aligns; it tests nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.dispersion import MARGIN, estimate
from flyball.compare.season import Usual, usual_of
from flyball.compare.traffic import BULK_SERIES_MIN, frequent, traffic, wider
from flyball.model.window import Basis, Cohort, Durations, SignalKind, Window

REFERENCE_S_MIN = 10.0
"""A reference shorter than this says nothing about what is usual."""
STEADY_S_MIN = 60.0
"""From this much steady time on, a version's first minute is left out of rates and durations."""
_FACTOR_MIN = 1e-6
_HOUR_S = 3600.0
_SECONDS_MIN = 1e-3

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two cohorts to hold against each other.

    `traffic` is after's traffic per second over before's, beyond what the hour explains; `usual` what the hour
    tells of each series, where earlier weeks are known. Arrays over series: `before_s` and `after_s` the seconds
    of exposure, `bursts_s` the dispersion of bursts, `extra_s` what hour and traffic are uncertain by, in the
    same unit: the test spreads the logit of the expected share by D/after + D/before, a factor whose logarithm
    has variance v adds v.
    """

    before: Cohort
    after: Cohort
    before_s: Array
    after_s: Array
    bursts_s: Array
    extra_s: Array
    traffic: float = 1.0
    usual: Usual | None = None

    def factor(self) -> NDArray[np.float64]:
        """How much more of each series (array over series) a second of the after side was to be expected."""
        each = np.ones(len(self.before.series)) if self.usual is None else np.exp(self.usual.log)
        return np.maximum(each * self.traffic, _FACTOR_MIN)


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


@functools.lru_cache(maxsize=2)  # five detectors ask for the same window, one after the other
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
    usual = usual_of(window.season, window.season.before) if window.season else None
    return tuple(_pair(window, b, after, usual) for b in chosen)


def _pair(window: Window, before: Cohort, after: Cohort, usual: Usual | None) -> Pair:
    """The pair with its burstiness and traffic; the former is estimated first, since the latter needs it."""
    spans = span_rows(before)
    exposure = tuple(
        np.where(spans[:, None], side.seconds[SignalKind.SPAN], side.seconds[SignalKind.LOG])
        for side in (before, after)
    )
    weighed = exposure
    if usual is not None:
        both = zip((before, after), exposure, strict=True)
        weighed = tuple(usual.within(side.starts, seconds) for side, seconds in both)
    bulk = int(frequent(before, after).sum()) >= BULK_SERIES_MIN
    sides = ((before.of(), weighed[0]), (after.of(), weighed[1]))
    dispersion = estimate(sides, margin=1.0 if bulk else MARGIN)
    seconds = (exposure[0].sum(axis=1), exposure[1].sum(axis=1))
    unsure = _hourly(usual, dispersion.common, len(spans))
    if usual is not None:
        lost = (_lost(w, e) for w, e in zip(weighed, exposure, strict=True))
        unsure = unsure + dispersion.own * sum(lost, start=np.zeros(len(spans)))
    inverse = 1.0 / np.maximum(seconds[0], _SECONDS_MIN) + 1.0 / np.maximum(seconds[1], _SECONDS_MIN)
    chance = np.sqrt(dispersion.own * inverse + unsure)
    times, error = traffic(before, after, window.basis, usual, chance)
    uneven = wider(before, after, seconds, usual, chance) if bulk else 0.0
    return Pair(
        before=before,
        after=after,
        before_s=seconds[0],
        after_s=seconds[1],
        traffic=times,
        usual=usual,
        bursts_s=dispersion.own,
        extra_s=(unsure + error**2 + uneven) / inverse,
    )


def _lost(weighed: Array, seconds: Array) -> Array:
    """What an uneven profile takes from the effective observations of a side: 1/E effective less 1/E.

    Where the hour's factors say that most records fall into a few slots, the bursts of those slots decide.
    """
    total = seconds.sum(axis=1)
    squares = np.divide(weighed**2, seconds, out=np.zeros_like(seconds), where=seconds > 0).sum(axis=1)
    whole = np.maximum(total, _SECONDS_MIN)
    return np.maximum(squares / whole**2 - 1.0 / whole, 0.0)


def _hourly(usual: Usual | None, common: float, series: int) -> Array:
    """Variance of the logarithm of what the hour explains, beyond the bursts that are in D already."""
    if usual is None:
        return np.zeros(series)
    bursts = common / _HOUR_S / usual.hours
    return usual.unsure + np.maximum(usual.wander - bursts, 0.0)


def longer(window: Window, pair: Pair) -> Pair | None:
    """The pair with all that was said before it for its before side; None where nothing is known of that.

    A version that ran ten minutes is a poor baseline of its own, but its predecessors tell what is usual.
    """
    earlier = window.earlier
    if earlier is None or _seconds(earlier) < REFERENCE_S_MIN or window.basis is Basis.SIDE_BY_SIDE:
        return None
    before = _joined(earlier, pair.before)
    usual = usual_of(window.season, window.season.longer) if window.season else None
    return _pair(window, before, pair.after, usual)


def span_rows(cohort: Cohort) -> NDArray[np.bool_]:
    """Which rows are span series."""
    return np.array([s.kind is SignalKind.SPAN for s in cohort.series], dtype=bool)


def _joined(first: Cohort, second: Cohort) -> Cohort:
    """Both, one after the other, as one cohort without durations."""
    nothing = [np.zeros((len(side.series), len(side.starts))) for side in (first, second)]
    return Cohort(
        label=second.label,
        slot_s=second.slot_s,
        starts=np.concatenate([first.starts, second.starts]),
        seconds={
            kind: np.concatenate([first.seconds[kind], second.seconds[kind]]) for kind in second.seconds
        },
        young=np.concatenate([first.young, second.young]),
        series=second.series,
        counts={
            severity: np.hstack(
                [first.counts.get(severity, nothing[0]), second.counts.get(severity, nothing[1])]
            )
            for severity in {*first.counts, *second.counts}
        },
    )


def _seconds(cohort: Cohort) -> float:
    return max((cohort.total_seconds(kind) for kind in SignalKind), default=0.0)
