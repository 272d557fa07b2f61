"""Diagnosed: what an environment showed, read and given to the engine; and the findings that this may leave.

Every question that needs a diagnosis asks here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import anyio.to_thread

from flyball.explain.check import grounded
from flyball.explain.engine import diagnose
from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.finding import Exemplar, Finding, FindingKind, Numbers
from flyball.model.incident import Incident
from flyball.model.severity import Severity
from flyball.model.signal import bare
from flyball.model.window import SignalKind
from flyball.queries.observe import NORMAL_S, Observed, observe
from flyball.queries.ports import Ports

SLACK = timedelta(seconds=5)
"""Counts know their time by so much: what was wrong began so much earlier at the latest."""
_INCIDENTS_MAX = 200
_TEMPLATE_CHARS_MAX = 500
_SURPRISE = 10.0
"""What a diagnosis says is as sure as a finding can be: its evidence is the reason, not a chance."""


async def diagnosed(
    ports: Ports,
    *,
    environment: str,
    onset: datetime,
    until: datetime,
    services: Sequence[str] | None = None,
    normal_s: float = NORMAL_S,
    wrong: Sequence[tuple[datetime, datetime]] = (),
) -> tuple[Diagnosis, Observed]:
    """What an environment showed from `onset` to `until`, held against the time before, and what was read for it.

    The arguments are those of `observe`. Claims that do not stand on their evidence are left out.

    Raises:
        StoreError: the store failed, or so much is more than one query may read.
    """
    observed = await observe(
        ports,
        environment=environment,
        onset=onset,
        until=until,
        services=services,
        normal_s=normal_s,
        wrong=wrong,
    )
    # the engine takes up to a second of CPU: the loop goes on receiving meanwhile
    found = await anyio.to_thread.run_sync(lambda: grounded(diagnose(observed.signals, observed.normal)))
    return found, observed


async def wrong_times(
    ports: Ports, environment: str, onset: datetime, *, normal_s: float = NORMAL_S, of: Incident | None = None
) -> list[tuple[datetime, datetime]]:
    """When incidents were in that environment in the `normal_s` seconds before: no normal time.

    Of the incident `of` itself, which began then, its earlier episodes.
    """
    times: list[tuple[datetime, datetime]] = []
    for one in await ports.incidents.incidents(ports.workspace, limit=_INCIDENTS_MAX):
        if one.environment != environment:
            continue
        times += [(episode.began - SLACK, episode.ended) for episode in one.earlier]
        if of is None or one.id != of.id:
            times.append((one.began - SLACK, one.resolved or one.last_seen))
    since = onset - timedelta(seconds=normal_s)
    return [(begin, end) for begin, end in times if begin < onset and end > since]


def diagnosed_finding(
    kind: FindingKind,
    about: str,
    *,
    of: str,
    environment: str,
    template: str,
    summary: str,
    severity: Severity,
    harm: float,
    cited: Sequence[Evidence],
    since: datetime,
    as_of: datetime,
) -> Finding:
    """A finding that a diagnosis rests on, without statistics of its own: `about` is what makes it the same one again.

    `of` is the `kind/name` that shows it, `since` when it began; it counts the records that `cited` shows.
    """
    print_ = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
    count = round(sum(float(one.get("count", 1)) for fact in cited for one in fact.exemplars))
    return Finding(
        id="fnd_" + print_,
        kind=kind,
        service=bare(of),
        environment=environment,
        version="",
        signal_kind=SignalKind.LOG,
        fingerprint=print_,
        template=template[:_TEMPLATE_CHARS_MAX],
        severity=severity.name,
        severity_number=int(severity),
        count=count,
        before=Numbers(count=0.0, seconds=0.0),
        after=Numbers(count=float(count), seconds=max((as_of - since).total_seconds(), 1.0)),
        ratio=None,
        p=0.0,
        q=0.0,
        surprise=_SURPRISE,
        harm=harm,
        score=_SURPRISE * harm,
        change_id="",
        summary=summary,
        first_seen=min(since, as_of),
        exemplar=Exemplar(text=template[:_TEMPLATE_CHARS_MAX], time=min(since, as_of)),
        evidence=tuple(fact.id for fact in cited),
    )
