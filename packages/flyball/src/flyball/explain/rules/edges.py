"""Time on the way between services, and time that an operation takes by itself.

An edge has two ends. What slows a service's network slows all ways to it, or all ways from it; what slows one callee
slows one. So a service is blamed by the share of its edges, of one direction, that became slow, and by how much of
all slowness that explains, not by the slowest edge.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, Match, Rule, Said, name, quote, say
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

RATIO_MIN = 3.0
"""Times slower than before."""
SLOWER_MS_MIN = 20.0
"""And by at least as much."""
SHARE_MIN = 0.5
"""Of a service's edges that are slow, from which on the service is it."""
LEAST, SPAN = 0.5, 0.4


@dataclass(frozen=True, slots=True)
class _Edge:
    now: Signal
    usual_ms: float

    @property
    def slow(self) -> bool:
        value = float(self.now.value)
        return value >= max(RATIO_MIN * self.usual_ms, SLOWER_MS_MIN + max(self.usual_ms, 0.0))


def _edges(facts: Facts) -> list[_Edge]:
    usual: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for signal in facts.usual(Surface.EDGE):
        if isinstance(signal.value, float):
            usual[signal.entity, signal.key, signal.operation].append(signal.value)
    return [
        _Edge(signal, statistics.median(usual[signal.entity, signal.key, signal.operation]))
        for signal in facts.on(Surface.EDGE)
        if isinstance(signal.value, float) and (signal.entity, signal.key, signal.operation) in usual
    ]


def _network(facts: Facts) -> Iterator[Match]:
    """A service most of whose edges became slow."""
    ends: dict[tuple[str, str], list[_Edge]] = defaultdict(list)
    edges = _edges(facts)
    for edge in edges:
        ends[edge.now.entity, "from"].append(edge)
        ends[edge.now.key, "to"].append(edge)
    total = sum(edge.slow for edge in edges)
    for (entity, way), mine in sorted(ends.items()):
        slow = sorted((edge for edge in mine if edge.slow), key=lambda edge: -float(edge.now.value))
        share = len(slow) / len(mine)
        if slow and share >= SHARE_MIN:
            shown = facts.exhibit(*(e.now for e in slow[:5]), slow=len(slow), edges=len(mine))
            text = f"{len(slow)} of {len(mine)} ways {way} {name(entity)} became slow."
            step = say(f"Measure the network of {name(entity)}: latency and loss at its node and pod.", shown)
            weight = LEAST + SPAN * share * len(slow) / total
            said = (say(text, shown), *(_said(facts, edge) for edge in slow[:2]))
            yield Match(cause=Cause.NETWORK_DELAY, object=entity, weight=weight, said=said, step=step)


def _said(facts: Facts, edge: _Edge) -> Said:
    now = edge.now
    shown = facts.exhibit(now, before_ms=round(edge.usual_ms, 1), now_ms=round(float(now.value), 1))
    text = (
        f"The way from {name(now.entity)} to {name(now.key)} takes {float(now.value):.1f} ms at"
        f" {quote(now.operation)}, before {edge.usual_ms:.1f} ms."
    )
    return say(text, shown)


def _slow(facts: Facts) -> Iterator[Match]:
    """An operation that takes much longer by itself, not in what it calls."""
    usual = {
        (s.entity, s.operation): s.value
        for s in facts.usual(Surface.SPAN)
        if s.key == "self_ms.p50" and isinstance(s.value, float)
    }
    slow: dict[str, list[tuple[float, Signal]]] = defaultdict(list)
    for signal in facts.on(Surface.SPAN):
        before = usual.get((signal.entity, signal.operation))
        if signal.key == "self_ms.p50" and before is not None and isinstance(signal.value, float):
            now = signal.value
            if now >= RATIO_MIN * max(before, 1.0) and now - before >= SLOWER_MS_MIN:
                slow[signal.entity].append((before, signal))
    for entity, several in slow.items():
        before, signal = max(several, key=lambda one: float(one[1].value) - one[0])
        now = float(signal.value)
        shown = facts.exhibit(signal, before_ms=round(before, 1), now_ms=round(now, 1))
        text = f"Operation {quote(signal.operation)} of {name(entity)} takes {now:.1f} ms by itself, before {before:.1f} ms."
        step = say(f"Profile operation {quote(signal.operation)} of {name(entity)}.", shown)
        yield Match(
            cause=Cause.SLOW_SERVICE, object=entity, weight=HINTS, said=(say(text, shown),), step=step
        )


RULES = (
    Rule(
        causes=(Cause.NETWORK_DELAY,),
        surfaces=(Surface.EDGE,),
        tells="edges that became slow",
        find=_network,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.SLOW_SERVICE,),
        surfaces=(Surface.SPAN,),
        tells="an operation that became slow by itself",
        find=_slow,
        needs_normal=True,
    ),
)
