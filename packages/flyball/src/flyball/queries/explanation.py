"""What is made of an incident: the signals of its time, diagnosed."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta

from flyball.errors import StoreError
from flyball.model.incident import Explanation, Incident
from flyball.queries.diagnosed import SLACK, diagnosed, wrong_times
from flyball.queries.ports import Ports

SHORT = timedelta(seconds=60)
"""Where reading all of it is more than the store allows, this much before and after the begin is read."""
REACH = timedelta(minutes=30)
"""Of an incident that lasts longer the first so much is read: there its cause is."""


async def explain_incident(ports: Ports, incident: Incident, as_of: datetime) -> Explanation:
    """The diagnosis of an incident on what was stored up to `as_of`, held against the 10 minutes before it.

    Raises:
        StoreError: the store failed, or even the shorter time is too much for it.
    """
    since = incident.began
    until = max(min(as_of, since + REACH), since + SLACK)
    wrong = await wrong_times(ports, incident.environment, since, of=incident)
    ask = functools.partial(diagnosed, ports, environment=incident.environment, onset=since, wrong=wrong)
    too_much: tuple[str, ...] = ()
    try:
        diagnosis, observed = await ask(until=until)
    except StoreError as error:
        until = min(until, since + SHORT)
        diagnosis, observed = await ask(until=until, normal_s=SHORT.total_seconds())
        too_much = (f"Only {SHORT.seconds} s before and after its begin were read: {error}",)
    return Explanation(
        incident_id=incident.id,
        episode=incident.episode,
        at=as_of,
        since=since,
        until=until,
        diagnosis=diagnosis,
        limits=(*observed.limits, *too_much),
    )
