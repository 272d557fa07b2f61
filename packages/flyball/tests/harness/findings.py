"""Findings by hand: an error line of a service, and whatever differs from that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.model.finding import Finding, FindingKind, Numbers, finding_id
from flyball.model.window import SignalKind

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def finding(service: str = "checkout", fingerprint: str = "aa", **differs: Any) -> Finding:
    """A new error line of the service, first seen at noon or so many `second`s later."""
    kind = differs.get("kind", FindingKind.NEW)
    environment, change = differs.get("environment", "prod"), differs.get("change_id", "")
    first_seen = NOON + timedelta(seconds=differs.pop("second", 0.0))
    given: dict[str, Any] = {
        "id": finding_id(kind, service, environment, fingerprint, change),
        "kind": kind,
        "service": service,
        "environment": environment,
        "version": "v2",
        "signal_kind": SignalKind.LOG,
        "fingerprint": fingerprint,
        "template": f"{fingerprint} failed <*>",
        "severity": "ERROR",
        "severity_number": 17,
        "count": 20,
        "before": Numbers(count=0.0, seconds=600.0),
        "after": Numbers(count=20.0, seconds=10.0),
        "ratio": None,
        "p": 1e-11,
        "q": 1e-10,
        "surprise": 10.0,
        "harm": 0.7,
        "score": 7.0,
        "change_id": change,
        "summary": f"New: {fingerprint}",
        "first_seen": first_seen,
        "evidence": (f"ev_{service}_{fingerprint}",),
    }
    return Finding(**given | differs)
