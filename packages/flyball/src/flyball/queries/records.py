"""What exactly was said: raw log records, the spans of a trace, metric points, as OTLP/JSON.

Within the raw rows' time to live these come back as they were sent, save what redaction replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from flyball.errors import InputError, NotFound
from flyball.model.anyvalue import attributes_to_otlp_json, to_otlp_json
from flyball.model.pattern import fingerprint
from flyball.queries.periods import LIMIT_MAX, period, row_limit
from flyball.queries.ports import Ports

_DEFAULT_PERIOD = timedelta(hours=24)
_TRACE_SPANS_MAX = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Log records, newest first; `more` tells that there are older ones."""

    records: Sequence[Mapping[str, Any]]
    since: datetime
    until: datetime
    as_of: datetime
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one trace by start time, and the log records that carry its id."""

    trace_id: str
    spans: Sequence[Mapping[str, Any]]
    logs: Sequence[Mapping[str, Any]]
    as_of: datetime
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Data points, newest first."""

    points: Sequence[Mapping[str, Any]]
    since: datetime
    until: datetime
    as_of: datetime
    more: bool


_LOG_COLUMNS = (
    "service, environment, version, shape, severity, time, origin, time_unix_nano, observed_time_unix_nano,"
    " severity_number, severity_text, body, body_type, event_name, trace_id, span_id, flags,"
    " dropped_attributes_count, attributes, attribute_types"
)


async def get_logs(
    ports: Ports,
    *,
    service: str | None = None,
    environment: str | None = None,
    version: str | None = None,
    severity: int = 0,
    pattern: str | None = None,
    contains: str | None = None,
    trace_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
) -> Logs:
    """Log records that match every given filter.

    Args:
        ports: the stores.
        service: `service.name`.
        environment: `deployment.environment.name`.
        version: `service.version` (or what stood in for it).
        severity: at least this OpenTelemetry severity number.
        pattern: a fingerprint, or an alias of one.
        contains: text that the body holds, letter case ignored.
        trace_id: 32 hexadecimal digits.
        since: RFC 3339 or a duration ago; 24 h ago by default.
        until: RFC 3339 or a duration ago; now by default.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
        NotFound: no such pattern.
    """
    period = _Period.of(ports, since, until)
    where, parameters = period.where(ports)
    for name, value in (("service", service), ("environment", environment), ("version", version)):
        if value is not None:
            where.append(f"{name} = {{{name}:String}}")
            parameters[name] = value
    if severity:
        where.append("severity >= {severity:UInt8}")
        parameters["severity"] = severity
    if pattern:
        where.append("shape IN {shapes:Array(UInt64)}")
        parameters["shapes"] = _shapes(ports, pattern)
    if contains:
        where.append("positionCaseInsensitiveUTF8(body, {contains:String}) > 0")
        parameters["contains"] = contains
    if trace_id:
        where.append("trace_id = unhex({trace_id:String})")
        parameters["trace_id"] = _hex(trace_id)
    limit = row_limit(limit)
    sql = f"SELECT {_LOG_COLUMNS} FROM {{db}}.logs WHERE {' AND '.join(where)} ORDER BY time DESC LIMIT {limit + 1}"
    rows = (await ports.telemetry.select(sql, parameters)).to_pylist()
    records = await _log_records(ports, rows[:limit])
    return Logs(
        records=records, since=period.since, until=period.until, as_of=ports.as_of(), more=len(rows) > limit
    )


async def get_trace(ports: Ports, *, trace_id: str) -> Trace:
    """The trace of that id: its spans and log records, as they came.

    Args:
        ports: the stores.
        trace_id: 32 hexadecimal digits.

    Raises:
        InputError: no trace id.
        NotFound: nothing carries it, or it has expired.
    """
    parameters = {"workspace": ports.workspace, "trace_id": _hex(trace_id)}
    where = (
        "workspace = {workspace:String} AND trace_id = unhex({trace_id:String})"
        " AND received <= {as_of:DateTime64(3)}"
    )
    sql = (
        f"SELECT * FROM {{db}}.spans WHERE {where} ORDER BY start_time_unix_nano LIMIT {_TRACE_SPANS_MAX + 1}"
    )
    spans = (await ports.telemetry.select(sql, parameters)).to_pylist()
    sql = f"SELECT {_LOG_COLUMNS} FROM {{db}}.logs WHERE {where} ORDER BY time LIMIT {LIMIT_MAX}"
    logs = (await ports.telemetry.select(sql, parameters)).to_pylist()
    if not spans and not logs:
        raise NotFound(f"no span or log carries the trace id {trace_id}; raw rows may have expired")
    origins = await _origins(ports, spans)
    return Trace(
        trace_id=trace_id.lower(),
        spans=[_span(row, origins) for row in spans[:_TRACE_SPANS_MAX]],
        logs=await _log_records(ports, logs),
        as_of=ports.as_of(),
        more=len(spans) > _TRACE_SPANS_MAX,
    )


