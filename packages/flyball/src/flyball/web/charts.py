"""Geometry of the small charts: numbers in, coordinates of SVG elements out. Bars and lines begin at zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from flyball.model.change import Change

_LABEL_APART = 14.0
"""Names of changes closer than this (percent of the width) would stand on each other: the earlier stays bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: `x` and `width` in percent of the strip, `y` and `height` in pixels."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One change on the strip: `x` in percent; `anchor` keeps its label inside."""

    x: float
    label: str
    anchor: str


def totals(rows: Iterable[Sequence[int]]) -> list[int]:
    """The sum of several series, point by point."""
    return [sum(points) for points in zip(*rows, strict=True)]


def bars(values: Sequence[int], height: int) -> list[Bar]:
    """A bar a value, over `height` pixels."""
    top = max(max(values, default=0), 1)
    step = 100 / max(len(values), 1)
    return [
        Bar(
            x=round(index * step + 0.1 * step, 2),
            width=round(0.8 * step, 2),
            y=round(height - height * value / top, 1),
            height=round(height * value / top, 1),
        )
        for index, value in enumerate(values)
    ]


def marks(changes: Sequence[Change], since: datetime, until: datetime) -> list[Mark]:
    """Where the changes lie, the latest last; of those that crowd only the latest has its name."""
    out: list[Mark] = []
    taken = 200.0
    for change in sorted(changes, key=lambda c: c.time, reverse=True):
        x = round(share(change.time, since, until) * 100, 2)
        free = taken - x >= _LABEL_APART
        if free:
            taken = x
        label = f"{change.kind.value} {change.service} {change.subject}".strip()
        anchor = "end" if x > 50 else "start"  # noqa: PLR2004 - the middle
        out.append(Mark(x=x, label=label if free else "", anchor=anchor))
    return out[::-1]


def share(time: datetime, since: datetime, until: datetime) -> float:
    """Where a moment lies between two, 0 to 1."""
    return min(max((time - since).total_seconds() / max((until - since).total_seconds(), 1), 0), 1)


def mark_x(time: datetime, since: datetime, until: datetime, width: int) -> float:
    """Where a moment lies on a strip of that width."""
    return round(share(time, since, until) * width, 1)


def spark_points(values: Sequence[int], width: int = 120, height: int = 22) -> str:
    """`x,y x,y ...` of a polyline from zero to the largest value."""
    top = max(max(values, default=0), 1)
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{index * step:.1f},{height - 1 - (height - 2) * value / top:.1f}"
        for index, value in enumerate(values)
    )
