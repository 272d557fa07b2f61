"""`diagnose`: signals in, a diagnosis out. The same answer for the same signals, in whatever order they came.

Every rule is asked. What a rule finds is a hypothesis that is held; what it looked for and did not find is ruled out,
with how much was read; what could not be read leaves it unknown. Which of them is the cause is settled in `ranking`.
Below a threshold the diagnosis is inconclusive and says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flyball.explain.changes import preceding
from flyball.explain.exhibit import Exhibit, evidence_of
from flyball.explain.facts import Facts
from flyball.explain.ranking import ranked
from flyball.explain.rule import THRESHOLD, Match, Rule, Said, name
from flyball.explain.rules import RULES
from flyball.model.cause import Cause
from flyball.model.diagnosis import Claim, Diagnosis, Hypothesis, Standing
from flyball.model.evidence import Evidence
from flyball.model.signal import Signal, Surface

HYPOTHESES_MAX = 12
"""Held hypotheses that are kept and shown."""
CHANGES_MAX = 3
"""Changes before the begin that are told beside a cause."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def diagnose(signals: Iterable[Signal], normal: Iterable[Signal] = ()) -> Diagnosis:
    """What the signals of an incident tell, beside those of a normal time where there is one.

    Pure: no I/O, no clock, no model. Without signals it is inconclusive.
    """
    seen, usual = tuple(signals), tuple(normal)
    if not seen:
        return _blind()
    facts = Facts.of(seen, usual)
    desk = _Desk(facts.as_of)
    found = [match for rule in RULES for match in rule.find(facts)]
    matches, acquittals = ranked(facts, found)
    held = [_held(desk, match) for match in matches[:HYPOTHESES_MAX]]
    rest = _not_held(desk, facts, {match.cause for match in matches})
    acquitted = [_acquitted(desk, cause, it, said) for cause, it, said in acquittals]
    hypotheses = (*held, *acquitted, *rest)
    top = held[0] if held and held[0].weight >= THRESHOLD else None
    missing = () if top else _missing(desk, facts)
    return Diagnosis(
        cause=top.cause if top else None,
        object=top.object if top else "",
        first_step=top.first_step if top else None,
        claims=_story(desk, facts, matches) if top else (),
        hypotheses=hypotheses,
        evidence=tuple(desk.evidence.values()),
        confidence=top.weight if top else 0.0,
        inconclusive=top is None,
        missing=missing,
    )


@dataclass(slots=True)
class _Desk:
    """Gives exhibits their evidence, each once."""

    as_of: datetime
    evidence: dict[str, Evidence] = field(default_factory=dict[str, Evidence])

    def claim(self, said: Said) -> Claim:
        ids: list[str] = []
        for exhibit in said.exhibits:
            fact = evidence_of(exhibit, self.as_of)
            self.evidence[fact.id] = fact
            ids.append(fact.id)
        return Claim(text=said.text, evidence=tuple(dict.fromkeys(ids)))


def _held(desk: _Desk, match: Match) -> Hypothesis:
    return Hypothesis(
        cause=match.cause,
        object=match.object,
        standing=Standing.HELD,
        weight=round(match.weight, 3),
        reasons=tuple(desk.claim(said) for said in match.said),
        first_step=desk.claim(match.step),
    )


def _not_held(desk: _Desk, facts: Facts, named: set[Cause]) -> list[Hypothesis]:
    """What was looked for and not found is ruled out; it is unknown while a rule could not look."""
    asked: dict[Cause, list[Rule]] = {}
    for rule in RULES:
        for cause in rule.causes:
            asked.setdefault(cause, []).append(rule)
    found: list[Hypothesis] = []
    for cause, rules in asked.items():
        if cause in named:
            continue
        blind = [_unread(facts, rule) for rule in rules]
        said = [Said(text, _read(facts, rule)) for rule, text in zip(rules, blind, strict=True) if text]
        standing = Standing.UNKNOWN if len(said) == len(rules) else Standing.RULED_OUT
        if standing is Standing.RULED_OUT:
            could = [rule for rule, text in zip(rules, blind, strict=True) if not text]
            said = [Said(f"No {' or '.join(r.surfaces)} tells of {r.tells}.", _read(facts, r)) for r in could]
        reasons = tuple(desk.claim(one) for one in said)
        found.append(Hypothesis(cause=cause, object="", standing=standing, weight=0.0, reasons=reasons))
    return found


