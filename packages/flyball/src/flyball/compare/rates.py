"""Did a rate change? A conditional test of two counts under bursty noise.

Given the total of both sides, the count of the after side is beta-binomial when nothing changed: with a
gamma process (see `dispersion`) the share of the after side is Beta(E_after/D, E_before/D), whatever the
rate was. No nuisance parameter, exact for few records, binomial when D goes to 0, and merging slots changes
nothing. Exchanging the sides exchanges the two tails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.special import beta_binomial_sf

Array = NDArray[np.float64]

_SHAPE_MIN = 1e-3
"""Effective observations of a side with next to no exposure: a test there never says anything."""
_DISPERSION_S_MIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Arrays over series: counts and exposures of both sides, the ratio of rates, both one-sided p values.

    `ratio` is infinite where nothing was before, and 1 where nothing was at all.
    """

    before: Array
    after: Array
    before_s: Array
    after_s: Array
    ratio: Array
    p_up: Array
    p_down: Array


def compare_rates(
    before: Array,
    after: Array,
    before_s: Array,
    after_s: Array,
    dispersion_s: Array,
    factor: Array | None = None,
) -> Rates:
    """Compare counts (series) over exposures (seconds); D in the same seconds.

    `factor` is how much more of each series was to be expected after, by the traffic and the hour; 1 if absent.
    It moves the expected share, never the exposure: three times the traffic does not make a burst three bursts.
    The tail against which a series did not move is not computed: its p is 1.
    """
    times = np.ones(len(before)) if factor is None else factor
    p_up, p_down = np.ones(len(before)), np.ones(len(before))
    more, less = after * before_s, before * after_s * times
    for i in np.flatnonzero((more >= less) & (after > 0)):
        p_up[i] = tail_up(before[i], after[i], before_s[i], after_s[i], dispersion_s[i], factor=times[i])
    for i in np.flatnonzero((more <= less) & (before > 0)):
        p_down[i] = tail_up(
            after[i], before[i], after_s[i], before_s[i], dispersion_s[i], factor=1.0 / times[i]
        )
    return Rates(
        before=before,
        after=after,
        before_s=before_s,
        after_s=after_s,
        ratio=ratio_of(before, after, before_s, after_s * times),
        p_up=p_up,
        p_down=p_down,
    )


def tail_up(
    before: float, after: float, before_s: float, after_s: float, dispersion_s: float, *, factor: float = 1.0
) -> float:
    """P(at least so many of the total fall on the after side) if the rate became `factor` times itself.

    With factor 1 the share of the after side is Beta(after_s/D, before_s/D). With another one it is taken to
    be the beta with the moved mean and the same variance of its logit, 1/a + 1/b.
    """
    total = round(before + after)
    if not total or before_s <= 0.0 or after_s <= 0.0 or factor <= 0.0:
        return 1.0
    d = max(dispersion_s, _DISPERSION_S_MIN)
    mean = factor * after_s / (factor * after_s + before_s)
    spread = d / after_s + d / before_s
    return beta_binomial_sf(
        round(after),
        total,
        max(1.0 / (spread * (1.0 - mean)), _SHAPE_MIN),
        max(1.0 / (spread * mean), _SHAPE_MIN),
    )


def ratio_of(before: Array, after: Array, before_s: Array, after_s: Array) -> Array:
    """The after rate over the before rate."""
    left, right = after * before_s, before * after_s
    out = np.where(left > 0, np.inf, 1.0)
    return np.divide(left, right, out=out, where=right > 0)
