"""How bursty counts are: one number a series, the *dispersion* in seconds, estimated from slots and shrunk.

Model: in E seconds a series with rate r gives a count of mean rE and variance rE + D r^2 E (a Poisson count
over a gamma process: negative binomial at every length of time). D is in seconds: two cohorts of E seconds
have E/D effective observations each. Autocorrelation makes D grow with the length of the blocks it is
estimated from, so blocks of doubling length are tried and the largest D counts. Blocks never span the two
sides: a real difference is no dispersion.
Sources: quasi-likelihood with shrunk dispersion, Lund et al. 2012, https://doi.org/10.1515/1544-6115.1826;
moderated dispersion, Robinson and Smyth 2007, https://doi.org/10.1093/bioinformatics/btm453
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]

PRIOR_S = 2.5
"""Before anything is seen: variance m + 0.5 m^2 in a slot of 5 s, the burstiness of areas/distill T7."""
PRIOR_WEIGHT = 12.0
"""How many degrees of freedom the prior is worth for the service's common value."""
SHRINK_WEIGHT = 10.0
"""How many degrees of freedom the common value is worth for one series."""
FLOOR = 1.0
"""No series is taken to be calmer than its service: with few slots calm is mostly luck."""
MARGIN = 1.1
"""The common value is an estimate; too small a D costs false findings, too large a D a little power."""
UNSEEN_CORRELATION = 2.0
"""A few slots cannot show how long bursts last; an AR(1) of 1/3 from slot to slot doubles D."""
_BLOCKS_MIN = 4
_FREEDOM_MIN = 8.0
_EXTRAPOLATED_BLOCKS_MIN = 3
_EXTRAPOLATED_FREEDOM_MIN = 100.0
_SLOT_S_MIN = 1.0
_OUTLIER = 8.0
_REST_MIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dispersion:
    """`common` is the service's D; `own` each series' D, shrunk towards it; all in seconds of exposure."""

    common: float
    own: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Blocks:
    """Per series: mean rate, scaled residual variance, degrees of freedom and exposure of one side."""

    rate: NDArray[np.float64]
    variance: NDArray[np.float64]
    freedom: NDArray[np.float64]
    seconds: NDArray[np.float64]


def estimate(sides: tuple[tuple[Counts, Counts], ...], *, margin: float = MARGIN) -> Dispersion:
    """D from one (counts, exposure) pair a side, each (series, slots).

    `margin` is 1 for whoever sees by other means when D is too small.
    Series that occur on one side only do not enter the common value: what is new often comes as a ramp.
    """
    totals = np.array([counts.sum(axis=1) for counts, _ in sides])
    shared: NDArray[np.bool_] = np.min(totals, axis=0) > 0
    lengths = _lengths(sides)
    by_length = [[_blocks(counts, seconds, length) for counts, seconds in sides] for length in lengths]
    pooled = [_pooled(blocks, shared) for blocks in by_length]
    longer = [i for i in range(1, len(pooled)) if _tells(pooled[i], by_length[i])]
    endless = _extrapolated(pooled, by_length)
    unseen = 1.0 if endless else UNSEEN_CORRELATION
    shrunk = {i: _towards_prior(unseen * pooled[i][0], pooled[i][1]) for i in (0, *longer)}
    best = max(shrunk, key=lambda i: shrunk[i])
    common = margin * max(shrunk[best], endless)
    return Dispersion(common=common, own=_own(by_length[best], common))


def since_onset(counts: Counts, seconds: Counts, common: float) -> float:
    """D of one series (arrays over slots) from its first record on, shrunk to the service's common D.

    A fault that needs a while to show is no burst: for a verdict the time before does not count.
    """
    occupied = np.flatnonzero(counts)
    if not len(occupied):
        return common
    block = _blocks(counts[None, occupied[0] :], seconds[None, occupied[0] :], 1)
    return float(_own([block], common)[0])


def _towards_prior(value: float, freedom: float) -> float:
    return (freedom * value + PRIOR_WEIGHT * PRIOR_S) / (freedom + PRIOR_WEIGHT)


def _tells(pooled: tuple[float, float], blocks: list[_Blocks]) -> bool:
    return pooled[1] >= _FREEDOM_MIN and _many(blocks) >= _BLOCKS_MIN


def _extrapolated(pooled: list[tuple[float, float]], by_length: list[list[_Blocks]]) -> float:
    """D of endless blocks from the two longest lengths, 0 where too little is known of them.

    D(l) of blocks of length l grows as D - c/l, so D = 2 D(2l) - D(l) (Richardson). The mean of B blocks is
    itself uncertain by D/B and its square too large by D/E: a pooled r(l) estimates
    (D(l) B - D) / (B - 1) / (1 + D/E). Both together are linear in D; `lead` is its constant part.
    """
    if len(pooled) < 2 or min(freedom for _, freedom in pooled[-2:]) < _EXTRAPOLATED_FREEDOM_MIN:  # noqa: PLR2004
        return 0.0
    seconds = min(float(side.seconds.max(initial=0.0)) for side in by_length[-2])
    many, few = _many(by_length[-2]), _many(by_length[-1])
    lead = 2.0 * pooled[-1][0] * (few - 1.0) / few - pooled[-2][0] * (many - 1.0) / many
    rest = 1.0 - 2.0 / few + 1.0 / many - lead / seconds
    return min(lead / max(rest, _REST_MIN), seconds)


