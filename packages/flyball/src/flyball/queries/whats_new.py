"""What is new since a change: the findings of every service it may have touched, with their evidence.

One frozen view; every face renders this one. It states what it compared and what it could not see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flyball.component.moments import moment
from flyball.detect import noticed
from flyball.detect.latency import BEFORE_S_MIN
from flyball.detect.new import perhaps_starting
from flyball.distill.sentiment import sentiment
from flyball.errors import InputError, NotFound
from flyball.model.change import Change, ChangeKind
from flyball.model.finding import Finding, FindingKind
from flyball.model.window import SignalKind, Window
from flyball.queries.cite import cite
from flyball.queries.cohorts import Place, bound
from flyball.queries.ports import Ports
from flyball.queries.window import Read, read_window

LAST_DEPLOY = "last-deploy"
FINDINGS_MAX = 50
"""Findings in one answer; the others are counted in its limits."""
SENTIMENT_PART = 0.1
"""By so much of itself a finding's harm grows when its words are all trouble, and shrinks when they are relief."""

_WORDS_TELL = frozenset({FindingKind.NEW, FindingKind.RATE_UP, FindingKind.SEVERITY_SHIFT})
_SERVICES_MAX = 50
_CHANGE_ID = re.compile(r"[a-z]+_[0-9A-Za-z_-]+")
_ENOUGH_BEFORE_S = 20.0
_ENOUGH_AFTER_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One service's two sides: what was held against what, for how long, and how many records each had."""

    service: str
    environment: str
    how: str
    before_version: str
    after_version: str
    before_from: datetime | None
    before_to: datetime | None
    before_seconds: float
    before_records: int
    after_from: datetime | None
    after_to: datetime | None
    after_seconds: float
    after_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsNew:
    """The answer: findings by score, what was compared, and in `limits` what could not be seen."""

    question: str
    service: str | None
    environment: str | None
    since: datetime
    change: Change | None
    compared: Sequence[Compared]
    findings: Sequence[Finding]
    limits: Sequence[str]
    as_of: datetime
    records: int


async def whats_new(
    ports: Ports,
    *,
    service: str | None = None,
    environment: str | None = None,
    since: str = LAST_DEPLOY,
    as_of: str | None = None,
) -> WhatsNew:
    """What differs since a change, and is real: new and gone patterns, rates, severities, errors, latency, silence.

    Args:
        ports: the stores.
        service: `service.name`; every service of the environment if absent.
        environment: `deployment.environment.name`; the change's own if absent.
        since: a change id, `last-deploy`, a time in RFC 3339 or how long ago (15m, 2h, 1d).
        as_of: answer as if it were this time (RFC 3339 or how long ago); the last stored batch if absent.

    Raises:
        InputError: `since` or `as_of` cannot be read.
        NotFound: no such change.
    """
    seen = min(moment(as_of, ports.now()), ports.as_of()) if as_of else ports.as_of()
    change, start = await _since(ports, since, service, environment, seen)
    if change is not None and environment is None:
        environment = change.environment
    places, notes = await places_of(
        ports, service=service, environment=environment, change=change, start=start, seen=seen
    )
    asked = None if as_of else max(seen, ports.now())
    reads = await read_places(ports, places, change=change, start=start, seen=seen, asked=asked)
    found = [(read, _toned(f)) for read in reads for f in noticed(read.window)]
    found.sort(key=lambda pair: (-pair[1].score, pair[1].id))
    findings = await cite(ports, found[:FINDINGS_MAX], start=start, as_of=seen)
    if len(found) > FINDINGS_MAX:
        notes.append(f"{len(found) - FINDINGS_MAX} findings of lower score are not listed.")
    dropped = sum(ports.dropped().values())
    if dropped:
        notes.append(f"{dropped} records were dropped on their way in since Flyball started.")
    compared = [_compared(read) for read in reads]
    return WhatsNew(
        question=_question(service, since, change),
        service=service,
        environment=environment,
        since=start,
        change=change,
        compared=compared,
        findings=_causes_first(findings),
        limits=[*notes, *(limit for read in reads for limit in limits_of(read, seen))],
        as_of=seen,
        records=sum(c.before_records + c.after_records for c in compared),
    )


