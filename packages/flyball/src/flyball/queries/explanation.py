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
REACH = timedelta(minutes=30)
"""Of an incident that lasts longer the first so much is read: there its cause is."""


async def explain_incident(ports: Ports, incident: Incident, as_of: datetime) -> Explanation:
    """The diagnosis of an incident on what was stored up to `as_of`."""
    since = incident.began - SLACK
    until = min(as_of, since + REACH)
    observed = await observe(ports, environment=incident.environment, onset=since, until=until)
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
