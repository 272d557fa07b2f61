"""Remember: each episode of an incident as it is diagnosed, what was done about it, and whether that worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flyball.component.ports import ChangeStore, Clock, IncidentStore, MemoryStore
from flyball.errors import NotFound
from flyball.model.change import Change
from flyball.model.export import DEFAULT_WORKSPACE
from flyball.model.incident import Explanation, Incident
from flyball.model.lesson import Fix, FixMade, Result
from flyball.model.verdict import Outcome
from flyball.remember.diagnosed import occurrence_from
from flyball.remember.record import record_fix, record_outcome, remember

Verify = Callable[[str], Awaitable[tuple[Outcome, Mapping[str, float]]]]
"""The id of a change -> what `verify` says of it, with the numbers that decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """The memory of one workspace, fed by incidents, people and `verify`."""

    memory: MemoryStore
    incidents: IncidentStore
    changes: ChangeStore
    clock: Clock
    verify: Verify
    fingerprint_of: Callable[[str], str]
    workspace: str = DEFAULT_WORKSPACE

    async def told(self, incident: Incident, explanation: Explanation) -> None:
        """An incident was diagnosed: this episode of it is remembered so."""
        occurrence = occurrence_from(
            explanation.diagnosis,
            incident_id=incident.occurrence,
            service=next(iter(incident.services), ""),
            opened=incident.opened,
            fingerprint_of=self.fingerprint_of,
            title=incident.title,
            environment=incident.environment,
            workspace=incident.workspace,
            change_id=incident.suspect,
        )
        await remember(self.memory, occurrence)

    async def over(self, incident: Incident, change: Change | None, numbers: Mapping[str, float]) -> None:
        """An incident stopped; the change that came before, where there was one, is what repaired it."""
        if change is None:
            return
        fix = await self._fix(
            incident.occurrence, _words(change), change_id=change.id, url=change.url, by=change.author
        )
        await record_outcome(self.memory, fix, Outcome.FIXED, numbers, at=self._now())

    async def record_fix(
        self, *, incident_id: str, text: str, change_id: str = "", url: str = "", by: str = ""
    ) -> FixMade:
        """Keep what somebody did about the newest episode of an incident; its change, if named, is verified.

        An id as memory tells it, `inc_...1`, is that of one episode.

        Raises:
            InputError: there are no words, or the address is none of the web.
            NotFound: no such incident, or no such change.
        """
        incident = await self.incidents.incident(incident_id.partition(".")[0])
        if incident is None or incident.workspace != self.workspace:
            raise NotFound(f"there is no incident {incident_id[:64]!r}; `flyball incidents` lists them")
        if change_id and await self.changes.change(change_id) is None:
            raise NotFound(f"there is no change {change_id[:64]!r}; `flyball changes` lists them")
        episode = incident_id if "." in incident_id else incident.occurrence
        fix = await self._fix(episode, text, change_id=change_id, url=url, by=by)
        result = Result.UNKNOWN
        if change_id:
            verdict, numbers = await self.verify(change_id)
            result = await record_outcome(self.memory, fix, verdict, numbers, at=self._now())
        return FixMade(**{name: getattr(fix, name) for name in Fix.__dataclass_fields__}, result=result)

    async def _fix(self, occurrence: str, text: str, *, change_id: str, url: str, by: str) -> Fix:
        return await record_fix(
            self.memory,
            occurrence,
            text,
            at=self._now(),
            change_id=change_id,
            url=url,
            by=by,
            workspace=self.workspace,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)


def _words(change: Change) -> str:
    """A change as a fix: the first line of its commit's message, else what it was."""
    said = change.message.strip().partition("\n")[0] or change.what
    return f"{change.kind} of {change.service} {change.version}".rstrip() + (f": {said}" if said else "")
