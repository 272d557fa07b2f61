"""OTLP's AnyValue as two columns: text, and a type when it is not a string.

A row keeps an attribute as text that reads and filters well (`200`, `true`, `GET`) and, for anything but a
string, the type that turns the text back into exactly the value that was sent.

    type     text
    (none)   the string itself
    int      decimal
    double   shortest decimal that reads back the same; nan, inf, -inf
    bool     true or false
    bytes    base64
    json     an array or map, as OTLP/JSON of its AnyValue
    empty    nothing: an AnyValue without a value

Source: opentelemetry-proto common.proto; https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

EMPTY = "empty"


def to_otlp_json(text: str, type_: str) -> dict[str, Any]:
    """The AnyValue in OTLP/JSON."""
    match type_:
        case "double":
            number = float(text)
            return {"doubleValue": number if math.isfinite(number) else _NON_FINITE[text]}
        case "bool":
            return {"boolValue": text == "true"}
        case "json":
            return orjson.loads(text)
        case _:
            key = _AS_TEXT.get(type_)
            return {key: text} if key else {}


_AS_TEXT = {"": "stringValue", "int": "intValue", "bytes": "bytesValue"}
_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def attributes_to_otlp_json(
    attributes: Iterable[tuple[str, str]], types: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """A row's attributes as OTLP/JSON KeyValues, in the order they were sent."""
    type_of: Mapping[str, str] = dict(types)
    return [{"key": key, "value": to_otlp_json(text, type_of.get(key, ""))} for key, text in attributes]


def plain(value: Any) -> Any:
    """An AnyValue in OTLP/JSON as ordinary JSON; nothing for what is none."""
    if not isinstance(value, dict) or not value:
        return None
    kind, held = next(iter(value.items()))
    match kind:
        case "kvlistValue":
            return {one.get("key", ""): plain(one.get("value")) for one in _items(held)}
        case "arrayValue":
            return [plain(one) for one in _items(held)]
        case "intValue":
            return int(held)
        case _:
            return held


def _items(held: Any) -> list[Any]:
    return held.get("values", []) if isinstance(held, dict) else []
