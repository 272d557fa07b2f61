"""Pods that no node takes: the scheduler says how many nodes failed for which reason; the most frequent one decides.

`0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient memory.` The scheduler does not tell a node
selector from an affinity: the pod's own fields do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.nodes import NODE_CONDITIONS, says_no
from flyball.explain.rules.objects import open_events, pairs
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

UNBOUND = 0.55
"""The weight of a claim that is not bound: a symptom, beside what claims and volumes tell of the reason."""

_REASONS: tuple[tuple[str, Cause, str], ...] = (
    (
        r"Insufficient cpu",
        Cause.CPU_CAPACITY,
        "Lower the CPU request of {0} to what a node can give, or add a node.",
    ),
    (r"Insufficient memory", Cause.MEMORY_CAPACITY, "Lower the memory request of {0}, or add a node."),
    (r"didn't (?:match|satisfy).*anti-affinity", Cause.ANTI_AFFINITY, "Relax the pod anti-affinity of {0}."),
    (
        r"didn't match Pod's node affinity/selector|didn't match node selector",
        Cause.NODE_SELECTOR,
        "Correct the node selector of {0}, or label a node as it asks.",
    ),
    (
        r"didn't match pod affinity",
        Cause.POD_AFFINITY,
        "Relax the pod affinity of {0}, or start what it wants to be near.",
    ),
    (r"didn't (?:match|satisfy).*affinity", Cause.NODE_AFFINITY, "Relax the affinity of {0}."),
    (
        r"free ports for the requested pod ports",
        Cause.PORT_IN_USE,
        "Give {0} a host port that is free, or none.",
    ),
    (r"Too many pods", Cause.POD_CAPACITY, "Raise how many pods a node takes, or add a node for {0}."),
    (r"Insufficient \S+", Cause.RESOURCE_CAPACITY, "Let {0} ask for less, or add a node that has it."),
    (r"topology spread constraints", Cause.TOPOLOGY_SPREAD, "Relax the topology spread of {0}."),
    (
        r"volume node affinity conflict|no available volume zone",
        Cause.VOLUME_ZONE,
        "Give {0} room on the nodes that its volume is bound to.",
    ),
    (r"exceed max volume count", Cause.VOLUME_COUNT, "Add a node for {0}, or attach fewer volumes."),
    (
        r"persistent volumes to bind|unbound immediate PersistentVolumeClaims|bound to non-existent pv|persistentvolumeclaim .* is being deleted",
        Cause.CLAIM_UNBOUND,
        "Compare what the claim of {0} asks for with the volumes there are.",
    ),
    *(
        (rf"taints? .*node\.kubernetes\.io/{taint}", cause, step)
        for taint, (cause, _), step in (
            (
                "disk-pressure",
                NODE_CONDITIONS["DiskPressure"],
                "Free disk on the nodes that {0} could run on.",
            ),
            (
                "memory-pressure",
                NODE_CONDITIONS["MemoryPressure"],
                "Free memory on the nodes that {0} could run on.",
            ),
            (
                "pid-pressure",
                NODE_CONDITIONS["PIDPressure"],
                "End processes on the nodes that {0} could run on.",
            ),
            (
                "network-unavailable",
                NODE_CONDITIONS["NetworkUnavailable"],
                "Look at the network plugin: {0} finds no node.",
            ),
            ("unschedulable", (Cause.NODE_CORDONED, ""), "Uncordon a node for {0}."),
            (
                "(?:not-ready|unreachable)",
                (Cause.NODE_NOT_READY, ""),
                "Look at the nodes that are not ready: {0} finds none.",
            ),
        )
    ),
    (
        r"untolerated taint|had taints?\b.*didn't tolerate",
        Cause.TAINT_NOT_TOLERATED,
        "Tolerate the taint in {0}.",
    ),
    (r"were unschedulable", Cause.NODE_CORDONED, "Uncordon a node for {0}."),
)
_RESERVED = re.compile(r"node-role\.kubernetes\.io/(?:control-plane|master)")
"""A taint that keeps workloads away on purpose: it is no reason while another one is given."""
_AFFINITY_STEP = "Correct the node affinity of {0}, or label a node as it asks."
_TELLS = {
    Cause.CPU_CAPACITY: "nodes without enough CPU",
    Cause.MEMORY_CAPACITY: "nodes without enough memory",
    Cause.ANTI_AFFINITY: "a pod anti-affinity that excludes every node",
    Cause.NODE_SELECTOR: "a node selector that matches no node",
    Cause.NODE_AFFINITY: "a node affinity that matches no node",
    Cause.POD_AFFINITY: "a pod affinity that matches no pod",
    Cause.PORT_IN_USE: "a host port that is taken on every node",
    Cause.POD_CAPACITY: "nodes that take no more pods",
    Cause.RESOURCE_CAPACITY: "a resource that no node has left",
    Cause.TOPOLOGY_SPREAD: "a topology spread that cannot be kept",
    Cause.VOLUME_ZONE: "a volume that is bound to other nodes",
    Cause.VOLUME_COUNT: "nodes that take no more volumes",
    Cause.CLAIM_UNBOUND: "a claim that is not bound",
    Cause.NODE_NOT_READY: "nodes that are not ready",
    **dict(NODE_CONDITIONS.values()),
    Cause.TAINT_NOT_TOLERATED: "a taint that is not tolerated",
    Cause.NODE_CORDONED: "cordoned nodes alone",
}


def _find(cause: Cause, facts: Facts) -> Iterator[Match]:
    by_owner: dict[str, Signal] = {}
    for event in open_events(facts):
        if event.key == "FailedScheduling" and _cause(facts, event)[0] is cause:
            by_owner.setdefault(facts.owner(event.entity), event)
    for owner, event in by_owner.items():
        shown = (facts.exhibit(event), *facts.ownership(event.entity))
        said = [say(f"The scheduler places {name(event.entity)} nowhere: {quote(str(event.value))}.", *shown)]
        selector = facts.state(event.entity, "spec.nodeSelector") or facts.state(owner, "spec.nodeSelector")
        if cause is Cause.NODE_SELECTOR and selector and selector.value:
            text = f"{name(selector.entity)} asks for nodes with {quote(str(selector.value))}."
            said.append(say(text, facts.exhibit(selector)))
        step = say(_cause(facts, event)[1].format(name(owner)), *shown)
        it, why = _ill(facts, cause) or (owner, None)
        if why:
            said.append(say(f"{name(it)} has {quote(why.key)} {quote(str(why.value))}.", facts.exhibit(why)))
        weight = UNBOUND if cause is Cause.CLAIM_UNBOUND else SAYS
        yield Match(cause=cause, object=it, weight=weight, said=tuple(said), step=step)


def _ill(facts: Facts, cause: Cause) -> tuple[str, Signal] | None:
    """The node that has what the taint tells of."""
    told = {cause: condition for condition, (cause, _) in NODE_CONDITIONS.items()}
    for node in facts.entities("node"):
        ready = facts.state(node, "condition.Ready") or facts.state(node, "status.ready")
        if cause is Cause.NODE_NOT_READY and ready and says_no(ready):
            return node, ready
        holds = facts.state(node, f"condition.{told.get(cause, '')}")
        if holds and str(holds.value).startswith("True"):
            return node, holds
    return None


def _cause(facts: Facts, event: Signal) -> tuple[Cause | None, str]:
    """Why most nodes do not take a pod."""
    text = str(event.value).partition(" preemption:")[0]
    clauses = re.findall(r"(\d+) ((?:node\(s\)|Insufficient|Too many|pod has)[^,]*(?:\{[^}]*\}[^,]*)?)", text)
    clauses = [one for one in clauses if not _RESERVED.search(one[1])] or clauses or [("1", text)]
    counted = [
        (int(count), -at, cause, step)
        for count, clause in clauses
        for at, (pattern, cause, step) in enumerate(_REASONS)
        if re.search(pattern, clause)
    ]
    if not counted:
        return None, ""
    by_cause = {cause: (cause, step) for _, _, cause, step in counted}
    if Cause.NODE_SELECTOR in by_cause and _matching(facts, event):
        for chosen in (Cause.NODE_SELECTOR, Cause.NODE_AFFINITY):
            by_cause.pop(chosen, None)
        kept = [one for one in (Cause.TAINT_NOT_TOLERATED, *by_cause) if one in by_cause]
        return by_cause[kept[0]] if kept else (None, "")
    _, _, cause, step = max(counted, key=lambda one: one[:2])
    if cause is Cause.NODE_SELECTOR and not _selects(facts, event):
        return Cause.NODE_AFFINITY, _AFFINITY_STEP
    return cause, step


def _matching(facts: Facts, event: Signal) -> bool:
    """Whether nodes match the pod's selector: what keeps those away is the reason, not the selector."""
    of = (event.entity, facts.owner(event.entity))
    wanted = next(
        (pairs(facts.text(it, "spec.nodeSelector")) for it in of if facts.text(it, "spec.nodeSelector")), {}
    )
    labels = [pairs(str(signal.value)) for signal in facts.states("node", "labels")]
    return bool(wanted) and any(wanted.items() <= given.items() for given in labels)


