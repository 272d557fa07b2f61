"""Watch: findings become incidents, incidents are diagnosed, go on, and are over. One round every few seconds.

    look -> correlate -> open -> investigating -> active -> resolved -> closed
                                     (diagnosed)       (it stopped)  (7 quiet days, or a person)

Everything a round needs to ask comes in as a function, so that a day is watched in a test in seconds. A round that
fails is told and asked again; what it had already written stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from flyball.component.ports import ChangeStore, Clock, EvidenceStore, IncidentStore
from flyball.detect.correlate import Correlate, merged
from flyball.model.change import Change
from flyball.model.export import DEFAULT_WORKSPACE
from flyball.model.finding import DIAGNOSED, Finding
from flyball.model.incident import LIVE, QUIET, Act, Explanation, Incident, IncidentState, Lasting, key
from flyball.model.verdict import Outcome

AGAIN_S = (0.0, 15.0, 60.0, 300.0)
"""An incident is diagnosed when it opens, and again so long after: more is known then."""
GREW_S = 15.0
"""One that grew is diagnosed again, so long after the last time at the earliest;"""
DIAGNOSES_MAX = 12
"""and at most so many times an episode."""
CHECKED_S, DIAGNOSED_CHECKED_S = 5.0, 30.0
"""So often it is asked whether an incident goes on; and where only another diagnosis can tell."""
LIVE_MAX = 200
"""Incidents that are watched at once, those that grew last; more than that is one great outage."""
OVER_MAX = 200
"""Resolved ones that may come again and are closed when they stay quiet, those that grew last;"""
CLOSED_MAX = 20
"""and closed ones of which it is known that they were told."""

Settled = Mapping[tuple[str, str], datetime]
"""Service and environment -> until when incidents were there that are over."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DONE = frozenset({Outcome.FIXED})


