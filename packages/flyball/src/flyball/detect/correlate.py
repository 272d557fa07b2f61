"""Correlate: findings that belong together are one incident, whatever service, platform or minute shows them.

Two belong together when they are of one environment, began near each other in time, and share something: the
service, the fingerprint (the same failure on two platforms), the change, or a call between their services. A finding
joins an incident that goes on, or one that was resolved and shows itself again; else it opens one, if it is worth
one. Pure: the same findings in any order give the same incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flyball.detect.worth import opens
from flyball.model.finding import Finding
from flyball.model.incident import (
    EPISODES_MAX,
    FINDINGS_MAX,
    LEFT_OUT_MAX,
    Act,
    Episode,
    Incident,
    IncidentState,
    incident_id,
    key,
)

SPREAD = timedelta(minutes=10)
"""So long after it last grew an incident may reach another service over a call or a change."""
HOPS_MAX = 3
"""Calls between two services that a failure travels."""
_TEMPLATE_CHARS = 80

Calls = Mapping[str, frozenset[str]]
"""Service -> the services it calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlate:
    """`spread` is how far apart in time, `hops_max` how far apart in calls what belongs together may be."""

    spread: timedelta = SPREAD
    hops_max: int = HOPS_MAX

    def process(
        self,
        findings: Iterable[Finding],
        known: Sequence[Incident],
        calls: Calls,
        *,
        workspace: str,
        now: datetime,
    ) -> list[Incident]:
        """The incidents that are new or changed by these findings.

        `known` are those that go on, or were resolved and not closed.
        """
        near = _reach(calls, self.hops_max)
        held = {
            incident.id: incident for incident in sorted(known, key=lambda i: (not i.live, i.began, i.id))
        }
        changed: dict[str, Incident] = {}
        # what is known from an incident that is over comes first: what is new beside it joins its next episode
        old = {key(finding) for incident in known if not incident.live for finding in incident.findings}
        for finding in sorted(findings, key=lambda f: (key(f) not in old, _since(f, now), -f.score, f.id)):
            home = next((i for i in held.values() if self._belongs(finding, i, near, now)), None)
            if home is None and not opens(finding):
                continue
            if home is None:
                incident = _opened(finding, workspace, now)
            elif home.live:
                incident = _joined(home, finding, now)
            else:
                incident = _again(home, finding, now)
            held[incident.id] = changed[incident.id] = incident
        return list(changed.values())

    def _belongs(
        self, finding: Finding, incident: Incident, near: Mapping[str, frozenset[str]], now: datetime
    ) -> bool:
        # a cluster often names no environment
        if finding.environment != incident.environment and finding.environment and incident.environment:
            return False
        if not incident.live:
            return key(finding) in {key(one) for one in incident.findings}
        if any(_same_thing(finding, one) for one in incident.findings):
            return True
        began = _since(finding, now)
        if not incident.began - self.spread <= began <= incident.grew + self.spread:
            return False
        return any(_linked(finding, one, near) for one in incident.findings)


def merged(older: Incident, younger: Incident, now: datetime) -> Incident:
    """The older with what the younger shows: a diagnosis found one cause behind both."""
    for finding in younger.findings:
        older = _joined(older, finding, now)
    return older


def _same_thing(finding: Finding, other: Finding) -> bool:
    """Of one service, or one failure wherever it shows."""
    same = finding.fingerprint == other.fingerprint and finding.signal_kind is other.signal_kind
    return finding.service == other.service or (bool(finding.fingerprint) and same)


def _linked(finding: Finding, other: Finding, near: Mapping[str, frozenset[str]]) -> bool:
    if finding.change_id and finding.change_id == other.change_id:
        return True
    return finding.service in near.get(other.service, ()) or other.service in near.get(finding.service, ())


def _reach(calls: Calls, hops_max: int) -> dict[str, frozenset[str]]:
    """Which services each one reaches over so many calls."""
    reach: dict[str, frozenset[str]] = {}
    for service in calls:
        seen, edge = set[str](), {service}
        for _ in range(hops_max):
            edge = {callee for one in edge for callee in calls.get(one, ())} - seen
            seen |= edge
        reach[service] = frozenset(seen - {service})
    return reach


def _since(finding: Finding, now: datetime) -> datetime:
    return finding.last_heard or finding.first_seen or now


def _told(finding: Finding) -> str:
    """What was found, and of what."""
    of = finding.template
    return f"“{of if len(of) <= _TEMPLATE_CHARS else of[: _TEMPLATE_CHARS - 1] + '…'}” {finding.summary}"


def _opened(finding: Finding, workspace: str, now: datetime) -> Incident:
    began = min(_since(finding, now), now)
    return Incident(
        id=incident_id(workspace, finding.environment, finding, now),
        workspace=workspace,
        environment=finding.environment,
        state=IncidentState.OPEN,
        began=began,
        opened=now,
        grew=now,
        last_seen=now,
        findings=(finding,),
        suspect=finding.change_id,
        acts=(Act(time=now, what=f"found: {_told(finding)}", evidence=finding.evidence),),
    )


def _joined(incident: Incident, finding: Finding, now: datetime) -> Incident:
    """With the finding in it; what it already has stays as it was found, what it has no room for is no news again."""
    if key(finding) in incident.keys or len(incident.left_out) >= LEFT_OUT_MAX:
        return incident
    kept = sorted([*incident.findings, finding], key=lambda f: (-f.score, f.id))
    began = min(incident.began, _since(finding, now))
    if incident.earlier:  # what is held against the time before the last episode reaches back into it
        began = max(began, min(incident.earlier[-1].ended, incident.began))
    joined = replace(
        incident,
        began=began,
        grew=now,
        last_seen=now,
        findings=tuple(kept[:FINDINGS_MAX]),
        left_out=(*incident.left_out, *map(key, kept[FINDINGS_MAX:])),
        suspect=incident.suspect or finding.change_id,
    )
    reached = "also" if finding.service in incident.services else f"reached {finding.service}"
    return joined.told(Act(time=now, what=f"{reached}: {_told(finding)}", evidence=finding.evidence))


def _again(incident: Incident, finding: Finding, now: datetime) -> Incident:
    """It was over and shows itself again: the next episode of the same incident."""
    over = Episode(
        began=incident.began,
        ended=incident.resolved or incident.last_seen,
        cause=incident.cause,
        resolved_by=incident.resolved_by,
    )
    again = replace(
        incident,
        state=IncidentState.OPEN,
        episode=incident.episode + 1,
        earlier=(*incident.earlier, over)[-EPISODES_MAX:],
        began=min(_since(finding, now), now),
        opened=now,
        grew=now,
        last_seen=now,
        findings=(finding,),
        left_out=(),
        kept_open=False,
        cause="",
        object="",
        confidence=0.0,
        suspect=finding.change_id,
        diagnoses=0,
        diagnosed=None,
        resolved=None,
        resolved_by="",
    )
    return again.told(Act(time=now, what=f"again: {_told(finding)}", evidence=finding.evidence))
