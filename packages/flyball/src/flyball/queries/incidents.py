"""What needs somebody, and why it happened: the incidents, and one of them with its diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flyball.errors import InputError
from flyball.model.change import Change
from flyball.model.diagnosis import Claim, Hypothesis, Standing
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding
from flyball.model.incident import LIVE, Act, Explanation, Incident, IncidentState
from flyball.model.lesson import Lesson
from flyball.model.narrative import Exchange, ModelUsage, Narrative
from flyball.queries.memory import incident_of, lessons_of
from flyball.queries.periods import row_limit
from flyball.queries.ports import Ports

LIVE_WORD = "live"
"""The state that stands for open, investigating and active."""
_READ_MAX = 1_000
_QUOTED_MAX = 3
"""Records shown of one piece of evidence; the rest is behind its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One incident on a line. `title` is the cause once it is known; `touched` is how many records show it."""

    id: str
    state: str
    title: str
    severity_number: int
    environment: str
    services: Sequence[str]
    began: datetime
    opened: datetime
    last_seen: datetime
    resolved: datetime | None
    episode: int
    cause: str
    object: str
    confidence: float
    touched: int
    impact: float
    findings: int
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """Incidents by impact, those that go on first; `total` is how many there are in all, and `live` how many go on."""

    question: str
    incidents: Sequence[IncidentRow]
    live: int
    total: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A piece of evidence as it is shown beside a claim: what was read, its numbers, a few records."""

    id: str
    kind: str
    parameters: Mapping[str, Any]
    numbers: Mapping[str, float]
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentView:
    """Why it happened, how sure that is, and what to do first.

    `claims` tell it in sentences, each with the ids of its evidence; `held`, `ruled_out` and `unknown` are the
    hypotheses that were tested, `seen_before` earlier incidents like it with what was done, `narrative` what a language
    model said beside it, where one is configured. `cited` holds the evidence of claims, first step and held hypotheses, by id.
    `inconclusive` tells that no cause is shown well enough; `missing` what would tell. Where it was not diagnosed yet
    `diagnosed` is None.
    """

    incident: IncidentRow
    question: str
    diagnosed: datetime | None
    inconclusive: bool
    claims: Sequence[Claim]
    first_step: Claim | None
    held: Sequence[Hypothesis]
    ruled_out: Sequence[Hypothesis]
    unknown: Sequence[Hypothesis]
    missing: Sequence[Claim]
    cited: Mapping[str, Cited]
    findings: Sequence[Finding]
    more_findings: int
    suspect: Change | None
    resolved_by: Change | None
    history: Sequence[Act]
    seen_before: Sequence[Lesson]
    narrative: Narrative | None
    limits: Sequence[str]
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLog:
    """What a language model was sent about an incident and answered; `exchanges` are kept where `model_log` is on."""

    incident: str
    model: str
    usage: ModelUsage
    exchanges: Sequence[Exchange]
    note: str


async def list_incidents(
    ports: Ports,
    *,
    state: str | None = None,
    service: str | None = None,
    environment: str | None = None,
    limit: int = 50,
) -> Incidents:
    """What is wrong, and what was: incidents by impact, those that go on first.

    Args:
        ports: the stores.
        state: open, investigating, active, resolved, closed, or live for the first three; any if absent.
        service: `service.name` that shows it.
        environment: `deployment.environment.name`.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: no such state, or the limit is none.
    """
    states = _states(state)
    limit = row_limit(limit)
    found = [
        incident
        for incident in await ports.incidents.incidents(ports.workspace, states=states, limit=_READ_MAX)
        if service in {None, *incident.services} and environment in {None, incident.environment}
    ]
    found.sort(key=lambda i: (not i.live, i.is_muted, -i.impact if i.live else -i.grew.timestamp(), i.id))
    return Incidents(
        question=f"What is wrong{f' with {service}' if service else ''}?",
        incidents=[row_of(incident) for incident in found[:limit]],
        live=sum(incident.live for incident in found),
        total=len(found),
        as_of=ports.as_of(),
    )