@dataclass(slots=True, kw_only=True)
class Watch:
    """The watch over one workspace.

    `look(known, troubled, settled)` gives findings that are new, `recurring(over)` those of incidents that were over and
    are not, `calls(environment)` who calls whom, `explain(incident, as_of)`
    what is made of it, `goes_on(incident, as_of, fixed)` what became of its findings. `told` hears of an incident that
    was diagnosed, `over` of one that was resolved, after which change if
    one was seen, with the numbers.
    """

    incidents: IncidentStore
    changes: ChangeStore
    evidence: EvidenceStore
    clock: Clock
    look: Callable[[Collection[str], Collection[str], Settled], Awaitable[Sequence[Finding]]]
    recurring: Callable[[Sequence[Incident]], Awaitable[Sequence[Finding]]]
    calls: Callable[[str], Awaitable[Mapping[str, frozenset[str]]]]
    explain: Callable[[Incident, datetime], Awaitable[Explanation]]
    goes_on: Callable[[Incident, datetime, datetime | None], Awaitable[Sequence[Lasting]]]
    told: Callable[[Incident, Explanation], Awaitable[None]]
    over: Callable[[Incident, Change | None, Mapping[str, float]], Awaitable[None]]
    workspace: str = DEFAULT_WORKSPACE
    correlate: Correlate = field(default_factory=Correlate)
    _asked: datetime = _LONG_AGO
    _checked: dict[str, datetime] = field(default_factory=dict[str, datetime])

    async def round(self) -> None:
        """Look once, and bring every incident up to date.

        Raises:
            StoreError: a store failed; the next round goes on from what is stored.
        """
        now = self._now()
        known = await self._known()
        live = [incident for incident in known if incident.live]
        keys = {one for incident in live for one in incident.keys}
        troubled = {service for incident in live for service in incident.services}
        over = [incident for incident in known if not incident.live]
        self._checked = {i.id: self._checked[i.id] for i in live if i.id in self._checked}
        found = [
            *await self._recurring(over, now),
            *await self.look(keys, troubled, await self._settled(over)),
        ]
        if found:
            grown = await self._correlated(found, known, now)
            await self.incidents.put_incidents(grown)
            live = [i for i in {i.id: i for i in (*live, *grown)}.values() if i.live]
            over = [i for i in over if i.id not in {one.id for one in grown}]
        for listed in sorted(live, key=lambda i: (i.diagnoses, -i.impact, i.id)):
            # read anew: the one before it may have become part of it
            incident = await self.incidents.incident(listed.id) or listed
            diagnosed = await self._diagnosed(incident) if self._due(incident, now) else incident
            if diagnosed.state is IncidentState.ACTIVE:
                await self._check(diagnosed)
        await self._close_quiet(over, now)

    async def _recurring(self, over: Sequence[Incident], now: datetime) -> Sequence[Finding]:
        if now - self._asked < timedelta(seconds=CHECKED_S):
            return ()
        self._asked = now
        return await self.recurring(over)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    async def _known(self) -> Sequence[Incident]:
        """What goes on, and what was resolved and may come again."""
        over = [IncidentState.RESOLVED]
        return [
            *await self.incidents.incidents(self.workspace, states=LIVE, limit=LIVE_MAX),
            *await self.incidents.incidents(self.workspace, states=over, limit=OVER_MAX),
        ]

    async def _settled(self, over: Sequence[Incident]) -> Settled:
        """Those that a person closed while they went on are over, too."""
        closed = [IncidentState.CLOSED]
        done = await self.incidents.incidents(self.workspace, states=closed, limit=CLOSED_MAX)
        settled: dict[tuple[str, str], datetime] = {}
        for incident in (*over, *done):
            until = incident.resolved or incident.closed or _LONG_AGO
            for place in ((service, incident.environment) for service in incident.services):
                settled[place] = max(settled.get(place, _LONG_AGO), until)
        return settled

    async def _correlated(
        self, found: Sequence[Finding], known: Sequence[Incident], now: datetime
    ) -> list[Incident]:
        changed: list[Incident] = []
        for environment in sorted({finding.environment for finding in found}):
            here = [finding for finding in found if finding.environment == environment]
            calls = await self.calls(environment)
            changed += self.correlate.process(here, known, calls, workspace=self.workspace, now=now)
        return changed

    # -- diagnose -----------------------------------------------------------------------------------------

    def _due(self, incident: Incident, now: datetime) -> bool:
        if incident.state is not IncidentState.ACTIVE or incident.diagnosed is None:
            return True
        if incident.diagnoses >= DIAGNOSES_MAX:
            return False
        grew = incident.grew > incident.diagnosed and now - incident.diagnosed >= timedelta(seconds=GREW_S)
        planned = [incident.opened + timedelta(seconds=after) for after in AGAIN_S]
        return grew or any(incident.diagnosed < moment <= now for moment in planned)

    async def _diagnosed(self, incident: Incident) -> Incident:
        if not incident.diagnoses:
            incident = replace(incident, state=IncidentState.INVESTIGATING)
            await self.incidents.put_incidents([incident])
        explanation = await self.explain(incident, self._now())
        diagnosis = explanation.diagnosis
        named = f"{diagnosis.cause} of {diagnosis.object}" if diagnosis.cause else "inconclusive"
        before = f"{incident.cause} of {incident.object}" if incident.cause else "inconclusive"
        news = not incident.diagnoses or named != before
        incident = replace(
            incident,
            state=IncidentState.ACTIVE,
            cause=diagnosis.cause.value if diagnosis.cause else "",
            object=diagnosis.object,
            confidence=diagnosis.confidence,
            diagnoses=incident.diagnoses + 1,
            diagnosed=self._now(),
        )
        if news:
            cited = diagnosis.claims[0].evidence if diagnosis.claims else ()
            incident = incident.told(Act(time=self._now(), what=f"diagnosed: {named}", evidence=cited))
        if older := await self._same(incident):
            return await self._merge(older, incident)
        await self.incidents.put_explanation(explanation)
        await self.incidents.put_incidents([incident])
        await self.told(incident, explanation)
        return incident

    async def _same(self, incident: Incident) -> Incident | None:
        """One that goes on in the same environment, was found before, and has the same cause of the same object."""
        if not incident.cause:
            return None
        what = (incident.environment, incident.cause, incident.object)
        live = await self.incidents.incidents(self.workspace, states=LIVE, limit=LIVE_MAX)
        same = [
            one
            for one in live
            if (one.environment, one.cause, one.object) == what
            and (one.opened, one.id) < (incident.opened, incident.id)
        ]
        return min(same, key=lambda one: (one.opened, one.id), default=None)

    async def _merge(self, older: Incident, incident: Incident) -> Incident:
        """One cause is one incident: what the younger shows goes to the older."""
        now = self._now()
        closed = replace(incident, state=IncidentState.CLOSED, closed=now).told(
            Act(time=now, what=f"closed: it is {older.id}, by the same cause")
        )
        await self.incidents.put_incidents([merged(older, incident, now), closed])
        return closed

    # -- does it go on --------------------------------------------------------------------------------------

    async def _check(self, incident: Incident) -> None:
        now = self._now()
        asked = any(finding.kind in DIAGNOSED for finding in incident.findings)
        pause = timedelta(seconds=DIAGNOSED_CHECKED_S if asked else CHECKED_S)
        if now - self._checked.get(incident.id, incident.opened) < pause:
            return
        self._checked[incident.id] = now
        change = await self._repair(incident)
        lasting = await self.goes_on(incident, now, change.time if change else None)
        if not lasting:
            return
        counts = {key(one.finding): one.count for one in lasting}
        seen = max(one.last_seen for one in lasting)
        findings = tuple(replace(f, count=max(f.count, counts.get(key(f), 0))) for f in incident.findings)
        current = replace(incident, findings=findings, last_seen=max(seen, incident.began))
        if {one.outcome for one in lasting} <= _DONE and not incident.kept_open:
            await self._resolve(current, lasting, change, now)
        elif current != incident:
            await self.incidents.put_incidents([current])

    async def _repair(self, incident: Incident) -> Change | None:
        """The newest change of one of its services since it began: perhaps what repaired it."""
        for service in incident.services:
            changes = await self.changes.changes(
                self.workspace,
                service=service,
                environment=incident.environment,
                since=incident.began,
                limit=1,
            )
            if changes and changes[0].id != incident.suspect:
                return changes[0]
        return None

    async def _resolve(
        self, incident: Incident, lasting: Sequence[Lasting], change: Change | None, now: datetime
    ) -> None:
        await self.evidence.put_evidence([one.evidence for one in lasting])
        evidence = tuple(one.evidence.id for one in lasting)
        by = f" after the {change.kind.value} of {change.service} {change.version}".rstrip() if change else ""
        resolved = replace(
            incident, state=IncidentState.RESOLVED, resolved=now, resolved_by=change.id if change else ""
        ).told(Act(time=now, what=f"resolved: it stopped{by}", evidence=evidence))
        await self.incidents.put_incidents([resolved])
        await self.over(resolved, change, lasting[0].evidence.numbers)

    async def _close_quiet(self, over: Sequence[Incident], now: datetime) -> None:
        quiet = [
            replace(incident, state=IncidentState.CLOSED, closed=now).told(
                Act(time=now, what=f"closed: quiet for {QUIET.days} days")
            )
            for incident in over
            if incident.resolved and now - incident.resolved >= QUIET
        ]
        if quiet:
            await self.incidents.put_incidents(quiet)
