"""What is recalled: earlier incidents that are like this one, and the fixes that worked for their kind.

Two keys. *Exact* (cause, object, weightiest pattern): this again. *Kind* (cause, and enough of the same signals): the
same elsewhere. How alike titles read only orders what is equally alike. Below a threshold nothing is said: a lesson
that does not fit costs more than none. Figures are in docs/decisions/0014.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flyball.component.ports import MemoryStore
from flyball.model.cause import Cause
from flyball.model.lesson import Fix, FixTally, FixTold, Lesson, Likeness, Occurrence, Result
from flyball.model.memory import Key, NodeKind, Relation
from flyball.remember.facts import Judgement, fix_of, judgement_of, object_key, occurrence_of

LESSONS_MAX = 5
"""Lessons told of one incident."""
CANDIDATES_MAX = 500
"""Earlier incidents of one cause that are looked at, the newest first."""
FIXES_MAX = 20
"""Fixes told of one incident."""
OUTCOMES_MAX = 100
"""Outcomes read of one fix, the newest first."""
KIND_LEAST = 0.5
"""Least share of signals that two incidents of one kind have in common."""

Resolve = Callable[[str], str]
"""A fingerprint that once was -> the one that stands for it today."""


def as_it_is(fingerprint: str) -> str:
    """A fingerprint where nothing is known of others."""
    return fingerprint


@dataclass(frozen=True, slots=True)
class _Like:
    occurrence: Occurrence
    likeness: Likeness
    similarity: float
    reads_alike: float = field(default=0.0)

    @property
    def rank(self) -> tuple[bool, float, float, datetime, str]:
        exact = self.likeness is Likeness.EXACT
        return (exact, self.similarity, self.reads_alike, self.occurrence.opened, self.occurrence.incident_id)


async def seen_before(
    store: MemoryStore, occurrence: Occurrence, *, resolve: Resolve = as_it_is, limit: int = LESSONS_MAX
) -> tuple[Lesson, ...]:
    """The earlier incidents of its workspace that are like this one, the likest first; none while inconclusive.

    It never finds itself, nor what opened later.
    """
    if occurrence.cause is None:
        return ()
    earlier = await _of_cause(store, occurrence, occurrence.cause)
    again = [one for one in earlier if _exact(one, occurrence, resolve)]
    likes = [_Like(one, Likeness.EXACT, 1.0, _reads_alike(one, occurrence)) for one in again]
    likes += [
        _Like(one, Likeness.KIND, alike, _reads_alike(one, occurrence))
        for one in earlier
        if one not in again and (alike := _jaccard(one.signals, occurrence.signals)) >= KIND_LEAST
    ]
    likes = [one for one in likes if one.occurrence.opened <= occurrence.opened]
    best = sorted(likes, key=lambda one: one.rank, reverse=True)[: max(0, min(limit, LESSONS_MAX))]
    everything = [*earlier, occurrence]
    return tuple(
        [
            Lesson(
                occurrence=one.occurrence,
                likeness=one.likeness,
                similarity=round(one.similarity, 3),
                fixes=await _fixes(store, one.occurrence, everything, resolve),
            )
            for one in best
        ]
    )


async def fixes_that_worked(
    store: MemoryStore,
    cause: Cause,
    *,
    signals: frozenset[str] = frozenset(),
    workspace: str = "default",
    resolve: Resolve = as_it_is,
) -> tuple[FixTally, ...]:
    """What was done about incidents of a cause (of its kind, where `signals` are given), those that worked first.

    Fixes count as one when their words are the same but for case.
    """
    found = await _incidents(store, workspace, [(Relation.HAS_CAUSE, (NodeKind.CAUSE, cause.value))])
    incidents = [one for one in found if one.cause is cause]
    kind = [one for one in incidents if not signals or _jaccard(one.signals, signals) >= KIND_LEAST]
    told: dict[str, list[FixTold]] = defaultdict(list)
    for incident in kind:
        for one in await _fixes(store, incident, incidents, resolve):
            told[one.fix.text.casefold()].append(one)
    tallies = [_tally(group) for group in told.values()]
    return tuple(sorted(tallies, key=lambda one: (-one.worked, one.did_not, -one.unknown, one.text)))


async def judgements(store: MemoryStore, fix: Fix) -> list[Judgement]:
    """The outcomes of a fix, newest first."""
    targets: list[tuple[Relation, Key]] = [(Relation.JUDGES, (NodeKind.FIX, fix.id))]
    nodes = await store.pointing_at(fix.workspace, NodeKind.OUTCOME, targets, limit=OUTCOMES_MAX)
    return [judgement_of(node) for node in nodes]


async def _of_cause(store: MemoryStore, occurrence: Occurrence, cause: Cause) -> list[Occurrence]:
    """The other incidents of a cause: those of the same object surely, of other objects as far as the bound goes."""
    has_cause = (Relation.HAS_CAUSE, (NodeKind.CAUSE, cause.value))
    same = await _incidents(
        store, occurrence.workspace, [has_cause, (Relation.BLAMES, object_key(occurrence.object))]
    )
    others = await _incidents(store, occurrence.workspace, [has_cause])
    found = {one.incident_id: one for one in (*same, *others)}
    return [one for one in found.values() if one.cause is cause and one.incident_id != occurrence.incident_id]


async def _incidents(
    store: MemoryStore, workspace: str, targets: Sequence[tuple[Relation, Key]]
) -> list[Occurrence]:
    nodes = await store.pointing_at(workspace, NodeKind.INCIDENT, targets, limit=CANDIDATES_MAX)
    return [occurrence_of(node) for node in nodes]


async def _fixes(
    store: MemoryStore, incident: Occurrence, known: Sequence[Occurrence], resolve: Resolve
) -> tuple[FixTold, ...]:
    """What was done about an incident, what became of it, and whether it came back."""
    targets: list[tuple[Relation, Key]] = [(Relation.FIXES, (NodeKind.INCIDENT, incident.incident_id))]
    nodes = await store.pointing_at(incident.workspace, NodeKind.FIX, targets, limit=FIXES_MAX)
    again = sorted(
        one.opened
        for one in known
        if one.incident_id != incident.incident_id and _exact(one, incident, resolve)
    )
    told: list[FixTold] = []
    for fix in map(fix_of, nodes):
        judged = await judgements(store, fix)
        decided = next((one for one in judged if one.result is not Result.UNKNOWN), None)
        last = decided or (judged[0] if judged else None)
        told.append(
            FixTold(
                fix=fix,
                result=last.result if last else Result.UNKNOWN,
                numbers=last.numbers if last else {},
                judged=last.time if last else None,
                came_back=next((opened for opened in again if opened > fix.time), None),
            )
        )
    return tuple(told)


def _tally(told: Sequence[FixTold]) -> FixTally:
    def count(result: Result) -> int:
        return sum(one.result is result for one in told)

    return FixTally(
        text=told[0].fix.text,
        worked=count(Result.WORKED),
        did_not=count(Result.DID_NOT),
        unknown=count(Result.UNKNOWN),
        came_back=sum(one.result is Result.WORKED and one.came_back is not None for one in told),
        incidents=tuple(dict.fromkeys(one.fix.incident_id for one in told)),
    )


def _exact(one: Occurrence, other: Occurrence, resolve: Resolve) -> bool:
    prints = [resolve(it.fingerprint) if it.fingerprint else "" for it in (one, other)]
    return (one.cause, one.object, prints[0]) == (other.cause, other.object, prints[1])


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def _reads_alike(one: Occurrence, other: Occurrence) -> float:
    return _jaccard(frozenset(one.title.casefold().split()), frozenset(other.title.casefold().split()))
