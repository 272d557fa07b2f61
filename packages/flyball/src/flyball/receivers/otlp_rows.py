"""Parsed OTLP records -> the columns of the telemetry tables, record by record.

The only way of spans and metrics, and of logs where the compiled core is not there or leaves a request to protobuf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from google.protobuf.message import Message

from flyball.model.batch import ORIGIN_INDEX
from flyball.receivers.otlp_attributes import Attributes, any_value
from flyball.receivers.otlp_json import to_json
from flyball.receivers.otlp_wire import LOG_RECORD

_CHUNK_ROWS = 8_192
"""Rows turned into columns at a time: one call into C then holds the interpreter for a millisecond, not for
tens of them, while acknowledgements wait; it is kinder to the caches, too."""


def _fixed(values: Sequence[bytes], width: int) -> pa.Array:
    """Ids of `width` bytes; an absent or malformed one (OTLP: treat as unset) becomes zeros."""
    zero = bytes(width)
    return pa.array([v if len(v) == width else zero for v in values], pa.binary(width))


class _Rows:
    """Rows of one table, turned into columns chunk by chunk."""

    def __init__(self) -> None:
        self._rows: list[Any] = []
        self._origin: list[tuple[int, int]] = []
        self._chunks: list[pa.Table] = []

    def table(self) -> pa.Table | None:
        """Everything added so far; None without rows."""
        self._finish_chunk()
        if not self._chunks:
            return None
        table = pa.concat_tables(self._chunks).combine_chunks()
        for name, column in self._late_columns().items():
            table = table.append_column(name, column)
        return table

    def _late_columns(self) -> dict[str, pa.Array]:
        """Columns that are made of all rows at once."""
        return {}

    def _added(self, origin: int, number: int) -> None:
        self._origin.append((origin, number))
        if len(self._rows) >= _CHUNK_ROWS:
            self._finish_chunk()

    def _finish_chunk(self) -> None:
        if self._rows:
            self._chunks.append(self._columns())
        self._rows, self._origin = [], []

    def _columns(self) -> pa.Table:
        raise NotImplementedError


class _AttributedRows(_Rows):
    """Rows with attributes, which become columns when all are there."""

    def __init__(self, attributes: Attributes) -> None:
        super().__init__()
        self.attributes = attributes

    def _late_columns(self) -> dict[str, pa.Array]:
        return self.attributes.columns()


class Logs(_AttributedRows):
    """Columns of the table `logs`."""

    def add(self, records: Sequence[bytes], origin: int) -> None:
        """Rows of one origin, each a serialised LogRecord."""
        self._rows += records
        self._added(origin, len(records))

    def _columns(self) -> pa.Table:
        rows: list[tuple[Any, ...]] = []
        for raw in self._rows:
            r = LOG_RECORD.FromString(raw)
            rows.append(
                (
                    r.time_unix_nano,
                    r.observed_time_unix_nano,
                    r.severity_number,
                    r.severity_text,
                    *any_value(r.body),
                    r.trace_id,
                    r.span_id,
                    r.flags,
                    r.dropped_attributes_count,
                    r.event_name,
                )
            )
            self.attributes.add(r.attributes)
        self.attributes.finish_chunk()
        time, observed, number, text, body, body_type, trace, span, flags, dropped, event = zip(
            *rows, strict=True
        )
        return pa.table(
            {
                ORIGIN_INDEX: repeat(self._origin),
                "time_unix_nano": pa.array(time, pa.uint64()),
                "observed_time_unix_nano": pa.array(observed, pa.uint64()),
                "severity_number": pa.array(np.clip(number, 0, 24), pa.uint8()),
                "severity_text": pa.array(text, pa.string()),
                "body": pa.array(body, pa.string()),
                "body_type": pa.array(body_type, pa.string()),
                "trace_id": _fixed(trace, 16),
                "span_id": _fixed(span, 8),
                "flags": pa.array(flags, pa.uint32()),
                "dropped_attributes_count": pa.array(dropped, pa.uint32()),
                "event_name": pa.array(event, pa.string()),
            }
        )


def repeat(runs: Sequence[tuple[int, int]]) -> pa.Array:
    """The column of runs of a number: (number, how often)."""
    values, lengths = zip(*runs, strict=True)
    return pa.array(np.repeat(np.array(values, np.int32), lengths))


class Spans(_AttributedRows):
    """Columns of the table `spans`."""

    def add(self, spans: Iterable[Any], origin: int) -> None:
        """Rows of one origin."""
        rows, before = self._rows, len(self._rows)
        for s in spans:
            rows.append(
                (
                    s.start_time_unix_nano,
                    s.end_time_unix_nano,
                    s.trace_id,
                    s.span_id,
                    s.parent_span_id.hex(),
                    s.trace_state,
                    s.name,
                    s.kind,
                    s.status.code,
                    s.status.message,
                    s.flags,
                    s.dropped_attributes_count,
                    _list(s.events, s.dropped_events_count),
                    _list(s.links, s.dropped_links_count),
                )
            )
            self.attributes.add(s.attributes)
        self._added(origin, len(rows) - before)

    def _columns(self) -> pa.Table:
        self.attributes.finish_chunk()
        start, end, trace, span, parent, state, name, kind, code, message, flags, dropped, events, links = (
            zip(*self._rows, strict=True)
        )
        return pa.table(
            {
                ORIGIN_INDEX: repeat(self._origin),
                "start_time_unix_nano": pa.array(start, pa.uint64()),
                "end_time_unix_nano": pa.array(end, pa.uint64()),
                "trace_id": _fixed(trace, 16),
                "span_id": _fixed(span, 8),
                "parent_span_id": pa.array(parent, pa.string()),
                "trace_state": pa.array(state, pa.string()),
                "name": pa.array(name, pa.string()),
                "kind": pa.array(np.clip(kind, 0, 255), pa.uint8()),
                "status_code": pa.array(np.clip(code, 0, 255), pa.uint8()),
                "status_message": pa.array(message, pa.string()),
                "flags": pa.array(flags, pa.uint32()),
                "dropped_attributes_count": pa.array(dropped, pa.uint32()),
                "events": pa.array(events, pa.string()),
                "links": pa.array(links, pa.string()),
            }
        )


def _list(items: Any, dropped: int) -> str:
    """Events or links as `{"items": [...], "dropped": n}`, empty text when there are none."""
    if not items and not dropped:
        return ""
    return orjson.dumps({"items": [to_json(item) for item in items], "dropped": dropped}).decode()


class Metrics(_Rows):
    """Columns of the table `metrics`: a row a data point."""

    def add(self, metrics: Iterable[Any], origin: int) -> None:
        """The points of one origin's metrics."""
        before = len(self._rows)
        for metric in metrics:
            head = orjson.dumps(_metric_head(metric)).decode()
            for point in points(metric):
                self._rows.append(
                    (
                        metric.name,
                        head,
                        orjson.dumps(to_json(point)).decode(),
                        point.time_unix_nano,
                        _number(point),
                    )
                )
        self._added(origin, len(self._rows) - before)

    def _columns(self) -> pa.Table:
        name, head, point, time, value = zip(*self._rows, strict=True)
        return pa.table(
            {
                ORIGIN_INDEX: repeat(self._origin),
                "time_unix_nano": pa.array(time, pa.uint64()),
                "name": pa.array(name, pa.string()),
                "metric": pa.array(head, pa.string()),
                "point": pa.array(point, pa.string()),
                "value": pa.array(value, pa.float64()),
            }
        )


def points(metric: Any) -> Any:
    """The data points of a metric of any kind."""
    data = metric.WhichOneof("data")
    return getattr(metric, data).data_points if data else ()


def _metric_head(metric: Message) -> dict[str, Any]:
    """The metric as OTLP/JSON without its data points."""
    head = to_json(metric)
    data = metric.WhichOneof("data")
    head[_camel(data)] = {k: v for k, v in head[_camel(data)].items() if k != "dataPoints"}
    return head


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _number(point: Any) -> float:
    """The number to chart: a gauge's or sum's value, the sum of anything distributed."""
    for name in ("as_double", "as_int", "sum"):
        if hasattr(point, name) and (name == "sum" or point.WhichOneof("value") == name):
            return float(getattr(point, name))
    return 0.0
