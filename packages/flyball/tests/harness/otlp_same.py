"""OTLP/JSON for comparing: what a protobuf message is in it, and when two pieces of it say the same.

Used by tests that compare what a client sent with what the API gives back.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

ORIGIN = ("resource", "scope")
LOG = (
    *(
        "timeUnixNano",
        "observedTimeUnixNano",
        "severityNumber",
        "severityText",
        "body",
        "eventName",
        "attributes",
    ),
    *("droppedAttributesCount", "flags", "traceId", "spanId", *ORIGIN),
)
SPAN = (
    *("traceId", "spanId", "parentSpanId", "traceState", "name", "kind", "flags", "status", "attributes"),
    *("startTimeUnixNano", "endTimeUnixNano", "events", "links", *ORIGIN),
    *("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"),
)
POINT = ("metric", "point", *ORIGIN)
_INTEGERS = {"count", "zeroCount", "bucketCounts", "asInt"}
_DOUBLES = {"sum", "min", "max", "asDouble", "explicitBounds"}


def same_form(items: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> list[Any]:
    """These fields of each item, in a form in which equal means equal and in an order of its own."""
    picked = ({name: item[name] for name in fields if name in item} for item in items)
    return sorted((_plain(each) for each in picked), key=repr)


def otlp_json(message: Message) -> dict[str, Any]:
    """A protobuf message as OTLP/JSON: ids in hexadecimal, other bytes in base64."""
    return {field.json_name: _json_value(field.name, value) for field, value in message.ListFields()}


def _plain(value: Any, name: str = "") -> Any:
    """OTLP/JSON without its freedoms: absent is default, 64-bit integers may be text, attributes are a map."""
    if name in ("attributes", "filteredAttributes"):
        return _map(value)
    if name == "body":
        return _any(value)
    if isinstance(value, Mapping):
        parts = {key: _plain(each, key) for key, each in sorted(value.items())}
        return {key: part for key, part in parts.items() if part not in ("", 0, None, [], {})}
    if isinstance(value, list):
        return [_plain(each, name) for each in value]
    if name in _INTEGERS or name.endswith("UnixNano"):
        return int(value)
    return float(value) if name in _DOUBLES else value


def _map(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    values = [(each["key"], _any(each.get("value", {}))) for each in pairs]
    assert len(dict(values)) == len(values), "a key occurs twice"
    return dict(sorted(values))


def _any(value: Mapping[str, Any]) -> Any:
    """An AnyValue as (kind, value): an empty text is not an absent one, and 1 is not 1.0."""
    if not value:
        return "nothing"
    ((kind, inner),) = value.items()
    return kind, _READ.get(kind, _as_it_is)(inner)


def _as_it_is(value: Any) -> Any:
    return value


_READ: Mapping[str, Callable[[Any], Any]] = {
    "arrayValue": lambda inner: [_any(each) for each in inner.get("values", [])],
    "kvlistValue": lambda inner: _map(inner.get("values", [])),
    "intValue": int,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
}


def _json_value(name: str, value: Any) -> Any:
    if isinstance(value, Message):
        return otlp_json(value)
    if isinstance(value, bytes):
        return value.hex() if name.endswith("_id") else base64.b64encode(value).decode()
    if isinstance(value, (str, int, float)):
        return value
    return [_json_value(name, each) for each in value]
