"""Verdict: whether a change repaired what a finding states."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from flyball.model.finding import Finding, Numbers


class Outcome(enum.StrEnum):
    """The four answers."""

    FIXED = "fixed"
    NOT_FIXED = "not fixed"
    WORSE = "worse"
    NOT_ENOUGH_DATA = "not enough data"


WORST_FIRST = (Outcome.WORSE, Outcome.NOT_FIXED, Outcome.NOT_ENOUGH_DATA, Outcome.FIXED)
"""The worst of several verdicts speaks for all: doubt outweighs a repair, harm outweighs doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One finding judged after the change that was meant to repair it.

    `healthy`, `broken` and `repaired` are the finding's numbers before it, while it was open, and after the
    repair. `expected` is how many records the broken rate would have given after the repair. `confidence` is
    1 - p of the test that decided: the chance that a service for which the outcome is untrue would not have
    shown what it shows; 0 when nothing could be decided.
    """

    outcome: Outcome
    finding: Finding
    healthy: Numbers
    broken: Numbers
    repaired: Numbers
    expected: float
    confidence: float
    why: str
    evidence: tuple[str, ...] = ()


def worst(outcomes: tuple[Outcome, ...]) -> Outcome:
    """The worst of the outcomes; without any there is nothing to judge: not enough data."""
    return min(outcomes, key=WORST_FIRST.index, default=Outcome.NOT_ENOUGH_DATA)
