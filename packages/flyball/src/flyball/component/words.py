"""How every face says the same thing: findings, pages and the terminal use one wording of a duration and of an author."""

from __future__ import annotations

_UNITS = (("d", 86_400, 2 * 86_400), ("h", 3_600, 2 * 3_600), ("min", 60, 2 * 60))


_WRITERS = {"agent": "(an agent)", "human": "(a human)"}


def written_by(author: str, kind: str) -> str:
    """`Ada (a human)`, as far as it is known who wrote a change; empty when nothing is."""
    return " ".join(part for part in (author, _WRITERS.get(kind, "")) if part)


def duration(seconds: float) -> str:
    """45 s, 113 s, 3 min, 26 h, 4 d: one unit, the next one from two of it on."""
    for unit, size, least in _UNITS:
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