def _selects(facts: Facts, event: Signal) -> bool:
    """Whether the pod has a node selector; where its fields were not read, it may."""
    owner = facts.owner(event.entity)
    read = [facts.state(it, "spec.nodeSelector") for it in (event.entity, owner)]
    known = [signal for signal in read if signal is not None]
    return not known or any(signal.value for signal in known)


def _unscheduled(facts: Facts) -> Iterator[Match]:
    """Pods that wait for a node while no scheduler says why: the scheduler is not there."""
    down = [s for s in facts.on(Surface.STATE) if s.key == "daemon.kube-scheduler" and not _active(s)]
    for signal in down:
        waiting = [
            pod
            for pod in facts.entities("pod")
            if facts.text(pod, "status.phase") == "Pending" and not facts.text(pod, "spec.nodeName")
        ]
        pods = [facts.state(pod, "status.phase") for pod in waiting[:3]]
        said = [
            say(
                f"The scheduler on {name(signal.entity)} is {quote(str(signal.value))}.",
                facts.exhibit(signal),
            )
        ]
        said += [say(f"{name(pod.entity)} waits for a node.", facts.exhibit(pod)) for pod in pods if pod]
        step = say(f"Start the scheduler on {name(signal.entity)}.", facts.exhibit(signal))
        yield Match(
            cause=Cause.SCHEDULER_DOWN, object=signal.entity, weight=SAYS + 0.02, said=tuple(said), step=step
        )


