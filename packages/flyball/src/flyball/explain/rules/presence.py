"""What code no longer says, or says for the first time, per call of an operation.

A template that stood in nearly every call of an operation and now stands in few tells that the code leaves its path
before; an error that never stood there tells what it meets. Counts are held against the calls of the operation, so
that less traffic is no finding; operations are held apart, so that one that is called more often hides nothing; what
chance would find among so many records is no finding. Where another record of the operation appears as often as one
disappears, other data took another branch: no finding either. What calls a service that changed changes too: the engine lets callees explain their callers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flyball.compare.special import beta_cdf
from flyball.explain.chance import at_least, real, simes
from flyball.explain.exhibit import Exhibit
from flyball.explain.facts import Facts
from flyball.explain.rule import Match, Rule, Said, name, quote, say
from flyball.model.cause import Cause
from flyball.model.severity import Severity
from flyball.model.signal import Signal, Surface

CALLS_MIN = 5
"""Calls of an operation, before and now, below which nothing is said of it."""
ALWAYS = (0.8, 1.05)
"""Records per call of a template that belongs to the operation's path; one that stands there more often is in a loop,
and how often it runs depends on data."""
SHARE_MIN = 0.05
"""Share of calls with a new error that it must have beyond chance."""
CHANCE_MAX = 0.05
"""Chance of so many new errors where their share is `SHARE_MIN`; and of having missed one that comes so often before."""
LEAST, SPAN = 0.5, 0.35
"""A change of nothing weighs 0.5, one of every call 0.85."""

_ERROR = re.compile(r"\b(?:ERROR|FATAL|CRITICAL)\b|[Ee]xception|[Ff]ailed")

_Place = tuple[str, str]
"""Entity and operation."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One template of one operation: how often before and now, per call."""

    shown: Signal
    count: int
    count_usual: int
    rate: float
    rate_usual: float
    known: bool
    """Whether the service ever wrote it before, in any operation."""


@dataclass(frozen=True, slots=True)
class _Shift:
    """A template that changed: in which `share` of the calls."""

    cause: Cause
    share: float
    line: _Line
    calls: Signal
    calls_usual: Signal


def _find(facts: Facts) -> Iterator[Match]:
    calls, calls_usual = _calls(facts.on(Surface.SPAN)), _calls(facts.usual(Surface.SPAN))
    now, usual = _records(facts.on(Surface.LOG)), _records(facts.usual(Surface.LOG))
    known = {(entity, key) for entity, operation in usual for key in usual[entity, operation]}
    found: dict[str, list[_Shift]] = {}
    tested: dict[str, list[tuple[_Shift, float]]] = {}
    for place in sorted(set(now) | set(usual)):
        if place in calls and place in calls_usual:
            both = calls[place], calls_usual[place]
            lines = _lines(place[0], now.get(place, {}), usual.get(place, {}), both, known)
            found.setdefault(place[0], []).extend(_raised(lines, both))
            tested.setdefault(place[0], []).extend(_lost(lines, both))
    for entity, lost in _real(tested, {entity for entity in found if found[entity]}).items():
        shifts = sorted([*found[entity], *lost], key=lambda shift: -shift.share)
        if shifts:
            yield _match(facts, entity, shifts)


def _real(tested: dict[str, list[tuple[_Shift, float]]], raising: set[str]) -> dict[str, list[_Shift]]:
    """What is not chance, by service: first which services lost anything at all, then what those lost.

    So services are not many only because they write much, and one in which something is found may show all of it.
    Source: Benjamini and Bogomolov 2014, https://doi.org/10.1111/rssb.12028
    """
    chances = {entity: [chance for _, chance in several] for entity, several in tested.items()}
    opened = {*raising, *real(list(tested), [simes(chances[entity]) for entity in tested])}
    return {
        entity: [shift for shift, _ in real(tested[entity], chances[entity]) if shift.share]
        for entity in tested
        if entity in opened
    }


def _calls(signals: list[Signal]) -> dict[_Place, Signal]:
    return {
        (s.entity, s.operation): s
        for s in signals
        if s.key == "calls" and isinstance(s.value, float) and s.value >= CALLS_MIN
    }


def _records(signals: list[Signal]) -> dict[_Place, dict[str, list[Signal]]]:
    found: dict[_Place, dict[str, list[Signal]]] = {}
    for signal in signals:
        if signal.operation:
            found.setdefault((signal.entity, signal.operation), {}).setdefault(signal.key, []).append(signal)
    return found


