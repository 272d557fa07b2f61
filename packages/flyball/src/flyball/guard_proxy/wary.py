"""The texts that a server gives a model: all of them, and what in them a person should look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

VALUES_MAX = 20_000
"""Values of one message whose texts are looked at."""
SUSPICIONS_MAX = 8
"""Told of one tool at most."""
_UNSEEN = frozenset({"Cf", "Co", "Cn", "Zl", "Zp"})
_HARMLESS = frozenset("\u00ad\u200c\u200d")
"""Soft hyphens and joiners stand in words of many languages, and in emoji."""
_ORDERS = {
    "injection": "holds text that gives orders to a model",
    "jailbreak": "holds text that talks a model out of its rules",
}


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys too; at most `VALUES_MAX` values are walked."""
    todo, left = [value], VALUES_MAX
    while todo and left > 0:
        left -= 1
        one = todo.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            for key, inner in reversed(one.items()):
                todo += (inner, key)
        elif isinstance(one, list):
            todo.extend(reversed(one))


def suspicions(value: Any) -> Iterator[str]:
    """What is suspicious in the texts of a definition, to follow its name."""
    from flyball_sdk.guard.texts import kinds  # noqa: PLC0415 - its patterns take a while to compile

    found: dict[str, None] = {}
    for text in texts_of(value):
        if not text.isascii() and (unseen := _unseen(text)):
            found[f"holds characters that are not seen ({unseen})"] = None
        found.update(dict.fromkeys(_ORDERS[kind] for kind in kinds(text) if kind in _ORDERS))
    yield from list(found)[:SUSPICIONS_MAX]


def _unseen(text: str) -> str:
    """The first of them, by number."""
    unseen = (c for c in text if unicodedata.category(c) in _UNSEEN and c not in _HARMLESS)
    return next((f"U+{ord(c):04X}" for c in unseen), "")
