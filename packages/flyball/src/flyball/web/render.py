"""Templates and what they need: autoescape always on (log lines are hostile), numbers and times in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from flyball.component.words import duration
from flyball.explain.exhibit import SIGNALS
from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity
from flyball.queries.incidents import Cited
from flyball.web.charts import bars, mark_x, marks, spark_points, totals

_SQL_PART = re.compile(r"\s+(FROM|WHERE|AND (?!\()|sumIf|GROUP BY|ORDER BY)")

_environment = jinja2.Environment(
    loader=jinja2.PackageLoader("flyball.web", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What HTML may not hold, so that an app's escape sequences act nowhere, and what would turn our words round: the
overrides of the direction of writing."""


def render(template: str, **values: Any) -> HTMLResponse:
    """The page; no cache keeps it."""
    text = _environment.get_template(template).render(**values)
    shown = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return HTMLResponse(shown, headers={"cache-control": "no-store"})


def announce(notice: Callable[[], str]) -> None:
    """Let every page tell what this says, unless it is empty."""
    _environment.globals["guard_notice"] = notice  # pyright: ignore[reportArgumentType] - as below


def number(value: float) -> str:
    """1234567 -> 1 234 567, with thin spaces."""
    return f"{value:,.0f}".replace(",", "\u202f")


def size(value: int) -> str:
    """1234567 -> 1.2 MB."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if value >= 10**power:
            return f"{value / 10**power:.1f} {unit}"
    return f"{value} B"


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


def claim_text(text: str) -> Markup:
    """A sentence whose quoted parts, between backticks, are what a machine said; all of it escaped."""
    parts = text.split("`")
    said = [
        Markup("<code>{}</code>").format(part) if odd % 2 else Markup.escape(part)
        for odd, part in enumerate(parts)
    ]
    return Markup("").join(said)


def chip(evidence_id: str, cited: Mapping[str, Cited]) -> str:
    """A piece of evidence in a word, with its number on the page: log 2."""
    if evidence_id not in cited:
        return "evidence"
    return f"{cited[evidence_id].kind.removeprefix(SIGNALS).strip()} {[*cited].index(evidence_id) + 1}"


def second(time: datetime) -> str:
    """The time of day in UTC to the second."""
    return time.astimezone(UTC).strftime("%H:%M:%S")


def clock(time: datetime) -> str:
    """The time of day in UTC, for the ends of an axis."""
    return time.astimezone(UTC).strftime("%H:%M")


def moment(milliseconds: int) -> str:
    """Milliseconds since 1970 as a time with its zone."""
    return absolute(datetime.fromtimestamp(milliseconds / 1000, UTC))


def exact(value: float) -> str:
    """Every digit: a cited number is compared by eye."""
    return number(value) if value == int(value) else repr(value)


def question_text(question: str) -> Markup:
    """The page's question with the change it is about in brass."""
    before, since, change = question.partition(" since ")
    if not since:
        return Markup.escape(question)
    return Markup('{} since <span class="brass">{}</span>?').format(before, change.removesuffix("?"))


def broken(sql: str) -> str:
    """A statement with a line for each of its parts."""
    return _SQL_PART.sub(lambda part: "\n" + ("    " if part[1] == "AND " else "") + part[1], sql)


def severity_name(value: int) -> str:
    """ERROR, WARN, ... or `-`."""
    severity = Severity.of(value)
    return severity.name if severity else "-"


def severity_glyph(value: int) -> str:
    """The shape that goes with the word."""
    return Severity.of(value).glyph


announce(str)
_environment.globals["mark_x"] = mark_x  # pyright: ignore[reportArgumentType] - jinja2 types globals by its own
for _filter in (
    *(number, size, ago, absolute, clock, moment, duration, exact, broken),
    *(chip, question_text, template_text, claim_text, second, severity_name, severity_glyph),
    *(bars, marks, spark_points, totals),
):
    _environment.filters[_filter.__name__] = _filter  # pyright: ignore[reportArgumentType] - as above
