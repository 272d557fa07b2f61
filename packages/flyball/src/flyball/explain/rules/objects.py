"""What several rules ask of Kubernetes objects."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.model.signal import Signal, Surface


def whole(facts: Facts, service: str) -> bool:
    """Whether all replicas that are wanted are there, new and ready, and none was restarted."""
    wanted, ready = facts.number(service, "spec.replicas"), facts.number(service, "status.readyReplicas")
    if wanted is None or ready is None or ready < wanted:
        return False
    updated = facts.number(service, "status.updatedReplicas")
    return (updated is None or updated >= wanted) and not restarts(facts, service)


def restarts(facts: Facts, service: str) -> int:
    """How often containers of a service were restarted."""
    return int(sum(facts.number(pod, "status.restartCount") or 0.0 for pod in facts.owned(service)))


def open_events(facts: Facts, *, normal: bool = False) -> Iterator[Signal]:
    """Warnings (or all events) that still matter: of objects that are there, and not whole since."""
    found = facts.memo.get(__name__)
    if not isinstance(found, tuple):
        found = facts.memo[__name__] = tuple(_open(facts))
    yield from (event for event in found if normal or event.operation == "Warning")


def _open(facts: Facts) -> Iterator[Signal]:
    pods = set(facts.entities("pod"))
    for event in facts.on(Surface.EVENT):
        gone = event.entity.startswith("pod/") and len(pods) > 1 and event.entity not in pods
        if not gone and not whole(facts, facts.owner(event.entity)):
            yield event


def ports(text: str) -> set[str]:
    """The port numbers in `9555/TCP, grpc 80/TCP`; a bare number counts."""
    return set(re.findall(r"(?<![\d.])(\d+)(?=/(?:TCP|UDP)|$)", text))


def container_fields(facts: Facts, entity: str, field: str) -> list[Signal]:
    """A field of each container of an object."""
    return [signal for signal in facts.fields(entity, "container.") if signal.key.endswith("." + field)]


def pairs(text: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping."""
    return dict(part.split("=", 1) for part in text.replace(" ", "").split(",") if "=" in part)


def amount(text: str) -> float | None:
    """A Kubernetes quantity as a number: `200m`, `1Gi`, `3`; None when it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|k|K|Ki|M|Mi|G|Gi|T|Ti|)", text.strip())
    if not match:
        return None
    powers = {"": 1, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    binary = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    return float(match[1]) * (binary.get(match[2]) or powers[match[2]])
