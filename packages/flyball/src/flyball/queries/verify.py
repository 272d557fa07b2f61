"""Did the fix work? Each finding that was open when a change was recorded, judged on what came after it.

Absence of traffic is never a repair: exposure is measured by the service's own traffic, and nothing counts as
fixed before the fix has run longer than the fault needed to show itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from flyball.compare.differences import differences
from flyball.compare.dispersion import PRIOR_S, since_onset
from flyball.compare.verdict import Counted, Judgement, judge_deficit, judge_excess
from flyball.detect import noticed
from flyball.errors import NotFound
from flyball.model.change import Change
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.pattern import shape_id
from flyball.model.verdict import Outcome, Verdict, worst
from flyball.model.window import Basis, Series, SignalKind
from flyball.queries.cite import cite, least_severity, sides_of, signals_of
from flyball.queries.cohorts import Place
from flyball.queries.evidence import COUNTS_SQL, counts_parameters
from flyball.queries.ports import Ports
from flyball.queries.whats_new import limits_of, places_of, read_places, resolve_change
from flyball.queries.window import Read

ONSET_FACTOR = 1.25
ONSET_S = 3.0
"""A fault that first showed t seconds after its change may show so late again: 1.25 t + 3 s must pass."""
_EARLIER_MAX = 5
_EARLIER = timedelta(days=14)
_VOLUME_MIN = 20.0
_VOLUME_RATIO_MAX = 5.0
_DEFICITS = (FindingKind.GONE, FindingKind.RATE_DOWN, FindingKind.SILENCE)
_SHARES = (FindingKind.SEVERITY_SHIFT, FindingKind.ERROR_RATE, FindingKind.LATENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The answer: one verdict a finding and the worst of them, and in `limits` what could not be seen."""

    question: str
    change: Change
    broken_by: Change | None
    verdict: Outcome
    verdicts: Sequence[Verdict]
    limits: Sequence[str]
    as_of: datetime


async def verify(ports: Ports, *, change: str, finding: str | None = None) -> Verification:
    """Whether a change repaired what was wrong: fixed, not fixed, worse, or not enough data.

    Args:
        ports: the stores.
        change: the id of the change meant to repair.
        finding: the id of one finding; every finding open in that service when the change was recorded if absent.

    Raises:
        NotFound: no such change, or no such finding was open when it was recorded.
    """
    fix = await resolve_change(ports, change)
    seen = ports.as_of()
    broken_by, targets = await _targets(ports, fix, finding)
    question = f"Did {fix.service} {fix.version or fix.id} repair it?"
    if not targets:
        nothing = "Nothing was found open in the service when this change was recorded, so there is nothing to verify."
        return Verification(
            question=question,
            change=fix,
            broken_by=broken_by,
            verdict=Outcome.NOT_ENOUGH_DATA,
            verdicts=(),
            limits=[nothing],
            as_of=seen,
        )
    own = Place(workspace=fix.workspace, service=fix.service, environment=fix.environment)
    places = list(dict.fromkeys([own, *(read.place for read, _ in targets)]))
    repaired = {r.place: r for r in await read_places(ports, places, change=fix, start=fix.time, seen=seen)}
    runs = await _runs(ports, fix, repaired[own])
    judged = [
        await _judged(ports, read, target, repaired[read.place], seen, runs=runs) for read, target in targets
    ]
    await ports.evidence.put_evidence([evidence for _, evidence in judged])
    verdicts = tuple(verdict for verdict, _ in judged)
    return Verification(
        question=question,
        change=fix,
        broken_by=broken_by,
        verdict=worst(tuple(v.outcome for v in verdicts)),
        verdicts=verdicts,
        limits=[limit for read in repaired.values() for limit in limits_of(read, seen)],
        as_of=seen,
    )


async def _targets(
    ports: Ports, fix: Change, finding: str | None
) -> tuple[Change | None, list[tuple[Read, Finding]]]:
    """What was open when the fix was recorded, since the deploy before it (or an earlier one, for one finding)."""
    until = fix.time - timedelta(milliseconds=1)
    earlier = await ports.changes.changes(
        fix.workspace,
        service=fix.service,
        environment=fix.environment,
        since=fix.time - _EARLIER,
        until=until,
        limit=_EARLIER_MAX,
    )
    for cause in [c for c in earlier if c.id != fix.id][: _EARLIER_MAX if finding else 1]:
        found = await _open(ports, cause, fix.time, everywhere=finding is not None)
        chosen = [pair for pair in found if finding in {None, pair[1].id}]
        if chosen or finding is None:
            return cause, chosen
    if finding is not None:
        raise NotFound(f"the finding {finding[:64]!r} was not open when the change {fix.id} was recorded")
    return None, []


async def _open(ports: Ports, cause: Change, at: datetime, *, everywhere: bool) -> list[tuple[Read, Finding]]:
    service = None if everywhere else cause.service
    places, _ = await places_of(
        ports, service=service, environment=cause.environment, change=cause, start=cause.time, seen=at
    )
    reads = await read_places(ports, places, change=cause, start=cause.time, seen=at)
    found = [(read, f) for read in reads for f in noticed(read.window)]
    cited = await cite(ports, found, start=cause.time, as_of=at)
    return [(read, f) for (read, _), f in zip(found, cited, strict=True)]


async def _runs(ports: Ports, fix: Change, read: Read) -> bool:
    """Whether the rows that are judged show the fix running; an announcement alone repairs nothing.

    A service whose telemetry carries no version at all cannot show it: then the announcement has to do.
    """
    if not fix.version or read.window.basis is not Basis.TIME:
        return True
    return not any(
        (state.service, state.environment) == (fix.service, fix.environment)
        for state in await ports.changes.versions(fix.workspace)
    )


