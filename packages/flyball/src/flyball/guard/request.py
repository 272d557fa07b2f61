"""What a caller sends to the wall: read, bounded, and with what it may not choose for itself put right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from flyball_sdk.guard.call import Context, ToolCall

from flyball.errors import FlyballError
from flyball.guard.keys import Identity

BODY_BYTES_MAX = 1024 * 1024
NAME_CHARS_MAX = 200
TEXT_CHARS_MAX = 4_096
FILES_MAX = 64
DEADLINE_MS_MAX = 1_000.0
"""The server's own deadline for one call; a request may ask for less, never for more."""
WAIT_MS_MAX = 600_000.0
"""How long a request may wait for a person's approval at most."""

Kind = Literal["bad", "unread", "reused", "too_large", "deadline", "engine", "overloaded", "log"]
KINDS: Mapping[Kind, str] = {
    "bad": "the request is not what the contract says (400)",
    "reused": "the decision_id was used for another input (409)",
    "too_large": "the body is over 1 MiB (413)",
    "overloaded": "too many requests wait; come again (429)",
    "log": "the decision could not be written to the log, so it is not given (503)",
    "deadline": "the answer would have come after the deadline: the failure mode decided (200, `failed`)",
    "engine": "the evaluator raised: the failure mode decided (200, `failed`)",
    "unread": "the call is too large, too deep or broken to be read: it asks (200, `unread`)",
}
"""Each way in which there is no ordinary answer, and what it means; the reference lists the same."""


class Refused(FlyballError):
    """A request that gets no decision: `kind` is one of `KINDS`."""

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind: Kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. `closed` when it asks for fail-closed; `deadline_ms` is at most the server's own."""

    call: ToolCall
    decision_id: str
    deadline_ms: float
    closed: bool
    files: Mapping[str, str]
    event: str
    client_version: str
    output: str
    wait_ms: float


_FIELDS = frozenset(
    {"tool_name", "tool_input", "context", "decision_id", "deadline_ms", "failure_mode", "files"}
    | {"tool_output", "wait_ms"}
)
_NAMES = (
    *("session_id", "agent_name", "user_id", "environment", "trace_id", "span_id", "tool_call_id", "client"),
)


def read_request(body: bytes, identity: Identity | None) -> Ask:
    """The request in these bytes; what the caller's token fixes is not taken from the request.

    Raises:
        Refused: it is not what the contract says.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _bad(f"the request is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise _bad('a request is an object: {"tool_name": "Bash", "tool_input": {"command": "ls"}}')
    if unknown := given.keys() - _FIELDS:
        raise _bad(f"there is no field {min(unknown)[:64]!r}; there are {', '.join(sorted(_FIELDS))}")
    tool_name, tool_input = given.get("tool_name"), given.get("tool_input", {})
    if not isinstance(tool_name, str) or not 0 < len(tool_name) <= NAME_CHARS_MAX:
        raise _bad(f"tool_name is a text of 1 to {NAME_CHARS_MAX} characters")
    if not isinstance(tool_input, dict):
        raise _bad("tool_input is an object")
    said = given.get("context")
    said = {} if said is None else said
    if not isinstance(said, dict):
        raise _bad("context is an object")
    mode = given.get("failure_mode")
    if mode not in (None, "open", "closed"):
        raise _bad("failure_mode is open or closed")
    output = given.get("tool_output", "")
    if not isinstance(output, str):
        raise _bad("tool_output is a text")
    return Ask(
        call=ToolCall(tool_name, tool_input, _context(said, identity)),
        decision_id=_text(given, "decision_id", NAME_CHARS_MAX),
        deadline_ms=_milliseconds(given, "deadline_ms", DEADLINE_MS_MAX, DEADLINE_MS_MAX),
        closed=mode == "closed",
        files=_files(given.get("files")),
        event=_text(said, "event", NAME_CHARS_MAX),
        client_version=_text(said, "client_version", NAME_CHARS_MAX),
        output=output,
        wait_ms=_milliseconds(given, "wait_ms", WAIT_MS_MAX, 0.0),
    )


def _bad(sentence: str) -> Refused:
    return Refused(sentence, "bad")


def _context(said: Mapping[str, Any], identity: Identity | None) -> Context:
    names = {name: _text(said, name, NAME_CHARS_MAX) for name in _NAMES}
    if identity is not None:
        names["client"] = identity.client
        for name in ("agent_name", "environment", "user_id"):
            names[name] = getattr(identity, name) or names[name]
    return Context(**names, cwd=_text(said, "cwd", TEXT_CHARS_MAX), goal=_text(said, "goal", BODY_BYTES_MAX))


def _text(given: Mapping[str, Any], name: str, chars_max: int) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > chars_max:
        raise _bad(f"{name} is a text of at most {chars_max} characters")
    return value


def _milliseconds(given: Mapping[str, Any], name: str, most: float, default: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise _bad(f"{name} is a number of milliseconds")
    return min(float(value), most)


def _files(given: Any) -> Mapping[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or len(given) > FILES_MAX:
        raise _bad(f"files is an object of at most {FILES_MAX} paths with their texts")
    for path, text in given.items():
        if not isinstance(text, str) or len(path) > TEXT_CHARS_MAX:
            raise _bad("files is an object of paths with their texts")
    return given
