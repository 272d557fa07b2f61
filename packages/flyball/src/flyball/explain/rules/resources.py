"""What resources tell: CPU that is used up, packets that are lost, answers that wait though nobody works."""

from __future__ import annotations

from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.series import Series, one, series
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

BUSY_PERCENT = 70.0
"""CPU of its limit from which on a service waits for CPU."""
RISE = 2.0
"""Times its usual CPU from which on it is no longer usual."""
SLOWER = 5.0
"""Times its usual latency from which on a service is slow."""
LOST = 10.0
"""Times its usual retransmissions from which on a network loses packets."""
NODE_SERVICES_MIN = 3
"""Slow services on one node, from which on the node is what they share."""
LATENCY = ("latency_ms", "latency_ms.p50", "latency_ms.p90", "latency_s.p90")


def _cpu(facts: Facts) -> Iterator[Match]:
    """CPU near its limit that is usually far from it, or a multiple of the usual while it is throttled."""
    for found in series(facts, "cpu.utilization_percent", "cpu.cores"):
        if found.entity.startswith("node/"):
            continue
        before, peak = found.before, found.peak
        high = float(peak.value)
        throttled = one(facts, found.entity, "cpu.throttled_s")
        if before is None or high < RISE * max(before, 1e-6):
            continue
        if found.key == "cpu.utilization_percent" and high >= BUSY_PERCENT:
            yield _busy(facts, found, None)
        elif found.key == "cpu.cores" and throttled and throttled.peak.value:
            yield _busy(facts, found, throttled.peak)


def _busy(facts: Facts, found: Series, throttled: Signal | None) -> Match:
    peak, before = found.peak, found.before or 0.0
    shown = facts.exhibit(peak, before=round(before, 3), now=round(float(peak.value), 3))
    text = f"{quote(peak.key)} of {name(peak.entity)} is {float(peak.value):.3f}, usually {before:.3f}."
    said = [say(text, shown)]
    if throttled:
        text = (
            f"{name(throttled.entity)} is throttled: {quote(throttled.key)} is {float(throttled.value):.3f}."
        )
        said.append(say(text, facts.exhibit(throttled, now=float(throttled.value))))
    step = say(
        f"See what uses the CPU of {name(peak.entity)} and its node; raise its limit if it is work.", shown
    )
    return Match(
        cause=Cause.CPU_CONTENTION, object=peak.entity, weight=SHOWS + 0.05, said=tuple(said), step=step
    )


def _packets(facts: Facts) -> Iterator[Match]:
    """Retransmissions on a node that are a multiple of the usual."""
    for found in series(facts, "tcp.retransmissions"):
        before, peak = found.before, found.peak
        if before is not None and float(peak.value) >= max(1.0, LOST * before):
            shown = facts.exhibit(peak, before=round(before, 3), now=round(float(peak.value), 3))
            text = f"{name(peak.entity)} retransmits {float(peak.value):.3f}, usually {before:.3f}."
            step = say(f"Look at the network interface of {name(peak.entity)} for lost packets.", shown)
            node = peak.entity.startswith("node/")
            cause = Cause.NODE_PACKET_LOSS if node else Cause.NETWORK_DELAY
            yield Match(cause=cause, object=peak.entity, weight=SHOWS, said=(say(text, shown),), step=step)


def _latency(facts: Facts) -> list[Series]:
    """Services that answer much later than usual."""
    return [
        found
        for found in series(facts, *LATENCY)
        if found.before is not None and float(found.peak.value) >= SLOWER * max(found.before, 1e-6)
    ]


def _late(facts: Facts, found: Series) -> Said:
    peak, before = found.peak, found.before or 0.0
    text = f"{quote(peak.key)} of {name(peak.entity)} is {float(peak.value):.3f}, usually {before:.3f}."
    return say(text, facts.exhibit(peak, before=round(before, 3), now=round(float(peak.value), 3)))


def _waits(facts: Facts) -> Iterator[Match]:
    """A service that answers late while its CPU does nothing unusual: what it waits for is the way to it."""
    busy = {match.object for match in _cpu(facts)}
    for found in _latency(facts):
        if found.entity in busy or found.entity.startswith("node/"):
            continue
        probes = [
            event
            for event in facts.on(Surface.EVENT)
            if event.key == "Unhealthy"
            and "deadline exceeded" in str(event.value)
            and facts.owner(event.entity) == found.entity
        ]
        said = [_late(facts, found)]
        weight, cause = HINTS, Cause.SLOW_SERVICE
        if probes:
            event = max(probes, key=lambda probe: probe.count)
            text = f"The probes of {name(event.entity)} time out too: {quote(str(event.value))}."
            said.append(say(text, facts.exhibit(event)))
            weight, cause = SHOWS, Cause.NETWORK_DELAY
        step = say(
            f"Measure the way to {name(found.entity)}: latency at its pod and node.", said[0].exhibits[0]
        )
        yield Match(cause=cause, object=found.entity, weight=weight, said=tuple(said), step=step)


def _node(facts: Facts) -> Iterator[Match]:
    """Services that answer late and all stand on one node, on which nothing loses packets."""
    slow = {found.entity: found for found in _latency(facts) if found.entity.startswith("service/")}
    nodes: dict[str, set[str]] = {}
    for placed in facts.states("pod", "spec.nodeName"):
        nodes.setdefault(f"node/{str(placed.value).partition('/')[0]}", set()).add(facts.owner(placed.entity))
    lossy = {match.object for match in _packets(facts)}
    for node, services in sorted(nodes.items()):
        mine = sorted(set(slow) & services)
        if len(mine) >= NODE_SERVICES_MIN and len(mine) == len(slow) and node not in lossy:
            placed = [
                s
                for s in facts.states("pod", "spec.nodeName")
                if facts.owner(s.entity) in mine and str(s.value) in node
            ]
            text = f"All slow services stand on {name(node)}."
            shown = facts.exhibit(*placed[:5])
            said = (say(text, shown), *(_late(facts, slow[service]) for service in mine[:3]))
            step = say(f"Measure the network of {name(node)}.", shown)
            yield Match(cause=Cause.NODE_NETWORK_DELAY, object=node, weight=IMPLIES, said=said, step=step)


RULES = (
    Rule(
        causes=(Cause.CPU_CONTENTION,),
        surfaces=(Surface.METRIC,),
        tells="CPU that is used up",
        find=_cpu,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.NODE_PACKET_LOSS,),
        surfaces=(Surface.METRIC,),
        tells="packets that are lost",
        find=_packets,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.SLOW_SERVICE, Cause.NETWORK_DELAY),
        surfaces=(Surface.METRIC,),
        tells="a service that answers late",
        find=_waits,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.NODE_NETWORK_DELAY,),
        surfaces=(Surface.METRIC,),
        tells="slow services that share a node",
        find=_node,
        needs_normal=True,
    ),
)
