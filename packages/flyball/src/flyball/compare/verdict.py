"""Is a repair a repair? Counts of a finding while it was open against its counts after the fix.

Excess (new, rate up, errors, slow spans) must fall, deficit (gone, rate down) must rise; both by most of the
way back to what was healthy, and further than chance explains. What was not exposed enough for the broken
rate to have shown is *not enough data*.
"""

from __future__ import annotations

from dataclasses import dataclass

from flyball.compare.fdr import always_valid
from flyball.compare.rates import tail_up
from flyball.model.verdict import Outcome

P_MAX = 0.05
"""The chance to call a fault fixed, or worse, that is as it was, however often it is asked."""
P_NOT_FIXED_MAX = 0.05
REMAINS_MAX = 0.2
"""Fixed: at most this part of what the fault had added is left."""
WORSE_RATIO = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Records over exposure, in seconds of equal traffic (or any other unit, the same for all sides)."""

    count: float
    exposure: float

    @property
    def rate(self) -> float:
        """Records a unit of exposure, 0 without any."""
        return self.count / self.exposure if self.exposure > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The outcome, how sure (1 - p of the test that decided), and what the broken rate would have given."""

    outcome: Outcome
    confidence: float
    expected: float


def judge_excess(healthy: Counted, broken: Counted, repaired: Counted, dispersion: float) -> Judgement:
    """Something there was too much of: did it go back?"""
    expected = broken.rate * repaired.exposure
    less = always_valid(_tail(repaired, broken, dispersion))
    more = always_valid(_tail(broken, repaired, dispersion))
    if more <= P_MAX and repaired.rate >= WORSE_RATIO * broken.rate:
        return Judgement(outcome=Outcome.WORSE, confidence=1.0 - more, expected=expected)
    allowed = healthy.rate + REMAINS_MAX * max(broken.rate - healthy.rate, 0.0)
    if less <= P_MAX and repaired.rate <= allowed:
        return Judgement(outcome=Outcome.FIXED, confidence=1.0 - less, expected=expected)
    still = _tail(broken, repaired, dispersion, factor=allowed / broken.rate if broken.rate else 1.0)
    if repaired.rate > allowed and still <= P_NOT_FIXED_MAX:
        return Judgement(outcome=Outcome.NOT_FIXED, confidence=1.0 - still, expected=expected)
    return Judgement(outcome=Outcome.NOT_ENOUGH_DATA, confidence=0.0, expected=expected)


def judge_deficit(healthy: Counted, broken: Counted, repaired: Counted, dispersion: float) -> Judgement:
    """Something there was too little of: did it come back?"""
    expected = broken.rate * repaired.exposure
    more = always_valid(_tail(broken, repaired, dispersion))
    less = always_valid(_tail(repaired, broken, dispersion))
    wanted = healthy.rate - 2.5 * REMAINS_MAX * max(healthy.rate - broken.rate, 0.0)
    if more <= P_MAX and repaired.rate >= wanted:
        return Judgement(outcome=Outcome.FIXED, confidence=1.0 - more, expected=expected)
    if less <= P_MAX and broken.rate >= WORSE_RATIO * repaired.rate:
        return Judgement(outcome=Outcome.WORSE, confidence=1.0 - less, expected=expected)
    still = _tail(repaired, healthy, dispersion, factor=healthy.rate / wanted if wanted > 0 else 1.0)
    if repaired.rate < wanted and still <= P_NOT_FIXED_MAX:
        return Judgement(outcome=Outcome.NOT_FIXED, confidence=1.0 - still, expected=expected)
    return Judgement(outcome=Outcome.NOT_ENOUGH_DATA, confidence=0.0, expected=expected)


def _tail(low: Counted, high: Counted, dispersion: float, *, factor: float = 1.0) -> float:
    """P that `high` has so many of the records of both, were its rate `factor` times that of `low`."""
    return tail_up(low.count, high.count, low.exposure, high.exposure, dispersion, factor=factor)
