"""What the hour explains: how much more, or less, of each series is usual in the hours of the after side.

Earlier weeks at the same clock hours give one ratio a week, after side over before side. A series' factor is its
own ratio, drawn towards the service's common one as far as chance could have made the difference; what is left
uncertain (few records, weeks that disagree) is a variance that the rate test carries, so that a factor known
badly finds nothing falsely. Where both sides lie in the same hours everything cancels.
Sources: random-effects variance by moments, DerSimonian and Laird 1986,
https://doi.org/10.1016/0197-2456(86)90046-2; positive-part shrinkage, so that one nightly job among thousands of
steady series keeps its factor, Breiman 1995, https://doi.org/10.1080/00401706.1995.10484371
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.model.window import Season

Array = NDArray[np.float64]

_HALF = 0.5
"""Added to counts before their logarithm (Anscombe): none in an hour is not infinitely less."""
_TELLING_COUNT = 20.0
_SERIES_MIN = 5
WANDER_PRIOR = 0.05
"""Variance of the log ratio from one week to the next before it is seen: a fifth more or less."""
SHARED_COUNT = 5.0
_PRIOR_WEIGHT = 20.0
_SHRINK_WEIGHT = 4.0
_OUTLIER = 8.0
_FAR = 4.0
"""A deviation counts for itself from two standard errors on."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """Arrays over series: log of the factor, its variance as an estimate, and how much one period differs.

    `wander` holds what bursts within the hours add as well, in `hours` effective hours: whoever knows the
    dispersion takes that part out again. `profile` (series, hours) are the factors of the single hours that
    begin at `starts`, 1 on the mean of the before side.
    """

    log: Array
    unsure: Array
    wander: Array
    hours: float
    starts: NDArray[np.int64]
    profile: Array

    def within(self, slots: NDArray[np.int64], seconds: Array) -> Array:
        """The exposure of one side (series, slots), each slot weighing as its hour does, the sum unchanged.

        So that a rate which follows its hours is no burst.
        """
        if not len(slots):
            return seconds
        hour = np.clip(np.searchsorted(self.starts, slots, side="right") - 1, 0, len(self.starts) - 1)
        weighed = seconds * self.profile[:, hour]
        total = weighed.sum(axis=1, keepdims=True)
        return np.divide(
            weighed * seconds.sum(axis=1, keepdims=True), total, out=seconds.copy(), where=total > 0
        )


def usual_of(season: Season, before: Array) -> Usual | None:
    """The factors of each series from `before` (the part of each hour) to the after side.

    None where the hours are the same: there is nothing to explain.
    """
    apart = float(np.abs(season.after - before).sum()) / 2.0
    if apart <= 0.0 or season.counts.shape[1] == 0:
        return None
    noise = float(((season.after - before) ** 2).sum())  # in variances of one hour
    each, chance = _ratios(season.counts, before, season.after)
    total, total_chance = (a[:, 0] for a in _ratios(_summed(season.counts), before, season.after))
    telling = season.counts.sum(axis=(1, 2)) >= _TELLING_COUNT
    common = float(np.median(total[telling])) if telling.sum() >= _SERIES_MIN else 0.0
    wander = _wander(each, chance, telling, apart)
    error = total_chance + wander / season.counts.shape[1]
    own = total - common
    kept = _kept(own, error)
    return Usual(
        log=common + kept * own,
        unsure=kept * error,
        wander=wander,
        hours=1.0 / noise,
        starts=season.starts,
        profile=_profile(season.counts.sum(axis=1), before, telling),
    )


def _profile(counts: Array, before: Array, telling: NDArray[np.bool_]) -> Array:
    """Factor (series, hours) of each hour, drawn towards the service's own by SHARED_COUNT records."""
    middle = counts @ before
    shared = np.ones(counts.shape[1])
    if telling.sum() >= _SERIES_MIN:
        ratios = (counts[telling] + _HALF) / (middle[telling] + _HALF)[:, None]
        shared = np.median(ratios, axis=0)
    return (counts + SHARED_COUNT * shared) / (middle + SHARED_COUNT)[:, None]


def _summed(counts: Array) -> Array:
    return counts.sum(axis=1, keepdims=True)


def _ratios(counts: Array, before: Array, after: Array) -> tuple[Array, Array]:
    """Log ratio (series, periods) of after over before, and its Poisson variance by the delta method."""
    new, old = counts @ after + _HALF, counts @ before + _HALF
    slope = after / new[..., None] - before / old[..., None]
    chance = (slope**2 * (counts + _HALF)).sum(axis=2)
    return np.log(new / old), chance


def _wander(each: Array, chance: Array, telling: NDArray[np.bool_], apart: float) -> Array:
    """Variance of the log ratio between periods beyond chance; no series is calmer than the service."""
    freedom = each.shape[1] - 1
    prior = WANDER_PRIOR * apart**2
    if freedom < 1:
        return np.full(len(each), prior)
    excess = each.var(axis=1, ddof=1) - chance.mean(axis=1)
    common = prior
    if telling.any():
        seen = excess[telling]
        cap = _OUTLIER * max(float(np.median(seen)), prior)
        pooled = max(float(np.minimum(seen, cap).mean()), 0.0)
        weight = freedom * float(telling.sum())
        common = (weight * pooled + _PRIOR_WEIGHT * prior) / (weight + _PRIOR_WEIGHT)
    own = (freedom * excess + _SHRINK_WEIGHT * common) / (freedom + _SHRINK_WEIGHT)
    return np.where(telling, np.maximum(own, common), common)


def _kept(own: Array, error: Array) -> Array:
    """What part of a series' own deviation is believed, 0 to 1."""
    weight = 1.0 / (error + WANDER_PRIOR) ** 2
    between = max(float((weight * (own**2 - error)).sum() / weight.sum()), 0.0) if len(own) else 0.0
    linear = between / (between + np.maximum(error, 1e-12))
    far = 1.0 - _FAR * np.divide(error, own**2, out=np.ones_like(own), where=own != 0.0)
    return np.clip(np.maximum(linear, far), 0.0, 1.0)
