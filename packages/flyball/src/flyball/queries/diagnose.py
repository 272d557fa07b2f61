"""Why does it fail, since when, what first? The engine's diagnosis of what an environment shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flyball_sdk import semconv

from flyball.errors import InputError
from flyball.model.diagnosis import Claim, Hypothesis
from flyball.queries.diagnosed import diagnosed
from flyball.queries.observe import NORMAL_S
from flyball.queries.periods import period
from flyball.queries.ports import Ports

DEFAULT_SINCE = timedelta(minutes=10)
WINDOW_MAX = timedelta(hours=1)
"""A longer incident is read from its begin: the cause stands there."""
_ENVIRONMENTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisView:
    """What is wrong, of what, how sure, why and what first; or `inconclusive`, and what is missing.

    The incident is `since` to `until`; `normal_since` to `since` is what it is held against. `hypotheses` are all that
    were tested, each held, ruled out or unknown; of those held the first is the cause. Every claim cites evidence.
    """

    environment: str
    service: str | None
    since: datetime
    until: datetime
    normal_since: datetime
    as_of: datetime
    cause: str | None
    object: str
    confidence: float
    inconclusive: bool
    first_step: Claim | None
    claims: Sequence[Claim]
    hypotheses: Sequence[Hypothesis]
    missing: Sequence[Claim]
    limits: Sequence[str]


async def diagnose(
    ports: Ports,
    *,
    environment: str | None = None,
    service: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> DiagnosisView:
    """Why an environment fails: cause, object, first step, what was ruled out and what is missing, with evidence.

    Args:
        ports: the stores.
        environment: `deployment.environment.name`; the one that is heard if absent.
        service: only this `service.name`, whom it calls and who calls it.
        since: when it began, RFC 3339 or a duration ago; 10 m ago by default. The 10 minutes before are the normal time.
        until: RFC 3339 or a duration ago; now by default, and at most an hour after `since`.

    Raises:
        InputError: a moment that cannot be read, or several environments of which none is named.
    """
    onset, end = period(since, until, ports.now(), default=DEFAULT_SINCE)
    limits: list[str] = []
    if end - onset > WINDOW_MAX:
        end = onset + WINDOW_MAX
        limits.append(f"Only the first hour is read, until {end.isoformat(timespec='seconds')}.")
    begin = onset - timedelta(seconds=NORMAL_S)
    place = await _environment(ports, service, begin, end) if environment is None else environment
    found, seen = await diagnosed(
        ports, environment=place, onset=onset, until=end, services=[service] if service else None
    )
    await ports.evidence.put_evidence(found.evidence)
    dropped = sum(ports.dropped().values())
    if dropped:
        limits.append(f"{dropped} records were dropped on their way in since Flyball started.")
    return DiagnosisView(
        environment=place,
        service=service,
        since=onset,
        until=end,
        normal_since=begin,
        as_of=seen.as_of,
        cause=found.cause.value if found.cause else None,
        object=found.object,
        confidence=found.confidence,
        inconclusive=found.inconclusive,
        first_step=found.first_step,
        claims=found.claims,
        hypotheses=found.hypotheses,
        missing=found.missing,
        limits=(*limits, *seen.limits),
    )


_ENVIRONMENTS_SQL = (
    "SELECT environment, sum(count) AS number FROM {db}.counts WHERE workspace = {workspace:String}"
    " AND received <= {as_of:DateTime64(3, 'UTC')} AND service != {nobody:String}"
    " AND ({service:String} = '' OR service = {service:String})"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    f" GROUP BY environment ORDER BY number DESC LIMIT {_ENVIRONMENTS_MAX}"
)


async def _environment(ports: Ports, service: str | None, begin: datetime, end: datetime) -> str:
    """The environment that is heard then; the service's, where one is named."""
    parameters = {
        "workspace": ports.workspace,
        "service": service or "",
        "nobody": semconv.UNKNOWN_SERVICE,
        "begin": int(begin.timestamp()),
        "end": int(end.timestamp()) + 1,
    }
    rows = (await ports.telemetry.select(_ENVIRONMENTS_SQL, parameters)).to_pylist()
    names = [row["environment"] for row in rows]
    if len(names) > 1:
        told = ", ".join(name or "(none)" for name in names)
        raise InputError(f"several environments are heard then, name one of them: {told[:400]}")
    return names[0] if names else ""
