"""The platform under the pods: daemons of a node, its conditions, and what the network of a node does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import SAYS, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.logs import telling
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

_DAEMONS = {
    "kubelet": (Cause.KUBELET_DOWN, "a kubelet that is down"),
    "containerd": (Cause.RUNTIME_DOWN, "a container runtime that is down"),
    "docker": (Cause.RUNTIME_DOWN, "a container runtime that is down"),
    "crio": (Cause.RUNTIME_DOWN, "a container runtime that is down"),
    "kube-proxy": (Cause.KUBE_PROXY_DOWN, "a kube-proxy that is down"),
    "kube-controller-manager": (Cause.CONTROLLER_MANAGER_DOWN, "a controller manager that is down"),
    "kube-apiserver": (Cause.API_SERVER_DOWN, "an API server that is down"),
    "etcd": (Cause.ETCD_DOWN, "an etcd that is down"),
}
NODE_CONDITIONS = {
    "MemoryPressure": (Cause.NODE_MEMORY_PRESSURE, "a node that is short of memory"),
    "DiskPressure": (Cause.NODE_DISK_PRESSURE, "a node that is short of disk"),
    "PIDPressure": (Cause.NODE_PID_PRESSURE, "a node that is short of process ids"),
    "NetworkUnavailable": (Cause.NETWORK_PLUGIN, "a node whose network is not configured"),
    "ReadonlyFilesystem": (Cause.FILE_SYSTEM_READ_ONLY, "a node whose file system is read-only"),
    "KernelDeadlock": (Cause.NODE_KERNEL, "a node whose kernel hangs"),
}
"""Conditions of a node that are bad when true: the kubelet's, the cloud's, the node problem detector's."""
_CLUSTER_DNS = ("service/coredns", "service/kube-dns")
"""What kubeadm and the clouds call the DNS of a cluster, its workload and its Service."""
_TEXTS = {
    Cause.RUNTIME_DOWN: r"dial unix \S*(?:containerd|docker|crio)\S*\.sock|PLEG is not healthy"
    r"|container runtime is down",
    Cause.KUBELET_DOWN: r"Kubelet stopped posting node status",
}
PODS_MAX = 3
"""Pods of a node that are named."""


def _down(daemon: str, facts: Facts) -> Iterator[Match]:
    """A daemon that systemd does not call active."""
    cause, _ = _DAEMONS[daemon]
    for signal in facts.on(Surface.STATE):
        if signal.key == f"daemon.{daemon}" and not str(signal.value).startswith(("active", "unknown")):
            shown = facts.exhibit(signal)
            said = [say(f"{quote(daemon)} on {name(signal.entity)} is {quote(str(signal.value))}.", shown)]
            said += _pods(facts, signal.entity)
            step = say(f"Start {quote(daemon)} on {name(signal.entity)} and read its journal.", shown)
            yield Match(cause=cause, object=signal.entity, weight=SAYS + 0.02, said=tuple(said), step=step)


def _pods(facts: Facts, node: str) -> list[Said]:
    """Pods of a node that are not ready."""
    there = [s for s in facts.states("pod", "spec.nodeName") if f"node/{s.value}" == node]
    said: list[Said] = []
    for signal in there:
        ready = facts.state(signal.entity, "status.readyReplicas")
        wanted = facts.number(signal.entity, "spec.replicas")
        if ready and wanted and ready.value != wanted:
            said.append(say(f"{name(signal.entity)} on it is not ready.", facts.exhibit(ready, signal)))
    return said[:PODS_MAX]


def _told(cause: Cause, facts: Facts) -> Iterator[Match]:
    """A node's own events say that a daemon does not answer."""
    for event in facts.on(Surface.EVENT):
        found = re.search(_TEXTS[cause], str(event.value))
        node = event.entity if event.entity.startswith("node/") else ""
        if found and node and event.operation == "Warning":
            said = say(
                f"{name(node)} has the event {quote(event.key)}: {quote(str(event.value))}.",
                facts.exhibit(event),
            )
            step = say(f"Look at the daemons of {name(node)}: {quote(found[0])}.", facts.exhibit(event))
            yield Match(cause=cause, object=node, weight=SHOWS, said=(said,), step=step)


