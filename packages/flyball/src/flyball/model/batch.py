"""Batch: the records of one micro-batch as Arrow tables, on their way from decode to store.

Each stage is a verb `process(batch) -> batch` that adds columns; when the last one is through, the tables have
the columns of the telemetry store (stores/migrations/telemetry). Why Arrow: docs/decisions/0003.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from flyball.model.change import VersionSource

ORIGIN_INDEX = "origin_index"
"""A column of int32 into `Batch.origins`; it leads the way to service and version and is not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who sent a record: resource and scope, as OTLP/JSON objects; `id` is a 64-bit hash of both."""

    id: int
    workspace: str
    resource: Mapping[str, Any]
    scope: Mapping[str, Any]

    @property
    def attributes(self) -> dict[str, Any]:
        """The resource's attributes; a value is a string, or the OTLP/JSON AnyValue when it is none."""
        return {
            kv.get("key", ""): kv.get("value", {}).get("stringValue", kv.get("value", {}))
            for kv in self.resource.get("resource", {}).get("attributes", [])
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose behaviour a record is: what a signal is counted under besides itself."""

    workspace: str
    service: str
    environment: str
    version: str
    version_source: VersionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One micro-batch.

    `received_ms` names it (see component.ports.TelemetryStore). `sources[i]` belongs to `origins[i]`, once
    enriched. `counts`, `exemplars`, `origin_rows`, `agent_steps` and `agent_runs` are tables of the store made from the others. `dropped` says
    what was left out, by reason; `cursors` how far followed sources are read once it is stored.
    """

    received_ms: int
    origins: Sequence[Origin]
    logs: pa.Table | None = None
    spans: pa.Table | None = None
    metrics: pa.Table | None = None
    sources: Sequence[Source] = ()
    counts: pa.Table | None = None
    exemplars: pa.Table | None = None
    origin_rows: pa.Table | None = None
    agent_steps: pa.Table | None = None
    agent_runs: pa.Table | None = None
    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    cursors: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def records(self) -> int:
        """Log records, spans and data points together."""
        return sum(table.num_rows for table in (self.logs, self.spans, self.metrics) if table is not None)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array; `combine_chunks` copies even what is one already."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
