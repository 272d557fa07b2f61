"""What is remembered: incidents as they are diagnosed, fixes as they are made, outcomes as they are measured.

Everything may be said twice: the second time changes nothing. An incident that is diagnosed anew is remembered anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flyball.component.ports import MemoryStore
from flyball.errors import NotFound
from flyball.model.lesson import Fix, Occurrence, Result
from flyball.model.memory import NodeKind
from flyball.model.verdict import Outcome
from flyball.remember.facts import (
    bounded,
    fix_graph,
    fix_made,
    fix_of,
    judged,
    name,
    occurrence_graph,
    outcome_graph,
)
from flyball.remember.recall import judgements

RESULTS = {
    Outcome.FIXED: Result.WORKED,
    Outcome.NOT_FIXED: Result.DID_NOT,
    Outcome.WORSE: Result.DID_NOT,
    Outcome.NOT_ENOUGH_DATA: Result.UNKNOWN,
}
"""What a verdict says of the fix it judges."""


async def remember(store: MemoryStore, occurrence: Occurrence) -> None:
    """Keep an incident under its id; its latest diagnosis holds.

    Raises:
        InputError: it has no id.
    """
    await store.put_memory(*occurrence_graph(bounded(occurrence)))


async def record_fix(
    store: MemoryStore,
    incident_id: str,
    text: str,
    *,
    at: datetime,
    change_id: str = "",
    url: str = "",
    by: str = "",
    workspace: str = "default",
) -> Fix:
    """Keep what was done about an incident at `at`; the same words, change and address again are the same fix.

    Raises:
        InputError: there are no words, or the address is none of the web.
        NotFound: no such incident is remembered.
    """
    incident_id = name(incident_id)
    fix = fix_made(workspace, incident_id, text, at=at, change_id=change_id, url=url, by=by)
    if await store.node(workspace, (NodeKind.INCIDENT, incident_id)) is None:
        raise NotFound(f"no incident {incident_id!r} is remembered; one is as soon as it was diagnosed")
    known = await store.node(workspace, (NodeKind.FIX, fix.id))
    if known is not None:
        return fix_of(known)
    await store.put_memory(*fix_graph(fix))
    return fix


async def record_outcome(
    store: MemoryStore, fix: Fix, verdict: Outcome, numbers: Mapping[str, float], *, at: datetime
) -> Result:
    """Keep what `verify` measured of a fix as of `at`; the same verdict with the same numbers again adds nothing."""
    outcome = judged(fix.id, RESULTS[verdict], numbers, at=at)
    known = await judgements(store, fix)
    if not known or (known[0].result, known[0].numbers) != (outcome.result, outcome.numbers):
        await store.put_memory(*outcome_graph(fix.workspace, outcome))
    return outcome.result
