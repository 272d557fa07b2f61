"""How a detector states a finding: its numbers, its harm and its sentence. No statistics."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from flyball.component.words import duration
from flyball.model.finding import Finding, FindingKind, Numbers, finding_id
from flyball.model.pattern import fingerprint
from flyball.model.severity import Severity
from flyball.model.window import Cohort, Series, SignalKind, Window

SURPRISE_MAX = 12.0
"""Beyond one in 10^12 more surprise says nothing; harm decides."""
_SEVERITY_HARM = {
    Severity.FATAL: 1.0,
    Severity.ERROR: 0.85,
    Severity.WARN: 0.5,
    Severity.INFO: 0.2,
    Severity.DEBUG: 0.1,
    Severity.TRACE: 0.05,
    Severity.UNSPECIFIED: 0.2,
}
# a new line names a cause; a share or a duration that moved is mostly its symptom
_KIND_HARM = {
    FindingKind.NEW: 1.0,
    FindingKind.SILENCE: 0.95,
    FindingKind.ERROR_RATE: 0.85,
    FindingKind.RATE_UP: 0.8,
    FindingKind.SEVERITY_SHIFT: 0.7,
    FindingKind.LATENCY: 0.6,
    FindingKind.GONE: 0.5,
    FindingKind.RATE_DOWN: 0.4,
}
_OTHERS_HARM = 0.5
"""A service that changed nothing merely sees what another did."""
_RELIEF_HARM = 0.1
"""Fewer errors than before are worth a line, at the end."""
_TRAFFIC_FLOOR = 0.7
_WHOLE_FROM = 100
"""Figures from here on have no decimals."""
_FEWER = (FindingKind.GONE, FindingKind.RATE_DOWN, FindingKind.SILENCE)
SERVICE_WIDE = "all log records"
SERVICE_SILENT = "everything it says"


def state(
    window: Window,
    kind: FindingKind,
    series: Series | None,
    *,
    severity: Severity,
    before: Numbers,
    after: Numbers,
    p: float,
    q: float,
    ratio: float,
    part_of_traffic: float,
    quantile: float | None = None,
    slow_bucket: int | None = None,
    signal_kind: SignalKind | None = None,
    last_heard: datetime | None = None,
) -> Finding:
    """A finding with its score; `part_of_traffic` is 0 to 1.

    No series means the service as a whole, then `signal_kind` (log if absent) is what was counted of it.
    """
    signal = fingerprint(series.fingerprint) if series else ""
    of_kind = series.kind if series else signal_kind or SignalKind.LOG
    whole = SERVICE_SILENT if kind is FindingKind.SILENCE else SERVICE_WIDE
    template = window.templates.get(series.fingerprint, "") if series else whole
    change_id = window.change.id if window.change else ""
    surprise = min(-math.log10(max(q, 1e-300)), SURPRISE_MAX)
    harm = _harm(kind, severity, part_of_traffic, own=window.own, whole=series is None)
    return Finding(
        id=finding_id(kind, window.service, window.environment, f"{of_kind}:{signal}", change_id),
        kind=kind,
        service=window.service,
        environment=window.environment,
        version=window.version,
        signal_kind=of_kind,
        fingerprint=signal,
        template=template,
        severity=severity.name,
        severity_number=int(severity),
        count=round(after.count),
        before=before,
        after=after,
        ratio=ratio if math.isfinite(ratio) else None,
        p=p,
        q=q,
        surprise=surprise,
        harm=harm,
        score=surprise * harm,
        change_id=change_id,
        quantile=quantile,
        slow_bucket=slow_bucket,
        last_heard=last_heard,
        summary=_silent(before, after, last_heard)
        if last_heard
        else _summary(kind, before, after, ratio, quantile),
    )


def numbers(cohort: Cohort, row: int) -> Numbers:
    """How often a series occurred on one side."""
    count = float(sum(counts[row].sum() for counts in cohort.counts.values()))
    return Numbers(count=count, seconds=cohort.total_seconds(cohort.series[row].kind))


def gravest(window: Window, row: int) -> Severity:
    """The gravest severity of the series after the change, or before it where it is gone."""
    for cohort in (window.after, window.before):
        seen = [severity for severity, counts in cohort.counts.items() if counts[row].sum() > 0]
        if seen:
            return max(seen)
    return Severity.UNSPECIFIED


def part_of_traffic(window: Window, row: int) -> float:
    """Records of the series after the change (before it, where gone) per record of its kind."""
    kind = window.after.series[row].kind
    rows = np.array([s.kind is kind for s in window.after.series], dtype=bool)
    for cohort in (window.after, window.before):
        counts = cohort.of()
        if counts[row].sum() > 0:
            return float(counts[row].sum() / counts[rows].sum())
    return 0.0


def _harm(kind: FindingKind, severity: Severity, part: float, *, own: bool, whole: bool) -> float:
    harm = _KIND_HARM[kind] * _SEVERITY_HARM[severity]
    if kind in _FEWER and severity >= Severity.WARN and not whole:
        harm *= _RELIEF_HARM
    harm *= _TRAFFIC_FLOOR + (1.0 - _TRAFFIC_FLOOR) * math.sqrt(min(max(part, 0.0), 1.0))
    return harm if own else harm * _OTHERS_HARM


def _summary(kind: FindingKind, before: Numbers, after: Numbers, ratio: float, quantile: float | None) -> str:
    if kind is FindingKind.NEW:
        return f"New: {_times(after.count)} in {duration(after.seconds)}, never before."
    if kind is FindingKind.GONE:
        return f"Gone: {_figure(before.per_minute)} a minute before, none in {duration(after.seconds)}."
    if kind is FindingKind.LATENCY:
        name = {0.5: "Half of the spans take", 0.9: "One span in 10 takes", 0.99: "One span in 100 takes"}
        return (
            f"{name.get(quantile or 0.0, 'Spans take')} {_figure(after.quantile_ms or 0.0)} ms or longer,"
            f" {_figure(ratio)} times the {_figure(before.quantile_ms or 0.0)} ms before."
        )
    if after.share is not None:
        what = "Spans in error" if kind is FindingKind.ERROR_RATE else "Records of this severity or worse"
        return f"{what}: {after.share:.1%} of {after.of or 0:.0f}, {before.share or 0.0:.1%} of {before.of or 0:.0f} before."
    if not before.count:
        return f"Back: {_figure(after.per_minute)} a minute, none in the {duration(before.seconds)} before."
    times = f", {_figure(ratio)} times as often" if kind is FindingKind.RATE_UP else ""
    return f"{_figure(after.per_minute)} a minute after {_figure(before.per_minute)} before{times}."


def _silent(before: Numbers, after: Numbers, last_heard: datetime) -> str:
    return (
        f"Silent since {last_heard:%H:%M:%S} UTC ({duration(after.seconds)}):"
        f" {_figure(before.per_minute)} a minute in the {duration(before.seconds)} before."
    )


def _figure(value: float) -> str:
    """Three digits that count, without an exponent: 0.0125, 83.3, 1450."""
    return f"{value:.0f}" if value >= _WHOLE_FROM else f"{value:.3g}"


def _times(count: float) -> str:
    return "once" if round(count) == 1 else f"{count:.0f} times"