def _lines(
    entity: str,
    now: dict[str, list[Signal]],
    usual: dict[str, list[Signal]],
    calls: tuple[Signal, Signal],
    known: set[tuple[str, str]],
) -> list[_Line]:
    """The templates of an operation per call; per call that wrote anything, where the edge of time cut some off."""
    counts = {key: sum(s.count for s in now.get(key, ())) for key in sorted({*now, *usual})}
    counts_usual = {key: sum(s.count for s in usual.get(key, ())) for key in counts}
    n, n_usual = float(calls[0].value), float(calls[1].value)
    wrote_usual = max((c for c in counts_usual.values() if c <= n_usual), default=0) or n_usual
    wrote_usual = wrote_usual if wrote_usual >= ALWAYS[0] * n_usual else n_usual
    return [
        _Line(
            shown=(now.get(key) or usual[key])[0],
            count=count,
            count_usual=counts_usual[key],
            rate=count / n,
            rate_usual=counts_usual[key] / wrote_usual,
            known=(entity, key) in known,
        )
        for key, count in counts.items()
    ]


def _raised(lines: list[_Line], calls: tuple[Signal, Signal]) -> Iterator[_Shift]:
    """Errors that the service never wrote before, in any operation: few are, so each counts by itself."""
    for line in lines:
        if _is_error(line.shown) and line.count > 1 and not line.known:
            rate, n = min(1.0, line.rate), float(calls[0].value)
            rare = beta_cdf(SHARE_MIN, rate * n, n - rate * n + 1.0)
            unseen = (1.0 - rate) ** float(calls[1].value)
            if rare <= CHANCE_MAX and unseen <= CHANCE_MAX:
                yield _Shift(Cause.EXCEPTION, rate, line, *calls)


def _lost(lines: list[_Line], calls: tuple[Signal, Signal]) -> Iterator[tuple[_Shift, float]]:
    """Every record of the path, with the chance that so many calls miss it now, were they like those before.

    The share is 0 where another record came as often: another branch was taken.
    """
    n, n_usual = (int(float(signal.value)) for signal in calls)
    quiet = [line for line in lines if not _is_error(line.shown)]
    gained = sum(max(0.0, min(1.0, line.rate) - min(1.0, line.rate_usual)) for line in quiet)
    for line in quiet:
        if ALWAYS[0] <= line.rate_usual <= ALWAYS[1]:
            lost = line.rate_usual - line.rate
            share = lost / line.rate_usual if lost > 2 * gained else 0.0
            missed = n - min(line.count, n)
            all_missed = missed + n_usual - min(line.count_usual, n_usual)
            yield _Shift(Cause.CODE_PATH, share, line, *calls), at_least(missed, all_missed, n, n + n_usual)


def _is_error(signal: Signal) -> bool:
    return signal.severity >= Severity.ERROR or bool(_ERROR.search(str(signal.value)))


def _match(facts: Facts, entity: str, shifts: list[_Shift]) -> Match:
    raised = next((shift for shift in shifts if shift.cause is Cause.EXCEPTION), None)
    cause = raised.cause if raised else Cause.CODE_PATH
    said = tuple(_said(facts, shift) for shift in shifts[:3])
    top = shifts[0]
    where = f"operation {quote(top.line.shown.operation)} of {name(entity)}"
    step = say(f"Read what {where} does around {quote(top.line.shown.key)}.", _exhibit(facts, top))
    return Match(cause=cause, object=entity, weight=LEAST + SPAN * top.share, said=said, step=step)


def _said(facts: Facts, shift: _Shift) -> Said:
    line = shift.line
    verb = "writes a new error" if line.count_usual == 0 else "writes less often"
    where = f", from {quote(line.shown.detail)}," if line.shown.detail and line.count else ""
    text = (
        f"{name(line.shown.entity)} {verb} in operation {quote(line.shown.operation)}{where}: {line.count} in"
        f" {shift.calls.count} calls, before {line.count_usual} in {shift.calls_usual.count}: {quote(line.shown.key)}."
    )
    return say(text, _exhibit(facts, shift))


def _exhibit(facts: Facts, shift: _Shift) -> Exhibit:
    return facts.exhibit(
        shift.line.shown,
        count=shift.line.count,
        calls=shift.calls.count,
        count_before=shift.line.count_usual,
        calls_before=shift.calls_usual.count,
    )


RULES = (
    Rule(
        causes=(Cause.EXCEPTION, Cause.CODE_PATH),
        surfaces=(Surface.LOG, Surface.SPAN),
        tells="an operation that writes other records than before",
        find=_find,
        needs_normal=True,
    ),
)
