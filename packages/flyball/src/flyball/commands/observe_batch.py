"""What a batch teaches besides its rows: new shapes and their patterns, versions and the changes they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from flyball.commands.record_change import record_sighted
from flyball.component.ports import ChangeStore, CursorStore, PatternStore
from flyball.distill.catalog import Catalog
from flyball.distill.shapes import Distiller
from flyball.enrich.changes import Sightings, sources_seen
from flyball.model.batch import Batch, Source
from flyball.model.change import Change
from flyball.model.pattern import Shape
from flyball.model.sighting import VersionState


@dataclass(kw_only=True)
class Learning:
    """Keeps what batches teach. Each act may be done again after a store failed: nothing learnt is forgotten."""

    patterns: PatternStore
    changes: ChangeStore
    distiller: Distiller
    catalog: Catalog
    sightings: Sightings
    cursors: CursorStore
    _shapes: list[Shape] = field(default_factory=list[Shape])
    _states: dict[tuple[str, str, str, str], VersionState] = field(default_factory=dict[Any, VersionState])
    _sighted: list[Change] = field(default_factory=list[Change])
    _observed_ms: int = 0

    async def learn_patterns(self, batch: Batch) -> None:
        """Keep the shapes that this batch met first, and what the learner makes of them.

        Awaited before the rows are visible, so that every shape id in the store resolves.
        """
        self._shapes += self.distiller.drain_new()
        if not self._shapes:
            return
        first_seen_ns = batch.received_ms * 1_000_000
        await self.patterns.add_shapes(self._shapes, first_seen_ns=first_seen_ns)
        await self.patterns.add_aliases(self.catalog.add(self._shapes, first_seen_ns))
        self._shapes = []

    async def record(self, batch: Batch) -> None:
        """Record how far sources are read, which versions spoke in this batch, and the changes that shows."""
        if batch.cursors:
            await self.cursors.put_cursors(batch.cursors)
        if batch.received_ms > self._observed_ms:
            self._observed_ms = batch.received_ms
            states, changes = self.sightings.observe(sources_seen(_newest_ms(batch), batch.received_ms))
            self._states |= {(s.workspace, s.service, s.environment, s.version): s for s in states}
            self._sighted += changes
        await self.changes.put_versions(self._states.values())
        self._states = {}
        while self._sighted:
            await record_sighted(self.changes, self._sighted[0])
            self._sighted.pop(0)


def _newest_ms(batch: Batch) -> dict[Source, int]:
    newest: dict[Source, int] = {}
    for table in (batch.logs, batch.spans, batch.metrics):
        if table is None:
            continue
        keyed = pa.table(
            {
                "origin": table["service"].combine_chunks().indices,
                "time": table["time"].cast(pa.int64()),
            }
        )
        rows = keyed.group_by("origin", use_threads=False).aggregate([("time", "max")])
        for origin, time_ms in zip(rows["origin"].to_pylist(), rows["time_max"].to_pylist(), strict=True):
            source = batch.sources[origin]
            newest[source] = max(newest.get(source, 0), time_ms)
    return dict(sorted(newest.items(), key=lambda item: item[1]))
