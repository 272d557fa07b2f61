"""What differs between the pods of a service that fail and those that do not: version, node, flag, tenant.

A value that all failing pods have and no other separates them. How likely chance does that is known exactly: one in
the number of ways to choose so many pods of so many, times the fields that were tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, Match, Rule, name, quote, say
from flyball.model.cause import Cause
from flyball.model.severity import Severity
from flyball.model.signal import Signal, Surface

CHANCE_MAX = 0.05
"""Chance at which a separation is believed; above, it is a hint."""
PODS_SHOWN = 3

_CAUSES = {"version": Cause.BAD_VERSION, "image": Cause.BAD_VERSION, "spec.nodeName": Cause.BAD_NODE}
_FIELDS = ("version", "image", "spec.nodeName", "zone", "tenant")


def _find(facts: Facts) -> Iterator[Match]:
    services = sorted({facts.owner(pod) for pod in facts.entities("pod")})
    for service in services:
        pods = facts.owned(service)
        failing = {pod: shown for pod in pods if (shown := _fails(facts, pod))}
        fine = [pod for pod in pods if pod not in failing]
        if failing and fine:
            yield from _separations(facts, service, failing, fine)


def _fails(facts: Facts, pod: str) -> Signal | None:
    """What shows that a pod fails: errors it writes, restarts, or that it is not ready."""
    errors = [s for s in facts.on(Surface.LOG) if s.entity == pod and s.severity >= Severity.ERROR]
    if errors:
        return max(errors, key=lambda signal: (signal.count, signal.time))
    restarted = facts.state(pod, "status.restartCount")
    if restarted and restarted.value:
        return restarted
    ready, wanted = facts.state(pod, "status.readyReplicas"), facts.number(pod, "spec.replicas")
    return ready if ready and wanted and ready.value != wanted else None


def _separations(facts: Facts, service: str, failing: dict[str, Signal], fine: list[str]) -> Iterator[Match]:
    tried = [
        field
        for field in (*_FIELDS, *_flags(facts, failing))
        if all(facts.text(pod, field) for pod in (*failing, *fine))
    ]
    for field in tried:
        values = {facts.text(pod, field) for pod in failing}
        if len(values) != 1 or values & {facts.text(pod, field) for pod in fine}:
            continue
        chance = min(1.0, len(tried) / math.comb(len(failing) + len(fine), len(failing)))
        yield _match(facts, service, field, failing, fine, chance)


def _flags(facts: Facts, pods: dict[str, Signal]) -> list[str]:
    return sorted({field.key for pod in pods for field in facts.fields(pod, "flag.")})


def _match(
    facts: Facts, service: str, field: str, failing: dict[str, Signal], fine: list[str], chance: float
) -> Match:
    value = facts.text(next(iter(failing)), field)
    states = [facts.state(pod, field) for pod in (*failing, *fine)]
    owners = [facts.state(pod, "owner") for pod in failing]
    shown = facts.exhibit(
        *states, *owners, failing=len(failing), pods=len(failing) + len(fine), chance=chance
    )
    text = (
        f"{len(failing)} of {len(failing) + len(fine)} pods fail, all with {quote(field)} {quote(value)} and no other"
        f" pod with it; chance does that with probability {chance:.3f}."
    )
    told = [
        say(f"{name(pod)} shows {quote(signal.key)}.", facts.exhibit(signal))
        for pod, signal in sorted(failing.items())[:PODS_SHOWN]
    ]
    cause = _CAUSES.get(field, Cause.COHORT)
    it = f"node/{value.partition('/')[0]}" if cause is Cause.BAD_NODE else service
    step = say(f"Take {quote(value)} out of service, and see whether the failing stops.", shown)
    weight = IMPLIES if chance <= CHANCE_MAX else HINTS
    return Match(cause=cause, object=it, weight=weight, said=(say(text, shown), *told), step=step)


RULES = (
    Rule(
        causes=(Cause.BAD_VERSION, Cause.BAD_NODE, Cause.COHORT),
        surfaces=(Surface.STATE,),
        tells="what the failing pods have in common",
        reads=("pod/",),
        find=_find,
    ),
)
