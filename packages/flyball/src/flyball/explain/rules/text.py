"""A text that tells a cause: what platforms, databases, clients and runtimes print when one thing is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flyball.explain.rule import SHOWS
from flyball.model.cause import Cause

NAMESPACE, NODE, USER = "namespace", "node", "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Texts that match `pattern` tell of a cause.

    `step` may name `{it}`, whose text it is, and `{told}`, the first group that matched (else the whole match).
    """

    cause: Cause
    pattern: str
    tells: str
    step: str
    weight: float = SHOWS
    plain: bool = False
    """Of a log record: whether it counts though written without severity, because the text itself is the error."""
    severe: bool = False
    """Of a log record: whether it counts only when it was written as an error."""
    starting: bool = False
    """Of a log record: whether it tells only where its service does not come up."""
    reasons: tuple[str, ...] = ()
    """Of an event: the reasons that it may have; any where empty."""
    of: str = ""
    """Of an event: whom it concerns, where that is not the object: `NAMESPACE`, `NODE`, `USER` of a claim."""
    over: tuple[str, str] = ("", "")
    """Of an event: the field of its object, and the first word of its value, that tell that it is over."""
    normal: bool = False
    """Of an event: whether the platform reports it as a normal one, because it did so on purpose."""
    exists: str = ""
    """Of an event: the kind of object that was missing; it is over when `told` is there."""

    def told(self, text: str) -> str:
        """What of a text tells it, empty when nothing does."""
        found = re.search(self.pattern, text)
        return next((part for part in found.groups() if part), found[0]) if found else ""
