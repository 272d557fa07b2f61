"""What is made of an incident: the signals of its time, diagnosed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import anyio.to_thread

from flyball.errors import StoreError
from flyball.explain.check import grounded
from flyball.explain.engine import diagnose
from flyball.model.incident import Explanation, Incident
from flyball.queries.observe import Observed, observe
from flyball.queries.ports import Ports

SLACK = timedelta(seconds=5)
"""Counts know their time by so much: what was wrong began so much earlier at the latest."""
NORMAL = timedelta(minutes=10)
"""So much before it is what it is held against."""
_INCIDENTS_MAX = 200
SHORT = timedelta(seconds=60)
"""Where reading all of it is more than the store allows, this much before and after the begin is read."""
REACH = timedelta(minutes=30)
"""Of an incident that lasts longer the first so much is read: there its cause is."""


async def explain_incident(ports: Ports, incident: Incident, as_of: datetime) -> Explanation:
    """The diagnosis of an incident on what was stored up to `as_of`.

    Raises:
        StoreError: the store failed, or even the shorter time is too much for it.
    """
    since = incident.began
    until = max(min(as_of, since + REACH), since + SLACK)
    wrong = await _wrong(ports, incident, since)
    try:
        observed = await _observed(ports, incident, since, until, NORMAL, wrong)
    except StoreError as error:
        until = min(until, since + SHORT)
        observed = await _observed(ports, incident, since, until, SHORT, wrong)
        too_much = f"Only {SHORT.seconds} s before and after its begin were read: {error}"
        observed = replace(observed, limits=(*observed.limits, too_much))
    diagnosis = await anyio.to_thread.run_sync(lambda: grounded(diagnose(observed.signals, observed.normal)))
    return Explanation(
        incident_id=incident.id,
        episode=incident.episode,
        at=as_of,
        since=since,
        until=until,
        diagnosis=diagnosis,
        limits=observed.limits,
    )


async def _observed(
    ports: Ports,
    incident: Incident,
    since: datetime,
    until: datetime,
    normal: timedelta,
    wrong: Sequence[tuple[datetime, datetime]],
) -> Observed:
    return await observe(
        ports,
        environment=incident.environment,
        onset=since,
        until=until,
        normal_s=normal.total_seconds(),
        wrong=wrong,
    )


async def _wrong(ports: Ports, incident: Incident, since: datetime) -> list[tuple[datetime, datetime]]:
    """When something was wrong in that environment before: no normal time."""
    others = await ports.incidents.incidents(ports.workspace, limit=_INCIDENTS_MAX)
    times: list[tuple[datetime, datetime]] = []
    for one in others:
        if one.environment != incident.environment:
            continue
        times += [(episode.began - SLACK, episode.ended) for episode in one.earlier]
        if one.id != incident.id:
            times.append((one.began - SLACK, one.resolved or one.last_seen))
    return [(begin, end) for begin, end in times if begin < since and end > since - NORMAL]
