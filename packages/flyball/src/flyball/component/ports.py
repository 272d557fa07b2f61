"""Ports: what a stage, query or command may ask of the outside. Each has one contract test suite.

Stores, clocks and buses implement them; `app.py` wires them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from flyball.model.annotation import Annotation
from flyball.model.change import Change, ChangeKind
from flyball.model.evidence import Evidence
from flyball.model.incident import Explanation, Incident, IncidentState
from flyball.model.memory import Edge, Key, Node, NodeKind, Relation
from flyball.model.narrative import Narrative, Spend
from flyball.model.pattern import Shape
from flyball.model.sighting import VersionState


class Clock(Protocol):
    """Where time comes from, so that a day of traffic replays in seconds."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never step back, for time-outs."""
        ...


class TelemetryStore(Protocol):
    """Signals: rows that come in batches and are read by SQL (the ClickHouse dialect).

    A batch is named by `received`, its receive time in milliseconds, strictly increasing. Its rows are in
    several tables and become visible together: `select` binds `as_of` to the last committed batch, and
    each query over batch rows says `received <= {as_of:DateTime64(3)}`.
    """

    async def migrate(self) -> None:
        """Bring the tables to this version's schema."""
        ...

    async def insert(self, tables: Mapping[str, pa.Table], *, received_ms: int) -> None:
        """Insert one batch and commit it; the same `received_ms` again changes nothing.

        Raises:
            RowsRejected: the store will never take these rows.
            StoreError: it failed now (a full disk, say) and may be asked again.
        """
        ...

    async def select(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a read-only query, within the caps on memory, threads and seconds.

        Raises:
            StoreError: the query failed or ran into a cap.
        """
        ...

    async def trim(self, *, bytes_max: int) -> int:
        """Drop the oldest raw rows until the store is under its disk budget; returns the bytes freed."""
        ...

    async def size_bytes(self) -> int:
        """What the rows take on disk."""
        ...

    @property
    def committed_ms(self) -> int:
        """The name of the last committed batch, 0 before the first."""
        ...

    async def close(self) -> None:
        """Finish what runs and let the folder go."""
        ...


class ChangeStore(Protocol):
    """Changes, and which versions of a service were seen when."""

    async def put_change(self, change: Change) -> None:
        """Insert the change, or replace the one of the same id."""
        ...

    async def change(self, change_id: str) -> Change | None:
        """The change of that id."""
        ...

    async def changes(
        self,
        workspace: str,
        *,
        service: str | None = None,
        environment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Collection[ChangeKind] | None = None,
        limit: int = 100,
    ) -> Sequence[Change]:
        """The changes with `since <= time <= until`, of any of the kinds, newest first."""
        ...

    async def put_versions(self, states: Iterable[VersionState]) -> None:
        """Insert or replace what is known of each version."""
        ...

    async def versions(self, workspace: str) -> Sequence[VersionState]:
        """Every known version of every service."""
        ...


class PatternStore(Protocol):
    """Shapes and their aliases: append-only, and the older fingerprint always wins."""

    async def add_shapes(self, shapes: Sequence[Shape], *, first_seen_ns: int) -> None:
        """Add the shapes that are not there yet; the others stay as they are."""
        ...

    async def rewrite_shapes(self, shapes: Sequence[Shape]) -> None:
        """Replace example and rules of shapes that are there; one that is not there stays away."""
        ...

    async def shapes(self) -> Sequence[tuple[Shape, int]]:
        """Every shape with its first-seen time (ns), oldest first."""
        ...

    async def add_aliases(self, aliases: Mapping[int, int]) -> None:
        """Record shape id -> fingerprint (as shape ids)."""
        ...

    async def aliases(self) -> Mapping[int, int]:
        """Shape id -> fingerprint, as last recorded."""
        ...


class EvidenceStore(Protocol):
    """Evidence by id."""

    async def put_evidence(self, items: Iterable[Evidence]) -> None:
        """Keep the evidence; what is there already stays as it is."""
        ...

    async def evidence(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id."""
        ...


class IncidentStore(Protocol):
    """Incidents, and what was last made of each; the evidence that they cite is kept as long as they are."""

    async def put_incidents(self, incidents: Iterable[Incident]) -> None:
        """Insert each incident, or replace the one of its id."""
        ...

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident of that id."""
        ...

    async def incidents(
        self, workspace: str, *, states: Collection[IncidentState] = (), limit: int = 100
    ) -> Sequence[Incident]:
        """The incidents in one of these states (in any, without), those that grew last first."""
        ...

    async def put_explanation(self, explanation: Explanation) -> None:
        """Keep what was made of an incident in place of what was made of it before, with the evidence it cites."""
        ...

    async def explanation(self, incident_id: str) -> Explanation | None:
        """What was last made of the incident."""
        ...

    async def put_narrative(self, incident_id: str, occurrence: str, narrative: Narrative) -> None:
        """Keep what a model said of an episode; what it cites is cited by the incident."""
        ...

    async def narrative(self, occurrence: str) -> Narrative | None:
        """What a model said of the episode."""
        ...


class MemoryStore(Protocol):
    """The memory graph of each workspace: nodes are replaced by their key, edges only ever added."""

    async def put_memory(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """In one transaction, insert or replace the nodes and add the edges that are not there yet."""
        ...

    async def node(self, workspace: str, key: Key) -> Node | None:
        """The node of that key."""
        ...

    async def pointing_at(
        self, workspace: str, kind: NodeKind, targets: Sequence[tuple[Relation, Key]], *, limit: int
    ) -> Sequence[Node]:
        """The nodes of a kind that have an edge to each of the targets, newest first; without targets all."""
        ...


class SpendStore(Protocol):
    """What language models took on each day, so that a restart forgets nothing."""

    async def reserve(self, day: str, wanted: Spend, *, limit: Spend) -> bool:
        """Add what is wanted to the day's spend, at once or not at all: False where that would pass the limit."""
        ...

    async def settle(self, day: str, reserved: Spend, spent: Spend) -> None:
        """Put what was spent in the place of what was reserved."""
        ...

    async def spent(self, day: str) -> Spend:
        """The day's spend, with what is reserved."""
        ...


class AnnotationStore(Protocol):
    """What is said of runs of agents; a name says one thing of a run, the last."""

    async def put_annotation(self, annotation: Annotation) -> None:
        """Insert it, or replace the one of its run and name."""
        ...

    async def annotations(self, workspace: str, run_id: str) -> Sequence[Annotation]:
        """All of a run, by name."""
        ...


class GuardRows(Protocol):
    """The guard's decisions, copied for questions; a batch that is inserted again replaces itself."""

    async def insert_decisions(self, rows: pa.Table) -> None:
        """Insert decisions.

        Raises:
            StoreError: it failed and may be asked again.
        """
        ...

    async def last_decision(self) -> int:
        """The number of the last one, 0 before the first."""
        ...


class CursorStore(Protocol):
    """How far each source (a followed file, say) has been read."""

    async def put_cursors(self, positions: Mapping[str, str]) -> None:
        """Remember how far each source has been read."""
        ...

    async def cursors(self) -> Mapping[str, str]:
        """How far each source has been read."""
        ...


class LineReader(Protocol):
    """Bytes of a log stream -> records, a stack trace being one; wired to `flyball.distill.lines`."""

    cut: int

    @property
    def held_bytes(self) -> int:
        """Bytes fed and not yet given out: a restart begins that far back."""
        ...

    def feed(self, chunk: bytes) -> Any:
        """The records (`.texts`, an Arrow array of strings) that are complete after these bytes."""
        ...

    def flush(self, *, end: bool = True) -> Any:
        """The records kept back; `end=False` when no more came for a while."""
        ...
