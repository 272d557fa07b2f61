"""What a database shows: its metrics against their own begin, its limits, and what it says in its events.

A managed database has no normal window beside it, but its metrics begin before the trouble does: the first samples
are what it usually is, where no normal time is given. What is high beside something that grew first is its symptom:
CPU while connections run out, writes while a replica catches up.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.series import Series, series
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

FIRST = 3
"""Samples at the begin of a metric that count as usual, where no normal time is given."""
LAG_S = 30.0
"""Seconds of replica lag from which on readers notice; and three times the usual."""
BUSY_PERCENT = 80.0
MORE_CONNECTIONS = 1.4
"""Times the connections at first from which on they grew, where their limit is not known."""
FULL_SHARE = 0.05
"""Of what was free at first, what is left when it counts as used up."""
TRANSACTION_IDS = 1.5e9
"""Transaction ids in use (of 2.1e9) from which on their end is near; a vacuum begins at 2e8."""


_TEXTS = (
    Text(
        cause=Cause.DB_FAILOVER,
        pattern=r"(?i)failover (?:initiated|started|in progress|completed)|promoted to primary",
        tells="a failover",
        step="See why the primary of {it} failed its check; let clients connect again.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.DB_CONNECTIONS,
        pattern=r"(?i)max_connections|remaining connection slots|too many (?:clients|connections)",
        tells="a database without free connections",
        step="See who holds the connections of {it}: idle sessions first.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.DB_STORAGE,
        pattern=r"(?i)(?:allocated|free) storage|storage (?:space|is)|storage[- ]full|no space left|out of (?:disk|storage)|disk full",
        tells="storage that is used up",
        step="Give {it} more storage, and find what fills it.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.DB_REPLICATION,
        pattern=r"(?i)replication lag|replica .{0,40}behind|replication (?:has )?(?:stopped|error|failed)"
        r"|replication streaming has been terminated",
        tells="a replica that lags",
        step="See what writes so much to the source of {it}.",
        weight=SHOWS,
    ),
    Text(
        cause=Cause.DB_MEMORY,
        pattern=r"(?i)critically low on memory|out of memory|using too much memory",
        tells="a database without memory",
        step="See which query takes the memory of {it}; give it a larger instance.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.DB_PARAMETERS,
        pattern=r"(?i)put into incompatible-\w+|in incompatible-\w+|incompatible-parameters",
        tells="parameters that do not go together",
        step="Take back the parameter of {it} that its class cannot hold.",
        weight=SAYS,
    ),
)


def _told(text: Text, facts: Facts) -> Iterator[Match]:
    found: dict[str, list[Signal]] = {}
    for event in facts.on(Surface.EVENT):
        if event.entity.startswith("database/") and text.told(str(event.value)):
            found.setdefault(event.entity, []).append(event)
    for entity, events in found.items():
        shown = facts.exhibit(*events)
        said = tuple(
            say(f"{name(entity)} has the event {quote(str(event.value))}.", facts.exhibit(event))
            for event in events[:3]
        )
        step = say(text.step.format(it=name(entity)), shown)
        yield Match(cause=text.cause, object=entity, weight=text.weight, said=said, step=step)


def _of(facts: Facts, key: str) -> list[Series]:
    return [found for found in series(facts, key) if found.entity.startswith("database/")]


def _usual(found: Series) -> float:
    """What the metric is usually: of the normal time, else of its own begin."""
    return found.before if found.before is not None else statistics.median(found.values[:FIRST])


def _changed(facts: Facts, found: Series, now: Signal) -> Said:
    before = _usual(found)
    text = f"{quote(found.key)} of {name(found.entity)} is {float(now.value):.1f}, before {before:.1f}."
    return say(text, facts.exhibit(now, before=round(before, 1), now=round(float(now.value), 1)))


def _match(facts: Facts, cause: Cause, found: Series, now: Signal, step: str, weight: float) -> Match:
    said = _changed(facts, found, now)
    told = say(step.format(name(found.entity)), said.exhibits[0])
    return Match(cause=cause, object=found.entity, weight=weight, said=(said,), step=told)


def _lag(facts: Facts) -> Iterator[Match]:
    for found in _of(facts, "ReplicaLag"):
        last = found.now[-1]
        if float(last.value) >= max(LAG_S, 3.0 * _usual(found)):
            step = "See what writes so much to the source of {0}."
            yield _match(facts, Cause.DB_REPLICATION, found, last, step, SHOWS + 0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """A metric of what is left of something: near nothing tells of a cause."""

    cause: Cause
    keys: tuple[str, ...]
    tells: str
    step: str
    weight: float


_LEFT = (
    _Left(
        cause=Cause.DB_STORAGE,
        keys=("FreeStorageSpace", "FreeLocalStorage"),
        tells="storage that is used up",
        step="Give {0} more storage, and find what fills it.",
        weight=SAYS,
    ),
    _Left(
        cause=Cause.DB_MEMORY,
        keys=("FreeableMemory",),
        tells="memory that is used up",
        step="See which query takes the memory of {0}; give it a larger instance.",
        weight=SHOWS,
    ),
    _Left(
        cause=Cause.DB_CREDITS,
        keys=("BurstBalance", "CPUCreditBalance", "EBSIOBalance%", "EBSByteBalance%"),
        tells="burst credits that are used up",
        step="See what used the credits of {0}; give it provisioned throughput or a larger class.",
        weight=SHOWS,
    ),
)


def _left(left: _Left, facts: Facts) -> Iterator[Match]:
    for key in left.keys:
        for found in _of(facts, key):
            last, usual = found.now[-1], _usual(found)
            if usual > 0 and float(last.value) <= FULL_SHARE * usual:
                yield _match(facts, left.cause, found, last, left.step, left.weight)


def _ids(facts: Facts) -> Iterator[Match]:
    for found in _of(facts, "MaximumUsedTransactionIDs"):
        if float(found.now[-1].value) >= TRANSACTION_IDS:
            step = "Vacuum {0}, and end what holds old transactions open."
            yield _match(facts, Cause.DB_WRAPAROUND, found, found.now[-1], step, SHOWS)


def _evictions(facts: Facts) -> Iterator[Match]:
    """A cache that evicts, and did not before: one that always evicts is merely full of what nobody asks."""
    for found in _of(facts, "Evictions"):
        if not _usual(found) and found.median > 0:
            step = "Give {0} more memory, or let what it holds expire."
            yield _match(facts, Cause.CACHE_MEMORY, found, found.peak, step, HINTS + 0.15)


def _cpu(facts: Facts) -> Iterator[Match]:
    for found in _of(facts, "CPUUtilization"):
        high = found.median >= BUSY_PERCENT
        if high:
            text = f"{quote(found.key)} of {name(found.entity)} stays at {found.median:.1f}."
            shown = facts.exhibit(*found.now[-3:], median=round(found.median, 1))
            said = [say(text, shown)]
            query = _top_query(facts, found.entity)
            if query:
                text = f"The query that takes most of {name(found.entity)} is {quote(str(query.value))}."
                said.append(say(text, facts.exhibit(query)))
            step = say(f"Explain the query that takes most of the CPU of {name(found.entity)}.", shown)
            yield Match(cause=Cause.DB_CPU, object=found.entity, weight=SHOWS, said=tuple(said), step=step)


def _connections(facts: Facts) -> Iterator[Match]:
    """Connections that grew while most of the load waits for its clients: sessions that are held and do nothing."""
    for found in _of(facts, "DatabaseConnections"):
        last, waits = found.now[-1], facts.state(found.entity, "top_wait")
        idle = waits is not None and str(waits.value).startswith("Client:")
        if float(last.value) >= MORE_CONNECTIONS * max(_usual(found), 1.0):
            step = "See who holds the connections of {0}: idle sessions first."
            match = _match(facts, Cause.DB_CONNECTIONS, found, last, step, IMPLIES if idle else HINTS)
            if idle and waits:
                text = f"{name(found.entity)} waits most for {quote(str(waits.value))}."
                match = replace(match, said=(*match.said, say(text, facts.exhibit(waits))))
            yield match


def _top_query(facts: Facts, entity: str) -> Signal | None:
    return facts.state(entity, "top_query")


def _waits(facts: Facts) -> Iterator[Match]:
    """What most of a database's load waits for, where it is one thing that tells of a cause."""
    for waits in facts.states("database", "top_wait"):
        if re.match(r"Lock:", str(waits.value)):
            shown = facts.exhibit(waits)
            said = say(f"{name(waits.entity)} waits most for {quote(str(waits.value))}.", shown)
            step = say(f"Find the session that holds the lock in {name(waits.entity)}.", shown)
            yield Match(cause=Cause.DB_LOCK, object=waits.entity, weight=IMPLIES, said=(said,), step=step)


