"""Observe: what `diagnose` reads, built by queries from the store; the same signals as loaders make of files.

The store counts: what comes into this process are groups (of equal log records, of spans of one operation), samples
of metrics, events, the last reading of each object, and changes. Every reading is bounded, and what a bound left out
is said in the limits. All of it is as of one committed batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from flyball_sdk import semconv

from flyball.model.signal import Signal, Surface
from flyball.queries.observe import entities
from flyball.queries.observe.changes import read_changes
from flyball.queries.observe.kubernetes import read_events, read_objects
from flyball.queries.observe.logs import read_logs
from flyball.queries.observe.metrics import read_metrics
from flyball.queries.observe.place import NOT_KUBERNETES, SOURCES_MAX, WHERE, Scope, texts
from flyball.queries.observe.spans import read_spans
from flyball.queries.ports import Ports

NORMAL_S = 600.0
"""Seconds before the onset that are held against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The signals of an incident and of the normal time before it, and what could not be seen."""

    signals: tuple[Signal, ...]
    normal: tuple[Signal, ...]
    limits: tuple[str, ...]
    as_of: datetime


async def observe(
    ports: Ports,
    *,
    environment: str,
    onset: datetime,
    until: datetime,
    services: Sequence[str] | None = None,
    normal_s: float = NORMAL_S,
    wrong: Sequence[tuple[datetime, datetime]] = (),
) -> Observed:
    """What an environment showed from `onset` to `until`, and in the `normal_s` seconds before but for `wrong` times.

    With `services` it is what those showed, whom they call, directly or not, and who calls them directly.
    """
    seen = ports.as_of()
    scope = Scope(
        ports=ports,
        environment=environment,
        begin=onset - timedelta(seconds=normal_s),
        onset=onset,
        until=until,
        as_of=seen,
        wrong=tuple(wrong),
    )
    scope = replace(scope, named=await _named(scope))
    spans = await read_spans(scope)
    if services:
        scope = replace(scope, services=_around(services, (signal for _, signal in spans)))
    both = [*spans, *await read_logs(scope), *await read_events(scope), *await read_objects(scope)]
    both += [(signal.time >= onset, signal) for signal in await read_metrics(scope)]
    both += [(True, signal) for signal in await read_changes(scope)]
    if scope.services:
        both = _of_services(both, scope.services)
    return Observed(
        signals=tuple(signal for now, signal in both if now),
        normal=tuple(signal for now, signal in both if not now),
        limits=tuple(scope.limits),
        as_of=seen,
    )


_OF_ROWS = " UNION DISTINCT ".join(
    f"SELECT DISTINCT origin FROM {{db}}.{table} WHERE {WHERE}" for table in ("logs", "spans", "metrics")
)
_DATABASES = " OR ".join(f"position(resource, '{part}') > 0" for part in ('"db.', '"postgresql.', '"mysql.'))
_NAMED_SQL = f"""
SELECT origin, any(origins.resource) AS described FROM {{db}}.origins AS origins
WHERE origin IN ({_OF_ROWS}) AND {NOT_KUBERNETES} AND (
    position(resource, '"{semconv.SERVICE_NAME}"') = 0
    OR {_DATABASES}
)
GROUP BY origin ORDER BY origin"""


async def _named(scope: Scope) -> dict[int, str]:
    """Sources that are no plain service, and what they are."""
    rows = await scope.rows(_NAMED_SQL, SOURCES_MAX, "databases, pods and nodes", **scope.cluster)
    found: dict[int, str] = {}
    for row in rows:
        resource: dict[str, Any] = orjson.loads(row["described"]).get("resource", {})
        attributes = texts(resource.get("attributes", []))
        found[row["origin"]] = entities.of_resource(attributes, semconv.UNKNOWN_SERVICE)
    return found


def _around(services: Sequence[str], signals: Iterable[Signal]) -> tuple[str, ...]:
    """The services, what they call, directly or not, and who calls them."""
    edges = [(signal.entity, signal.key) for signal in signals if signal.surface is Surface.EDGE]
    asked = {entities.service(name) for name in services}
    inside, ahead = set(asked), list(asked)
    while ahead:
        caller = ahead.pop()
        for callee in {to for by, to in edges if by == caller} - inside:
            inside.add(callee)
            ahead.append(callee)
    inside |= {by for by, to in edges if to in asked}
    return tuple(sorted(it.partition("/")[2] for it in inside))


def _of_services(both: Sequence[tuple[bool, Signal]], services: Sequence[str]) -> list[tuple[bool, Signal]]:
    """Without the services that are not asked for, and without their pods."""
    inside = set(services)
    owners = {s.entity: str(s.value) for _, s in both if s.surface is Surface.STATE and s.key == "owner"}

    def concerns(signal: Signal) -> bool:
        it = owners.get(signal.entity, signal.entity)
        kind, _, name = owners.get(it, it).partition("/")
        return kind != "service" or name in inside

    return [(now, signal) for now, signal in both if concerns(signal)]
