"""Diagnosed: what an environment showed, read and given to the engine. Every question that needs a diagnosis asks here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import anyio.to_thread

from flyball.explain.check import grounded
from flyball.explain.engine import diagnose
from flyball.model.diagnosis import Diagnosis
from flyball.model.incident import Incident
from flyball.queries.observe import NORMAL_S, Observed, observe
from flyball.queries.ports import Ports

SLACK = timedelta(seconds=5)
"""Counts know their time by so much: what was wrong began so much earlier at the latest."""
_INCIDENTS_MAX = 200


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
