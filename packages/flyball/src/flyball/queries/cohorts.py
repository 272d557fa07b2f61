"""Rows of the counts table as the two sides of a window: what to read, and how rows become arrays.

Which rows belong to which side is `window`'s business; statistics are `flyball.compare`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.model.severity import Severity
from flyball.model.window import Cohort, Durations, Series, SignalKind
from flyball.queries.ports import Ports

SERIES_MAX = 5_000
"""Series compared in one window, the most frequent first; what is left out is said."""
_ROWS_MAX = 150_000
ANY_VERSION = "*"

Alias = Callable[[int], tuple[int, str]]
"""Shape id -> fingerprint and template of its pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose counts; every query is scoped by it."""

    workspace: str
    service: str
    environment: str

    def parameters(self) -> dict[str, Any]:
        """The bound parameters of WHERE_PLACE."""
        return {"workspace": self.workspace, "service": self.service, "environment": self.environment}


WHERE_PLACE = (
    "workspace = {workspace:String} AND service = {service:String} AND environment = {environment:String}"
    " AND received <= {as_of:DateTime64(3, 'UTC')}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Rows of one side: of a version (`*` is any) with begin_s <= event time < end_s, seconds since 1970.

    `first_s` and `last_s` bound the exposure more finely than slots do, `last_s` by signal kind.
    """

    version: str
    begin_s: int
    end_s: int
    first_s: float
    last_s: Mapping[SignalKind, float]

    def holds(self, version: str) -> bool:
        """Whether rows of this version belong here."""
        return self.version in (ANY_VERSION, version)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One series of the counts table over time; `slots` are starts in seconds since 1970."""

    version: str
    kind: SignalKind
    signal: int
    severity: Severity
    bucket: int
    slots: NDArray[np.int64]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """First and last event time (seconds since 1970) of a version's raw records of one kind."""

    first_s: float
    last_s: float


_COUNTS_SQL = (
    "SELECT version, kind, signal, severity, bucket, groupArray(slot) AS slots, groupArray(number) AS counts FROM ("
    "SELECT version, kind, signal, severity, bucket,"
    " intDiv(toUnixTimestamp(time), {slot:UInt32}) * {slot:UInt32} AS slot, sum(count) AS number"
    f" FROM {{db}}.counts WHERE {WHERE_PLACE}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    " GROUP BY version, kind, signal, severity, bucket, slot ORDER BY slot)"
    f" GROUP BY version, kind, signal, severity, bucket ORDER BY sum(number) DESC LIMIT {_ROWS_MAX}"
)


async def read_counts(
    ports: Ports, place: Place, *, begin_s: int, end_s: int, slot_s: int, as_of: datetime
) -> list[Row]:
    """Every series of the place in that time, the most frequent first."""
    parameters = place.parameters() | {"begin": begin_s, "end": end_s, "slot": slot_s, "as_of": bound(as_of)}
    table = await ports.telemetry.select(_COUNTS_SQL, parameters)
    return [
        Row(
            version=row["version"],
            kind=SignalKind(row["kind"]),
            signal=row["signal"],
            severity=Severity.of(row["severity"]),
            bucket=row["bucket"],
            slots=np.array(row["slots"], dtype=np.int64),
            counts=np.array(row["counts"], dtype=np.float64),
        )
        for row in table.to_pylist()
        if row["kind"] in {"log", "span"}
    ]


_EDGES_SQL = " UNION ALL ".join(
    f"SELECT version, '{kind}' AS kind, toUnixTimestamp64Milli(min(time)) AS first,"
    f" toUnixTimestamp64Milli(max({newest})) AS last FROM {{db}}.{table} WHERE {WHERE_PLACE}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC') GROUP BY version"
    for kind, table, newest in (("log", "logs", "time"), ("span", "spans", "time"))
)


async def read_edges(
    ports: Ports, place: Place, *, begin_s: int, end_s: int, as_of: datetime
) -> dict[tuple[str, SignalKind], Edge]:
    """When each version's raw records begin and end, to the millisecond; empty once they have expired."""
    parameters = place.parameters() | {"begin": begin_s, "end": end_s, "as_of": bound(as_of)}
    table = await ports.telemetry.select(_EDGES_SQL, parameters)
    return {
        (row["version"], SignalKind(row["kind"])): Edge(
            first_s=row["first"] / 1000, last_s=row["last"] / 1000
        )
        for row in table.to_pylist()
    }


def bound(moment: datetime) -> str:
    """A time as the engine's DateTime64(3) parameter, in UTC; the same text again when evidence is rechecked."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def series_of(rows: Iterable[Row], alias: Alias) -> tuple[tuple[Series, ...], int]:
    """The most frequent series, and how many were left out."""
    totals: dict[Series, float] = {}
    for row in rows:
        series = Series(kind=row.kind, fingerprint=alias(row.signal)[0])
        totals[series] = totals.get(series, 0.0) + float(row.counts.sum())
    ordered = sorted(totals, key=lambda s: (-totals[s], s.kind, s.fingerprint))
    return tuple(ordered[:SERIES_MAX]), max(len(ordered) - SERIES_MAX, 0)


def cohort_of(
    rows: Sequence[Row],
    side: Side,
    series: tuple[Series, ...],
    alias: Alias,
    *,
    slot_s: int,
    young_until_s: float,
) -> Cohort:
    """The rows of one side as arrays over its slots."""
    first = int(side.first_s) // slot_s * slot_s if side.first_s < side.end_s else side.end_s
    last = max(side.last_s.values(), default=0.0)
    starts = np.arange(max(first, side.begin_s), min(side.end_s, int(last) + 1), slot_s, dtype=np.int64)
    index = {s: i for i, s in enumerate(series)}
    counts: dict[Severity, NDArray[np.float64]] = {}
    spans: dict[int, list[tuple[NDArray[np.int64], int, NDArray[np.float64]]]] = {}
    for row in rows:
        at = index.get(Series(kind=row.kind, fingerprint=alias(row.signal)[0]))
        if at is None or not side.holds(row.version) or not len(starts):
            continue
        slot = (row.slots - starts[0]) // slot_s
        inside = (slot >= 0) & (slot < len(starts))
        if not inside.any():
            continue
        matrix = counts.setdefault(row.severity, np.zeros((len(series), len(starts))))
        np.add.at(matrix[at], slot[inside], row.counts[inside])
        if row.kind is SignalKind.SPAN and row.bucket > 0:
            spans.setdefault(at, []).append((slot[inside], row.bucket, row.counts[inside]))
    return Cohort(
        label=side.version,
        slot_s=slot_s,
        starts=starts,
        seconds={kind: _exposure(starts, slot_s, side, kind) for kind in SignalKind},
        young=starts < young_until_s,
        series=series,
        counts=counts,
        durations={at: _durations(parts) for at, parts in spans.items()},
    )


def _exposure(starts: NDArray[np.int64], slot_s: int, side: Side, kind: SignalKind) -> NDArray[np.float64]:
    begin = np.maximum(starts, side.first_s)
    end = np.minimum(starts + slot_s, side.last_s[kind])
    return np.maximum(end - begin, 0.0).astype(np.float64)


def _durations(parts: list[tuple[NDArray[np.int64], int, NDArray[np.float64]]]) -> Durations:
    return Durations(
        slot=np.concatenate([slot for slot, _, _ in parts]),
        bucket=np.concatenate([np.full(len(slot), bucket, dtype=np.int64) for slot, bucket, _ in parts]),
        count=np.concatenate([count for _, _, count in parts]),
    )
