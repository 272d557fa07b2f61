"""Templates and what they need: autoescape always on (log lines are hostile), numbers and times in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("flyball.web", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> HTMLResponse:
    """The page; no cache keeps it."""
    text = _environment.get_template(template).render(**values)
    return HTMLResponse(text, headers={"cache-control": "no-store"})


def number(value: float) -> str:
    """1234567 -> 1 234 567, with thin spaces."""
    return f"{value:,.0f}".replace(",", "\u202f")


def ago(time: datetime, now: datetime) -> str:
    """How long before `now`, in one unit."""
    seconds = max((now - time).total_seconds(), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def absolute(time: datetime) -> str:
    """The time with its zone, for the hover."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def template_text(template: str) -> Markup:
    """A template with its wildcards marked; everything else escaped."""
    parts = [Markup.escape(part) for part in template.split(WILDCARD)]
    return Markup('<b class="wild">&lt;*&gt;</b>').join(parts)


def spark_points(values: Sequence[int], width: int = 120, height: int = 22) -> str:
    """`x,y x,y ...` of a polyline from zero to the largest value."""
    top = max(max(values, default=0), 1)
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{index * step:.1f},{height - 1 - (height - 2) * value / top:.1f}"
        for index, value in enumerate(values)
    )


def mark_x(time: datetime, since: datetime, until: datetime, width: int) -> float:
    """Where a moment lies on a strip of that width."""
    share = (time - since).total_seconds() / max((until - since).total_seconds(), 1)
    return round(min(max(share, 0), 1) * width, 1)


def severity_name(value: int) -> str:
    """ERROR, WARN, ... or `-`."""
    severity = Severity.of(value)
    return severity.name if severity else "-"


def severity_glyph(value: int) -> str:
    """The shape that goes with the word."""
    return Severity.of(value).glyph


_environment.globals["mark_x"] = mark_x  # pyright: ignore[reportArgumentType] - jinja2 types globals by its own
for _filter in (number, ago, absolute, template_text, spark_points, severity_name, severity_glyph):
    _environment.filters[_filter.__name__] = _filter  # pyright: ignore[reportArgumentType] - as above
