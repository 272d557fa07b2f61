"""What grows and does not stop: the memory of a container, the lag of a consumer.

A level that is merely higher tells of more load. So the samples must rise from begin to end with hardly a fall, and
end far above all that is usual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, Match, Rule, name, quote, say
from flyball.explain.rules.series import SURPRISE_MIN, Series, series, surprise, unusual
from flyball.model.cause import Cause
from flyball.model.signal import Surface

SAMPLES_MIN = 6
"""Samples below which nothing is said of how a metric grows."""
RISING_SHARE = 0.95
"""Share of all pairs of samples of which the later one is higher (Kendall: tau is twice that less one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """Metrics whose growth tells of a cause; `{it}` in `step` is whose they are."""

    cause: Cause
    keys: tuple[str, ...]
    tells: str
    step: str


_GROWING = (
    Growing(
        cause=Cause.MEMORY_LEAK,
        keys=("memory.utilization_percent", "memory"),
        tells="memory that grows without end",
        step="Take a heap dump of {it} and compare it with one after a start: its memory grows.",
    ),
    Growing(
        cause=Cause.CONSUMER_LAG,
        keys=("kafka.consumer_group.lag", "kafka.consumer_group.lag_sum", "ApproximateAgeOfOldestMessage"),
        tells="a consumer that falls behind",
        step="See why {it} takes so long for one message; add consumers up to the number of partitions.",
    ),
)


def _find(growing: Growing, facts: Facts) -> Iterator[Match]:
    several = [found for found in series(facts, *growing.keys) if len(found.now) >= SAMPLES_MIN]
    for found in unusual(several):
        if not found.entity.startswith("node/") and _grows(found):
            yield _match(growing, facts, found)


def _grows(found: Series) -> bool:
    values, part = found.values, len(found.now) // 3
    pairs = [later > one for at, one in enumerate(values) for later in values[at + 1 :]]
    above = min(values[-part:]) > max(found.usual)
    return above and sum(pairs) >= RISING_SHARE * len(pairs) and surprise(found) >= SURPRISE_MIN


def _match(growing: Growing, facts: Facts, found: Series) -> Match:
    first, last, owner = found.now[0], found.now[-1], facts.owner(found.entity)
    before = found.before or 0.0
    begin, end = float(first.value), float(last.value)
    shown = facts.exhibit(
        first,
        last,
        first=round(begin, 1),
        last=round(end, 1),
        before=round(before, 1),
        samples=len(found.now),
    )
    text = (
        f"{quote(found.key)} of {name(found.entity)} rises over {len(found.now)} samples from {begin:.1f} to"
        f" {end:.1f}, usually {before:.1f}."
    )
    step = say(growing.step.format(it=name(owner)), shown, *facts.ownership(found.entity))
    said = (say(text, shown),)
    return Match(cause=growing.cause, object=owner, weight=IMPLIES, said=said, step=step)


RULES = tuple(
    Rule(
        causes=(growing.cause,),
        surfaces=(Surface.METRIC,),
        tells=growing.tells,
        reads=growing.keys,
        find=partial(_find, growing),
        needs_normal=True,
    )
    for growing in _GROWING
)
