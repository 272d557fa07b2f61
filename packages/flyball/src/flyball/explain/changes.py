"""What changed before it began: accused when what changed, or who calls it, fails since; acquitted with the reason.

Not a rule of its own: a change is held against what the rules found. A change that came after the first record, that
is long past, or behind which nothing fails is ruled out by name, so that an innocent deploy is seen to be innocent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flyball.explain.exhibit import instant, order
from flyball.explain.facts import Facts
from flyball.explain.rule import Match, Said, name, quote, say
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

WINDOW = timedelta(hours=1)
"""How long before the begin a change may lie."""
BESIDE = 0.55
"""The weight of a change beside something that concerns it: more than a hint, less than what is said."""
BLAMED = 0.75
"""That of a change of a service that fails since, while nothing in it or below it tells why."""

_CALLS = (Surface.SPAN, Surface.LOG)
"""What a service shows of every call."""
_BEHAVIOUR = ("config", "flag", "migration", "agent config", "guard rule")


Acquittal = tuple[Cause, str, Said]
"""A change that is not the cause, of what, and why not."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The changes that may be the cause, as matches, and those that are ruled out, each with its reason."""

    accused: list[Match]
    acquitted: list[Acquittal]


def judge(facts: Facts, matches: Sequence[Match], alone: frozenset[str] = frozenset()) -> Judged:
    """Hold every change against what was found; `alone` are the services that fail by themselves."""
    judged = Judged([], [])
    for change in facts.on(Surface.CHANGE):
        concerned = [match for match in matches if _concerns(facts, change.entity, match)]
        begins = [(signal, match) for match in concerned if (signal := began(facts, match))]
        first = min(begins, key=lambda one: (one[0].time, one[1].object), default=None)
        if first is None:
            text = f"{told(change)}, and nothing that was found concerns it."
            judged.acquitted.append((cause_of(change), change.entity, say(text, facts.exhibit(change))))
        elif first[0].time < change.time:
            text = f"{told(change)}, after the first record at {instant(first[0].time)}."
            said = say(text, facts.exhibit(change), facts.exhibit(first[0]))
            judged.acquitted.append((cause_of(change), change.entity, said))
        elif first[0].time - change.time > WINDOW:
            text = f"{told(change)}, long before the first record at {instant(first[0].time)}."
            said = say(text, facts.exhibit(change), facts.exhibit(first[0]))
            judged.acquitted.append((cause_of(change), change.entity, said))
        elif later := _followed(facts, change, first[0]):
            text = f"{told(change)}, and {told(later)}, before the first record at {instant(first[0].time)}."
            said = say(text, facts.exhibit(change), facts.exhibit(later), facts.exhibit(first[0]))
            judged.acquitted.append((cause_of(change), change.entity, said))
        else:
            weight = BLAMED if change.entity in alone else BESIDE
            judged.accused.append(_match(facts, change, first[1], first[0], weight))
    return judged


def preceding(facts: Facts, match: Match) -> list[Said]:
    """Sentences on what changed in an object, or in what it calls, before what is told of it began."""
    first = began(facts, match)
    changes = [
        change
        for change in facts.on(Surface.CHANGE)
        if first
        and change.time <= first.time <= change.time + WINDOW
        and _reaches(facts, match.object, change.entity)
        and not _followed(facts, change, first)
    ]
    latest = sorted(changes, key=lambda change: change.time, reverse=True)
    return [_before(facts, change, match, first) for change in latest if first]


def _followed(facts: Facts, change: Signal, first: Signal) -> Signal | None:
    """The version that came after a version, still before the first record: the earlier one ran no more."""
    if cause_of(change) is not Cause.BAD_VERSION:
        return None
    later = [
        one
        for one in facts.on(Surface.CHANGE)
        if one.entity == change.entity
        and cause_of(one) is Cause.BAD_VERSION
        and change.time < one.time <= first.time
    ]
    return max(later, key=lambda one: (one.time, order(one)), default=None)


def began(facts: Facts, match: Match) -> Signal | None:
    """The first record of the incident that a match rests on; of what is missing since, the first of its object."""
    shown = [signal for said in match.said for exhibit in said.exhibits for signal in exhibit.signals]
    now = [signal for signal in shown if not facts.was_usual(signal)]
    now = now or [s for surface in _CALLS for s in facts.on(surface) if s.entity == match.object]
    return min(now, key=lambda signal: (signal.time, order(signal)), default=None)


def cause_of(change: Signal) -> Cause:
    """A change of code, or one of behaviour without code."""
    return Cause.CONFIG_CHANGE if change.key in _BEHAVIOUR else Cause.BAD_VERSION


def _concerns(facts: Facts, entity: str, match: Match) -> bool:
    return match.weight > 0 and _reaches(facts, match.object, entity)


def _reaches(facts: Facts, caller: str, entity: str) -> bool:
    return caller == entity or entity in facts.below(caller)


def told(change: Signal) -> str:
    """What was changed to what, by whom where that is known, and when."""
    by = f" ({quote(change.detail)})" if change.detail else ""
    return f"{name(change.entity)} had the {quote(change.key)} {quote(str(change.value))}{by} at {instant(change.time)}"


def _before(facts: Facts, change: Signal, match: Match, first: Signal) -> Said:
    text = f"{told(change)}; the first record came at {instant(first.time)}."
    rests = (exhibit for said in match.said for exhibit in said.exhibits)
    return say(text, facts.exhibit(change), facts.exhibit(first), *rests)


def _match(facts: Facts, change: Signal, match: Match, first: Signal, weight: float) -> Match:
    said = _before(facts, change, match, first)
    step = say(
        f"Take the {quote(change.key)} {quote(str(change.value))} of {name(change.entity)} back.",
        facts.exhibit(change),
    )
    return Match(
        cause=cause_of(change),
        object=change.entity,
        weight=weight,
        said=(said, *match.said),
        step=step,
    )
