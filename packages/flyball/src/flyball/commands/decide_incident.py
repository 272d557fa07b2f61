"""What a person decides of an incident: closed, muted until it differs, or neither any more."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import UTC, datetime

from flyball.component.ports import Clock, IncidentStore
from flyball.errors import InputError, NotFound
from flyball.model.incident import Act, Incident, IncidentState, key

_NAME_CHARS_MAX = 100


class Decision(enum.StrEnum):
    """What can be decided."""

    CLOSE = "close"
    REOPEN = "reopen"
    MUTE = "mute"
    UNMUTE = "unmute"


async def decide_incident(
    store: IncidentStore, clock: Clock, *, workspace: str, incident_id: str, decision: str, by: str = ""
) -> Incident:
    """Carry out the decision; the same one twice changes nothing.

    Raises:
        NotFound: no such incident.
        InputError: no such decision, or `by` is no name.
    """
    incident = await store.incident(incident_id)
    if incident is None or incident.workspace != workspace:
        raise NotFound(f"there is no incident {incident_id[:64]!r}; `flyball incidents` lists them")
    try:
        wanted = Decision(decision)
    except ValueError as error:
        known = ", ".join(one.value for one in Decision)
        raise InputError(f"an incident takes {known}, this is {decision[:64]!r}") from error
    if len(by) > _NAME_CHARS_MAX or not by.isprintable():
        raise InputError(f"by is a printable name of at most {_NAME_CHARS_MAX} characters")
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    decided = _decided(incident, wanted, now)
    if decided != incident:
        decided = decided.told(Act(time=now, what=_TOLD[wanted], by=by or "somebody"))
        await store.put_incidents([decided])
    return decided


_TOLD = {
    Decision.CLOSE: "closed",
    Decision.REOPEN: "opened again",
    Decision.MUTE: "muted until it differs",
    Decision.UNMUTE: "no longer muted",
}


def _decided(incident: Incident, decision: Decision, now: datetime) -> Incident:
    match decision:
        case Decision.CLOSE if incident.state is not IncidentState.CLOSED:
            return replace(incident, state=IncidentState.CLOSED, closed=now, kept_open=False)
        case Decision.REOPEN if not incident.live:
            return replace(
                incident,
                state=IncidentState.OPEN,
                closed=None,
                resolved=None,
                resolved_by="",
                diagnosed=None,
                kept_open=True,
            )
        case Decision.MUTE:
            return replace(incident, muted=tuple(sorted({key(finding) for finding in incident.findings})))
        case Decision.UNMUTE:
            return replace(incident, muted=())
        case _:
            return incident
