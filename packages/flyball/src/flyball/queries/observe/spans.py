"""Spans as signals: what each operation takes, itself and with what it calls, how often it fails, and who calls whom.

The same numbers as `bench.rca.nezha.spans_signals` makes of single spans; here the store makes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flyball.model.signal import Signal, Surface
from flyball.queries.observe.entities import PEER_ATTRIBUTES, of_peer
from flyball.queries.observe.place import ASKED, ENTITY, NOW, WHERE, Scope

OPERATIONS_MAX = 10_000
EDGES_MAX = 10_000
PEERS_MAX = 5_000
_CLIENT, _PRODUCER, _SERVER, _CONSUMER = 3, 4, 2, 5
"""Kinds of spans, as OTLP numbers them."""
_INSIDE = "1, 3, 4"
"""Internal, client, producer: the span above such a one is of the same service."""

# A span is known by a hash of its trace's id and its own; a parent's has the same form.
_ABOVE = "cityHash64(trace_id, toFixedString(unhex(substring(parent_span_id, 1, 16)), 8)) AS above"
_SPANS = f"""
SELECT {NOW}, {ENTITY}, name, kind, time, severity, attributes, cityHash64(trace_id, span_id) AS id, {_ABOVE},
    (toInt64(end_time_unix_nano) - toInt64(start_time_unix_nano)) / 1e6 AS ms
FROM {{db}}.spans WHERE {WHERE} AND {ASKED}"""

_OPERATIONS_SQL = f"""
SELECT now, entity, name AS operation, max(time) AS last, count() AS number,
    quantileExactInclusive(0.5)(ms) AS duration, quantileExactInclusive(0.5)(own) AS self,
    quantileExact(0.9)(own) AS self_high, countIf(severity >= 17) AS failed, minIf(time, severity >= 17) AS failed_at
FROM (
    SELECT now, entity, name, time, severity, ms, greatest(0.0, ms - below) AS own
    FROM ({_SPANS}) AS spans
    LEFT JOIN (SELECT now, above, sum(ms) AS below FROM ({_SPANS}) GROUP BY now, above) AS children
    ON spans.id = children.above AND spans.now = children.now
)
GROUP BY now, entity, name ORDER BY failed DESC, number DESC, entity, name"""

_EDGES_SQL = f"""
SELECT callee.now AS now, caller.entity AS caller, callee.entity AS callee, callee.name AS operation,
    max(callee.time) AS last, count() AS number, quantileExactInclusive(0.5)(caller.ms - callee.ms) AS way
FROM (SELECT now, entity, name, time, above, ms FROM ({_SPANS}) WHERE kind NOT IN ({_INSIDE})) AS callee
INNER JOIN (SELECT now, entity, id, ms FROM ({_SPANS})) AS caller
ON callee.above = caller.id AND callee.now = caller.now
WHERE caller.entity != callee.entity
GROUP BY now, caller, callee, operation ORDER BY number DESC, caller, callee, operation"""

# A span of a client that nobody answered, or a database: what it says of whom it asked is all there is.
_PEERS_SQL = f"""
SELECT now, entity, [{", ".join(f"attributes['{name}']" for name in PEER_ATTRIBUTES)}] AS peer, min(time) AS first
FROM ({_SPANS}) AS clients
WHERE kind IN ({_CLIENT}, {_PRODUCER}) AND id NOT IN (
    SELECT above FROM ({_SPANS}) WHERE kind IN ({_SERVER}, {_CONSUMER})
)
GROUP BY now, entity, peer HAVING arrayExists(one -> one != '', peer) ORDER BY first, entity, peer"""


async def read_spans(scope: Scope) -> list[tuple[bool, Signal]]:
    """What spans tell, of the incident's window (True) and of the normal one."""
    operations = await scope.rows(_OPERATIONS_SQL, OPERATIONS_MAX, "operations")
    edges = await scope.rows(_EDGES_SQL, EDGES_MAX, "edges between operations")
    peers = await scope.rows(_PEERS_SQL, PEERS_MAX, "peers of clients")
    return [
        *((bool(row["now"]), signal) for row in operations for signal in _operation(row)),
        *((bool(row["now"]), _edge(row)) for row in edges),
        *_peers(peers),
    ]


def _operation(row: Mapping[str, Any]) -> Iterator[Signal]:
    number = row["number"]
    for key, value in (
        ("calls", float(number)),
        ("duration_ms.p50", row["duration"]),
        ("self_ms.p50", row["self"]),
        ("self_ms.p90", row["self_high"]),
    ):
        yield _span(row, key, row["last"], round(value, 3), number)
    if row["failed"]:
        yield _span(row, "error", row["failed_at"], float(row["failed"]), row["failed"])


def _span(row: Mapping[str, Any], key: str, at: datetime, value: float, count: int) -> Signal:
    return Signal(
        surface=Surface.SPAN,
        time=at,
        entity=row["entity"],
        operation=row["operation"],
        key=key,
        value=value,
        count=count,
    )


def _edge(row: Mapping[str, Any]) -> Signal:
    return Signal(
        surface=Surface.EDGE,
        time=row["last"],
        entity=row["caller"],
        operation=row["operation"],
        key=row["callee"],
        value=round(row["way"], 3),
        count=row["number"],
    )


def _peers(rows: list[dict[str, Any]]) -> Iterator[tuple[bool, Signal]]:
    """Topology alone, each edge once a window."""
    seen: set[tuple[bool, str, str]] = set()
    for row in rows:
        now, caller = bool(row["now"]), row["entity"]
        callee = of_peer(dict(zip(PEER_ATTRIBUTES, row["peer"], strict=True)))
        if callee and (now, caller, callee) not in seen:
            seen.add((now, caller, callee))
            yield now, Signal(surface=Surface.EDGE, time=row["first"], entity=caller, key=callee, value="")
