"""OTLP requests into the store, through the same stages as in a running server."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from flyball.distill.catalog import Catalog
from flyball.distill.redact import redact_attributes
from flyball.distill.shapes import Distiller
from flyball.model.export import Export, Signal
from flyball.pipeline.runner import tables_of
from flyball.receivers.otlp_decode import Decoder
from flyball.stores.telemetry_chdb import ChdbTelemetry
from flyball.wiring_runs import stages_of


def now() -> datetime:
    """Now, to the second: rows expire by the engine's clock, so what is stored has to be of today."""
    return datetime.fromtimestamp(int(time.time()), UTC)  # noqa: TID251 - see above


async def ingest(telemetry: ChdbTelemetry, requests: Iterable[tuple[str, Any]]) -> Catalog:
    """Store requests, each `(path, message)`, as one batch received now; returns the patterns they have."""
    distiller, catalog = Distiller(), Catalog()
    received_ms = max(int(time.time() * 1000), telemetry.committed_ms + 1)  # noqa: TID251 - rows expire by the engine's clock
    exports = [
        Export(
            signal=Signal(path.rpartition("/")[2]),
            payload=message.SerializeToString(),
            received_ns=received_ms * 1_000_000,
        )
        for path, message in requests
    ]
    batch = Decoder(redact_attributes).decode(exports, received_ms=received_ms)
    for stage in stages_of(distiller):
        batch = stage(batch)
    catalog.add(distiller.drain_new(), received_ms * 1_000_000)
    await telemetry.insert(tables_of(batch), received_ms=received_ms)
    return catalog
