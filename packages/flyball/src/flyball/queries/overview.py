"""Is anything new, since when: services by their last change, the patterns of the period, the changes in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flyball.errors import NotFound
from flyball.model.change import Change
from flyball.model.finding import Finding
from flyball.queries.changes import list_changes
from flyball.queries.patterns import PatternRow, search_patterns
from flyball.queries.ports import Ports
from flyball.queries.whats_new import WhatsNew, whats_new

_PATTERNS_MAX = 100
_CHANGES_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service in one environment; `spark` is its records over the period, `findings` how many are open."""

    service: str
    environment: str
    versions: Sequence[str]
    records: int
    errors: int
    spark: Sequence[int]
    last_change: Change | None
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPattern:
    """A pattern with what is said of it since the last deploy: `change` is a finding's kind, else `steady`."""

    pattern: PatternRow
    change: str
    ratio: float | None
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first page; `whats_new` is the same answer that CLI, REST and MCP give, None without any change."""

    services: Sequence[ServiceRow]
    patterns: Sequence[OverviewPattern]
    changes: Sequence[Change]
    whats_new: WhatsNew | None
    records: int
    total_patterns: int
    since: datetime
    until: datetime
    as_of: datetime


async def overview(ports: Ports, *, since: str = "1h", until: str | None = None) -> Overview:
    """Services by change, patterns with what is new or growing, and the changes of the period.

    Args:
        ports: the stores.
        since: RFC 3339 or a duration ago; 1 h ago by default.
        until: RFC 3339 or a duration ago; now by default.

    Raises:
        InputError: a time that cannot be read.
    """
    found = await search_patterns(ports, since=since, until=until, limit=1_000)
    changes = (await list_changes(ports, since=since, until=until, limit=_CHANGES_MAX)).changes
    latest = (await list_changes(ports, limit=1_000)).changes
    try:
        news = await whats_new(ports)
    except NotFound:
        news = None
    findings = news.findings if news else ()
    return Overview(
        services=_services(found.patterns, latest, findings),
        patterns=_ranked(found.patterns, findings)[:_PATTERNS_MAX],
        changes=changes,
        whats_new=news,
        records=found.records,
        total_patterns=found.total,
        since=found.since,
        until=found.until,
        as_of=found.as_of,
    )


def _ranked(patterns: Sequence[PatternRow], findings: Sequence[Finding]) -> list[OverviewPattern]:
    """What was found first, in its own order, then the rest by count."""
    order = {(f.service, f.fingerprint): (position, f) for position, f in reversed(list(enumerate(findings)))}
    rows: list[tuple[int, OverviewPattern]] = []
    for pattern in patterns:
        position, finding = order.get((pattern.service, pattern.fingerprint), (len(findings), None))
        row = OverviewPattern(
            pattern=pattern,
            change=finding.kind.value if finding else "steady",
            ratio=finding.ratio if finding else None,
            finding=finding.id if finding else "",
        )
        rows.append((position, row))
    rows.sort(key=lambda row: (row[0], -row[1].pattern.count))
    return [row for _, row in rows]


def _services(
    patterns: Sequence[PatternRow], changes: Sequence[Change], findings: Sequence[Finding]
) -> list[ServiceRow]:
    """The services, the one that changed last first."""
    places: dict[tuple[str, str], list[PatternRow]] = {}
    for pattern in patterns:
        places.setdefault((pattern.service, pattern.environment), []).append(pattern)
    rows = [
        ServiceRow(
            service=service,
            environment=environment,
            versions=sorted({version for pattern in members for version in pattern.versions}),
            records=sum(pattern.count for pattern in members),
            errors=sum(pattern.count for pattern in members if pattern.severity >= 17),  # noqa: PLR2004 - OTel's ERROR
            spark=[sum(points) for points in zip(*(pattern.spark for pattern in members), strict=True)],
            last_change=next(
                (c for c in changes if (c.service, c.environment) == (service, environment)), None
            ),
            findings=sum((f.service, f.environment) == (service, environment) for f in findings),
        )
        for (service, environment), members in places.items()
    ]
    rows.sort(key=lambda row: row.service)
    rows.sort(key=lambda row: row.last_change.time.timestamp() if row.last_change else 0.0, reverse=True)
    return rows