def _many(blocks: list[_Blocks]) -> float:
    """Blocks on the side that has fewer."""
    return min(float(side.freedom.max(initial=0.0)) for side in blocks) + 1.0


def _lengths(sides: tuple[tuple[Counts, Counts], ...]) -> list[int]:
    shortest = min(counts.shape[1] for counts, _ in sides)
    lengths = [1]
    while shortest // (2 * lengths[-1]) >= _EXTRAPOLATED_BLOCKS_MIN:
        lengths.append(2 * lengths[-1])
    return lengths


def _blocks(counts: Counts, seconds: Counts, length: int) -> _Blocks:
    several, slots = counts.shape
    many = slots // length
    # the odd slots at the beginning are left out, never the newest ones
    x = counts[:, slots - many * length :].reshape(several, many, length).sum(axis=2)
    e = seconds[:, slots - many * length :].reshape(several, many, length).sum(axis=2)
    usable = e >= _SLOT_S_MIN
    x, e = np.where(usable, x, 0.0), np.where(usable, e, 0.0)
    exposure = e.sum(axis=1)
    rate = np.divide(x.sum(axis=1), exposure, out=np.zeros(len(x)), where=exposure > 0)
    squares = np.divide((x - rate[:, None] * e) ** 2, e, out=np.zeros_like(x), where=usable)
    slots_used = usable.sum(axis=1).astype(np.float64)
    # where the hours weigh differently a few blocks hold most of the exposure: that many are effective, and
    # the residuals around their own mean are too small by the rest; with equal blocks all this is 1 / (n - 1)
    even = np.divide(exposure**2, (e**2).sum(axis=1), out=np.zeros_like(rate), where=exposure > 0)
    freedom = np.maximum(even - 1.0, 0.0)
    telling = slots_used * np.divide(freedom, even, out=np.zeros_like(rate), where=even > 0)
    excess = squares.sum(axis=1) - rate * np.maximum(slots_used - 1.0, 0.0)
    variance = rate + np.divide(excess, telling, out=-rate, where=telling > 0)
    return _Blocks(rate=rate, variance=variance, freedom=freedom, seconds=exposure)


def _signal(blocks: _Blocks, scale: float) -> NDArray[np.float64]:
    """What part of the residual variance tells of D rather than of counting noise, 0 to 1."""
    bursts = scale * blocks.rate
    return (bursts / (1.0 + bursts)) ** 2


def _moment(blocks: _Blocks) -> NDArray[np.float64]:
    """D of each series by moments, between 0 and the exposure (all in one slot is a single event)."""
    excess = blocks.variance - blocks.rate
    mean2 = blocks.rate**2 - np.divide(
        blocks.variance, blocks.seconds, out=np.zeros_like(blocks.rate), where=blocks.seconds > 0
    )
    ratio = np.divide(excess, mean2, out=np.full_like(excess, np.inf), where=mean2 > 0)
    ratio[excess <= 0] = 0.0
    return np.minimum(ratio, blocks.seconds)


def _pooled(blocks: list[_Blocks], shared: NDArray[np.bool_]) -> tuple[float, float]:
    """The common D and how many degrees of freedom tell of it.

    A ratio of sums, each side weighted by the rate of the other: a mean of ratios, or weights from the same
    slots, would come out too small. One series can not speak for all: excesses are capped.
    """
    weights = [
        b.freedom * (PRIOR_S / (1.0 + PRIOR_S * other.rate)) ** 2
        for b, other in zip(blocks, reversed(blocks), strict=True)
    ]
    total = float(sum((w * b.rate**2)[shared].sum() for w, b in zip(weights, blocks, strict=True)))
    if total <= 0.0:
        return PRIOR_S, 0.0
    middle = float(np.median(np.concatenate([_moment(b)[shared] for b in blocks])))
    above = below = 0.0
    for w, b in zip(weights, blocks, strict=True):
        inverse = np.divide(1.0, b.seconds, out=np.zeros_like(b.seconds), where=b.seconds > 0)
        excess = np.minimum(b.variance - b.rate, (_OUTLIER * middle + PRIOR_S) * b.rate**2)
        above += float((w * excess)[shared].sum())
        below += float((w * (b.rate**2 - b.rate * inverse))[shared].sum())
    freedom = float(sum((b.freedom * _signal(b, PRIOR_S))[shared].sum() for b in blocks))
    return max(above / below, 0.0) if below > 0 else PRIOR_S, freedom


def _own(blocks: list[_Blocks], common: float) -> NDArray[np.float64]:
    weights = [b.freedom * _signal(b, common) for b in blocks]
    seen = np.sum([w * _moment(b) for w, b in zip(weights, blocks, strict=True)], axis=0)
    own = (seen + SHRINK_WEIGHT * common) / (np.sum(weights, axis=0) + SHRINK_WEIGHT)
    return np.maximum(own, common * FLOOR)
