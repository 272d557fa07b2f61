"""Records -> counts: how often each signal occurred per source, severity and 5 seconds; exemplars beside.

The counts are the product; raw rows expire. Span durations are counted per exponential bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball.model.batch import Batch, Source, whole
from flyball.model.histogram import buckets

SLOT_SECONDS = 5
"""The event-time resolution of counts within their first hour (docs/decisions/0002)."""
_EXEMPLARS_AN_HOUR = 3
_EXEMPLAR_KEYS_MAX = 100_000
_EXEMPLAR_CHARS_MAX = 2_000

_KEYS = ("workspace", "service", "environment", "version")


class Counter:
    """`process` adds counts and exemplars; it remembers only how many exemplars each signal has this hour."""

    def __init__(self) -> None:
        self._hour = 0
        self._kept: dict[tuple[Source, str, int, int], int] = {}

    def process(self, batch: Batch) -> Batch:
        """Count one enriched batch."""
        counted = [
            self._count(batch, "log", batch.logs, "body", None),
            self._count(batch, "span", batch.spans, "name", _durations(batch.spans)),
        ]
        counts = [c for c, _ in counted if c is not None]
        exemplars = [e for _, e in counted if e is not None]
        return replace(
            batch,
            counts=pa.concat_tables(counts).unify_dictionaries() if counts else None,
            exemplars=pa.concat_tables(exemplars).unify_dictionaries() if exemplars else None,
        )

    def _count(
        self, batch: Batch, kind: str, table: pa.Table | None, text: str, bucket: NDArray[np.int16] | None
    ) -> tuple[pa.Table | None, pa.Table | None]:
        if table is None:
            return None, None
        slot = table["time"].cast(pa.int64()).to_numpy() // (SLOT_SECONDS * 1000)
        source, sources = _source_index(batch.sources, table)
        keyed = pa.table(
            {
                "source": source,
                "signal": table["shape"],
                "severity": table["severity"],
                "bucket": np.zeros(table.num_rows, np.int16) if bucket is None else bucket,
                "slot": slot,
                "row": np.arange(table.num_rows, dtype=np.int64),
            }
        )
        groups = keyed.group_by(
            ["source", "signal", "severity", "bucket", "slot"], use_threads=False
        ).aggregate([("row", "count"), ("row", "min")])
        counts = pa.table(
            {
                **_source_columns(sources, groups["source"]),
                "kind": _constant(kind, groups.num_rows),
                "signal": groups["signal"],
                "severity": groups["severity"],
                "bucket": groups["bucket"],
                "time": pc.multiply(groups["slot"], SLOT_SECONDS).cast(pa.timestamp("s", "UTC")),
                "received": _received(batch, groups.num_rows),
                "count": groups["row_count"].cast(pa.uint64()),
            }
        )
        return counts, self._exemplars(batch, kind, table, text, groups, sources)

    def _exemplars(
        self, batch: Batch, kind: str, table: pa.Table, text: str, groups: pa.Table, sources: Sequence[Source]
    ) -> pa.Table | None:
        rows = self._choose(batch.received_ms, kind, groups, sources)
        if not rows:
            return None
        chosen = table.take(pa.array(rows, pa.int64()))
        return pa.table(
            {
                **{name: chosen[name] for name in _KEYS},
                "kind": _constant(kind, len(rows)),
                "signal": chosen["shape"],
                "severity": chosen["severity"],
                "time": chosen["time"],
                "received": chosen["received"],
                "text": pc.utf8_slice_codeunits(chosen[text], 0, _EXEMPLAR_CHARS_MAX),
                "trace_id": chosen["trace_id"],
                "span_id": chosen["span_id"],
            }
        )

    def _choose(self, received_ms: int, kind: str, groups: pa.Table, sources: Sequence[Source]) -> list[int]:
        """The first row of each signal that has not enough exemplars this hour."""
        hour = received_ms // 3_600_000
        if hour != self._hour or len(self._kept) > _EXEMPLAR_KEYS_MAX:
            self._hour = hour
            self._kept.clear()
        rows: list[int] = []
        columns = (groups[name].to_pylist() for name in ("source", "signal", "severity", "row_min"))
        for source, signal, severity, row in zip(*columns, strict=True):
            key = (sources[source], kind, signal, severity)
            kept = self._kept.get(key, 0)
            if kept < _EXEMPLARS_AN_HOUR:
                self._kept[key] = kept + 1
                rows.append(row)
        return rows


def _durations(spans: pa.Table | None) -> NDArray[np.int16] | None:
    if spans is None:
        return None
    start = spans["start_time_unix_nano"].to_numpy()
    end = spans["end_time_unix_nano"].to_numpy()
    return buckets(np.where(end > start, end - start, 0).astype(np.uint64))


def _source_index(sources: Sequence[Source], table: pa.Table) -> tuple[NDArray[np.int32], list[Source]]:
    """A number per row for its source, equal sources of different origins under one number."""
    distinct = list(dict.fromkeys(sources))
    number = {source: position for position, source in enumerate(distinct)}
    of_origin = np.array([number[source] for source in sources], np.int32)
    # the dictionary columns that enrich made still hold each row's origin index
    origin = whole(table["service"]).indices.to_numpy()
    return of_origin[origin], distinct


def _source_columns(sources: Sequence[Source], index: pa.ChunkedArray) -> dict[str, pa.Array]:
    flat = whole(index)
    return {
        name: pa.DictionaryArray.from_arrays(flat, pa.array([getattr(s, name) for s in sources], pa.string()))
        for name in _KEYS
    }


def _constant(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def _received(batch: Batch, rows: int) -> pa.Array:
    return pa.array(np.full(rows, batch.received_ms, np.int64), pa.timestamp("ms", "UTC"))
