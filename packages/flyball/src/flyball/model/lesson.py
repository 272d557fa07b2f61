"""Occurrence and lesson: what is remembered of an incident, and what is told when its like comes again."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flyball.model.cause import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One incident as memory knows it.

    `object` is the `kind/name` that the cause is of, `fingerprint` that of its weightiest pattern (empty where it
    has none), `signals` the kinds of findings or surfaces that its diagnosis stands on. `cause` is None while the
    diagnosis is inconclusive: such an incident is remembered, and nothing is recalled by it.
    """

    incident_id: str
    service: str
    opened: datetime
    cause: Cause | None
    object: str
    fingerprint: str = ""
    signals: frozenset[str] = frozenset()
    title: str = ""
    environment: str = ""
    workspace: str = "default"
    change_id: str = ""
    """The change that is suspected, empty where none is."""


class Result(enum.StrEnum):
    """What became of a fix."""

    WORKED = "worked"
    DID_NOT = "did not work"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What was done about an incident: in words, and by which change where one is known."""

    id: str
    workspace: str
    incident_id: str
    text: str
    time: datetime
    change_id: str = ""
    url: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixMade(Fix):
    """A fix as it is recorded, with what was measured of it right then."""

    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class FixTold:
    """A fix and what is known of its success.

    `numbers` are those of the verdict that decided, `judged` is when. `came_back` is when an incident of the same
    exact key opened after the fix, None where none did.
    """

    fix: Fix
    result: Result
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    judged: datetime | None = None
    came_back: datetime | None = None


class Likeness(enum.StrEnum):
    """By which key an earlier incident is like this one."""

    EXACT = "exact"
    """Cause, object and weightiest pattern are the same: this again."""
    KIND = "kind"
    """The cause is the same and it shows alike: the same elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """An earlier incident that is like this one: what happened, when, how alike, and what was done.

    `similarity` is 1 for the exact key; for the kind it is the share of signals that both have (Jaccard).
    """

    occurrence: Occurrence
    likeness: Likeness
    similarity: float
    fixes: tuple[FixTold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FixTally:
    """How often one fix was tried for a kind of incident, and with what success.

    `worked + did_not + unknown` is how often it was tried; `came_back` counts those that worked and whose incident
    came again.
    """

    text: str
    worked: int
    did_not: int
    unknown: int
    came_back: int
    incidents: tuple[str, ...]
