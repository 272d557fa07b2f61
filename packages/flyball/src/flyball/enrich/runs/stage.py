"""The runs stage of the pipeline: rows of steps and runs for the spans and events of agents that a batch holds.

Most batches hold none: whether a span has an attribute that only agents have, and whether a log record is Claude Code's,
is looked up for all rows at once, and only what has is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from flyball.enrich.runs import claude, names
from flyball.enrich.runs.spans import Noted, Told, requested, step_of
from flyball.enrich.runs.tables import Row, runs_table, steps_table
from flyball.enrich.runs.values import Values
from flyball.model.batch import Batch, Source, whole
from flyball.model.run import Step, StepKind

Price = Callable[[Step, date], int | None]
"""What a call cost on its day, in billionths of a US dollar; None where nobody knows."""

_AROUND = (
    *names.CONVERSATION[:2],
    *names.USER[:1],
    *names.COMMIT,
    *names.BRANCH,
    names.DIRTY,
    names.CONFIG[0],
)
"""What a resource may say for all of its spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """`process` adds steps and runs to an enriched batch."""

    price: Price

    def process(self, batch: Batch) -> Batch:
        """Note what agents did in one batch."""
        rows = [*self._spans(batch), *self._events(batch)]
        if not rows:
            return batch
        return replace(
            batch,
            agent_steps=steps_table(rows, batch.received_ms),
            agent_runs=runs_table(rows, batch.received_ms),
        )

    def _spans(self, batch: Batch) -> Iterator[Row]:
        if batch.spans is None:
            return
        chosen = _marked(whole(batch.spans["attributes"]))
        for one in _rows(batch, batch.spans, chosen, _SPAN_COLUMNS):
            told = Told(
                **_common(one),
                parent_id=one["parent_span_id"] if len(one["parent_span_id"]) == _SPAN_DIGITS else "",
                name=one["name"],
                begin_ns=one["start_time_unix_nano"],
                end_ns=one["end_time_unix_nano"],
                span_kind=one["kind"],
                status=one["status_code"],
                status_message=one["status_message"],
                events=_events(one["events"]),
            )
            own = told.name.startswith(claude.PREFIX)
            if told.run_id and (noted := claude.span_step(told) if own else step_of(told)):
                yield self._row(one, noted)
                yield from (self._row(one, part) for part in requested(told, noted.step))

    def _events(self, batch: Batch) -> Iterator[Row]:
        if batch.logs is None:
            return
        bodies = whole(batch.logs["body"])
        chosen = np.flatnonzero(pc.starts_with(bodies, claude.PREFIX).to_numpy(zero_copy_only=False))
        for one in _rows(batch, batch.logs, chosen, _LOG_COLUMNS):
            time_ns = one["time_unix_nano"] or one["observed_time_unix_nano"]
            told = Told(**_common(one), parent_id="", name=one["body"], begin_ns=time_ns, end_ns=time_ns)
            if noted := claude.event_step(told):
                yield self._row(one, noted)

    def _row(self, one: Mapping[str, Any], noted: Noted) -> Row:
        priced = noted.step.kind is StepKind.MODEL
        day = datetime.fromtimestamp(one["time_ms"] / 1000, UTC).date()
        return Row(
            workspace=one["source"].workspace,
            noted=noted,
            cost_nusd=self.price(noted.step, day) if priced else None,
            time_ms=one["time_ms"],
        )


_SPAN_DIGITS = 16
_SPAN_COLUMNS = (
    *("trace_id", "span_id", "parent_span_id", "name", "kind", "status_code", "status_message", "events"),
    *("start_time_unix_nano", "end_time_unix_nano", "attributes", "attribute_types"),
)
_LOG_COLUMNS = (
    *("trace_id", "span_id", "body", "time_unix_nano", "observed_time_unix_nano"),
    *("attributes", "attribute_types"),
)
_MARKS = pa.array(names.MARKS, pa.string())


def _marked(attributes: Any) -> Any:
    """The rows that have an attribute which only agents have."""
    marked = np.flatnonzero(pc.is_in(attributes.keys, value_set=_MARKS).to_numpy(zero_copy_only=False))
    offsets = attributes.offsets.to_numpy()
    return np.unique(np.searchsorted(offsets, marked + offsets[0], side="right") - 1)


def _rows(batch: Batch, table: pa.Table, chosen: Any, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """These rows with their source, the time that they count at, and what their resource says for all."""
    if not len(chosen):
        return
    rows = table.select(columns).take(pa.array(chosen, pa.int64())).to_pylist()
    origins = whole(table["service"]).indices.to_numpy()[chosen]
    times = table["time"].cast(pa.int64()).to_numpy()[chosen]
    around = {int(origin): _around(batch.origins[origin].attributes) for origin in np.unique(origins)}
    for row, origin, time_ms in zip(rows, origins, times, strict=True):
        source: Source = batch.sources[origin]
        yield row | {"source": source, "time_ms": int(time_ms), "around": around[int(origin)]}


def _around(attributes: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _AROUND:
        value = attributes.get(name)
        if isinstance(value, dict):
            value = str(value.get("boolValue", "")).lower()
        if isinstance(value, str) and value:
            found[name] = value
    return found


def _common(one: Mapping[str, Any]) -> dict[str, Any]:
    trace, span, source = one["trace_id"], one["span_id"], one["source"]
    return {
        "run_id": trace.hex() if any(trace) else "",
        "span_id": span.hex() if any(span) else "",
        "values": Values(one["attributes"], one["attribute_types"], one["around"]),
        "service": source.service,
        "environment": source.environment,
        "version": source.version,
    }


def _events(text: str) -> Sequence[Any]:
    if not text:
        return ()
    held = orjson.loads(text)
    items = held.get("items") if isinstance(held, dict) else None
    return items if isinstance(items, list) else ()
