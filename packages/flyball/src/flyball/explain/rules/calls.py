"""How often something is called for one request: a query once for each row, a failing service again and again.

More traffic calls everything more often; so calls are held against the requests of who calls. Whether they rose
beyond chance is the test of two Poisson rates: given the sum, how many of the calls fall into the incident is binomial
with the share of the requests (Przyborowski and Wilenski 1940).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from flyball.compare.special import beta_cdf
from flyball.explain.chance import real
from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.logs import telling
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

ROWS_MIN = 5.0
"""Calls of one statement for one request, and times as many as before, from which on it is asked for each row."""
RETRIED_MIN = 1.5
"""Times the calls for one request from which on they are sent again and again."""
FAILING_SHARE = 0.2
"""Share of a service's calls that fail, from which on its callers have a reason to try again."""

_STATEMENT = re.compile(r"(?:SELECT|INSERT|UPDATE|DELETE|MERGE|CALL) [^/]|(?:SELECT|INSERT|UPDATE)$")
"""Names of spans of SQL, as OpenTelemetry names them: `{operation} {target}`."""
_METHOD = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)$")
"""Names of spans of HTTP clients: the method alone; those of servers have a route."""


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls of one kind and requests of who calls, now and in the normal time."""

    shown: tuple[Signal, ...]
    now: float
    usual: float
    requests: float
    requests_usual: float

    @property
    def each(self) -> float:
        """Calls for one request."""
        return self.now / self.requests

    @property
    def times(self) -> float:
        """How many times as many as before; what was never called counts as called once."""
        return self.each / (max(self.usual, 1.0) / self.requests_usual)

    @property
    def chance(self) -> float:
        """The chance of so many calls, were there as many for each request as before."""
        share = self.requests / (self.requests + self.requests_usual)
        return beta_cdf(share, self.now, self.usual + 1.0) if self.now else 1.0


def _requests(spans: list[Signal], edges: list[Signal]) -> dict[str, float]:
    """How often each service is asked: by what calls it, else by its operations that are not calls of its own."""
    asked: dict[str, float] = defaultdict(float)
    for edge in edges:
        if isinstance(edge.value, float):
            asked[edge.key] += edge.count
    called = set(asked)
    for (it, operation), count in _counts(spans, "calls").items():
        if it not in called and not _STATEMENT.match(operation) and not _METHOD.match(operation):
            asked[it] += count
    return asked


def _counts(spans: list[Signal], key: str) -> dict[tuple[str, str], float]:
    """How often each operation of each service was called, or failed."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for span in spans:
        if span.key == key and isinstance(span.value, float):
            found[span.entity, span.operation] += span.value
    return found


def _sides(facts: Facts) -> tuple[dict[str, float], dict[str, float]]:
    return (
        _requests(facts.on(Surface.SPAN), facts.on(Surface.EDGE)),
        _requests(facts.usual(Surface.SPAN), facts.usual(Surface.EDGE)),
    )


def _rows(facts: Facts) -> Iterator[Match]:
    """A statement that is sent many times for one request, and was sent once."""
    now, usual = _sides(facts)
    before = _counts(facts.usual(Surface.SPAN), "calls")
    failed = _counts(facts.on(Surface.SPAN), "error")
    tested = [
        _Calls((s,), s.value, before.get((s.entity, s.operation), 0.0), now[s.entity], usual[s.entity])
        for s in facts.on(Surface.SPAN)
        if s.key == "calls" and isinstance(s.value, float) and _STATEMENT.match(s.operation)
        if now.get(s.entity) and usual.get(s.entity)
    ]
    for found in real(tested, [one.chance for one in tested]):
        (signal,) = found.shown
        failing = failed.get((signal.entity, signal.operation), 0.0) >= FAILING_SHARE * found.now
        if found.each >= ROWS_MIN and found.times >= ROWS_MIN and not failing:
            text = f"{name(signal.entity)} sends {quote(signal.operation)} {_told(found)}."
            shown = facts.exhibit(signal, **_numbers(found))
            step = say(
                f"Find the loop in {name(signal.entity)} that sends {quote(signal.operation)} for each row, and"
                " ask one query for all rows.",
                shown,
            )
            yield Match(
                cause=Cause.N_PLUS_ONE,
                object=signal.entity,
                weight=SHOWS,
                said=(say(text, shown),),
                step=step,
            )


def _retries(facts: Facts) -> Iterator[Match]:
    """A service that fails, and that its callers ask several times for what they asked once."""
    now, usual = _sides(facts)
    edges: dict[tuple[str, str], list[Signal]] = defaultdict(list)
    before: dict[tuple[str, str], float] = defaultdict(float)
    for edge in facts.on(Surface.EDGE):
        if isinstance(edge.value, float):
            edges[edge.entity, edge.key].append(edge)
    for edge in facts.usual(Surface.EDGE):
        if isinstance(edge.value, float):
            before[edge.entity, edge.key] += edge.count
    tested = [
        _Calls(tuple(several), float(sum(s.count for s in several)), before[way], now[way[0]], usual[way[0]])
        for way, several in sorted(edges.items())
        if before.get(way) and now.get(way[0]) and usual.get(way[0])
    ]
    failed = _counts(facts.on(Surface.SPAN), "error")
    for found in real(tested, [one.chance for one in tested]):
        caller, callee = found.shown[0].entity, found.shown[0].key
        errors = sum(failed.get((callee, edge.operation), 0.0) for edge in found.shown)
        if found.times >= RETRIED_MIN and errors and errors >= FAILING_SHARE * now[callee]:
            yield _storm(facts, found, caller, callee)


def _storm(facts: Facts, found: _Calls, caller: str, callee: str) -> Match:
    shown = facts.exhibit(*found.shown, **_numbers(found))
    said = [say(f"{name(caller)} calls {name(callee)} {_told(found)}.", shown)]
    errors = [s for s in facts.on(Surface.SPAN) if s.entity == callee and s.key == "error"]
    failing = max(errors, key=lambda error: error.count)
    text = f"{failing.count} calls of {quote(failing.operation)} of {name(callee)} failed."
    said.append(say(text, facts.exhibit(failing)))
    again = [s for s in telling(facts, Cause.RETRY_STORM) if facts.owner(s.entity) == caller][:1]
    said += [say(f"{name(s.entity)} wrote {quote(str(s.value))}.", facts.exhibit(s)) for s in again]
    step = say(
        f"Let {name(caller)} retry {name(callee)} less, backing off and within a budget; then see what made it fail.",
        shown,
    )
    weight = SHOWS if again else IMPLIES
    return Match(cause=Cause.RETRY_STORM, object=callee, weight=weight, said=tuple(said), step=step)


def _told(found: _Calls) -> str:
    return (
        f"{found.now:.0f} times for {found.requests:.0f} requests, before {found.usual:.0f} times for"
        f" {found.requests_usual:.0f}"
    )


def _numbers(found: _Calls) -> dict[str, float]:
    return {
        "calls": found.now,
        "requests": found.requests,
        "calls_before": found.usual,
        "requests_before": found.requests_usual,
    }


RULES = (
    Rule(
        causes=(Cause.N_PLUS_ONE,),
        surfaces=(Surface.SPAN,),
        tells="a query that is sent for each row",
        find=_rows,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.RETRY_STORM,),
        surfaces=(Surface.EDGE, Surface.SPAN),
        tells="a failing service that is called again and again",
        find=_retries,
        needs_normal=True,
    ),
)