def _acquitted(desk: _Desk, cause: Cause, it: str, said: Said) -> Hypothesis:
    """A change that was looked at and is not the cause."""
    reasons = (desk.claim(said),)
    return Hypothesis(cause=cause, object=it, standing=Standing.RULED_OUT, weight=0.0, reasons=reasons)


def _unread(facts: Facts, rule: Rule) -> str:
    """Why a rule could not look; empty when it could."""
    unread = [surface for surface in rule.surfaces if not facts.read(surface, rule.reads)]
    if unread:
        return f"No {unread[0]} was read that would tell of {rule.tells}."
    if rule.needs_normal and not any(facts.usual(surface) for surface in rule.surfaces):
        return f"There is no normal time to compare with, so nothing can be said of {rule.tells}."
    return ""


def _read(facts: Facts, rule: Rule) -> tuple[Exhibit, ...]:
    return tuple(facts.nothing(surface) for surface in rule.surfaces)


def _story(desk: _Desk, facts: Facts, matches: Sequence[Match]) -> tuple[Claim, ...]:
    """What is wrong, what it rests on, and whom it reaches."""
    top = matches[0]
    shown = (*top.said[0].exhibits, *top.step.exhibits)
    if not any(top.object in {signal.entity, signal.value} for one in shown for signal in one.signals):
        shown += facts.naming(top.object)
    first = Said(f"The cause is in {name(top.object)}: {top.cause}.", shown)
    callers = [match for match in matches[1:] if top.object in facts.below(match.object)]
    reached = [
        Said(f"{name(match.object)} calls {name(top.object)} and shows it too.", _edge(facts, match, top))
        for match in {match.object: match for match in callers}.values()
    ]
    changed = preceding(facts, top) if top.cause not in {Cause.BAD_VERSION, Cause.CONFIG_CHANGE} else []
    return tuple(
        desk.claim(said) for said in (first, *top.said, *changed[:CHANGES_MAX], *reached[:HYPOTHESES_MAX])
    )


def _edge(facts: Facts, caller: Match, callee: Match) -> tuple[Exhibit, ...]:
    """The path of calls from a caller to what it reaches, and what the caller shows."""
    inside = facts.below(caller.object) | {caller.object}
    calls = [
        signal
        for signal in (*facts.on(Surface.EDGE), *facts.usual(Surface.EDGE))
        if signal.entity in inside and (signal.key == callee.object or signal.key in inside)
    ]
    direct = [s for s in calls if s.key == callee.object or s.entity == caller.object]
    first: dict[tuple[str, str], Signal] = {}
    for signal in direct:
        first.setdefault((signal.entity, signal.key), signal)
    return (facts.exhibit(*first.values()), *caller.said[0].exhibits)


def _missing(desk: _Desk, facts: Facts) -> tuple[Claim, ...]:
    unread = [surface for surface in Surface if not facts.seen(surface)]
    said = [Said(f"No {surface} was read.", (facts.nothing(surface),)) for surface in unread]
    if not facts.normal:
        said.append(Said("There is no normal time to compare with.", (facts.nothing(Surface.STATE),)))
    return tuple(desk.claim(one) for one in said)


def _blind() -> Diagnosis:
    """Nothing was read: nothing is said."""
    fact = evidence_of(Exhibit(surface=Surface.STATE, signals=(), examined=0), _NEVER)
    claim = Claim(text="No signal was read.", evidence=(fact.id,))
    return Diagnosis(
        cause=None,
        object="",
        first_step=None,
        claims=(),
        hypotheses=(),
        evidence=(fact,),
        confidence=0.0,
        inconclusive=True,
        missing=(claim,),
    )