async def _judged(
    ports: Ports, broken: Read, finding: Finding, fixed: Read, seen: datetime, *, runs: bool
) -> tuple[Verdict, Evidence]:
    parameters = counts_parameters(
        broken.place,
        sides_of(broken, finding)[1],
        fixed.after,
        kind=finding.signal_kind,
        signals=signals_of(broken, finding),
        as_of=seen,
        severity=least_severity(finding),
        bucket=-1 if finding.slow_bucket is None else finding.slow_bucket,
    )
    rows = (await ports.telemetry.select(COUNTS_SQL, parameters)).to_pylist()
    counts = {name: float(value or 0) for name, value in rows[0].items()}
    evidence = Evidence(
        kind="counts: verdict", sql=COUNTS_SQL, parameters=parameters, as_of=seen, numbers=counts
    )
    share = finding.kind in _SHARES
    before = replace(finding.after, count=counts["before_count"], of=counts["before_of"] if share else None)
    after = Numbers(
        count=counts["after_count"],
        of=counts["after_of"] if share else None,
        seconds=fixed.window.after.total_seconds(finding.signal_kind),
    )
    judgement = _judge(finding, broken, fixed, before, after)
    if not runs:
        judgement = Judgement(outcome=Outcome.NOT_ENOUGH_DATA, confidence=0.0, expected=judgement.expected)
    verdict = Verdict(
        outcome=judgement.outcome,
        finding=finding,
        healthy=finding.before,
        broken=before,
        repaired=after,
        expected=judgement.expected,
        confidence=judgement.confidence,
        why=_why(judgement, finding, after),
        evidence=(evidence.id,),
    )
    return verdict, evidence


def _judge(finding: Finding, broken: Read, fixed: Read, before: Numbers, after: Numbers) -> Judgement:
    dispersion = _dispersion(finding, broken, fixed)
    if finding.kind in _SHARES:
        unit = (before.of or 0.0) / before.seconds if before.seconds else 0.0
        sides = [_whole(n, unit) for n in (finding.before, before, after)]
    else:
        volume = _volume(fixed, finding)
        sides = [
            Counted(count=finding.before.count, exposure=finding.before.seconds),
            Counted(count=before.count, exposure=before.seconds),
            Counted(count=after.count, exposure=after.seconds * volume),
        ]
    judge = judge_deficit if finding.kind in _DEFICITS else judge_excess
    judgement = judge(sides[0], sides[1], sides[2], dispersion)
    if judgement.outcome is Outcome.FIXED and after.seconds < _onset_s(finding, broken):
        return Judgement(outcome=Outcome.NOT_ENOUGH_DATA, confidence=0.0, expected=judgement.expected)
    return judgement


def _whole(numbers: Numbers, unit: float) -> Counted:
    return Counted(count=numbers.count, exposure=(numbers.of or 0.0) / unit if unit else 0.0)


def _onset_s(finding: Finding, broken: Read) -> float:
    """How long the fix must have run before silence can mean anything (seconds)."""
    if finding.first_seen is None or finding.kind in _DEFICITS:
        return ONSET_S
    onset = (finding.first_seen - broken.window.after_start).total_seconds()
    return ONSET_FACTOR * max(onset, 0.0) + ONSET_S


def _volume(fixed: Read, finding: Finding) -> float:
    """Traffic a second after the fix over that before it, by spans, else by the other log records."""
    window = fixed.window
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        rows = np.array(
            [s.kind is kind and f"{s.fingerprint:016x}" != finding.fingerprint for s in window.before.series],
            dtype=bool,
        )
        old, new = float(window.before.of()[rows].sum()), float(window.after.of()[rows].sum())
        old_s, new_s = window.before.total_seconds(kind), window.after.total_seconds(kind)
        if old >= _VOLUME_MIN and old_s and new_s:
            return min((new / new_s) / (old / old_s), _VOLUME_RATIO_MAX)
    return 1.0


def _dispersion(finding: Finding, broken: Read, fixed: Read) -> float:
    """D of the fault while it was there; of what was missing, D of the service."""
    found = differences(fixed.window).dispersion_s
    common = float(found.min()) if len(found) else PRIOR_S
    series = broken.window.after.series
    wanted = (
        Series(kind=finding.signal_kind, fingerprint=shape_id(finding.fingerprint))
        if finding.fingerprint
        else None
    )
    if finding.kind in _DEFICITS or wanted not in series:
        return common
    counts = broken.window.after.of(least_severity(finding))[series.index(wanted)]
    return since_onset(counts, broken.window.after.seconds[finding.signal_kind], common)


def _why(judgement: Judgement, finding: Finding, after: Numbers) -> str:
    what = f"“{finding.template[:120]}” ({finding.kind})"
    seen = f"{after.count:.0f} in {after.seconds:.0f} s since the fix"
    would = f"about {judgement.expected:.0f} would have come at the rate of before"
    match judgement.outcome:
        case Outcome.FIXED if finding.kind in _DEFICITS:
            return f"{what} is back: {seen}, where {would}."
        case Outcome.FIXED:
            return f"{what} is repaired: {seen}, where {would}."
        case Outcome.NOT_FIXED:
            return f"{what} goes on: {seen}; {would}."
        case Outcome.WORSE:
            return f"{what} is worse: {seen}, where {would}."
        case Outcome.NOT_ENOUGH_DATA:
            return f"{what}: {seen} do not decide; {would}. More traffic is needed."