def _toned(finding: Finding) -> Finding:
    """With what its words sound like in its harm: a small part of the order, and of nothing else."""
    if finding.signal_kind is not SignalKind.LOG or finding.kind not in _WORDS_TELL:
        return finding
    harm = min(finding.harm * (1.0 - SENTIMENT_PART * sentiment(finding.template)), 1.0)
    return replace(finding, harm=harm, score=finding.surprise * harm)


async def read_places(
    ports: Ports,
    places: Sequence[Place],
    *,
    change: Change | None,
    start: datetime,
    seen: datetime,
    asked: datetime | None = None,
) -> list[Read]:
    """A window for each place: the changed service first, since the others are compared from its return on.

    `asked` is the time now, `seen` (the last batch) if absent: only silence is counted until then.
    """
    reads: list[Read] = []
    resumed: datetime | None = None
    for place in sorted(places, key=lambda p: not _owns(change, p)):
        own = _owns(change, place)
        read = await read_window(
            ports, place, start, as_of=seen, change=change, resumed=None if own else resumed, asked=asked
        )
        if own and read.window.after.of().any():
            resumed = read.window.after_start
        reads.append(read)
    return reads


async def resolve_change(ports: Ports, change_id: str) -> Change:
    """The change of that id.

    Raises:
        NotFound: no such change.
    """
    change = await ports.changes.change(change_id)
    if change is None or change.workspace != ports.workspace:
        raise NotFound(f"there is no change {change_id[:64]!r}; `flyball changes` lists them")
    return change


async def _since(
    ports: Ports, since: str, service: str | None, environment: str | None, seen: datetime
) -> tuple[Change | None, datetime]:
    if since == LAST_DEPLOY:
        found = await ports.changes.changes(
            ports.workspace,
            service=service,
            environment=environment,
            until=seen + timedelta(minutes=1),
            kinds=[kind for kind in ChangeKind if kind.of_code],
            limit=1,
        )
        if not found:
            of = f" of {service}" if service else ""
            raise NotFound(
                f"no deploy{of} is known; ask since a time (since=15m) or record one with `flyball changes add`"
            )
        return found[0], found[0].time
    try:
        return None, moment(since, seen)
    except InputError:
        if not _CHANGE_ID.fullmatch(since):
            raise
    change = await resolve_change(ports, since)
    return change, change.time


_PLACES_SQL = (
    "SELECT service, environment, sum(count) AS number FROM {db}.counts WHERE workspace = {workspace:String}"
    " AND received <= {as_of:DateTime64(3, 'UTC')} AND time >= toDateTime({begin:UInt32}, 'UTC')"
    " AND ({service:String} = '' OR service = {service:String})"
    " AND ({any_environment:UInt8} OR environment = {environment:String})"
    " GROUP BY service, environment ORDER BY number DESC LIMIT " + str(_SERVICES_MAX + 1)
)


async def places_of(
    ports: Ports,
    *,
    service: str | None,
    environment: str | None,
    change: Change | None,
    start: datetime,
    seen: datetime,
) -> tuple[list[Place], list[str]]:
    """The services to compare, the busiest first, and what is to be said of those that are not there."""
    parameters = {
        "workspace": ports.workspace,
        "service": service or "",
        "environment": environment or "",
        "any_environment": int(environment is None),
        "begin": int(start.timestamp()) - 3_600,
        "as_of": bound(seen),
    }
    rows = (await ports.telemetry.select(_PLACES_SQL, parameters)).to_pylist()
    places = [
        Place(workspace=ports.workspace, service=row["service"], environment=row["environment"])
        for row in rows[:_SERVICES_MAX]
    ]
    notes: list[str] = []
    if len(rows) > _SERVICES_MAX:
        notes.append(f"Only the {_SERVICES_MAX} busiest services are compared.")
    if (
        change is not None
        and (service in {None, change.service})
        and not any(_owns(change, p) for p in places)
    ):
        notes.append(f"Nothing of {change.service} has been received since an hour before the change.")
    elif service is not None and not places:
        notes.append(f"Nothing of {service} has been received since an hour before the time asked for.")
    return places, notes


def _owns(change: Change | None, place: Place) -> bool:
    return change is not None and (change.service, change.environment) == (place.service, place.environment)


def _question(service: str | None, since: str, change: Change | None) -> str:
    of = f" in {service}" if service else ""
    if change is None:
        return f"What is new{of} since {since}?"
    return f"What is new{of} since the {change.kind.value} of {change.service} {change.subject or 'without a version'}?"


