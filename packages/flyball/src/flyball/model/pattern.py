"""Shape, pattern, fingerprint: what a line is, whatever its values.

A *shape* is one line after masking, a pure function of the line. A *pattern* is a set of shapes that the
learner merged. Its *fingerprint* is the id of its oldest shape; the ids of the others are aliases.
"""

from __future__ import annotations

from dataclasses import dataclass

from flyball_sdk import redact

from flyball.model.window import SignalKind

WILDCARD = redact.WILDCARD
"""What stands in a template where a value stood; redaction leaves the same mark."""


def fingerprint(shape_id: int) -> str:
    """The public name of a shape or pattern: 16 hexadecimal digits."""
    return f"{shape_id:016x}"


def shape_id(fingerprint_text: str) -> int:
    """The inverse of `fingerprint`; raises ValueError for anything else."""
    if len(fingerprint_text) != 16:  # noqa: PLR2004 - 64 bits in hexadecimal
        raise ValueError(f"a fingerprint has 16 hexadecimal digits, this is {fingerprint_text!r}")
    return int(fingerprint_text, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One masked line.

    `id` is an unsigned 64-bit hash of `template`; `rules` is the version of the masks and redaction rules
    that made it; `example` is one redacted text that has this shape; `kind` says whether that is a log record's
    or a span's name (which have masks of their own).
    """

    id: int
    template: str
    rules: int
    example: str
    kind: SignalKind = SignalKind.LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A set of shapes under one fingerprint; `shapes` holds all their ids, the oldest first."""

    fingerprint: str
    template: str
    shapes: tuple[int, ...]
