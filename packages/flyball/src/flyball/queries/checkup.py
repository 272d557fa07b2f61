"""Check-up: what nobody complains of. Now and then, and after each change, an environment is diagnosed unasked.

A query for each row, memory that grows, a line that is not written any more: nothing fails, so no rate of errors tells.
The engine does, that holds a while against the time before. It is asked again and again, which chance profits from:
so only what two looks in a row say of the same object is found, and only causes that need no error (`SILENT`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flyball.errors import StoreError
from flyball.explain.rule import IMPLIES, THRESHOLD
from flyball.model.cause import SILENT, SYMPTOMS, Cause
from flyball.model.diagnosis import Diagnosis, Hypothesis, Standing
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding, FindingKind
from flyball.model.incident import Incident, Lasting, key
from flyball.model.severity import Severity
from flyball.model.signal import bare
from flyball.model.verdict import Outcome
from flyball.queries.cohorts import bound
from flyball.queries.diagnosed import diagnosed, diagnosed_finding, wrong_times
from flyball.queries.observe import NORMAL_S, Observed
from flyball.queries.ports import Ports

LISTENS_S = 5.0
"""So often it is asked who is heard and what changed;"""
ROUND_S_MAX = 1.0
"""and after so many seconds no further environment is looked at before the next time."""
ROUTINE_S, CHANGED_S = 300.0, 60.0
"""Seconds between two looks at an environment, and while its last change is young;"""
COST_MAX = 0.02
"""and as many as a look may take at most this part of."""
WINDOW, YOUNG = timedelta(minutes=5), timedelta(minutes=10)
"""What a look reads: the last minutes, or all since a change that is no older."""
LEAST = timedelta(seconds=45)
"""Less than so much is not judged."""
LATE = timedelta(seconds=10)
"""Spans come after the records that were written in them: the last seconds are not read."""
SLOWER_MIN = 2.0
"""Times as long, below which slowness wakes nobody."""
HARM = 0.5
"""Of a warning: it fails nobody yet."""
_ENVIRONMENTS_MAX = 100
_CHANGES_MAX = 200
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_HEARD_SQL = (
    "SELECT environment FROM {db}.counts WHERE workspace = {workspace:String}"
    " AND received > {since:DateTime64(3, 'UTC')} AND received <= {as_of:DateTime64(3, 'UTC')}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC')"
    f" GROUP BY environment ORDER BY environment LIMIT {_ENVIRONMENTS_MAX}"
)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """What one look said, and since when."""

    cause: Cause
    object: str
    onset: datetime


def _nobody() -> None:
    """Nobody hears of it."""


@dataclass(slots=True)
class Checkup:
    """Looks at one environment after the other; remembers when it did, and what it suspected.

    `failed` hears of a look that read more than a query may: whoever complains is looked at in smaller pieces (notice).
    """

    ports: Ports
    failed: Callable[[], None] = _nobody
    _listened: float = -LISTENS_S
    _looked: dict[str, float] = field(default_factory=dict[str, float])
    _took: dict[str, float] = field(default_factory=dict[str, float])
    _suspects: dict[str, _Suspect] = field(default_factory=dict[str, _Suspect])

    async def look(
        self, known: Collection[str], troubled: Collection[str], settled: Mapping[tuple[str, str], datetime]
    ) -> list[Finding]:
        """What two looks say, but for findings whose `key` is known and for services that have an incident.

        `settled` tells until when incidents were there that are over: nothing before that is looked at again.
        """
        ports, now = self.ports, self.ports.clock.monotonic_s()
        if not ports.telemetry.committed_ms or now - self._listened < LISTENS_S:
            return []
        self._listened = now
        as_of = ports.as_of()
        changed = await self._changed(as_of)
        waiting = [place for place in await self._heard(as_of) if self._is_due(place, changed, now)]
        found: list[Finding] = []
        for environment in sorted(waiting, key=lambda place: (self._looked.get(place, 0.0), place)):
            begun, until = ports.clock.monotonic_s(), as_of - LATE
            if begun - now > ROUND_S_MAX:
                break
            over = [ended for (_, place), ended in settled.items() if place == environment]
            onset = max(changed.get(environment, until - WINDOW), *over, _LONG_AGO)
            one = await self._look_at(environment, onset, until) if until - onset >= LEAST else None
            self._looked[environment] = begun
            self._took[environment] = ports.clock.monotonic_s() - begun
            if one is not None and one.service not in troubled and key(one) not in known:
                found.append(one)
        return found

    async def _heard(self, as_of: datetime) -> list[str]:
        parameters = {
            "workspace": self.ports.workspace,
            "since": bound(as_of - WINDOW),
            "as_of": bound(as_of),
            "begin": int((as_of - 2 * WINDOW).timestamp()),
        }
        rows = (await self.ports.telemetry.select(_HEARD_SQL, parameters)).to_pylist()
        heard = [row["environment"] for row in rows]
        for memory in (self._looked, self._took, self._suspects):
            for gone in memory.keys() - set(heard):
                del memory[gone]
        return heard

    async def _changed(self, as_of: datetime) -> dict[str, datetime]:
        """Where something changed not long ago, and when last."""
        changes = await self.ports.changes.changes(
            self.ports.workspace, since=as_of - YOUNG, until=as_of - LATE - LEAST, limit=_CHANGES_MAX
        )
        return {change.environment: change.time for change in sorted(changes, key=lambda one: one.time)}

    def _is_due(self, environment: str, changed: Collection[str], now: float) -> bool:
        """One that is heard for the first time is looked at when something changed, else in its turn."""
        if environment not in changed:
            looked = self._looked.setdefault(environment, now)
            pause = ROUTINE_S
        else:
            looked, pause = self._looked.get(environment, -CHANGED_S), CHANGED_S
        return now - looked >= max(pause, self._took.get(environment, 0.0) / COST_MAX)

    async def _look_at(self, environment: str, onset: datetime, until: datetime) -> Finding | None:
        """What this look says as the one before it did; what only this one says is suspected from now on."""
        before = self._suspects.pop(environment, None)
        since = min(onset, before.onset) if before else onset
        normal_s = NORMAL_S + (onset - since).total_seconds()
        wrong = await wrong_times(self.ports, environment, onset, normal_s=normal_s)
        try:
            diagnosis, observed = await diagnosed(
                self.ports,
                environment=environment,
                onset=onset,
                until=until,
                normal_s=normal_s,
                wrong=[*wrong, (since, onset)] if since < onset else wrong,
            )
        except StoreError:
            self.failed()
            return None
        top = _silent(diagnosis)
        if top is None:
            return None
        said = (top.cause, top.object)
        again = before is not None and (before.cause, before.object) == said
        self._suspects[environment] = _Suspect(*said, onset=since if again else onset)
        if not again:
            return None
        await self.ports.evidence.put_evidence(diagnosis.evidence)
        return _finding(diagnosis, top, environment, since, observed.as_of)


def _silent(diagnosis: Diagnosis) -> Hypothesis | None:
    """The cause, if it is one that nobody complains of, sure enough, and does some harm."""
    top = diagnosis.top
    if top is None or top.cause not in SILENT or top.weight < IMPLIES:
        return None
    if top.cause is Cause.CPU_CONTENTION and not _felt(diagnosis):
        return None
    if top.cause is Cause.SLOW_SERVICE and not _slower(diagnosis, top):
        return None
    return top


def _felt(diagnosis: Diagnosis) -> bool:
    """Whether anything is slow or fails: work alone uses CPU, too."""
    return any(one.standing is Standing.HELD and one.cause in SYMPTOMS for one in diagnosis.hypotheses)


def _slower(diagnosis: Diagnosis, top: Hypothesis) -> bool:
    return any(
        fact.numbers["now"] >= SLOWER_MIN * fact.numbers["before"]
        for fact in diagnosis.cited(top)
        if {"now", "before"} <= fact.numbers.keys()
    )


def _finding(
    diagnosis: Diagnosis, top: Hypothesis, environment: str, since: datetime, as_of: datetime
) -> Finding:
    return diagnosed_finding(
        FindingKind.CHECKUP,
        f"{top.cause}\0{top.object}",
        of=top.object,
        environment=environment,
        template=f"{top.cause}: {top.reasons[0].text}",
        summary=f"A check-up found it in {top.object}, two looks in a row.",
        severity=Severity.WARN,
        harm=HARM,
        cited=diagnosis.cited(top),
        since=since,
        as_of=as_of,
    )


async def checkup_goes_on(
    ports: Ports, incident: Incident, as_of: datetime, fixed: datetime | None
) -> list[Lasting]:
    """What became of what check-ups found: it lasts while the last minutes, or those since a repair, still show it.

    They are held against the time before the incident. That its object is not heard is no repair.
    """
    mine = [finding for finding in incident.findings if finding.kind is FindingKind.CHECKUP]
    if not mine:
        return []
    until = as_of - LATE
    onset = max(until - WINDOW, fixed or incident.began, incident.began)
    normal_s = NORMAL_S + (onset - incident.began).total_seconds()
    wrong = await wrong_times(ports, incident.environment, onset, normal_s=normal_s, of=incident)
    diagnosis, observed = await diagnosed(
        ports,
        environment=incident.environment,
        onset=onset,
        until=max(until, onset),
        normal_s=normal_s,
        wrong=[*wrong, (incident.began, onset)],
    )
    judged = until - onset >= LEAST
    lasting: list[Lasting] = []
    for finding in mine:
        outcome, evidence = _outcome(diagnosis, observed, finding)
        lasting.append(
            Lasting(
                finding=finding,
                outcome=outcome if judged else Outcome.NOT_ENOUGH_DATA,
                last_seen=as_of if outcome is Outcome.NOT_FIXED else incident.last_seen,
                count=finding.count,
                evidence=evidence,
            )
        )
    return lasting


def _outcome(diagnosis: Diagnosis, observed: Observed, finding: Finding) -> tuple[Outcome, Evidence]:
    """Whether it is held, looked for in vain, or could not be looked for; and by what."""
    cause = Cause(finding.template.partition(":")[0])
    of_it = [one for one in diagnosis.hypotheses if one.cause is cause]
    for one in of_it:
        if one.standing is Standing.HELD and bare(one.object) == finding.service and one.weight >= THRESHOLD:
            return Outcome.NOT_FIXED, diagnosis.cited(one)[0]
    vain = next((one for one in of_it if one.standing is Standing.RULED_OUT), None)
    heard = any(bare(signal.entity) == finding.service for signal in observed.signals)
    facts = diagnosis.cited(vain)
    if heard and facts:
        return Outcome.FIXED, facts[0]
    return Outcome.NOT_ENOUGH_DATA, diagnosis.evidence[0]
