"""How every face says the same thing: findings, pages and the terminal use one wording of a duration."""

from __future__ import annotations

_UNITS = (("d", 86_400, 2 * 86_400), ("h", 3_600, 2 * 3_600), ("min", 60, 2 * 60))


def duration(seconds: float) -> str:
    """45 s, 113 s, 3 min, 26 h, 4 d: one unit, the next one from two of it on."""
    for unit, size, least in _UNITS:
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
