"""What a batch teaches besides its rows: new shapes and their patterns, versions and the changes they show."""

from __future__ import annotations

import pyarrow as pa

from flyball.commands.record_change import record_sighted
from flyball.component.ports import ChangeStore, PatternStore
from flyball.distill.catalog import Catalog
from flyball.distill.shapes import Distiller
from flyball.enrich.changes import Sightings, sources_seen
from flyball.model.batch import Batch, Source


async def learn_patterns(store: PatternStore, distiller: Distiller, catalog: Catalog, batch: Batch) -> None:
    """Keep the shapes that this batch met first, and what the learner makes of them.

    Awaited before the rows are visible, so that every shape id in the store resolves.
    """
    new = distiller.drain_new()
    if not new:
        return
    first_seen_ns = batch.received_ms * 1_000_000
    await store.add_shapes(new, first_seen_ns=first_seen_ns)
    await store.add_aliases(catalog.add(new, first_seen_ns))


async def record_sightings(store: ChangeStore, sightings: Sightings, batch: Batch) -> None:
    """Record which versions spoke in this batch, and the changes that shows."""
    states, changes = sightings.observe(sources_seen(_newest_ms(batch), batch.received_ms))
    await store.put_versions(states)
    for change in changes:
        await record_sighted(store, change)


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
