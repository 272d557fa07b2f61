"""What several rules ask of metrics: a number now, held against what it usually is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from flyball.explain.chance import at_least, real
from flyball.explain.facts import Facts
from flyball.model.signal import Signal

USUAL_MIN = 20
"""Samples of a normal time from which on its spread is known."""
SURPRISE_MIN = 6.0
"""Standard deviations from which on a metric is not usual, where its spread is known."""
LEAST_SCALE = 0.05
"""Of the usual value: a smaller spread is not believed."""


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of an entity: its samples in time, and those of the normal time (empty without one)."""

    entity: str
    key: str
    now: tuple[Signal, ...]
    usual: tuple[float, ...]

    @property
    def values(self) -> list[float]:
        """The samples, in time."""
        return [float(signal.value) for signal in self.now]

    @property
    def peak(self) -> Signal:
        """The highest sample."""
        return max(self.now, key=lambda signal: (float(signal.value), signal.time))

    @property
    def median(self) -> float:
        """The median sample."""
        return statistics.median(self.values)

    @property
    def before(self) -> float | None:
        """What it usually is: the median of the normal time."""
        return statistics.median(self.usual) if self.usual else None


def surprise(found: Series, *, low: bool = False) -> float:
    """How far the second most extreme sample (the only one, if one) is from usual, in standard deviations.

    The scale is the larger of 1.4826 times the median absolute deviation and of what the usual 99th percentile on
    that side is away, over 2.33 (both are the deviation of a normal distribution; the second is larger where tails
    are heavy), and no less than `LEAST_SCALE` of the usual value. With fewer than `USUAL_MIN` samples it is 0.
    """
    if len(found.usual) < USUAL_MIN:
        return 0.0
    center = statistics.median(found.usual)
    side = sorted(center - value if low else value - center for value in found.usual)
    middle = 1.4826 * statistics.median(abs(value) for value in side)
    tail = side[min(len(side) - 1, int(0.99 * len(side)))] / 2.33
    far = sorted((center - v if low else v - center for v in found.values), reverse=True)
    return far[min(1, len(far) - 1)] / max(middle, tail, LEAST_SCALE * abs(center), 1e-9)


def unlikely(found: Series, *, low: bool = False) -> float:
    """The chance that so many of the samples stand so high (or low) among all, if now were like the normal time.

    By ranks alone, so that no distribution is assumed: of n samples now and m usual ones, that k of the n are among
    the r highest of all is hypergeometric; the least such chance of all k, times n for having looked at each. 1
    without a normal time. It takes samples as exchangeable: what drifts slowly makes it too small.
    """
    sign = -1.0 if low else 1.0
    now = sorted((sign * value for value in found.values), reverse=True)
    usual = [sign * value for value in found.usual]
    if not usual:
        return 1.0
    chances = (
        at_least(k, k + sum(value >= one for value in usual), len(now), len(now) + len(usual))
        for k, one in enumerate(now, 1)
    )
    return min(1.0, len(now) * min(chances))


def unusual(several: Sequence[Series], *, low: bool = False) -> list[Series]:
    """Those that are not as usual, of all that were asked."""
    return real(several, [unlikely(found, low=low) for found in several])


def series(facts: Facts, *keys: str) -> list[Series]:
    """The metrics of these names, one for each entity, in order; all metrics when no name is given."""
    return [
        Series(entity, key, tuple(sorted(now, key=lambda signal: signal.time)), tuple(usual))
        for entity, key, now, usual in facts.numbers()
        if not keys or key in keys
    ]


def one(facts: Facts, entity: str, key: str) -> Series | None:
    """A metric of an entity, None where it was not read."""
    return next((found for found in series(facts, key) if found.entity == entity), None)
