"""OTLP protobuf requests -> one Batch: a column per field of the telemetry tables, nothing judged yet.

Everything a record holds comes back from the store as it was sent: times as the sender's nanoseconds,
attributes in order with their types. A record with more than ATTRIBUTES_MAX attributes loses the rest, counted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError, Message

from flyball.errors import InputError
from flyball.model.batch import ORIGIN_INDEX, Batch, Origin
from flyball.model.export import Export, Signal
from flyball.receivers.otlp_attributes import ATTRIBUTES_MAX, Attributes, Memo, Redact, any_value
from flyball.receivers.otlp_json import to_json
from flyball.receivers.otlp_walk import walk
from flyball.receivers.otlp_wire import LOG_RECORD, REQUESTS, REQUESTS_PARSED

_CHUNK_ROWS = 8_192
"""Rows turned into columns at a time: one call into C then holds the interpreter for a millisecond, not for
tens of them, while acknowledgements wait; it is kinder to the caches, too."""
_ORIGINS_MAX = 10_000
"""Decoded resources remembered between batches."""


def check(signal: Signal, payload: bytes) -> int:
    """The number of records in a request.

    Raises:
        InputError: the payload is not that protobuf message (invalid UTF-8 included).
    """
    request = REQUESTS_PARSED[signal]()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        raise InputError(f"the request is not an OTLP {signal} export in protobuf: {error}") from error
    scopes = _records(signal, request)
    if signal is Signal.METRICS:
        return sum(len(_points(metric)) for _, _, metrics in scopes for metric in metrics)
    return sum(len(records) for _, _, records in scopes)


class Decoder:
    """Turns exports into batches; holds only bounded memos of resources and attributes it has met."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._memo = Memo()
        self._origins: OrderedDict[bytes, Origin] = OrderedDict()

    def decode(self, exports: Sequence[Export], *, received_ms: int) -> Batch:
        """One batch of all the exports' records, in their order."""
        origins = _Origins(self._remember)
        logs = _Logs(Attributes(self._memo, self._redact))
        spans = _Spans(Attributes(self._memo, self._redact))
        metrics = _Metrics()
        into = {Signal.LOGS: logs, Signal.TRACES: spans, Signal.METRICS: metrics}
        for export in exports:
            request = REQUESTS[export.signal]()
            request.ParseFromString(export.payload)
            for resource, scope, records in _records(export.signal, request):
                into[export.signal].add(records, origins.index(export.workspace, resource, scope))
        log_rows, span_rows, points = logs.table(), spans.table(), metrics.table()
        dropped = logs.attributes.dropped + spans.attributes.dropped
        return Batch(
            received_ms=received_ms,
            origins=origins.origins,
            logs=log_rows,
            spans=span_rows,
            metrics=points,
            dropped={"attributes over the limit": dropped} if dropped else {},
            cursors={key: position for export in exports for key, position in export.cursors.items()},
        )

    def _remember(self, key: bytes, workspace: str, resource: Any, scope: Any) -> Origin:
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = Origin(
                id=int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big"),
                workspace=workspace,
                resource=self._head(resource, "resource"),
                scope=self._head(scope, "scope"),
            )
            if len(self._origins) > _ORIGINS_MAX:
                self._origins.popitem(last=False)
        return origin

    def _head(self, message: Any, name: str) -> dict[str, Any]:
        """`{"resource": ..., "schemaUrl": ...}`: the message without its records, redacted."""
        head = {name: to_json(getattr(message, name))}
        for attribute in head[name].get("attributes", []):
            self._redact_strings(attribute.get("key", ""), attribute.get("value", {}))
        return head | ({"schemaUrl": message.schema_url} if message.schema_url else {})

    def _redact_strings(self, key: str, value: dict[str, Any]) -> None:
        if "stringValue" in value:
            text = pa.array([value["stringValue"]], pa.string())
            value["stringValue"] = self._redact(pa.array([key], pa.string()), text)[0].as_py()
        for item in value.get("arrayValue", {}).get("values", []):
            self._redact_strings(key, item)
        for item in value.get("kvlistValue", {}).get("values", []):
            self._redact_strings(item.get("key", key), item.get("value", {}))


def _records(signal: Signal, request: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each scope of a request: (resource message, scope message, its records)."""
    match signal:
        case Signal.LOGS:
            yield from ((r, s, s.log_records) for r in request.resource_logs for s in r.scope_logs)
        case Signal.TRACES:
            yield from ((r, s, s.spans) for r in request.resource_spans for s in r.scope_spans)
        case Signal.METRICS:
            yield from ((r, s, s.metrics) for r in request.resource_metrics for s in r.scope_metrics)


class _Origins:
    """The origins of one batch, each once."""

    def __init__(self, remember: Any) -> None:
        self.origins: list[Origin] = []
        self._remember = remember
        self._index: dict[bytes, int] = {}

    def index(self, workspace: str, resource: Any, scope: Any) -> int:
        key = b"\0".join(
            (
                workspace.encode(),
                resource.resource.SerializeToString(deterministic=True),
                resource.schema_url.encode(),
                scope.scope.SerializeToString(deterministic=True),
                scope.schema_url.encode(),
            )
        )
        if key not in self._index:
            self._index[key] = len(self.origins)
            self.origins.append(self._remember(key, workspace, resource, scope))
        return self._index[key]


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


class _Logs(_AttributedRows):
    """Columns of the table `logs`."""

    def add(self, records: Sequence[bytes], origin: int) -> None:
        self._rows += records
        self._added(origin, len(records))

    def _columns(self) -> pa.Table:
        walked = walk(pa.array(self._rows, pa.binary()))
        if walked is not None and walked.attribute_counts.max() <= ATTRIBUTES_MAX:
            self.attributes.add_chunk(walked.attributes, walked.attribute_counts)
            columns = walked.columns
        else:
            columns = self._parsed()
        return pa.table({ORIGIN_INDEX: _repeat(self._origin), **columns})

    def _parsed(self) -> dict[str, pa.Array]:
        """The columns, record by record."""
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
        return {
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


def _repeat(runs: list[tuple[int, int]]) -> pa.Array:
    values, lengths = zip(*runs, strict=True)
    return pa.array(np.repeat(np.array(values, np.int32), lengths))


class _Spans(_AttributedRows):
    """Columns of the table `spans`."""

    def add(self, spans: Iterable[Any], origin: int) -> None:
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
                ORIGIN_INDEX: _repeat(self._origin),
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


class _Metrics(_Rows):
    """Columns of the table `metrics`: a row a data point."""

    def add(self, metrics: Iterable[Any], origin: int) -> None:
        before = len(self._rows)
        for metric in metrics:
            head = orjson.dumps(_metric_head(metric)).decode()
            for point in _points(metric):
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
                ORIGIN_INDEX: _repeat(self._origin),
                "time_unix_nano": pa.array(time, pa.uint64()),
                "name": pa.array(name, pa.string()),
                "metric": pa.array(head, pa.string()),
                "point": pa.array(point, pa.string()),
                "value": pa.array(value, pa.float64()),
            }
        )


def _points(metric: Any) -> Any:
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