def _compared(read: Read) -> Compared:
    window = read.window
    before, after = window.before, window.after

    def bounds(first: float, last: float) -> tuple[datetime | None, datetime | None]:
        return (
            (datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))
            if last > first
            else (None, None)
        )

    old = bounds(read.before.first_s, max(read.before.last_s.values()))
    new = bounds(read.after.first_s, max(read.after.last_s.values()))
    return Compared(
        service=window.service,
        environment=window.environment,
        how=window.basis.value,
        before_version="" if before.label == "*" else before.label,
        after_version="" if after.label == "*" else after.label,
        before_from=old[0],
        before_to=old[1],
        before_seconds=round(max(before.total_seconds(k) for k in SignalKind), 1),
        before_records=int(before.of().sum()),
        after_from=new[0],
        after_to=new[1],
        after_seconds=round(max(after.total_seconds(k) for k in SignalKind), 1),
        after_records=int(after.of().sum()),
    )


def limits_of(read: Read, seen: datetime) -> list[str]:
    """Plain sentences on what this window could not show."""
    window = read.window
    name = window.service
    limits = list(window.notes)
    before_s = max(window.before.total_seconds(k) for k in SignalKind)
    after_s = max(window.after.total_seconds(k) for k in SignalKind)
    if window.own and window.change is not None:
        limits += _version_limits(window)
        limits += _starting_limits(window)
    if not window.before.of().any():
        limits.append(f"{name}: nothing is known from before the change, so nothing can be called new.")
    elif before_s < _ENOUGH_BEFORE_S:
        limits.append(
            f"{name}: only {before_s:.0f} s are known from before; about {_ENOUGH_BEFORE_S - before_s:.0f} s more would"
            " have been needed to tell chance from change."
        )
    spans_s = window.before.total_seconds(SignalKind.SPAN)
    if window.own and 0 < spans_s < BEFORE_S_MIN:
        limits.append(
            f"{name}: latencies are compared from {BEFORE_S_MIN:.0f} s of history on, there are {spans_s:.0f} s."
        )
    if not window.after.of().any():
        if (seen - window.after_start).total_seconds() >= _ENOUGH_AFTER_S:
            limits.append(f"{name}: no record has been received since the change; silence is not health.")
        elif window.own:
            limits.append(f"{name}: nothing has arrived since the change yet; ask again in a few seconds.")
        return limits
    if after_s < _ENOUGH_AFTER_S:
        limits.append(
            f"{name}: only {after_s:.0f} s have passed since the change; ask again in {_ENOUGH_AFTER_S - after_s:.0f} s."
        )
    silent_s = seen.timestamp() - max(read.after.last_s.values())
    if silent_s > 2 * _ENOUGH_AFTER_S:
        limits.append(f"{name}: the last record is {silent_s:.0f} s older than the newest batch.")
    return limits


def _version_limits(window: Window) -> list[str]:
    change = window.change
    if change is None:
        return []
    if not change.version:
        return [
            f"{window.service}: its records carry no version, so the time before is compared with the time after."
        ]
    if window.basis.value == "before against after":
        return [f"{window.service}: version {change.version} has not been seen in telemetry yet."]
    if window.before.label == "*" and window.before.of().any():
        return [
            f"{window.service}: the version before {change.version} is not known; all records from before are compared."
        ]
    return []


def _starting_limits(window: Window) -> list[str]:
    many = int(perhaps_starting(window).sum())
    if not many:
        return []
    only = f"{many} unknown patterns came only in the first minute of {window.version}"
    return [f"{window.service}: {only}; no earlier start was heard, so below WARN they are not called new."]


def _causes_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of findings that weigh nearly the same in one service, the one that was seen first leads."""
    ordered = sorted(findings, key=lambda f: (-f.score, f.id))
    for i in range(len(ordered) - 1):
        first, second = ordered[i], ordered[i + 1]
        near = second.score >= 0.9 * first.score and (first.service, first.kind) == (
            second.service,
            second.kind,
        )
        if near and first.first_seen and second.first_seen and second.first_seen < first.first_seen:
            ordered[i], ordered[i + 1] = (
                replace(second, score=first.score),
                replace(first, score=second.score),
            )
    return tuple(ordered)
