"""What is made of an incident: the signals of its time, diagnosed."""

from __future__ import annotations

from datetime import datetime, timedelta

import anyio.to_thread

from flyball.explain.engine import diagnose
from flyball.model.incident import Explanation, Incident
from flyball.queries.observe import observe
from flyball.queries.ports import Ports

SLACK = timedelta(seconds=5)
"""An incident began so much before its first record at the latest: counts know their time by so much."""
NORMAL = timedelta(minutes=10)
"""So much before it is what it is held against."""
_INCIDENTS_MAX = 200
REACH = timedelta(minutes=30)
"""Of an incident that lasts longer the first so much is read: there its cause is."""


async def explain_incident(ports: Ports, incident: Incident, as_of: datetime) -> Explanation:
    """The diagnosis of an incident on what was stored up to `as_of`."""
    since = incident.began - SLACK
    until = max(min(as_of, since + REACH), since + SLACK)
    observed = await observe(
        ports,
        environment=incident.environment,
        onset=since,
        until=until,
        normal_s=NORMAL.total_seconds(),
        wrong=await _wrong(ports, incident, since),
    )
    diagnosis = await anyio.to_thread.run_sync(diagnose, observed.signals, observed.normal)
    return Explanation(
        incident_id=incident.id,
        episode=incident.episode,
        at=as_of,
        since=since,
        until=until,
        diagnosis=diagnosis,
        limits=observed.limits,
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