def _not_ready(facts: Facts) -> Iterator[Match]:
    """A node that is not ready, by its own condition or by an event."""
    for node in facts.entities("node"):
        ready = facts.state(node, "condition.Ready") or facts.state(node, "status.ready")
        if ready and says_no(ready):
            said = say(f"{name(node)} is not ready: {quote(str(ready.value))}.", facts.exhibit(ready))
            yield _node(facts, node, said, ready)
    told = (event for event in facts.on(Surface.EVENT) if event.key in {"NodeNotReady", "NodeUnreachable"})
    for event in told:
        if event.entity.startswith("node/") and not _recovered(facts, event):
            said = say(
                f"{name(event.entity)} has the event {quote(event.key)}: {quote(str(event.value))}.",
                facts.exhibit(event),
            )
            yield _node(facts, event.entity, said, event)


def _node(facts: Facts, node: str, said: Said, shown: Signal) -> Match:
    step = say(f"Look at the kubelet and the kernel log of {name(node)}; cordon it.", facts.exhibit(shown))
    said_too = (said, *_pods(facts, node))
    return Match(cause=Cause.NODE_NOT_READY, object=node, weight=SHOWS, said=said_too, step=step)


def _condition(condition: str, facts: Facts) -> Iterator[Match]:
    """A node that says of itself that something is wrong."""
    cause, _ = NODE_CONDITIONS[condition]
    for holds in facts.states("node", f"condition.{condition}"):
        if str(holds.value).startswith("True"):
            node, shown = holds.entity, facts.exhibit(holds)
            said = [say(f"{name(node)} has {quote(holds.key)} {quote(str(holds.value))}.", shown)]
            said += _pods(facts, node)
            step = say(f"Look at {name(node)}, and move its pods away: {quote(condition)}.", shown)
            yield Match(cause=cause, object=node, weight=SHOWS, said=tuple(said), step=step)


def _dns(facts: Facts) -> Iterator[Match]:
    """The DNS of the cluster has no ready pod, and programs say that names do not resolve."""
    for it in _CLUSTER_DNS:
        wanted, ready = facts.number(it, "spec.replicas"), facts.state(it, "status.readyReplicas")
        lost = [
            one for one in telling(facts, Cause.DNS_FAILURE) if facts.owner(one.entity) not in _CLUSTER_DNS
        ]
        if wanted and ready and not ready.value and lost:
            shown = facts.exhibit(ready)
            said = (
                say(f"{name(it)} has no ready pod.", shown),
                say(f"{name(lost[0].entity)} wrote {quote(str(lost[0].value))}.", facts.exhibit(lost[0])),
            )
            step = say(f"Read why the pods of {name(it)} are not ready.", shown)
            yield Match(cause=Cause.CLUSTER_DNS_DOWN, object=it, weight=SAYS, said=said, step=step)


def says_no(ready: Signal) -> bool:
    """Whether a node is not ready, by its condition or its status."""
    text = str(ready.value)
    return text in {"False", "Unknown"} or text.startswith("NotReady")


def _recovered(facts: Facts, event: Signal) -> bool:
    later = (one for one in facts.on(Surface.EVENT) if one.key == "NodeReady" and one.entity == event.entity)
    ready = facts.text(event.entity, "condition.Ready")
    return ready == "True" or any(one.time > event.time for one in later)


RULES = (
    *(
        Rule(
            causes=(cause,),
            surfaces=(Surface.STATE,),
            tells=tells,
            find=partial(_down, daemon),
            reads=(f"daemon.{daemon}",),
        )
        for daemon, (cause, tells) in _DAEMONS.items()
    ),
    *(
        Rule(
            causes=(cause,),
            surfaces=(Surface.EVENT,),
            tells=next(tells for known, tells in _DAEMONS.values() if known is cause),
            find=partial(_told, cause),
        )
        for cause in _TEXTS
    ),
    *(
        Rule(
            causes=(cause,),
            surfaces=(Surface.STATE,),
            tells=tells,
            find=partial(_condition, condition),
            reads=(f"condition.{condition}",),
        )
        for condition, (cause, tells) in NODE_CONDITIONS.items()
    ),
    Rule(
        causes=(Cause.CLUSTER_DNS_DOWN,),
        surfaces=(Surface.STATE,),
        tells="a DNS of the cluster that is down",
        reads=_CLUSTER_DNS,
        find=_dns,
    ),
    Rule(
        causes=(Cause.NODE_NOT_READY,),
        surfaces=(Surface.STATE, Surface.EVENT),
        tells="a node that is not ready",
        find=_not_ready,
    ),
)