def _active(signal: Signal) -> bool:
    return str(signal.value).startswith("active")


def _pending(facts: Facts) -> Iterator[Match]:
    """Every node is cordoned and a pod waits, though no event says so."""
    cordoned = [s for s in facts.states("node", "spec.unschedulable") if str(s.value).lower() == "true"]
    if not cordoned or len(cordoned) < len(facts.entities("node")):
        return
    for pod in facts.entities("pod"):
        phase = facts.state(pod, "status.phase")
        if phase and phase.value == "Pending" and not facts.text(pod, "spec.nodeName"):
            owner = facts.owner(pod)
            text = f"{name(pod)} is pending and {name(cordoned[0].entity)} is cordoned like all others."
            said = say(text, facts.exhibit(phase, *cordoned[:3]))
            step = say(
                f"Uncordon a node for {name(owner)}.",
                facts.exhibit(*cordoned[:3], phase),
                *facts.ownership(pod),
            )
            yield Match(cause=Cause.NODE_CORDONED, object=owner, weight=SHOWS, said=(said,), step=step)


RULES = (
    *(
        Rule(causes=(cause,), surfaces=(Surface.EVENT,), tells=tells, find=partial(_find, cause))
        for cause, tells in _TELLS.items()
    ),
    Rule(
        causes=(Cause.NODE_CORDONED,),
        surfaces=(Surface.STATE,),
        tells="cordoned nodes alone",
        reads=("spec.unschedulable",),
        find=_pending,
    ),
    Rule(
        causes=(Cause.SCHEDULER_DOWN,),
        surfaces=(Surface.STATE,),
        tells="a scheduler that is down",
        reads=("daemon.kube-scheduler",),
        find=_unscheduled,
    ),
)
