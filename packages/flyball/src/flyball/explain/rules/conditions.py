"""What objects say of themselves in their conditions: a status and a reason, in the words of the API.

Source: https://kubernetes.io/docs/reference/kubernetes-api/, https://gateway-api.sigs.k8s.io/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.logs import telling
from flyball.explain.rules.objects import whole
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of a kind of object whose value tells of a cause."""

    kind: str
    key: str
    begins: str
    cause: Cause
    tells: str
    step: str
    weight: float
    load: bool = False
    """Whether it is as it should be unless the service of that name waits or refuses."""


_CONDITIONS = (
    *(
        Condition(
            kind="namespace",
            key=key,
            begins="True",
            cause=Cause.DELETION_STUCK,
            tells="a namespace that does not go away",
            step="See what is left in {0}, and which controller should take its finalizer off.",
            weight=SHOWS,
        )
        for key in (
            "NamespaceFinalizersRemaining",
            "NamespaceDeletionContentFailure",
            "NamespaceDeletionDiscoveryFailure",
        )
    ),
    *(
        Condition(
            kind=kind,
            key="ResolvedRefs",
            begins="False BackendNotFound",
            cause=Cause.ROUTE_BACKEND,
            tells="a route whose backend is not there",
            step="Let {0} lead to a Service that is there.",
            weight=SAYS,
        )
        for kind in ("httproute", "grpcroute", "tcproute", "tlsroute")
    ),
    Condition(
        kind="autoscaler",
        key="ScalingActive",
        begins="False Failed",
        cause=Cause.AUTOSCALER_METRICS,
        tells="an autoscaler without metrics",
        step="Give {0} what it scales by: requests, and a source of metrics.",
        weight=IMPLIES,
    ),
    Condition(
        kind="autoscaler",
        key="ScalingLimited",
        begins="True TooManyReplicas",
        cause=Cause.AUTOSCALER_MAXIMUM,
        tells="an autoscaler at its maximum",
        step="Raise the maximum of {0}, or see what takes so much.",
        weight=IMPLIES,
        load=True,
    ),
    Condition(
        kind="service",
        key="Failed",
        begins="True BackoffLimitExceeded",
        cause=Cause.JOB_FAILED,
        tells="a job that gives up",
        step="Read the last lines of the pods of {0}.",
        weight=HINTS + 0.2,
    ),
    Condition(
        kind="service",
        key="Failed",
        begins="True DeadlineExceeded",
        cause=Cause.JOB_DEADLINE,
        tells="a job that takes too long",
        step="See why {0} takes longer than its deadline, or raise that.",
        weight=SHOWS,
    ),
)
_WAITS = (Cause.DEPENDENCY_TIMEOUT, Cause.DEPENDENCY_DOWN, Cause.POOL_EXHAUSTED, Cause.RATE_LIMITED)
"""What is written of a service that has too few replicas."""


def _find(condition: Condition, facts: Facts) -> Iterator[Match]:
    for holds in facts.states(condition.kind, f"condition.{condition.key}"):
        it = holds.entity
        if not str(holds.value).startswith(condition.begins) or whole(facts, it):
            continue
        waits = _waiting(facts, it) if condition.load else None
        said = [
            say(f"{name(it)} has {quote(holds.key)} {quote(str(holds.value))}.", facts.exhibit(holds)),
            *(
                [say(f"{name(waits.entity)} wrote {quote(str(waits.value))}.", facts.exhibit(waits))]
                if waits
                else []
            ),
        ]
        weight = min(condition.weight, HINTS) if condition.load and not waits else condition.weight
        step = say(condition.step.format(name(it)), facts.exhibit(holds))
        yield Match(cause=condition.cause, object=it, weight=weight, said=tuple(said), step=step)


def _waiting(facts: Facts, it: str) -> Signal | None:
    """A record of the service that an autoscaler is named for, which tells that it has too much to do."""
    target = f"service/{it.partition('/')[2]}"
    told = [one for cause in _WAITS for one in telling(facts, cause) if facts.owner(one.entity) == target]
    return told[0] if told else None


RULES = tuple(
    Rule(
        causes=(condition.cause,),
        surfaces=(Surface.STATE,),
        tells=condition.tells,
        reads=(f"condition.{condition.key}",),
        find=partial(_find, condition),
    )
    for condition in _CONDITIONS
)
