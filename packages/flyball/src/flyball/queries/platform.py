"""What the platform says is wrong: warnings of Kubernetes, which no rate tells from chance, held against the objects.

A cluster warns all the time, of each start at least. So warnings are no finding by themselves: when new ones came, what
the environment shows is diagnosed, and what the diagnosis rests its cause on is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding, FindingKind
from flyball.model.incident import Incident, Lasting, key
from flyball.model.severity import Severity
from flyball.model.signal import Surface
from flyball.model.verdict import Outcome
from flyball.queries.cohorts import bound
from flyball.queries.diagnosed import diagnosed, diagnosed_finding
from flyball.queries.ports import Ports

ASKED_S = 15.0
"""So often an environment that warns is diagnosed at most."""
BEFORE = timedelta(seconds=30)
"""What warns began so much before it warned."""
LATE = timedelta(minutes=15)
"""Warnings that come so late open nothing."""
LASTS = timedelta(minutes=10)
"""A warning that is still true is said again within so long; an object that is not whole says so itself."""
FINDINGS_MAX = 5
HARM = 0.7
"""Between an error line and an operation that fails more often."""
_SURFACES = frozenset({Surface.EVENT, Surface.STATE})

_WARNINGS_SQL = (
    "SELECT environment, min(time) AS first FROM {db}.logs WHERE workspace = {workspace:String}"
    " AND received > {last:DateTime64(3, 'UTC')} AND received <= {as_of:DateTime64(3, 'UTC')}"
    " AND (origin IN (SELECT origin FROM {db}.origins WHERE hour >= toStartOfHour({oldest:DateTime64(3, 'UTC')})"
    " AND position(scope, 'k8seventsreceiver') > 0) AND severity >= 13"
    " OR origin IN (SELECT origin FROM {db}.origins WHERE hour >= toStartOfHour({oldest:DateTime64(3, 'UTC')})"
    " AND position(scope, 'k8sobjectsreceiver') > 0) AND position(body, 'Warning') > 0)"
    " GROUP BY environment LIMIT 100"
)


_NOTHING: Mapping[tuple[str, str], datetime] = {}


@dataclass(slots=True)
class Platform:
    """Asks of each environment that warns; remembers until when it has listened and whom it has asked."""

    ports: Ports
    _last: datetime = field(default=datetime(1970, 1, 1, tzinfo=UTC))
    _first: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _asked: dict[str, float] = field(default_factory=dict[str, float])

    async def look(
        self, known: Collection[str] = (), settled: Mapping[tuple[str, str], datetime] = _NOTHING
    ) -> list[Finding]:
        """What warnings say is wrong and objects do not deny, but for findings whose `key` is known.

        `settled` tells until when incidents were there that are over: what warned before is told already.
        """
        ports = self.ports
        if not ports.telemetry.committed_ms:
            return []
        as_of = ports.as_of()
        await self._listen(as_of)
        found: list[Finding] = []
        for environment, first in list(self._first.items()):
            now = ports.clock.monotonic_s()
            if now - self._asked.get(environment, -ASKED_S) < ASKED_S:
                continue
            self._asked[environment] = now
            del self._first[environment]
            onset = max(first, as_of - LATE) - BEFORE
            diagnosis = await _diagnosed(ports, environment, onset, as_of)
            found += [
                one
                for one in _findings(diagnosis, environment, as_of)
                if key(one) not in known and not _told(one, settled)
            ]
            await ports.evidence.put_evidence(diagnosis.evidence)
        return found

    async def _listen(self, as_of: datetime) -> None:
        parameters = {
            "workspace": self.ports.workspace,
            "last": bound(max(self._last, as_of - LATE)),
            "as_of": bound(as_of),
            "oldest": bound(as_of - LATE),
        }
        rows = (await self.ports.telemetry.select(_WARNINGS_SQL, parameters)).to_pylist()
        for row in rows:
            first = row["first"]
            self._first[row["environment"]] = min(first, self._first.get(row["environment"], first))
        self._last = as_of


def _told(finding: Finding, settled: Mapping[tuple[str, str], datetime]) -> bool:
    until = settled.get((finding.service, finding.environment))
    return until is not None and (finding.first_seen is None or finding.first_seen <= until)


async def platform_goes_on(ports: Ports, incident: Incident, as_of: datetime) -> list[Lasting]:
    """What became of the platform's findings of an incident: they last while a diagnosis of now rests on them."""
    mine = [finding for finding in incident.findings if finding.kind is FindingKind.EVENT]
    if not mine:
        return []
    diagnosis = await _diagnosed(ports, incident.environment, as_of - LASTS, as_of)
    still = {key(one): one for one in _findings(diagnosis, incident.environment, as_of)}
    evidence = diagnosis.evidence[0]
    return [
        Lasting(
            finding=finding,
            outcome=Outcome.NOT_FIXED if key(finding) in still else Outcome.FIXED,
            last_seen=as_of if key(finding) in still else incident.last_seen,
            count=max(finding.count, still[key(finding)].count if key(finding) in still else 0),
            evidence=evidence,
        )
        for finding in mine
    ]


async def _diagnosed(ports: Ports, environment: str, onset: datetime, as_of: datetime) -> Diagnosis:
    until = as_of + timedelta(seconds=1)
    diagnosis, _ = await diagnosed(ports, environment=environment, onset=onset, until=until)
    return diagnosis


def _findings(diagnosis: Diagnosis, environment: str, as_of: datetime) -> Iterable[Finding]:
    """What the platform says of the cause: the events, else the fields of objects, that its reasons cite."""
    if diagnosis.inconclusive:
        return []
    cited = [fact for fact in diagnosis.cited(diagnosis.top) if fact.parameters.get("surface") in _SURFACES]
    return [_finding(diagnosis, fact, environment, as_of) for fact in cited[:FINDINGS_MAX] if fact.exemplars]


def _finding(diagnosis: Diagnosis, fact: Evidence, environment: str, as_of: datetime) -> Finding:
    record = fact.exemplars[0]
    said = f"{record['key']}: {record['value']}"
    return diagnosed_finding(
        FindingKind.EVENT,
        # what it is about and never the words: an event counts up in them
        f"{diagnosis.cause}\0{record['key']}",
        of=diagnosis.object,
        environment=environment,
        template=said,
        summary=f"The platform says of {diagnosis.object}: {said[:200]}",
        severity=Severity.ERROR,
        harm=HARM,
        cited=(fact,),
        since=min(_time(one["time"]) for one in fact.exemplars),
        as_of=as_of,
    )


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))