RULES = (
    *(
        Rule(
            causes=(text.cause,),
            surfaces=(Surface.EVENT,),
            tells=text.tells,
            find=partial(_told, text),
            reads=("database/",),
        )
        for text in _TEXTS
    ),
    Rule(
        causes=(Cause.DB_REPLICATION,),
        surfaces=(Surface.METRIC,),
        tells="a replica that lags",
        reads=("ReplicaLag",),
        find=_lag,
    ),
    *(
        Rule(
            causes=(left.cause,),
            surfaces=(Surface.METRIC,),
            tells=left.tells,
            reads=left.keys,
            find=partial(_left, left),
        )
        for left in _LEFT
    ),
    Rule(
        causes=(Cause.DB_WRAPAROUND,),
        surfaces=(Surface.METRIC,),
        tells="transaction ids that run out",
        reads=("MaximumUsedTransactionIDs",),
        find=_ids,
    ),
    Rule(
        causes=(Cause.CACHE_MEMORY,),
        surfaces=(Surface.METRIC,),
        tells="a cache that evicts",
        reads=("Evictions",),
        find=_evictions,
    ),
    Rule(
        causes=(Cause.DB_CONNECTIONS,),
        surfaces=(Surface.METRIC,),
        tells="connections that grow",
        reads=("DatabaseConnections",),
        find=_connections,
    ),
    Rule(
        causes=(Cause.DB_CPU,),
        surfaces=(Surface.METRIC,),
        tells="a busy database",
        find=_cpu,
        reads=("CPUUtilization",),
    ),
    Rule(
        causes=(Cause.DB_LOCK,),
        surfaces=(Surface.STATE,),
        tells="locks in a database",
        reads=("top_wait",),
        find=_waits,
    ),
)
