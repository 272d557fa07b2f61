"""What the metrics of services tell: who answers late, who fails, and who is asked more than before.

A latency is held against how it usually varies where a normal time is long enough to know that, else against its
usual value. Callers of what is slow are slow too: the engine lets callees explain their callers. A node that tracing
only infers from its caller (`inferred/`) tells nothing of its own and comes after what it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.resources import busy, lossy
from flyball.explain.rules.series import SURPRISE_MIN, USUAL_MIN, Series, series, surprise, unusual
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

SLOWER = 5.0
"""Times its usual latency from which on a service is slow, where its spread is not known."""
ALERTED_MIN = 3.0
"""The same where an alert is about such a metric and its service asks this one: something is wrong on that way."""
SURE = 60.0
"""Standard deviations at which nothing more is learnt."""
LOST_PERCENT_MIN = 0.2
"""Points of availability that must be lost."""
NODE_SERVICES_MIN = 3
"""Slow services on one node, from which on the node is what they share."""
LATENCY = ("latency_ms", "latency_s", "latency_s.p90")
INFERRED = 0.8
"""What is left of the weight of a node that is only inferred, or that the alert does not speak of."""
LEAST, SPAN = 0.5, 0.35


def _slow(facts: Facts) -> list[tuple[Series, float]]:
    """Services that answer much later than usual, each by its most telling metric, with a weight."""
    found: dict[str, tuple[Series, float]] = {}
    several = series(facts, *LATENCY)
    real = unusual(several)
    for one in several:
        weight = _weight(facts, one, surprise(one), "latency") if one in real else 0.0
        ratio = one.before is not None and float(one.peak.value) >= SLOWER * max(one.before, 1e-6)
        if not weight and ratio and not surprise(one):
            weight = HINTS
        if weight > found.get(one.entity, (one, 0.0))[1]:
            found[one.entity] = (one, weight)
    return [found[entity] for entity in sorted(found)]


def _weight(facts: Facts, found: Series, far: float, told: str) -> float:
    """0 for the usual, else from `LEAST` on, by the logarithm of the surprise."""
    alerted = any(
        told in alert.key and (found.entity == alert.entity or found.entity in facts.below(alert.entity))
        for alert in facts.on(Surface.ALERT)
    )
    least = ALERTED_MIN if alerted else SURPRISE_MIN
    if far < least:
        return 0.0
    return LEAST + SPAN * min(1.0, math.log(far / least) / math.log(SURE / least))


def _placed(facts: Facts, entity: str, weight: float, told: str) -> float:
    """A weight, less for what is only inferred, and for another trouble than the alert tells of."""
    alerts = facts.on(Surface.ALERT)
    weight *= 1.0 if not alerts or any(told in alert.key for alert in alerts) else INFERRED
    return weight * (INFERRED if entity.startswith("inferred/") else 1.0)


def _told(facts: Facts, found: Series, at: Signal) -> Said:
    before = found.before or 0.0
    text = f"{quote(at.key)} of {name(at.entity)} is {float(at.value):.3f}, usually {before:.3f}."
    return say(text, facts.exhibit(at, before=round(before, 3), now=round(float(at.value), 3)))


def _late(facts: Facts) -> Iterator[Match]:
    """A service that answers late while its CPU does nothing unusual; the way to it, where probes wait as well."""
    used_up = {match.object for match in busy(facts)}
    for found, weight in _slow(facts):
        if found.entity in used_up or found.entity.startswith("node/"):
            continue
        said = [_told(facts, found, found.peak)]
        cause, sure = Cause.SLOW_SERVICE, _placed(facts, found.entity, weight, "latency")
        probe = _waiting_probe(facts, found.entity)
        if probe:
            text = f"The probes of {name(probe.entity)} time out too: {quote(str(probe.value))}."
            said.append(say(text, facts.exhibit(probe)))
            cause, sure = Cause.NETWORK_DELAY, SHOWS
        what = "Measure the way to" if probe else "Profile"
        step = say(f"{what} {name(found.entity)}: it answers late.", said[0].exhibits[0])
        yield Match(cause=cause, object=found.entity, weight=sure, said=tuple(said), step=step)


def _waiting_probe(facts: Facts, entity: str) -> Signal | None:
    """A probe of the service that waited in vain, which is not the same as one that was refused."""
    probes = [
        event
        for event in facts.on(Surface.EVENT)
        if event.key == "Unhealthy"
        and "deadline exceeded" in str(event.value)
        and facts.owner(event.entity) == entity
    ]
    return max(probes, key=lambda probe: probe.count, default=None)


def _node(facts: Facts) -> Iterator[Match]:
    """Services that answer late and all stand on one node, on which nothing loses packets."""
    slow = {found.entity: found for found, _ in _slow(facts) if found.entity.startswith("service/")}
    placed = list(facts.states("pod", "spec.nodeName"))
    nodes: dict[str, list[Signal]] = {}
    for signal in placed:
        if facts.owner(signal.entity) in slow:
            nodes.setdefault(f"node/{str(signal.value).partition('/')[0]}", []).append(signal)
    lossy_nodes = {match.object for match in lossy(facts)}
    for node, pods in sorted(nodes.items()):
        mine = {facts.owner(pod.entity) for pod in pods}
        first = {it for it in mine if not facts.below(it) & mine}  # slow by themselves, not by what they call
        several = len(mine) >= NODE_SERVICES_MIN and len(first) > 1
        if several and mine == set(slow) and node not in lossy_nodes:
            shown = facts.exhibit(*pods[:5])
            said = [say(f"All slow services stand on {name(node)}.", shown)]
            said += [_told(facts, slow[service], slow[service].peak) for service in sorted(mine)[:3]]
            step = say(f"Measure the network of {name(node)}.", shown)
            yield Match(
                cause=Cause.NODE_NETWORK_DELAY, object=node, weight=IMPLIES, said=tuple(said), step=step
            )


def _failing(facts: Facts) -> Iterator[Match]:
    """A service whose share of answered requests is far below what it usually is.

    A share of many requests tells where few samples are usual; where there are more, chance is ruled out by ranks.
    """
    several = series(facts, "availability_percent")
    real = unusual(several, low=True)
    for found in (one for one in several if one in real or len(one.usual) < USUAL_MIN):
        worst = min(found.now, key=lambda signal: (float(signal.value), signal.time))
        before = found.before
        lost = (before or 0.0) - float(worst.value)
        weight = _weight(facts, found, _lost(found), "availability")
        if before is not None and weight and lost >= LOST_PERCENT_MIN:
            said = _told(facts, found, worst)
            step = say(f"Read the errors that {name(found.entity)} answers with.", said.exhibits[0])
            sure = _placed(facts, found.entity, weight, "availability")
            yield Match(
                cause=Cause.FAILING_SERVICE, object=found.entity, weight=sure, said=(said,), step=step
            )


def _lost(found: Series) -> float:
    """The surprise of an availability.

    Most services never fail: then a tenth of a point is the spread. One that usually fails a part, or did at times,
    varies by as much.
    """
    if not found.usual:
        return 0.0
    center = found.before or 0.0
    below = sorted(center - value for value in found.usual)
    tail = below[min(len(below) - 1, int(0.99 * len(below)))] / 2.33
    return (center - min(found.values)) / max(tail, 100.0 - center, 0.1)


def _traffic(facts: Facts) -> Iterator[Match]:
    """Entries that are asked much more often than usual: what nobody else calls."""
    called = {edge.key for edge in facts.on(Surface.EDGE)}
    for found in unusual(series(facts, "requests.count", "requests.rate")):
        weight = _weight(facts, found, surprise(found), "requests")
        if weight and found.entity not in called and found.entity.startswith("service/"):
            said = _told(facts, found, found.peak)
            step = say(
                f"See who asks {name(found.entity)} so often; scale it, or limit them.", said.exhibits[0]
            )
            yield Match(cause=Cause.TRAFFIC, object=found.entity, weight=weight, said=(said,), step=step)


RULES = (
    Rule(
        causes=(Cause.SLOW_SERVICE, Cause.NETWORK_DELAY),
        surfaces=(Surface.METRIC,),
        tells="a service that answers late",
        reads=("latency",),
        find=_late,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.NODE_NETWORK_DELAY,),
        surfaces=(Surface.METRIC,),
        tells="slow services that share a node",
        reads=("latency",),
        find=_node,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.FAILING_SERVICE,),
        surfaces=(Surface.METRIC,),
        tells="a service that fails more than usual",
        reads=("availability",),
        find=_failing,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.TRAFFIC,),
        surfaces=(Surface.METRIC,),
        tells="more traffic than usual",
        reads=("requests.",),
        find=_traffic,
        needs_normal=True,
    ),
)
