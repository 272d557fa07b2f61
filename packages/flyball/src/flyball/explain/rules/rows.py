"""Queries that find nothing any more, after a migration: row-level security hides rows without a word.

A policy that denies a write says so. One that hides rows says nothing: every query goes well and returns fewer rows,
often none. What tells is a service that begins to find nothing in most of its calls, while they go on to succeed and
while the schema was changed shortly before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flyball.explain.chance import at_least, real
from flyball.explain.changes import WINDOW, told
from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, Match, Rule, name, quote, say
from flyball.model.cause import Cause
from flyball.model.severity import Severity
from flyball.model.signal import Signal, Surface

CALLS_MIN = 5
"""Calls of an operation, before and now, below which nothing is said of it."""
SHARE_MIN = 0.5
"""Share of an operation's calls that find nothing, from which on it is not about single rows."""
MORE = 5.0
"""Times the usual share from which on it is new."""

_NOTHING = re.compile(
    r"(?i)\b(?:no|0|zero) (?:[\w-]+ ){0,2}(?:found|returned|matched)\b"
    r"|\breturned (?:0|no|zero) (?:rows|records|results)\b|\bempty result"
)


def _find(facts: Facts) -> Iterator[Match]:
    for migration in facts.on(Surface.CHANGE):
        it = migration.entity
        databases = {called for called in facts.callees(it) if called.startswith("database/")}
        if migration.key == "migration" and databases and not _without_policies(facts, databases):
            yield from _empty(facts, migration)


def _without_policies(facts: Facts, databases: set[str]) -> bool:
    """Whether these are of a kind that knows no row-level security, by the names of their metrics."""
    return all(
        any(key.startswith("mysql.") and entity == it for entity, key, _, _ in facts.numbers())
        for it in databases
    )


def _empty(facts: Facts, migration: Signal) -> Iterator[Match]:
    """Operations of the migrated service that now find nothing in most of their calls."""
    it = migration.entity
    usual = {(s.operation, s.key): s.count for s in facts.usual(Surface.LOG) if s.entity == it}
    calls, calls_usual = (
        {s.operation: s for s in side if s.entity == it and s.key == "calls" and s.count >= CALLS_MIN}
        for side in (facts.on(Surface.SPAN), facts.usual(Surface.SPAN))
    )
    tested = [
        s
        for s in facts.on(Surface.LOG)
        if s.entity == it
        and s.severity < Severity.ERROR
        and s.operation in calls
        and s.operation in calls_usual
        and _since(migration, s)
        and _NOTHING.search(str(s.value))
    ]
    chances: list[float] = []
    for s in tested:
        n, n_usual = calls[s.operation].count, calls_usual[s.operation].count
        count, before = min(s.count, n), min(usual.get((s.operation, s.key), 0), n_usual)
        chances.append(at_least(count, count + before, n, n + n_usual))
    for s in real(tested, chances):
        now, before = calls[s.operation], usual.get((s.operation, s.key), 0)
        share, share_usual = s.count / now.count, before / calls_usual[s.operation].count
        if share >= SHARE_MIN and share >= MORE * share_usual and not _fails(facts, it, s.operation):
            yield _match(facts, migration, s, now, calls_usual[s.operation], before)


def _since(migration: Signal, record: Signal) -> bool:
    return migration.time <= record.time <= migration.time + WINDOW


def _fails(facts: Facts, it: str, operation: str) -> bool:
    return any(
        s.entity == it and s.operation == operation and s.key == "error" for s in facts.on(Surface.SPAN)
    )


def _match(
    facts: Facts, migration: Signal, record: Signal, calls: Signal, calls_usual: Signal, before: int
) -> Match:
    it = migration.entity
    shown = facts.exhibit(
        record, count=record.count, calls=calls.count, before=before, calls_before=calls_usual.count
    )
    text = (
        f"{name(it)} finds nothing in operation {quote(record.operation)}: {record.count} in {calls.count} calls,"
        f" before {before} in {calls_usual.count}: {quote(str(record.value))}."
    )
    changed = facts.exhibit(migration)
    said = (say(text, shown), say(f"{told(migration)}; no call of that operation fails.", changed))
    step = say(
        f"Count the rows as the role that {name(it)} uses and as the owner of the table: a policy of row-level"
        f" security may hide them since the {quote(migration.key)} {quote(str(migration.value))}.",
        changed,
    )
    return Match(cause=Cause.ROWS_HIDDEN, object=it, weight=IMPLIES, said=said, step=step)


RULES = (
    Rule(
        causes=(Cause.ROWS_HIDDEN,),
        surfaces=(Surface.CHANGE, Surface.LOG, Surface.SPAN),
        tells="queries that find nothing since a migration",
        find=_find,
        needs_normal=True,
    ),
)
