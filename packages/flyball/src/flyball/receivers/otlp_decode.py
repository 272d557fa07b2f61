"""OTLP protobuf requests -> one Batch: a column per field of the telemetry tables, nothing judged yet.

Everything a record holds comes back from the store as it was sent: times as the sender's nanoseconds,
attributes in order with their types. A record with more than ATTRIBUTES_MAX attributes loses the rest, counted.
Log requests are walked by the compiled core where it is there (otlp_core), else parsed; both give the same batch.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs

from flyball.errors import InputError
from flyball.model.batch import ORIGIN_INDEX, Batch, Origin
from flyball.model.export import Export, Signal
from flyball.receivers import otlp_core
from flyball.receivers.otlp_attributes import Attributes, Memo, Redact, any_value
from flyball.receivers.otlp_core import LogWalk, Run, Walked
from flyball.receivers.otlp_json import to_json
from flyball.receivers.otlp_rows import Logs, Metrics, Spans, points, repeat
from flyball.receivers.otlp_wire import REQUESTS, REQUESTS_PARSED

_ORIGINS_MAX = 10_000
"""Decoded resources remembered between batches."""
_WALK_EXPORTS_MAX = 1_024
"""Requests walked at a time; one that is unusual ends a walk, and the next begins behind it."""


def check(signal: Signal, payload: bytes) -> int:
    """The number of records in a request.

    Raises:
        InputError: the payload is not that protobuf message (invalid UTF-8 included).
    """
    core = otlp_core.core()
    records = otlp_core.check(core, signal, payload) if core else -1
    if records >= 0:
        return records
    request = REQUESTS_PARSED[signal]()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        raise InputError(f"the request is not an OTLP {signal} export in protobuf: {error}") from error
    scopes = _records(signal, request)
    if signal is Signal.METRICS:
        return sum(len(points(metric)) for _, _, metrics in scopes for metric in metrics)
    return sum(len(records) for _, _, records in scopes)


class Decoder:
    """Turns exports into batches; holds only bounded memos of resources and attributes it has met."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._memo = Memo()
        self._origins: OrderedDict[bytes, Origin] = OrderedDict()
        core = otlp_core.core()
        self._walk = core and LogWalk(core, redact, _decode_bodies)

    def decode(self, exports: Sequence[Export], *, received_ms: int) -> Batch:
        """One batch of all the exports' records, those of a signal in their order."""
        origins = _Origins(self._remember)
        of_signal = {signal: [e for e in exports if e.signal is signal] for signal in Signal}
        logs, dropped_of_logs = self._logs(of_signal[Signal.LOGS], origins)
        spans = Spans(Attributes(self._memo, self._redact))
        metrics = Metrics()
        for export in of_signal[Signal.TRACES]:
            _add(export, spans, origins)
        for export in of_signal[Signal.METRICS]:
            _add(export, metrics, origins)
        span_rows = spans.table()
        dropped = dropped_of_logs + spans.attributes.dropped
        return Batch(
            received_ms=received_ms,
            origins=origins.origins,
            logs=logs,
            spans=span_rows,
            metrics=metrics.table(),
            dropped={"attributes over the limit": dropped} if dropped else {},
            cursors={key: position for export in exports for key, position in export.cursors.items()},
        )

    def _logs(self, exports: Sequence[Export], origins: _Origins) -> tuple[pa.Table | None, int]:
        """The table of log records, and how many attributes were left out of it."""
        tables: list[pa.Table] = []
        dropped = begin = 0
        while begin < len(exports):
            end = begin + _WALK_EXPORTS_MAX
            if self._walk:
                group = exports[begin:end]
                walked = self._walk.walk([export.payload for export in group])
                if walked.rows:
                    tables.append(_walked_table(walked, group, origins))
                dropped += walked.dropped_attributes
                begin += walked.exports
                end = begin + (walked.exports < len(group))  # the unusual one
            logs = Logs(Attributes(self._memo, self._redact))
            for export in exports[begin:end]:
                _add(export, logs, origins)
            tables += filter(None, [logs.table()])
            dropped += logs.attributes.dropped
            begin = end
        if len(tables) > 1:
            return pa.concat_tables(tables).combine_chunks(), dropped
        return (tables[0] if tables else None), dropped

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


def _add(export: Export, into: Logs | Spans | Metrics, origins: _Origins) -> None:
    """Parse one request and add its rows."""
    request = REQUESTS[export.signal]()
    request.ParseFromString(export.payload)
    for resource, scope, records in _records(export.signal, request):
        if records:
            into.add(records, origins.index(export.workspace, resource, scope))


def _records(signal: Signal, request: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Each scope of a request: (resource message, scope message, its records)."""
    match signal:
        case Signal.LOGS:
            yield from ((r, s, s.log_records) for r in request.resource_logs for s in r.scope_logs)
        case Signal.TRACES:
            yield from ((r, s, s.spans) for r in request.resource_spans for s in r.scope_spans)
        case Signal.METRICS:
            yield from ((r, s, s.metrics) for r in request.resource_metrics for s in r.scope_metrics)


def _walked_table(walked: Walked, exports: Sequence[Export], origins: _Origins) -> pa.Table:
    runs = [(origins.index_of_run(exports[run.export].workspace, run), run.rows) for run in walked.runs]
    return pa.table({ORIGIN_INDEX: repeat(runs), **walked.columns})


def _decode_bodies(values: Sequence[bytes]) -> tuple[pa.Array, Sequence[str]]:
    """Texts and types of AnyValues."""
    decoded = [any_value(AnyValue.FromString(raw)) for raw in values]
    return pa.array([text for text, _ in decoded], pa.string()), [type_ for _, type_ in decoded]


class _Origins:
    """The origins of one batch, each once."""

    def __init__(self, remember: Any) -> None:
        self.origins: list[Origin] = []
        self._remember = remember
        self._index: dict[bytes, int] = {}
        self._of_runs: dict[tuple[str, bytes, bytes, bytes, bytes], int] = {}

    def index(self, workspace: str, resource: Any, scope: Any) -> int:
        """Where in `origins` the parsed ResourceLogs and ScopeLogs (or of another signal) are."""
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

    def index_of_run(self, workspace: str, run: Run) -> int:
        """The same of what the core has walked; the same bytes are parsed once."""
        raw = (workspace, run.resource, run.resource_schema, run.scope, run.scope_schema)
        if raw not in self._of_runs:
            resource = ResourceLogs(schema_url=run.resource_schema.decode())
            resource.resource.ParseFromString(run.resource)
            scope = ScopeLogs(schema_url=run.scope_schema.decode())
            scope.scope.ParseFromString(run.scope)
            self._of_runs[raw] = self.index(workspace, resource, scope)
        return self._of_runs[raw]
