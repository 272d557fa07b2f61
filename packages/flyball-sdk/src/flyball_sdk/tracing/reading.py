"""Read what clients send and get: dictionaries or objects of theirs, whichever version made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

ITEMS_MAX = 10_000
"""Messages, parts and tools of one request that are looked at."""


def get(thing: Any, *path: str) -> Any:
    """The value at a path of keys and attributes; None where there is none."""
    for step in path:
        # not `Mapping`, which takes four times as long to ask: clients send and return dictionaries
        thing = thing.get(step) if isinstance(thing, dict) else getattr(thing, step, None)
        if thing is None:
            return None
    return thing


def text(thing: Any, *path: str) -> str:
    """The text at a path, "" where there is none."""
    found = get(thing, *path)
    return found if isinstance(found, str) else ""


def number(thing: Any, *path: str) -> int | None:
    """The whole number at a path, None where there is none."""
    found = get(thing, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def items(thing: Any, *path: str) -> list[Any]:
    """The list at a path, at most `ITEMS_MAX` of it; an iterator, which reading would use up, is left alone."""
    found = get(thing, *path) if path else thing
    return list(found[:ITEMS_MAX]) if isinstance(found, (list, tuple)) else []


def plain(thing: Any) -> Any:
    """A client's object as dictionaries and lists."""
    dump = getattr(thing, "model_dump", None)
    return dump(exclude_unset=True, warnings=False) if callable(dump) else thing


def parsed(arguments: Any) -> Mapping[str, Any] | None:
    """A tool's arguments as an object; None if they are no complete JSON object."""
    if isinstance(arguments, Mapping):
        return arguments
    if not isinstance(arguments, str):
        return None
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def joined(parts: Iterable[str]) -> str:
    """Texts on lines of their own, without the empty ones."""
    return "\n".join(part for part in parts if part)
