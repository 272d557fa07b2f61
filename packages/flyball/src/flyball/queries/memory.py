"""Was this seen before, and what worked? Earlier incidents that are like one, and the fixes of their kind."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flyball.errors import InputError, NotFound
from flyball.model.cause import Cause
from flyball.model.incident import Incident
from flyball.model.lesson import FixTally, Lesson, Occurrence
from flyball.model.memory import NodeKind
from flyball.queries.ports import Ports
from flyball.remember import recall
from flyball.remember.facts import occurrence_of

_CAUSES = {cause.value: cause for cause in Cause}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBefore:
    """Earlier incidents like this one, the likest first, and what was done about their kind, what worked first."""

    question: str
    lessons: Sequence[Lesson]
    fixes: Sequence[FixTally]
    as_of: datetime


async def seen_before(
    ports: Ports, *, incident_id: str | None = None, cause: str | None = None
) -> SeenBefore:
    """Whether the like of an incident was there before, what fixed it, and which fixes worked for its kind.

    Args:
        ports: the stores.
        incident_id: `inc_` and 16 hexadecimal digits; or give a cause.
        cause: a cause in the words of a diagnosis, for example connection pool exhausted.

    Raises:
        InputError: neither or both are given, or there is no such cause.
        NotFound: no such incident.
    """
    if (incident_id is None) == (cause is None):
        raise InputError("seen_before asks of an incident or of a cause: give one of them")
    if cause is not None:
        if cause not in _CAUSES:
            near = difflib.get_close_matches(cause[:64], _CAUSES, n=3, cutoff=0.0)
            raise InputError(f"no diagnosis names {cause[:64]!r}; the likest causes are {', '.join(near)}")
        fixes = await recall.fixes_that_worked(ports.memory, _CAUSES[cause], workspace=ports.workspace)
        return SeenBefore(
            question=f"Which fixes worked for {cause}?", lessons=(), fixes=fixes, as_of=ports.as_of()
        )
    incident = await incident_of(ports, incident_id or "")
    occurrence = await _remembered(ports, incident)
    fixes = ()
    if occurrence is not None and occurrence.cause is not None:
        fixes = await recall.fixes_that_worked(
            ports.memory,
            occurrence.cause,
            signals=occurrence.signals,
            workspace=ports.workspace,
            resolve=ports.catalog.resolve,
        )
    return SeenBefore(
        question=f"Was {incident.title} seen before, and what worked?",
        lessons=await lessons_of(ports, incident),
        fixes=fixes,
        as_of=ports.as_of(),
    )


async def incident_of(ports: Ports, incident_id: str) -> Incident:
    """The incident of that id; memory names its episodes `inc_...1`, and each of them is of it.

    Raises:
        NotFound: no such incident.
    """
    incident = await ports.incidents.incident(incident_id.partition(".")[0])
    if incident is None or incident.workspace != ports.workspace:
        raise NotFound(f"there is no incident {incident_id[:64]!r}; `flyball incidents` lists them")
    return incident


async def lessons_of(ports: Ports, incident: Incident) -> tuple[Lesson, ...]:
    """What memory holds of the like of an incident; nothing while it has no cause."""
    occurrence = await _remembered(ports, incident)
    if occurrence is None:
        return ()
    return await recall.seen_before(ports.memory, occurrence, resolve=ports.catalog.resolve)


async def _remembered(ports: Ports, incident: Incident) -> Occurrence | None:
    node = await ports.memory.node(ports.workspace, (NodeKind.INCIDENT, incident.occurrence))
    return occurrence_of(node) if node else None
