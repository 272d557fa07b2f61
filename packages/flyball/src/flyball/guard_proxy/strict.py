"""One JSON-RPC message: read so that it can mean one thing only, and written anew.

Two parsers may read the same bytes differently: a key that is there twice, or in two cases; numbers that one of them
cannot hold; half of a surrogate pair. Whatever could be read in two ways is refused, and what goes on is made from the
values that were judged, in plain ASCII.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""One message, as bytes of JSON."""
DEPTH_MAX = 128
"""How deep values may lie in each other."""
ID_CHARS_MAX = 256
METHOD_CHARS_MAX = 128
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
"""What every parser can hold; a larger one becomes a float in some of them."""
_DIGITS_MAX = len(str(INTEGER_MAX))

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL_ERROR = -32700, -32600, -32601, -32603
"""JSON-RPC 2.0, section 5.1."""
SERVER_BUSY = -32000
REFUSED = -1
"""What the specification gives as the code of a refused sampling request."""

Id = str | int
_EARLY_ID = re.compile(
    rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(-?[0-9]{1,18}(?=\s*[,}])|"[^"\\\x00-\x1f]{1,256}")'
)


class Malformed(Exception):
    """No message: `code` is JSON-RPC's, `id` whose answer this is, where that can be told."""

    def __init__(self, sentence: str, *, code: int = INVALID_REQUEST, id: Id | None = None) -> None:  # noqa: A002 - JSON-RPC's own word
        super().__init__(sentence)
        self.code = code
        self.id = id


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `kind` says which of the fields it has."""

    kind: Literal["request", "notification", "result", "error"]
    id: Id | None = None
    method: str = ""
    params: Mapping[str, Any] | None = None
    result: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def line(self) -> bytes:
        """The message as one line of ASCII, without its end."""
        said: dict[str, Any] = {"jsonrpc": "2.0"}
        if self.kind != "notification":
            said["id"] = self.id
        if self.kind in ("request", "notification"):
            said["method"] = self.method
            if self.params is not None:
                said["params"] = self.params
        else:
            said[self.kind] = self.result if self.kind == "result" else self.error
        return json.dumps(said, allow_nan=False, separators=(",", ":")).encode()


def failure(id: Id | None, sentence: str, code: int) -> Message:  # noqa: A002 - JSON-RPC's own word
    """An error as the answer to that request."""
    return Message(kind="error", id=id, error={"code": code, "message": f"flyball guard: {sentence}"})


def read(text: bytes) -> Message:
    """The message in these bytes.

    Raises:
        Malformed: it is none, or could be read in more than one way.
    """
    if len(text) > MESSAGE_BYTES_MAX:
        raise Malformed(f"a message has at most {MESSAGE_BYTES_MAX} bytes", id=early_id(text))
    value, doubtful = _value(text)
    if isinstance(value, list):
        raise Malformed("a batch is not allowed: send each message by itself (MCP 2025-06-18)")
    if not isinstance(value, dict):
        raise Malformed("a message is a JSON object")
    try:
        return _message(_certain(value, doubtful))
    except Malformed as error:
        error.id = _id_of(value)
        raise


def _certain(value: dict[str, Any], doubtful: list[str]) -> dict[str, Any]:
    if doubtful:
        raise Malformed(doubtful[0])
    _not_too_deep(value)
    _one_case(value)
    return value


def _id_of(value: dict[str, Any]) -> Id | None:
    """The id of what is no message, where it is certain."""
    known = [one for key, one in value.items() if key.casefold() == "id"]
    return known[0] if len(known) == 1 and _is_id(known[0]) else None


def early_id(text: bytes) -> Id | None:
    """The id of a message that is not read, where it stands first."""
    found = _EARLY_ID.match(text[:1024])
    if found is None:
        return None
    try:
        return json.loads(found[1])
    except ValueError:
        return None


def _value(text: bytes) -> tuple[Any, list[str]]:
    """The JSON value, and what is doubtful in it."""
    doubts = _Doubts()
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=doubts.once,
            parse_float=doubts.number,
            parse_int=doubts.integer,
            parse_constant=doubts.no_number,
        )
    except UnicodeDecodeError:
        raise Malformed("a message is UTF-8", code=PARSE_ERROR) from None
    except RecursionError:
        raise Malformed(f"values lie more than {DEPTH_MAX} deep", code=PARSE_ERROR) from None
    except ValueError as error:
        raise Malformed(f"this is not JSON: {str(error)[:120]}", code=PARSE_ERROR) from None
    return value, doubts.found


class _Doubts:
    """What the parser meets that another one would read otherwise: told after all is read, so that the id is known."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        kept = dict(pairs)
        if len(kept) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            self._tell(f"the key {twice[:64]!a} is there twice")
            if twice == "id":
                del kept["id"]  # whose answer this is cannot be told
        return kept

    def number(self, digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            self._tell(f"the number {digits[:32]} is too large")
        return value

    def integer(self, digits: str) -> int:
        value = int(digits) if len(digits) <= _DIGITS_MAX else INTEGER_MAX + 1
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            self._tell(f"the number {digits[:32]} is too large")
        return value

    def no_number(self, name: str) -> None:
        raise Malformed(f"{name} is no JSON", code=PARSE_ERROR)

    def _tell(self, doubt: str) -> None:
        if not self.found:
            self.found.append(doubt)


def _not_too_deep(value: dict[str, Any]) -> None:
    """Walk every value once: depth, and texts that are no Unicode."""
    todo: list[tuple[Any, int]] = [(value, 1)]
    while todo:
        one, depth = todo.pop()
        if depth > DEPTH_MAX:
            raise Malformed(f"values lie more than {DEPTH_MAX} deep")
        if isinstance(one, str):
            if not one.isascii():
                _whole(one)
        elif isinstance(one, dict):
            for key, inner in one.items():
                _whole(key)
                todo.append((inner, depth + 1))
        elif isinstance(one, list):
            todo.extend((inner, depth + 1) for inner in one)


def _whole(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("a text holds half of a surrogate pair") from None


def _one_case(value: dict[str, Any]) -> None:
    """No name in two cases where a parser that does not mind case would take the other: envelope, params, arguments."""
    place: Any = value
    for inner in ("params", "arguments", ""):
        if not isinstance(place, dict):
            return
        seen: dict[str, str] = {}
        for key in place:
            other = seen.setdefault(key.casefold(), key)
            if other != key:
                raise Malformed(f"the keys {other[:64]!a} and {key[:64]!a} differ in case alone")
        place = place.get(inner)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= ID_CHARS_MAX
    return isinstance(value, int) and not isinstance(value, bool)


_FIELDS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})


