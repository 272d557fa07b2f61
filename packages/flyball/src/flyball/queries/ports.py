"""What queries may ask: the stores, the patterns, the clock. Wired in app.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from flyball.component.ports import (
    AnnotationStore,
    ChangeStore,
    Clock,
    EvidenceStore,
    IncidentStore,
    MemoryStore,
    TelemetryStore,
)
from flyball.distill.catalog import Catalog
from flyball.guard.wall import Wall
from flyball.model.export import DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The surroundings of a query; `base_url` makes links into the UI, `dropped` counts what was not kept.

    `listening_since_s` is when this process began to receive, seconds since 1970: what was not heard before that
    tells nothing of who was silent.
    """

    telemetry: TelemetryStore
    changes: ChangeStore
    evidence: EvidenceStore
    incidents: IncidentStore
    memory: MemoryStore
    catalog: Catalog
    clock: Clock
    base_url: str = ""
    dropped: Callable[[], Mapping[str, int]] = dict
    workspace: str = DEFAULT_WORKSPACE
    listening_since_s: float = 0.0
    wall: Wall | None = None
    annotations: AnnotationStore | None = None

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    def as_of(self) -> datetime:
        """The last committed batch, which is the last that an answer can have seen; now before the first."""
        committed_ms = self.telemetry.committed_ms
        return datetime.fromtimestamp(committed_ms / 1000, UTC) if committed_ms else self.now()
