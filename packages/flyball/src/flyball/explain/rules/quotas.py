"""Quotas that are used up, told by their own numbers where the refusal left no event."""

from __future__ import annotations

from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, SAYS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.objects import amount, container_fields
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

_RESOURCES = {
    "services": Cause.QUOTA_SERVICES,
    "pods": Cause.QUOTA_PODS,
    "requests.cpu": Cause.QUOTA_CPU,
    "limits.cpu": Cause.QUOTA_CPU,
    "cpu": Cause.QUOTA_CPU,
    "requests.memory": Cause.QUOTA_MEMORY,
    "limits.memory": Cause.QUOTA_MEMORY,
    "memory": Cause.QUOTA_MEMORY,
    "requests.storage": Cause.QUOTA_STORAGE,
    "persistentvolumeclaims": Cause.QUOTA_STORAGE,
}


def _find(facts: Facts) -> Iterator[Match]:
    for used in list(facts.on(Surface.STATE)):
        resource = used.key.removeprefix("status.used.")
        cause = _RESOURCES.get(resource)
        hard = facts.state(used.entity, f"status.hard.{resource}")
        if resource == used.key or cause is None or hard is None or not _tight(facts, cause, used, hard):
            continue
        lacking = _lacking(facts, cause)
        if lacking is None:
            continue
        shown = facts.exhibit(used, hard)
        owner = facts.owner(used.entity)
        text = f"{name(used.entity)} has given {quote(str(used.value))} of {quote(str(hard.value))} {quote(resource)}."
        step = say(f"Raise {name(used.entity)}, or free {quote(resource)}.", shown)
        weight = SAYS if cause in {Cause.QUOTA_SERVICES, Cause.QUOTA_STORAGE} else IMPLIES
        yield Match(cause=cause, object=owner, weight=weight, said=(say(text, shown), lacking), step=step)


def _tight(facts: Facts, cause: Cause, used: Signal, hard: Signal) -> bool:
    """Whether a quota is used up; one on storage also when what is left is less than any free volume."""
    if cause is not Cause.QUOTA_STORAGE or _full(used, hard):
        return _full(used, hard)
    left = (amount(str(hard.value)) or 0.0) - (amount(str(used.value)) or 0.0)
    free = [
        amount(facts.text(volume, "status.capacity")) or 0.0
        for volume in facts.entities("volume")
        if facts.text(volume, "status.phase") == "Available"
    ]
    return bool(free) and left < min(free)


def _full(used: Signal, hard: Signal) -> bool:
    taken, limit = amount(str(used.value)), amount(str(hard.value))
    return taken is not None and limit is not None and taken >= limit > 0


def _lacking(facts: Facts, cause: Cause) -> Said | None:
    """What is not there and would have needed the quota; a full quota that nobody misses is no fault."""
    if cause is Cause.QUOTA_SERVICES:
        return _no_service(facts)
    if cause is Cause.QUOTA_STORAGE:
        return _no_claim(facts)
    for service in facts.entities("service"):
        ready, wanted = facts.state(service, "status.readyReplicas"), facts.state(service, "spec.replicas")
        if ready and wanted and ready.value != wanted.value:
            return say(
                f"{name(service)} has fewer ready replicas than it wants.", facts.exhibit(ready, wanted)
            )
    return None


def _no_service(facts: Facts) -> Said | None:
    """A workload that listens and that no Service stands for, while others have theirs."""
    served = {s.entity for s in facts.states("service", "service.type")}
    for service in facts.entities("service"):
        wanted = facts.state(service, "spec.replicas")
        listens = container_fields(facts, service, "containerPort")
        if served and wanted and service not in served and any(signal.value for signal in listens):
            return say(f"{name(service)} runs, and no Service stands for it.", facts.exhibit(wanted))
    return None


def _no_claim(facts: Facts) -> Said | None:
    """A claim that a pod refers to and that is not there."""
    claims = {claim.partition("/")[2] for claim in facts.entities("claim")}
    for signal in facts.on(Surface.STATE):
        if signal.key == "spec.volumes.ClaimName" and str(signal.value) not in claims:
            text = (
                f"{name(signal.entity)} refers to the claim {quote(str(signal.value))}, which is not there."
            )
            return say(text, facts.exhibit(signal))
    return None


RULES = (
    Rule(
        causes=tuple(dict.fromkeys(_RESOURCES.values())),
        surfaces=(Surface.STATE,),
        tells="a quota that is used up",
        reads=("status.used.",),
        find=_find,
    ),
)
