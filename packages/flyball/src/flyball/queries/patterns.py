"""Which patterns are there, how often, since when: the counts by pattern, with a sparkline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.distill.sentiment import sentiment
from flyball.model.pattern import fingerprint
from flyball.model.window import SignalKind
from flyball.queries.periods import period, row_limit
from flyball.queries.ports import Ports

SPARK_POINTS = 30
_DEFAULT_PERIOD = timedelta(hours=1)
_SERIES_MAX = 200_000
"""Rows of (signal, source, point) read for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow:
    """One pattern in one service.

    `spark` has its count in each of SPARK_POINTS equal parts of the period; `sentiment` is how its words sound, -1
    (trouble) to 1 (relief), a hint and no proof (`distill.sentiment`).
    """

    fingerprint: str
    template: str
    signal_kind: str
    service: str
    environment: str
    severity: int
    count: int
    versions: Sequence[str]
    first_seen: datetime
    last_seen: datetime
    spark: Sequence[int]
    sentiment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """The patterns of a period, the most frequent first; `records` were distilled into `patterns`."""

    patterns: Sequence[PatternRow]
    records: int
    total: int
    since: datetime
    until: datetime
    as_of: datetime
    more: bool


async def search_patterns(
    ports: Ports,
    *,
    service: str | None = None,
    environment: str | None = None,
    contains: str | None = None,
    severity: int = 0,
    kind: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
) -> Patterns:
    """The patterns that match every given filter.

    Args:
        ports: the stores.
        service: `service.name`.
        environment: `deployment.environment.name`.
        contains: text in the template, letter case ignored.
        severity: at least this OpenTelemetry severity number.
        kind: `log` or `span`.
        since: RFC 3339 or a duration ago; 1 h ago by default.
        until: RFC 3339 or a duration ago; now by default.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
    """
    limit = row_limit(limit)
    start, end = period(since, until, ports.now(), default=_DEFAULT_PERIOD)
    step_s = max(5.0, (end - start).total_seconds() / SPARK_POINTS)
    where = [
        "workspace = {workspace:String}",
        "received <= {as_of:DateTime64(3)}",
        "severity >= {severity:UInt8}",
    ]
    where += ["time >= {since:DateTime64(3)}", "time <= {until:DateTime64(3)}"]
    parameters: dict[str, Any] = {
        "workspace": ports.workspace,
        "severity": severity,
        "since": start,
        "until": end,
        "step": step_s,
    }
    for name, value in (("service", service), ("environment", environment), ("kind", kind)):
        if value is not None:
            where.append(f"{name} = {{{name}:String}}")
            parameters[name] = value
    sql = (
        "SELECT kind, signal, service, environment, version, max(severity) AS worst,"
        " toUInt32(greatest(0, floor((toUnixTimestamp(time) - toUnixTimestamp({since:DateTime64(3)}))"
        " / {step:Float64}))) AS point, sum(count) AS number, min(time) AS first, max(time) AS last"
        f" FROM {{db}}.counts WHERE {' AND '.join(where)}"
        f" GROUP BY kind, signal, service, environment, version, point LIMIT {_SERIES_MAX}"
    )
    rows = (await ports.telemetry.select(sql, parameters)).to_pylist()
    found = _by_pattern(ports, rows)
    wanted = (contains or "").lower()
    matching = [row for row in found if wanted in row.template.lower()]
    matching.sort(key=lambda row: (-row.count, row.fingerprint, row.service))
    return Patterns(
        patterns=matching[:limit],
        records=sum(row.count for row in matching),
        total=len(matching),
        since=start,
        until=end,
        as_of=ports.as_of(),
        more=len(matching) > limit,
    )


def _by_pattern(ports: Ports, rows: Sequence[Mapping[str, Any]]) -> list[PatternRow]:
    groups: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    templates: dict[str, str] = {}
    for row in rows:
        pattern = ports.catalog.pattern(row["signal"])
        name = pattern.fingerprint if pattern else fingerprint(row["signal"])
        templates[name] = pattern.template if pattern else ""
        groups.setdefault((name, row["kind"], row["service"], row["environment"]), []).append(row)
    return [_row(key, members, templates[key[0]]) for key, members in groups.items()]


def _row(key: tuple[str, str, str, str], rows: Sequence[Mapping[str, Any]], template: str) -> PatternRow:
    spark = [0] * SPARK_POINTS
    for row in rows:
        spark[min(row["point"], SPARK_POINTS - 1)] += row["number"]
    return PatternRow(
        fingerprint=key[0],
        template=template,
        signal_kind=key[1],
        service=key[2],
        environment=key[3],
        severity=max(row["worst"] for row in rows),
        count=sum(spark),
        versions=sorted({row["version"] for row in rows if row["version"]}),
        first_seen=datetime.fromtimestamp(min(row["first"] for row in rows), UTC),
        last_seen=datetime.fromtimestamp(max(row["last"] for row in rows), UTC),
        spark=spark,
        sentiment=sentiment(template) if key[1] == SignalKind.LOG else 0.0,
    )
