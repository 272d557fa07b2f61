"""Which of the causes that the rules found is the cause: a mechanism before its symptoms, a callee before its callers.

A *symptom* (`SYMPTOMS`: it fails, it is slow, it raises) tells that something is wrong and where; a *mechanism* tells
why. A symptom is explained by a mechanism of the same service, or by what the service calls; a mechanism only by one
below it. What nothing below a service explains may be explained by a change of that very service. What is explained
is told too, after what explains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flyball.explain.changes import Acquittal, judge
from flyball.explain.facts import Facts
from flyball.explain.rule import THRESHOLD, Match
from flyball.model.cause import SYMPTOMS, Cause
from flyball.model.signal import Surface

EXPLAINED = 0.6
"""What is left of a weight when something else explains it."""
COMPARABLE = 0.85
"""Least part of a weight that what explains it from below must have."""
MECHANISM = 0.6
"""Least weight of a mechanism that explains the symptoms of its own service."""
CERTAIN = 0.9
"""From this weight on a mechanism stands for itself: no other one below explains it away."""
UNASKED = 0.8
"""What is left of the weight of a service that the alert is not about, and that what it is about never calls."""


def ranked(facts: Facts, found: Sequence[Match]) -> tuple[list[Match], list[Acquittal]]:
    """The best first, each cause of an object once; and the changes that are ruled out."""
    asked = _asked(facts, found)
    judged = judge(facts, _weighed(facts, asked), _alone(facts, asked))
    best: dict[tuple[Cause, str], Match] = {}
    for match in sorted(_weighed(facts, [*asked, *judged.accused]), key=_rank):
        best.setdefault((match.cause, match.object), match)
    return list(best.values()), judged.acquitted


def _rank(match: Match) -> tuple[float, int, str, str]:
    """By weight, then by how much was seen and by name."""
    seen = sum(exhibit.matched for said in match.said for exhibit in said.exhibits)
    return (-match.weight, -seen, match.object, match.cause)


def _asked(facts: Facts, found: Sequence[Match]) -> list[Match]:
    """The matches, lighter where an alert is about something else. What services share concerns all of them."""
    subjects = {facts.owner(alert.entity) for alert in facts.on(Surface.ALERT)}
    related = subjects.union(*(facts.below(subject) for subject in subjects))
    return [
        match if not subjects or _concerns(facts, match, related) else _lighter(match, UNASKED)
        for match in found
    ]


def _concerns(facts: Facts, match: Match, related: set[str]) -> bool:
    shared = not match.object.startswith(("service/", "pod/", "replicaset/", "inferred/"))
    return shared or match.object in related or facts.owner(match.object) in related


def _weighed(facts: Facts, matches: Sequence[Match]) -> list[Match]:
    """The matches, lighter where another one explains them."""
    causes = [match for match in matches if match.weight >= THRESHOLD]
    return [
        _lighter(match, EXPLAINED) if any(_explains(facts, cause, match) for cause in causes) else match
        for match in matches
    ]


def _explains(facts: Facts, cause: Match, match: Match) -> bool:
    symptom = match.cause in SYMPTOMS
    if _of(facts, cause) == _of(facts, match):
        return symptom and cause.cause not in SYMPTOMS and cause.weight >= MECHANISM
    if cause.object not in facts.below(match.object) or cause.weight < COMPARABLE * match.weight:
        return False
    return symptom or cause.cause is match.cause or (cause.cause not in SYMPTOMS and match.weight < CERTAIN)


def _alone(facts: Facts, matches: Sequence[Match]) -> frozenset[str]:
    """Services that show a symptom which nothing in them or below them explains."""
    causes = [match for match in matches if match.weight >= THRESHOLD]
    of = {_of(facts, match) for match in causes if match.cause in SYMPTOMS - {Cause.CODE_PATH}}
    explained = {
        it
        for it in of
        if any(
            match.object in facts.below(it)
            or (_of(facts, match) == it and match.cause not in SYMPTOMS and match.weight >= MECHANISM)
            for match in causes
        )
    }
    return frozenset(of - explained)


def _of(facts: Facts, match: Match) -> str:
    return facts.owner(match.object)


def _lighter(match: Match, part: float) -> Match:
    return replace(match, weight=match.weight * part)
