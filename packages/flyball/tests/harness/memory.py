"""Incidents as memory knows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.model.cause import Cause
from flyball.model.lesson import Occurrence

NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)


def incident(number: int, *, day: float | None = None, **changed: Any) -> Occurrence:
    """One incident a day, all alike but for what is `changed`."""
    given = Occurrence(
        incident_id=f"inc_{number}",
        service="checkout",
        opened=NOON + timedelta(days=number if day is None else day),
        cause=Cause.POOL_EXHAUSTED,
        object="service/checkout",
        fingerprint="00000000000000aa",
        signals=frozenset({"log", "span", "metric"}),
        title="checkout waits for connections",
    )
    return replace(given, **changed)
