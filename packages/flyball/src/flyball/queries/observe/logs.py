"""Logs as signals: one for each source, operation, severity and template, with its count and its first record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from flyball.model.anyvalue import plain
from flyball.model.signal import Signal, Surface
from flyball.queries.observe import code
from flyball.queries.observe.objects import TEXT_CHARS_MAX
from flyball.queries.observe.place import ASKED, ENTITY, NOT_KUBERNETES, NOW, WHERE, Scope

GROUPS_MAX = 20_000
"""Groups of equal records in one observation: the gravest first, then the most frequent."""
CODE_MAX = 2_000
"""Groups of failures whose records tell of code."""
_ATTRIBUTE = f"substring(attributes['{{}}'], 1, {code.STACK_CHARS_MAX})"
_SPAN_BEFORE = timedelta(minutes=1)
"""So long before the window a span may have begun in which a record was written."""

_AT = "if(time_unix_nano = 0, observed_time_unix_nano, time_unix_nano)"
_SPANS = """
SELECT cityHash64(trace_id, span_id) AS id, name AS operation FROM {db}.spans
WHERE workspace = {workspace:String} AND environment IN {environments:Array(String)}
    AND received <= {as_of:DateTime64(3, 'UTC')} AND received >= {oldest:DateTime64(3, 'UTC')}
    AND time >= {spans_begin:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}"""
# Joined before it is grouped: the other way there is a group for each span, and it takes twice as long.
_SQL = f"""
SELECT now, entity, operation, severity, shape, count() AS number, min(time) AS first,
    argMin(text, at) AS text, argMin(type, at) AS type
FROM (
    SELECT {NOW}, {ENTITY}, severity, shape, cityHash64(trace_id, span_id) AS span, time, {_AT} AS at,
        substring(body, 1, {TEXT_CHARS_MAX}) AS text, body_type AS type
    FROM {{db}}.logs WHERE {WHERE} AND {ASKED} AND {NOT_KUBERNETES}
) AS records
ANY LEFT JOIN ({_SPANS}) AS spans ON records.span = spans.id
GROUP BY now, entity, operation, severity, shape
ORDER BY severity DESC, number DESC, entity, operation, shape"""


@dataclass(frozen=True, slots=True)
class _Group:
    """What records are equal in."""

    now: bool
    entity: str
    operation: str
    severity: int
    template: str


# Where a failure's first record says that its code is.
_CODE = f"[{', '.join(_ATTRIBUTE.format(name) for name in code.ATTRIBUTES)}]"
_CODE_SQL = f"""
SELECT now, entity, severity, shape, argMin(told, at) AS said
FROM (
    SELECT {NOW}, {ENTITY}, severity, shape, {_AT} AS at, {_CODE} AS told
    FROM {{db}}.logs WHERE {WHERE} AND {ASKED} AND {NOT_KUBERNETES} AND severity >= {code.SEVERITY_MIN}
)
WHERE arrayExists(one -> one != '', told)
GROUP BY now, entity, severity, shape ORDER BY now DESC, severity DESC, entity, shape"""


async def read_logs(scope: Scope) -> list[tuple[bool, Signal]]:
    """The logs of the incident's window (True) and of the normal one, under the templates of today."""
    begin = scope.begin - _SPAN_BEFORE
    rows = await scope.rows(_SQL, GROUPS_MAX, "groups of log records", spans_begin=begin)
    told = await scope.rows(_CODE_SQL, CODE_MAX, "places in code")
    places = {
        _key(row): code.of_attributes(dict(zip(code.ATTRIBUTES, row["said"], strict=True))) for row in told
    }
    groups: dict[_Group, Signal] = {}
    for row in rows:
        pattern = scope.ports.catalog.pattern(row["shape"])
        template = pattern.template if pattern else ""
        group = _Group(bool(row["now"]), row["entity"], row["operation"], row["severity"], template)
        groups[group] = counted(groups.get(group), _signal(group, row, places.get(_key(row), "")))
    return [(group.now, signal) for group, signal in groups.items()]


def counted(known: Signal | None, signal: Signal) -> Signal:
    """One signal of two groups of equal records: the first record, and how many there were."""
    if known is None:
        return signal
    return replace(min(known, signal, key=lambda one: one.time), count=known.count + signal.count)


def _key(row: Mapping[str, Any]) -> tuple[bool, str, int, int]:
    return bool(row["now"]), row["entity"], row["severity"], row["shape"]


def _signal(group: _Group, row: Mapping[str, Any], place: str) -> Signal:
    text = _text(row["text"], row["type"])
    return Signal(
        surface=Surface.LOG,
        time=row["first"],
        entity=group.entity,
        operation=group.operation,
        key=group.template,
        value=text,
        severity=group.severity,
        count=row["number"],
        detail=place or (code.of_text(text) if group.severity >= code.SEVERITY_MIN else ""),
    )


def _text(body: str, type_: str) -> str:
    """A body as it is distilled: a map as ordinary JSON, where the bound has not cut it."""
    if type_ != "json":
        return body
    try:
        return orjson.dumps(plain(orjson.loads(body))).decode()
    except orjson.JSONDecodeError:
        return body