async def get_metrics(
    ports: Ports,
    *,
    service: str | None = None,
    name: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
) -> Metrics:
    """Metric data points of a service and name, newest first.

    Args:
        ports: the stores.
        service: `service.name`.
        name: the metric's name.
        since: RFC 3339 or a duration ago; 24 h ago by default.
        until: RFC 3339 or a duration ago; now by default.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
    """
    period = _Period.of(ports, since, until)
    where, parameters = period.where(ports)
    for column, value in (("service", service), ("name", name)):
        if value is not None:
            where.append(f"{column} = {{{column}:String}}")
            parameters[column] = value
    limit = row_limit(limit)
    sql = f"SELECT * FROM {{db}}.metrics WHERE {' AND '.join(where)} ORDER BY time DESC LIMIT {limit + 1}"
    rows = (await ports.telemetry.select(sql, parameters)).to_pylist()
    origins = await _origins(ports, rows)
    points = [
        {"metric": orjson.loads(row["metric"]), "point": orjson.loads(row["point"]), **_origin(row, origins)}
        for row in rows[:limit]
    ]
    return Metrics(
        points=points, since=period.since, until=period.until, as_of=ports.as_of(), more=len(rows) > limit
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    since: datetime
    until: datetime

    @classmethod
    def of(cls, ports: Ports, since: str | None, until: str | None) -> _Period:
        # a sender's clock may run a little ahead: an open end includes it
        ahead = timedelta(minutes=10)
        start, end = period(since, until, ports.now(), default=_DEFAULT_PERIOD, ahead=ahead)
        return cls(since=start, until=end)

    def where(self, ports: Ports) -> tuple[list[str], dict[str, Any]]:
        conditions = [
            "workspace = {workspace:String}",
            "received <= {as_of:DateTime64(3)}",
            "time >= {since:DateTime64(3)}",
            "time < {until:DateTime64(3)}",
        ]
        return conditions, {"workspace": ports.workspace, "since": self.since, "until": self.until}


def _hex(trace_id: str) -> str:
    try:
        if len(bytes.fromhex(trace_id)) == 16:  # noqa: PLR2004 - OTLP: 16 bytes
            return trace_id
    except ValueError:
        pass
    raise InputError(f"a trace id has 32 hexadecimal digits, this is {trace_id[:64]!r}")


def _shapes(ports: Ports, pattern: str) -> list[int]:
    try:
        found = ports.catalog.pattern(pattern)
    except ValueError as error:
        raise InputError(str(error)) from error
    if found is None:
        raise NotFound(f"no pattern has the fingerprint {pattern!r}")
    return list(found.shapes)


async def _log_records(ports: Ports, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    origins = await _origins(ports, rows)
    return [_log(ports, row, origins) for row in rows]


def _log(ports: Ports, row: Mapping[str, Any], origins: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    pattern = ports.catalog.pattern(row["shape"])
    record: dict[str, Any] = {
        "timeUnixNano": str(row["time_unix_nano"]),
        "observedTimeUnixNano": str(row["observed_time_unix_nano"]),
        "severityNumber": row["severity_number"],
        "severityText": row["severity_text"],
        "body": to_otlp_json(row["body"], row["body_type"]),
        "attributes": attributes_to_otlp_json(row["attributes"], row["attribute_types"]),
        "droppedAttributesCount": row["dropped_attributes_count"],
        "flags": row["flags"],
        "traceId": _id(row["trace_id"]),
        "spanId": _id(row["span_id"]),
    }
    if row["event_name"]:
        record["eventName"] = row["event_name"]
    return record | {
        "service": row["service"],
        "environment": row["environment"],
        "version": row["version"],
        "severity": row["severity"],
        "time": row["time"],
        "fingerprint": pattern.fingerprint if pattern else fingerprint(row["shape"]),
        "template": pattern.template if pattern else "",
        **_origin(row, origins),
    }


def _span(row: Mapping[str, Any], origins: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    events = orjson.loads(row["events"] or '{"items":[],"dropped":0}')
    links = orjson.loads(row["links"] or '{"items":[],"dropped":0}')
    return {
        "traceId": _id(row["trace_id"]),
        "spanId": _id(row["span_id"]),
        "parentSpanId": row["parent_span_id"],
        "traceState": row["trace_state"],
        "name": row["name"],
        "kind": row["kind"],
        "startTimeUnixNano": str(row["start_time_unix_nano"]),
        "endTimeUnixNano": str(row["end_time_unix_nano"]),
        "status": {"code": row["status_code"], "message": row["status_message"]},
        "flags": row["flags"],
        "attributes": attributes_to_otlp_json(row["attributes"], row["attribute_types"]),
        "droppedAttributesCount": row["dropped_attributes_count"],
        "events": events["items"],
        "droppedEventsCount": events["dropped"],
        "links": links["items"],
        "droppedLinksCount": links["dropped"],
        "service": row["service"],
        "environment": row["environment"],
        "version": row["version"],
        "fingerprint": fingerprint(row["shape"]),
        **_origin(row, origins),
    }


def _id(value: bytes) -> str:
    """An id as hexadecimal digits, empty when it is unset (all zeros)."""
    return value.hex() if any(value) else ""


async def _origins(ports: Ports, rows: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    wanted = sorted({row["origin"] for row in rows})
    if not wanted:
        return {}
    found = await ports.telemetry.select(
        "SELECT origin, any(resource) AS resource, any(scope) AS scope FROM {db}.origins"
        " WHERE origin IN {origins:Array(UInt64)} GROUP BY origin",
        {"origins": wanted},
    )
    return {
        row["origin"]: orjson.loads(row["resource"]) | _scope(orjson.loads(row["scope"]))
        for row in found.to_pylist()
    }


def _scope(head: dict[str, Any]) -> dict[str, Any]:
    return {"scope": head["scope"], "scopeSchemaUrl": head.get("schemaUrl", "")}


def _origin(row: Mapping[str, Any], origins: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    head = origins.get(row["origin"], {})
    return {
        "resource": head.get("resource", {}),
        "resourceSchemaUrl": head.get("schemaUrl", ""),
        "scope": head.get("scope", {}),
        "scopeSchemaUrl": head.get("scopeSchemaUrl", ""),
    }
