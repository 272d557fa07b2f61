"""Occurrences, fixes and outcomes as nodes of the graph, and back.

The fact of a node is all that is known of the thing; edges are how to find it. So an incident that is diagnosed anew
has an edge to each cause it was given, and its node says which one holds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flyball.errors import InputError
from flyball.model.cause import Cause
from flyball.model.lesson import Fix, Occurrence, Result
from flyball.model.memory import Edge, Key, Node, NodeKind, Relation

TEXT_CHARS_MAX = 500
"""Characters kept of a title, a fix, or any other text that people or programs give."""
NAME_CHARS_MAX = 200
"""Characters kept of a name, an id or an address."""
SIGNALS_MAX = 50
"""Signals kept of one incident."""
NUMBERS_MAX = 50
"""Numbers kept of one verdict."""
_URL_SCHEMES = ("https://", "http://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One measured outcome of a fix."""

    fix_id: str
    result: Result
    numbers: Mapping[str, float]
    time: datetime


def plain(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Foreign text as it is kept: one printable line, bounded."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * chars_max]).split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def name(text: str) -> str:
    """A name or id as it is kept."""
    return plain(text, NAME_CHARS_MAX)


def digest(prefix: str, *parts: str) -> str:
    """An id over parts: the same content, the same id."""
    return prefix + hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def object_key(entity: str) -> Key:
    """The node of a `kind/name`; a service has a node of its own kind, by its name."""
    kind, _, rest = entity.partition("/")
    return (NodeKind.SERVICE, rest) if kind == "service" and rest else (NodeKind.OBJECT, entity)


def fix_made(
    workspace: str, incident_id: str, text: str, *, at: datetime, change_id: str, url: str, by: str
) -> Fix:
    """A fix with the id that its content gives. `by` and `at` are no part of it: told again, it is the same.

    Raises:
        InputError: there are no words, or the address is none of the web.
    """
    words, change_id, url = plain(text), name(change_id), name(url)
    if not words:
        raise InputError("a fix is told in words: what was done, for example 'raised the pool to 50'")
    if url and not url.startswith(_URL_SCHEMES):
        raise InputError(f"url = {url!r} is no address of the web, such as https://git.example/pull/7")
    return Fix(
        id=digest("fix_", workspace, incident_id, words, change_id, url),
        workspace=workspace,
        incident_id=incident_id,
        text=words,
        time=at.astimezone(UTC),
        change_id=change_id,
        url=url,
        by=name(by),
    )


def judged(fix_id: str, result: Result, numbers: Mapping[str, float], *, at: datetime) -> Judgement:
    """An outcome with the finite ones of its numbers."""
    finite = {name(key): float(value) for key, value in numbers.items() if math.isfinite(value)}
    kept = dict(sorted(finite.items())[:NUMBERS_MAX])
    return Judgement(fix_id=fix_id, result=result, numbers=kept, time=at.astimezone(UTC))


def bounded(occurrence: Occurrence) -> Occurrence:
    """An incident with every text on one printable, bounded line.

    Raises:
        InputError: it has no id.
    """
    if not name(occurrence.incident_id):
        raise InputError("an incident is remembered by its id, and this one has none")
    return replace(
        occurrence,
        incident_id=name(occurrence.incident_id),
        workspace=name(occurrence.workspace),
        service=name(occurrence.service),
        environment=name(occurrence.environment),
        object=name(occurrence.object),
        fingerprint=name(occurrence.fingerprint),
        change_id=name(occurrence.change_id),
        title=plain(occurrence.title),
        signals=frozenset(sorted({name(signal) for signal in occurrence.signals})[:SIGNALS_MAX]),
        opened=occurrence.opened.astimezone(UTC),
    )


def occurrence_graph(occurrence: Occurrence) -> tuple[list[Node], list[Edge]]:
    """An incident with all that it points at."""
    workspace, time = occurrence.workspace, occurrence.opened
    incident = Node(
        workspace=workspace,
        kind=NodeKind.INCIDENT,
        id=occurrence.incident_id,
        time=time,
        fact={
            "service": occurrence.service,
            "environment": occurrence.environment,
            "cause": occurrence.cause.value if occurrence.cause else "",
            "object": occurrence.object,
            "fingerprint": occurrence.fingerprint,
            "signals": sorted(occurrence.signals),
            "title": occurrence.title,
            "change_id": occurrence.change_id,
        },
    )
    ends: list[tuple[Relation, Key]] = [
        (Relation.IN, (NodeKind.SERVICE, occurrence.service)),
        (Relation.HAS_CAUSE, (NodeKind.CAUSE, occurrence.cause.value if occurrence.cause else "")),
        (Relation.BLAMES, object_key(occurrence.object)),
        (Relation.SHOWS, (NodeKind.PATTERN, occurrence.fingerprint)),
        (Relation.SUSPECTS, (NodeKind.CHANGE, occurrence.change_id)),
    ]
    return _graph(incident, [(relation, key) for relation, key in ends if key[1]])


def fix_graph(fix: Fix) -> tuple[list[Node], list[Edge]]:
    """A fix, what it was made for, and the change it came with."""
    node = Node(
        workspace=fix.workspace,
        kind=NodeKind.FIX,
        id=fix.id,
        time=fix.time,
        fact={
            "incident_id": fix.incident_id,
            "text": fix.text,
            "change_id": fix.change_id,
            "url": fix.url,
            "by": fix.by,
        },
    )
    ends: list[tuple[Relation, Key]] = [(Relation.FIXES, (NodeKind.INCIDENT, fix.incident_id))]
    if fix.change_id:
        ends.append((Relation.SHIPPED_AS, (NodeKind.CHANGE, fix.change_id)))
    return _graph(node, ends)


def outcome_graph(workspace: str, judged: Judgement) -> tuple[list[Node], list[Edge]]:
    """An outcome and the fix it judges."""
    told = (judged.result.value, repr(sorted(judged.numbers.items())), judged.time.isoformat())
    node = Node(
        workspace=workspace,
        kind=NodeKind.OUTCOME,
        id=digest("out_", judged.fix_id, *told),
        time=judged.time,
        fact={"fix_id": judged.fix_id, "result": judged.result.value, "numbers": dict(judged.numbers)},
    )
    return _graph(node, [(Relation.JUDGES, (NodeKind.FIX, judged.fix_id))])


def occurrence_of(node: Node) -> Occurrence:
    """The incident that a node holds."""
    fact = node.fact
    return Occurrence(
        incident_id=node.id,
        workspace=node.workspace,
        opened=node.time,
        service=fact["service"],
        environment=fact["environment"],
        cause=Cause(fact["cause"]) if fact["cause"] else None,
        object=fact["object"],
        fingerprint=fact["fingerprint"],
        signals=frozenset(fact["signals"]),
        title=fact["title"],
        change_id=fact["change_id"],
    )


def fix_of(node: Node) -> Fix:
    """The fix that a node holds."""
    return Fix(id=node.id, workspace=node.workspace, time=node.time, **node.fact)


def judgement_of(node: Node) -> Judgement:
    """The outcome that a node holds."""
    return Judgement(
        fix_id=node.fact["fix_id"],
        result=Result(node.fact["result"]),
        numbers=node.fact["numbers"],
        time=node.time,
    )


def _graph(node: Node, ends: Sequence[tuple[Relation, Key]]) -> tuple[list[Node], list[Edge]]:
    """A node and its edges. What it points at needs no node of its own: the edge names it."""
    edges = [
        Edge(workspace=node.workspace, source=node.key, relation=relation, target=target, time=node.time)
        for relation, target in ends
    ]
    return [node], edges
