"""Worth an incident: which findings wake somebody, and which only tell more of what is already known to be wrong."""

from __future__ import annotations

from flyball.model.finding import DIAGNOSED, Finding, FindingKind
from flyball.model.severity import Severity

SLOWER_MIN = 2.0
"""Twice as slow opens an incident; less joins one."""
SILENT_S_MIN = 180.0
"""A service that says nothing for so long opens one: a job that ended or a restart says nothing either."""

_ERRORS = frozenset(
    {FindingKind.NEW, FindingKind.RATE_UP, FindingKind.ERROR_RATE, FindingKind.SEVERITY_SHIFT}
)


def opens(finding: Finding) -> bool:
    """Whether it is an incident by itself: errors that are new or more, a slow operation, a silent service, what a diagnosis found."""
    if finding.kind in _ERRORS:
        return finding.severity_number >= Severity.ERROR
    if finding.kind in DIAGNOSED:
        return True
    if finding.kind is FindingKind.LATENCY:
        return (finding.ratio or 0.0) >= SLOWER_MIN
    silent = finding.kind is FindingKind.SILENCE and not finding.fingerprint
    return silent and finding.after.seconds >= SILENT_S_MIN


def joins(finding: Finding) -> bool:
    """Whether it says something about an incident that is there: warnings too. What stopped coming is mostly repair."""
    if opens(finding) or finding.kind is FindingKind.LATENCY:
        return True
    return finding.kind in _ERRORS and finding.severity_number >= Severity.WARN
