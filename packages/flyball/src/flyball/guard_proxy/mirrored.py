"""Headers that say again what a message says (2026-07-28): they must say the same, or a server could obey the header.

Source: https://modelcontextprotocol.io/specification (streamable HTTP, standard and custom request headers).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flyball.guard_proxy.strict import Message
from flyball.guard_proxy.upstream import Unreached

METHOD, NAME, PARAMETER = "mcp-method", "mcp-name", "mcp-param-"
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")
_VALUES_MAX = 5_000


def check(headers: Mapping[str, str], message: Message | None) -> None:
    """Hold the headers against the message.

    Raises:
        Unreached: one says something else.
    """
    wrong = differing(headers, message) if message is not None and message.method else ""
    if wrong:
        raise Unreached(f"the header {wrong} does not say what the message says")


def differing(headers: Mapping[str, str], message: Message) -> str:
    """The first header that does not say what the message says; empty where all do."""
    params = message.params or {}
    if headers.get(METHOD, message.method) != message.method:
        return METHOD
    if NAME in headers:
        named = decoded(headers[NAME])
        if named is None or named not in (params.get("name"), params.get("uri")):
            return NAME
    given = {name: value for name, value in headers.items() if name.startswith(PARAMETER)}
    if given:
        said = set(_texts(params.get("arguments")))
        return next((name for name, value in given.items() if decoded(value) not in said), "")
    return ""


def decoded(value: str) -> str | None:
    """A header's value; None where it is encoded and cannot be decoded in one way."""
    found = _ENCODED.fullmatch(value)
    if found is None:
        return value
    try:
        raw = base64.b64decode(found[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == found[1] else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def _texts(value: Any) -> Iterator[str]:
    """Every scalar in the arguments as a header would say it."""
    todo, left = [value], _VALUES_MAX
    while todo and left > 0:
        left -= 1
        one = todo.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, (bool, int, float)):
            yield json.dumps(one)
        elif isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
