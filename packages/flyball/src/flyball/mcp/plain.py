"""Words of a model's answer: what an app said is quoted on one line, so that it adds no line and ends no quotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUOTE_CHARS_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An answer before it is cut: `head` always stands, then as many `items` as fit, then `foot`."""

    head: Sequence[str]
    items: Sequence[str]
    foot: Sequence[str] = ()


def quoted(text: str, chars_max: int = QUOTE_CHARS_MAX) -> str:
    """What an app said, on one line between « and »."""
    return f"«{short(flat(text), chars_max)}»"


def short(text: str, chars_max: int) -> str:
    """The text, cut."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def flat(text: str) -> str:
    """One line that ends no quotation and moves no cursor."""
    shown = "".join(c if c.isprintable() else " " for c in text.replace("«", "<").replace("»", ">"))
    return " ".join(shown.split())


def time_of(text: str) -> str:
    """A time to the second."""
    return text[:19] + "Z"
