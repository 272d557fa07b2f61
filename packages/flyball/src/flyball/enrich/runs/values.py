"""Reading attributes that anybody may have sent: a value that is not what its name says is as if it were not there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from flyball.model.anyvalue import plain

NAME_CHARS_MAX = 200
"""Of names and ids: they are shown on a line and counted under."""
TEXT_CHARS_MAX = 2_000
"""Of arguments, results and what a model said; the whole stands in the span."""
PARSED_CHARS_MAX = 64 * 1024
"""A longer JSON text is not read for what is in it."""
_COUNT_MAX = 2**53
"""A count of tokens above it is no count."""


class Values:
    """Attributes as the store has them: text, and a type where it is no string (flyball.model.anyvalue).

    `around` are those of the resource, asked where the span itself says nothing.
    """

    __slots__ = ("_around", "_texts", "_types")

    def __init__(
        self,
        texts: Iterable[tuple[str, str]],
        types: Iterable[tuple[str, str]] = (),
        around: Mapping[str, str] | None = None,
    ) -> None:
        self._texts = dict(texts)
        self._types = dict(types)
        self._around = around or {}

    def __contains__(self, name: str) -> bool:
        return name in self._texts

    def text(self, names: Sequence[str], chars_max: int = NAME_CHARS_MAX) -> str:
        """The first of these that says something; an array or map as ordinary JSON."""
        for name in names:
            found = self._texts.get(name) or self._around.get(name)
            if found:
                shown = self._shown(name, found)
                if shown:
                    return shown[:chars_max]
        return ""

    def count(self, names: Sequence[str]) -> int | None:
        """The first of these that is a whole number, 0 or more."""
        number = self.number(names)
        return int(number) if number is not None and number == int(number) and number <= _COUNT_MAX else None

    def number(self, names: Sequence[str]) -> float | None:
        """The first of these that is a number, 0 or more; some senders write numbers as text."""
        for name in names:
            try:
                number = float(self._texts.get(name, ""))
            except ValueError:
                continue
            if math.isfinite(number) and number >= 0:
                return number
        return None

    def flag(self, name: str) -> bool | None:
        """Whether it is true; None where it is neither."""
        return {"true": True, "false": False}.get(
            (self._texts.get(name) or self._around.get(name, "")).lower()
        )

    def first(self, names: Sequence[str]) -> str:
        """As `text`, of an array its first item."""
        for name in names:
            found = self.json(name)
            if isinstance(found, list):
                found = next((item for item in found if isinstance(item, str) and item), None)
            if isinstance(found, str) and found:
                return found[:NAME_CHARS_MAX]
        return ""

    def json(self, name: str) -> Any:
        """What the value holds: of an array or map that, of a text the JSON that is written in it, else the text."""
        found = self._texts.get(name, "")
        if not found or len(found) > PARSED_CHARS_MAX:
            return found or None
        if self._types.get(name) == "json":
            return _plain(found)
        if found[0] in '[{"':
            try:
                return orjson.loads(found)
            except orjson.JSONDecodeError:
                return found
        return found

    def _shown(self, name: str, found: str) -> str:
        if self._types.get(name) != "json":
            return found
        value = _plain(found)
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            return value[0]
        return orjson.dumps(value).decode() if value is not None else ""


def _plain(text: str) -> Any:
    """An array or map without OTLP's wrapping; None where redaction left no number in a number's place."""
    try:
        return plain(orjson.loads(text))
    except (orjson.JSONDecodeError, ValueError, TypeError, AttributeError, RecursionError):
        return None
