"""Does it come again? The errors of incidents that are over, counted in the last seconds and minutes.

Held against the rate they had while they went on: what is known needs no surprise to be recognised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.incident import Incident
from flyball.model.pattern import shape_id
from flyball.model.severity import Severity
from flyball.queries.cohorts import ANY_VERSION, Place, Side, bound
from flyball.queries.evidence import counted_evidence
from flyball.queries.ports import Ports

WINDOWS_S = (15, 300)
"""Seconds that are looked at, for what comes often and for what comes seldom; never from before it was resolved."""
COUNT_MIN = 5
"""Fewer records are no recurrence."""
PART_MIN = 0.2
"""It is back when it comes at this part of the rate that it had; verify calls no less than that repaired."""
HEALTHY_MAX = 3.0
"""What comes at less than so many times its healthy rate is healthy."""
_INCIDENTS_MAX = 100
_ERRORS = (FindingKind.NEW, FindingKind.RATE_UP, FindingKind.ERROR_RATE)
_SLOT_S = 5

_SQL = (
    "SELECT service, environment, kind, signal, toUnixTimestamp(time) AS at, sum(count) AS number FROM {db}.counts"
    " WHERE workspace = {workspace:String} AND received <= {as_of:DateTime64(3, 'UTC')}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND severity >= {severity:UInt8}"
    " AND service IN {services:Array(String)} AND signal IN {signals:Array(UInt64)}"
    " GROUP BY service, environment, kind, signal, at LIMIT 100000"
)


async def recurring(ports: Ports, over: Sequence[Incident]) -> list[Finding]:
    """Findings of resolved incidents that show themselves again, with what they count now and its evidence."""
    pairs = [
        (incident, finding)
        for incident in over[:_INCIDENTS_MAX]
        for finding in incident.findings
        if finding.kind in _ERRORS and finding.severity_number >= Severity.ERROR and finding.fingerprint
    ]
    if not pairs or not ports.telemetry.committed_ms:
        return []
    as_of = ports.as_of()
    begin = as_of - timedelta(seconds=max(WINDOWS_S))
    shapes = {finding.fingerprint: _shapes(ports, finding) for _, finding in pairs}
    parameters = {
        "workspace": ports.workspace,
        "as_of": bound(as_of),
        "begin": int(begin.timestamp()),
        "severity": int(Severity.ERROR),
        "services": sorted({finding.service for _, finding in pairs}),
        "signals": sorted({one for several in shapes.values() for one in several}),
    }
    rows = (await ports.telemetry.select(_SQL, parameters)).to_pylist()
    found: list[Finding] = []
    for incident, finding in pairs:
        own = [row for row in rows if _is_of(row, finding, shapes[finding.fingerprint])]
        for window_s in WINDOWS_S:
            since = max(as_of - timedelta(seconds=window_s), incident.resolved or begin)
            times = [row for row in own if row["at"] >= since.timestamp()]
            count = sum(row["number"] for row in times)
            if _back(incident, finding, count, (as_of - since).total_seconds()):
                first = datetime.fromtimestamp(min(row["at"] for row in times), UTC)
                found.append(await _again(ports, finding, incident, first, as_of))
                break
    return found


def _shapes(ports: Ports, finding: Finding) -> tuple[int, ...]:
    pattern = ports.catalog.pattern(finding.fingerprint)
    return tuple(pattern.shapes) if pattern else (shape_id(finding.fingerprint),)


def _is_of(row: dict[str, Any], finding: Finding, shapes: Sequence[int]) -> bool:
    place = (finding.service, finding.environment, finding.signal_kind.value)
    return (row["service"], row["environment"], row["kind"]) == place and row["signal"] in shapes


def _back(incident: Incident, finding: Finding, count: int, seconds: float) -> bool:
    if count < COUNT_MIN or seconds <= 0:
        return False
    lasted = ((incident.resolved or incident.last_seen) - incident.began).total_seconds()
    broken = finding.count / max(lasted, _SLOT_S)
    healthy = finding.before.per_minute / 60.0
    rate = count / seconds
    return rate >= PART_MIN * broken and rate >= HEALTHY_MAX * healthy


async def _again(
    ports: Ports, finding: Finding, incident: Incident, first: datetime, as_of: datetime
) -> Finding:
    """The finding as it is now: since its first record of this time, beside the time since it was resolved."""
    cut, end = int(first.timestamp()) // _SLOT_S * _SLOT_S, int(as_of.timestamp()) + 1
    quiet = int((incident.resolved or incident.last_seen).timestamp())
    fact = await counted_evidence(
        ports,
        Place(workspace=incident.workspace, service=finding.service, environment=finding.environment),
        Side(version=ANY_VERSION, begin_s=min(quiet, cut), end_s=cut, first_s=float(quiet), last_s={}),
        Side(version=ANY_VERSION, begin_s=cut, end_s=end, first_s=float(cut), last_s={}),
        kind=finding.signal_kind,
        signals=_shapes(ports, finding),
        severity=Severity.ERROR,
        as_of=as_of,
        what="counts: again",
    )
    count = fact.numbers["after_count"]
    return replace(
        finding,
        count=round(count),
        before=Numbers(count=fact.numbers["before_count"], seconds=float(max(cut - quiet, 0))),
        after=Numbers(count=count, seconds=float(end - cut)),
        first_seen=first,
        change_id="",
        summary=f"Back: {count:.0f} in {end - cut} s, after it was over.",
        evidence=(fact.id,),
    )
