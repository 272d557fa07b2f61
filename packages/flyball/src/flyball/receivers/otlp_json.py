"""OTLP/JSON to and from protobuf messages, by their descriptors.

protobuf's own `json_format` is not OTLP/JSON: ids are hexadecimal there, enums are numbers, unknown fields are
ignored. Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

from flyball.errors import InputError

_HEX = {"trace_id", "span_id", "parent_span_id"}
_LONG = {Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_FIXED64, Field.TYPE_SFIXED64, Field.TYPE_SINT64}
_INTEGER = _LONG | {
    Field.TYPE_INT32,
    Field.TYPE_UINT32,
    Field.TYPE_FIXED32,
    Field.TYPE_SINT32,
    Field.TYPE_ENUM,
}
_FLOAT = {Field.TYPE_DOUBLE, Field.TYPE_FLOAT}
_DEPTH_MAX = 64
"""Nesting of values in one request; protobuf's own parser stops at 100."""


def parse(text: bytes, message: Message) -> None:
    """Fill `message` from OTLP/JSON.

    Raises:
        InputError: the text is no JSON, or a field has a value of another type.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the request is not JSON: {error}") from error
    _fill(message, value, message.DESCRIPTOR.name, 0)


def to_json(message: Message) -> dict[str, Any]:
    """The message as OTLP/JSON, fields at their default left out."""
    result: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.is_repeated:
            result[field.json_name] = [_to_value(field, item) for item in value]
        else:
            result[field.json_name] = _to_value(field, value)
    return result


def _to_value(field: Field, value: Any) -> Any:
    if field.type == Field.TYPE_MESSAGE:
        return to_json(value)
    if field.type == Field.TYPE_BYTES:
        return value.hex() if field.name in _HEX else base64.b64encode(value).decode()
    if field.type in _LONG:
        return str(value)
    if field.type in _FLOAT and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _fill(message: Message, value: Any, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{path} is a JSON object, this is {type(value).__name__}")
    if depth > _DEPTH_MAX:
        raise InputError(f"{path} is nested deeper than {_DEPTH_MAX}")
    fields = _by_name(message)
    for key, item in value.items():
        field = fields.get(key)
        if field is None or item is None:
            continue  # unknown fields are ignored, null is absence
        where = f"{path}.{key}"
        if field.is_repeated:
            if not isinstance(item, list):
                raise InputError(f"{where} is a JSON array, this is {type(item).__name__}")
            target = getattr(message, field.name)
            for element in item:
                if field.type == Field.TYPE_MESSAGE:
                    _fill(target.add(), element, where, depth + 1)
                else:
                    target.append(_scalar(field, element, where))
        elif field.type == Field.TYPE_MESSAGE:
            child = getattr(message, field.name)
            child.SetInParent()
            _fill(child, item, where, depth + 1)
        else:
            _set(message, field, _scalar(field, item, where), where)


_names: dict[str, dict[str, Field]] = {}


def _by_name(message: Message) -> dict[str, Field]:
    """Fields by lowerCamelCase name, and by proto name as lenient senders write them."""
    full_name = message.DESCRIPTOR.full_name
    if full_name not in _names:
        fields: list[Any] = list(message.DESCRIPTOR.fields)
        _names[full_name] = {f.name: f for f in fields} | {f.json_name: f for f in fields}
    return _names[full_name]


def _set(message: Message, field: Field, value: Any, where: str) -> None:
    try:
        setattr(message, field.name, value)
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error


def _scalar(field: Field, value: Any, where: str) -> Any:
    try:
        if field.type == Field.TYPE_BYTES:
            return bytes.fromhex(value) if field.name in _HEX else base64.b64decode(value, validate=True)
        if field.type in _INTEGER:
            return _integer(value)
        if field.type in _FLOAT:
            return float(value)
        if field.type in _PLAIN:
            return _of_type(value, _PLAIN[field.type])
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise InputError(f"{where}: {error}") from error
    return value


_PLAIN: dict[int, type] = {Field.TYPE_STRING: str, Field.TYPE_BOOL: bool}


def _of_type(value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        raise TypeError("a string is wanted" if wanted is str else "true or false is wanted")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("an integer, or its decimal text, is wanted")
    return int(value)
