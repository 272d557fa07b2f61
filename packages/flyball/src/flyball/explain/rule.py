"""Rule: a typed object that names a cause, an object and a first step when the facts show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flyball.explain.exhibit import Exhibit, clip
from flyball.explain.facts import Facts
from flyball.model.cause import Cause
from flyball.model.signal import Surface

QUOTE_CHARS_MAX = 200
_KIND = re.compile(r"[a-z]{1,30}")

SAYS = 0.95
"""The platform or the program itself says what is wrong, and of what."""
SHOWS = 0.85
"""Configuration and symptom contradict each other visibly."""
IMPLIES = 0.7
"""A symptom that has one usual reason."""
THRESHOLD = 0.5
"""Least weight of a cause; below it is a hint."""
HINTS = 0.4
"""A symptom that has several: below the threshold alone."""


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence before its evidence has an id: the text and the exhibits it stands on."""

    text: str
    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A cause that the facts show: of what, how directly, by which sentences, and what to do first."""

    cause: Cause
    object: str
    weight: float
    said: tuple[Said, ...]
    step: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What to look for, on which surfaces, and what it would mean.

    `tells` completes the sentence "No ... tells of ...", which is what a rule that finds nothing leaves behind.
    """

    causes: tuple[Cause, ...]
    surfaces: tuple[Surface, ...]
    tells: str
    find: Callable[[Facts], Iterable[Match]]
    reads: tuple[str, ...] = ()
    """Parts of `entity key` of the signals it looks at: where none was read, it could not look. Empty: any."""
    needs_normal: bool = False


def quote(text: str) -> str:
    """Foreign text in a sentence: one line, bounded, in backticks that it cannot close; `nothing` when there is none."""
    line = clip(text.replace("`", "'"), QUOTE_CHARS_MAX)
    return f"`{line}`" if line.strip("… ") else "nothing"


def name(entity: str) -> str:
    """An object in a sentence: its kind and its name."""
    kind, _, rest = entity.partition("/")
    return f"{kind} {quote(rest)}" if rest and _KIND.fullmatch(kind) else quote(entity)


def say(text: str, *exhibits: Exhibit) -> Said:
    """A sentence that stands on exhibits."""
    return Said(text, exhibits)
