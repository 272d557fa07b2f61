"""Diagnosis: claims that cite evidence, the hypotheses that were tested, a cause and a first step, or inconclusive."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from flyball.model.cause import Cause
from flyball.model.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A sentence and the ids of the evidence that its numbers, names, times and versions stand in."""

    text: str
    evidence: tuple[str, ...]


class Standing(enum.StrEnum):
    """What became of a hypothesis."""

    HELD = "held"
    RULED_OUT = "ruled out"
    UNKNOWN = "unknown"
    """What would tell was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """One cause that was tested, with its reasons.

    `object` is the `kind/name` it would concern, empty where none was found. `weight` is 0 to 1: how directly the
    evidence tells of this cause; 0 unless held.
    """

    cause: Cause
    object: str
    standing: Standing
    weight: float
    reasons: tuple[Claim, ...]
    first_step: Claim | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong, since when, why, what first; or that it cannot be told, and what is missing.

    `hypotheses` hold what was tested, the best first; the first one that is held is the cause, unless
    `inconclusive`. `evidence` holds everything that is cited.
    """

    cause: Cause | None
    object: str
    first_step: Claim | None
    claims: tuple[Claim, ...]
    hypotheses: tuple[Hypothesis, ...]
    evidence: tuple[Evidence, ...]
    confidence: float
    inconclusive: bool
    missing: tuple[Claim, ...] = ()

    @property
    def top(self) -> Hypothesis | None:
        """The weightiest hypothesis that is held: the cause, unless `inconclusive`."""
        return next((one for one in self.hypotheses if one.standing is Standing.HELD), None)

    def cited(self, hypothesis: Hypothesis | None) -> list[Evidence]:
        """The evidence that the reasons of a hypothesis cite, in their order, each once."""
        reasons = hypothesis.reasons if hypothesis else ()
        held = {fact.id: fact for fact in self.evidence}
        ids = dict.fromkeys(id_ for reason in reasons for id_ in reason.evidence)
        return [held[id_] for id_ in ids if id_ in held]

    def sentences(self) -> tuple[Claim, ...]:
        """Every sentence: claims, reasons, first steps, what is missing."""
        steps = [self.first_step, *(hypothesis.first_step for hypothesis in self.hypotheses)]
        reasons = [reason for hypothesis in self.hypotheses for reason in hypothesis.reasons]
        return (*self.claims, *(step for step in steps if step), *reasons, *self.missing)