def _message(value: dict[str, Any]) -> Message:
    if value.get("jsonrpc") != "2.0":
        raise Malformed('a message has "jsonrpc": "2.0"')
    if unknown := value.keys() - _FIELDS:
        raise Malformed(f"a message has no field {min(unknown)[:64]!a}")
    if "id" in value and not _is_id(value["id"]) and not ("error" in value and value["id"] is None):
        raise Malformed(f"an id is a whole number or a text of at most {ID_CHARS_MAX} characters")
    if "method" in value:
        return _asking(value)
    if ("result" in value) is ("error" in value):
        raise Malformed("a message is a request, a notification, or an answer with a result or an error")
    kind: Literal["result", "error"] = "result" if "result" in value else "error"
    if "params" in value or "id" not in value or not isinstance(value[kind], dict):
        raise Malformed("an answer has an id and an object as its result or error")
    if kind == "error" and not _is_error(value["error"]):
        raise Malformed("an error has a whole number as its code and a text as its message")
    return Message(kind=kind, id=value["id"], **{kind: value[kind]})


def _is_error(error: dict[str, Any]) -> bool:
    code = error.get("code")
    whole = isinstance(code, int) and not isinstance(code, bool)
    return whole and isinstance(error.get("message"), str)


def _asking(value: dict[str, Any]) -> Message:
    method, given = value["method"], value.get("params")  # null says what leaving it out says
    if not isinstance(method, str) or not 0 < len(method) <= METHOD_CHARS_MAX:
        raise Malformed(f"a method is a text of 1 to {METHOD_CHARS_MAX} characters")
    if "result" in value or "error" in value:
        raise Malformed("a message is a request or an answer, not both")
    if not (given is None or isinstance(given, dict)):
        raise Malformed("params is an object")
    if "id" in value:
        return Message(kind="request", id=value["id"], method=method, params=given)
    return Message(kind="notification", method=method, params=given)
