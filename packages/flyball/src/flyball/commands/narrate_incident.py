"""Narrate: a language model, where one is configured, says each episode of an incident in words, once.

It waits until the diagnosis has settled: what a model costs goes with incidents, not with how often they are looked at.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flyball.component.ports import Clock, IncidentStore
from flyball.errors import StoreError
from flyball.explain.investigate import Investigator, Tools
from flyball.model.diagnosis import Diagnosis
from flyball.model.export import DEFAULT_WORKSPACE
from flyball.model.incident import LIVE, Explanation, Incident, IncidentState
from flyball.model.lesson import Lesson
from flyball.model.narrative import Narrative

SETTLED = timedelta(seconds=60)
"""An episode is narrated so long after it was found, or when it is over."""
RECENT = timedelta(hours=1)
"""One that was over before Flyball came to it is narrated so long."""
_INCIDENTS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrating:
    """The narrator of one workspace; `lessons` and `tools` are what a model is told and may ask of an incident."""

    incidents: IncidentStore
    clock: Clock
    investigator: Investigator
    lessons: Callable[[Incident], Awaitable[Sequence[Lesson]]]
    tools: Callable[[Incident], Tools]
    workspace: str = DEFAULT_WORKSPACE

    async def next(self) -> Narrative | None:
        """Narrate the gravest episode that has no narrative; None where there is none to narrate."""
        now = datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)
        states = (*LIVE, IncidentState.RESOLVED)
        known = await self.incidents.incidents(self.workspace, states=states, limit=_INCIDENTS_MAX)
        for incident in sorted(known, key=lambda i: (-i.impact, i.id)):
            if not _due(incident, now) or await self.incidents.narrative(incident.occurrence) is not None:
                continue
            explanation = await self.incidents.explanation(incident.id)
            if explanation is None or explanation.episode != incident.episode:
                continue
            lessons = await self.lessons(incident)
            latest = functools.partial(self._latest, explanation)
            told = await self.investigator.narrate(
                explanation.diagnosis, lessons, self.tools(incident), latest
            )
            await self.incidents.put_narrative(incident.id, incident.occurrence, told)
            return told
        return None

    async def _latest(self, told: Explanation) -> Diagnosis:
        """The diagnosis that stands by now of the episode that was told, as far as the store answers."""
        try:
            now = await self.incidents.explanation(told.incident_id)
        except StoreError:
            return told.diagnosis
        return now.diagnosis if now is not None and now.episode == told.episode else told.diagnosis


def _due(incident: Incident, now: datetime) -> bool:
    if incident.is_muted or not incident.diagnoses:
        return False
    if incident.resolved is not None:
        return now - incident.resolved <= RECENT
    return now - incident.opened >= SETTLED