async def get_incident(ports: Ports, *, incident_id: str) -> IncidentView:
    """Why an incident happened, what was ruled out, and what to do first, each sentence with its evidence.

    Args:
        ports: the stores.
        incident_id: `inc_` and 16 hexadecimal digits, as `list_incidents` gives it.

    Raises:
        NotFound: no such incident.
    """
    incident = await incident_of(ports, incident_id)
    explanation = await ports.incidents.explanation(incident.id)
    if explanation is not None and explanation.episode != incident.episode:
        explanation = None
    told = await ports.incidents.narrative(incident.occurrence)
    return IncidentView(
        incident=row_of(incident),
        question="Why did it happen, how sure is that, and what is to be done first?",
        diagnosed=explanation.at if explanation else None,
        **_explained(explanation),
        findings=incident.findings,
        more_findings=incident.more_findings,
        suspect=await _change(ports, incident.suspect),
        resolved_by=await _change(ports, incident.resolved_by),
        history=incident.acts,
        seen_before=await lessons_of(ports, incident),
        narrative=replace(told, exchanges=()) if told else None,
        as_of=ports.as_of(),
    )


async def get_model_log(ports: Ports, *, incident_id: str) -> ModelLog:
    """Exactly what was sent to the language model about an incident, what came back, and what it took.

    Args:
        ports: the stores.
        incident_id: `inc_` and 16 hexadecimal digits.

    Raises:
        NotFound: no such incident.
    """
    incident = await incident_of(ports, incident_id)
    told = await ports.incidents.narrative(incident.occurrence)
    return ModelLog(
        incident=incident.id,
        model=told.model if told else "",
        usage=told.usage if told else ModelUsage(),
        exchanges=told.exchanges if told else (),
        note=told.note if told else "no language model was asked",
    )


def row_of(incident: Incident) -> IncidentRow:
    """The incident on a line."""
    return IncidentRow(
        id=incident.id,
        state=incident.state.value,
        title=incident.title,
        severity_number=incident.severity_number,
        environment=incident.environment,
        services=incident.services,
        began=incident.began,
        opened=incident.opened,
        last_seen=incident.last_seen,
        resolved=incident.resolved,
        episode=incident.episode,
        cause=incident.cause,
        object=incident.object,
        confidence=incident.confidence,
        touched=incident.touched,
        impact=round(incident.impact, 1),
        findings=len(incident.findings) + incident.more_findings,
        muted=incident.is_muted,
    )


def _states(word: str | None) -> frozenset[IncidentState]:
    if word is None:
        return frozenset()
    if word == LIVE_WORD:
        return LIVE
    try:
        return frozenset({IncidentState(word)})
    except ValueError as error:
        known = ", ".join([LIVE_WORD, *(state.value for state in IncidentState)])
        raise InputError(f"state is one of {known}, this is {word[:64]!r}") from error


async def _change(ports: Ports, change_id: str) -> Change | None:
    return await ports.changes.change(change_id) if change_id else None


def _explained(explanation: Explanation | None) -> dict[str, Any]:
    """The parts of the view that a diagnosis gives."""
    if explanation is None:
        empty: dict[str, Any] = dict.fromkeys(
            ("claims", "held", "ruled_out", "unknown", "missing", "limits"), ()
        )
        return empty | {"first_step": None, "cited": {}, "inconclusive": False}
    diagnosis = explanation.diagnosis
    by = {standing: [h for h in diagnosis.hypotheses if h.standing is standing] for standing in Standing}
    steps = [h.first_step for h in by[Standing.HELD] if h.first_step]
    shown = [*diagnosis.claims, *steps, *(reason for h in by[Standing.HELD] for reason in h.reasons)]
    # a change that was acquitted is named; a cause that nobody saw a sign of only counts
    by[Standing.RULED_OUT].sort(key=lambda h: not h.object)
    shown += [reason for h in by[Standing.RULED_OUT] if h.object for reason in h.reasons]
    return {
        "inconclusive": diagnosis.inconclusive,
        "claims": diagnosis.claims,
        "first_step": diagnosis.first_step,
        "held": by[Standing.HELD],
        "ruled_out": by[Standing.RULED_OUT],
        "unknown": by[Standing.UNKNOWN],
        "missing": diagnosis.missing,
        "cited": _cited(diagnosis.evidence, {id_ for claim in shown for id_ in claim.evidence}),
        "limits": explanation.limits,
    }


def _cited(evidence: Iterable[Evidence], ids: set[str]) -> dict[str, Cited]:
    return {
        fact.id: Cited(
            id=fact.id,
            kind=fact.kind,
            parameters={name: value for name, value in fact.parameters.items() if name != "digest"},
            numbers=fact.numbers,
            records=fact.exemplars[:_QUOTED_MAX],
        )
        for fact in evidence
        if fact.id in ids
    }
