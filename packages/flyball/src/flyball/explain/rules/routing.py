"""Pods that run and are not reached: selectors, ports, policies, and replicas that nobody wants.

Each rule holds two objects against each other, both as read: a Service and the pods that it should find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.logs import telling
from flyball.explain.rules.objects import container_fields, pairs, ports
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

_SHUT_OFF = (Cause.DNS_FAILURE, Cause.DEPENDENCY_TIMEOUT)
"""What programs write where a policy drops what they send."""


def _selector(facts: Facts) -> Iterator[Match]:
    """A Service without endpoints whose selector differs from the labels of the pods that bear its name."""
    for selector in list(facts.states("service", "service.selector")):
        it, wanted = selector.entity, pairs(str(selector.value))
        labels = facts.state(it, "template.labels")
        if not wanted or labels is None or _has_endpoints(facts, it):
            continue
        given = pairs(str(labels.value))
        if any(given.get(key) != value for key, value in wanted.items()):
            text = f"{name(it)} selects {quote(str(selector.value))}, its pods are labelled {quote(str(labels.value))}."
            shown = facts.exhibit(selector, labels)
            step = say(f"Let the selector of {name(it)} match the labels of its pods.", shown)
            yield Match(
                cause=Cause.SERVICE_SELECTOR, object=it, weight=SAYS, said=(say(text, shown),), step=step
            )


def _protocol(facts: Facts) -> Iterator[Match]:
    """A Service that offers a port in one protocol while its pods listen there in another."""
    for offered in list(facts.states("service", "service.port")):
        it = offered.entity
        declared = container_fields(facts, it, "containerPort")
        ours, theirs = _protocols(str(offered.value)), _protocols(",".join(str(s.value) for s in declared))
        target = facts.state(it, "service.targetPort") or offered
        if (
            ports(str(target.value)) & set(theirs)
            and ours
            and theirs
            and not set(ours.values()) & set(theirs.values())
        ):
            text = f"{name(it)} offers {quote(str(offered.value))}, its pods listen on {quote(str(declared[0].value))}."
            shown = facts.exhibit(offered, *declared)
            step = say(f"Give the port of {name(it)} the protocol that its pods speak.", shown)
            yield Match(
                cause=Cause.SERVICE_PROTOCOL, object=it, weight=SAYS, said=(say(text, shown),), step=step
            )


def _protocols(text: str) -> dict[str, str]:
    """Port -> protocol."""
    return dict(re.findall(r"(\d+)/(TCP|UDP|SCTP)", text))


def _has_endpoints(facts: Facts, it: str) -> bool:
    ends = facts.state(it, "endpoints") or facts.state(it, "service.endpoints")
    return ends is not None and bool(ends.value)


def _named_port(facts: Facts) -> Iterator[Match]:
    """A Service that sends to a port by a name, and finds none of its ready pods there."""
    for target in list(facts.states("service", "service.targetPort")):
        it, named = target.entity, str(target.value)
        ready = facts.state(it, "status.readyReplicas")
        ends = facts.state(it, "endpoints")
        selected = (
            pairs(facts.text(it, "service.selector")).items()
            <= pairs(facts.text(it, "template.labels")).items()
        )
        if (
            ports(named)
            or not named
            or not selected
            or ends is None
            or ends.value
            or not (ready and ready.value)
        ):
            continue
        text = f"{name(it)} sends to the port named {quote(named)}, and has no endpoint though its pods are ready."
        shown = facts.exhibit(target, ends, ready)
        step = say(f"Let the target port of {name(it)} be one that its pods declare.", shown)
        yield Match(cause=Cause.SERVICE_PORT, object=it, weight=SHOWS, said=(say(text, shown),), step=step)


def _port(facts: Facts) -> Iterator[Match]:
    """A Service that sends to a port which its pods do not declare."""
    for target in list(facts.states("service", "service.targetPort")):
        it = target.entity
        declared = container_fields(facts, it, "containerPort")
        sent, open_ports = ports(str(target.value)), {p for s in declared for p in ports(str(s.value))}
        if sent and open_ports and not sent & open_ports and facts.text(it, "service.selector"):
            listens = ", ".join(quote(port) for port in sorted(open_ports))
            text = f"{name(it)} sends to {quote(str(target.value))}, its pods listen on {listens}."
            shown = facts.exhibit(target, *declared)
            step = say(f"Let the target port of {name(it)} be one that its pods listen on.", shown)
            yield Match(cause=Cause.SERVICE_PORT, object=it, weight=SAYS, said=(say(text, shown),), step=step)


def _zero(facts: Facts) -> Iterator[Match]:
    """A service that others call, or that a Service stands for, and of which no replica is wanted."""
    called = {edge.key for edge in facts.on(Surface.EDGE)}
    for wanted in list(facts.states("service", "spec.replicas")):
        it = wanted.entity
        if wanted.value == 0 and (it in called or facts.state(it, "service.port")):
            shown = facts.exhibit(wanted)
            step = say(f"Scale {name(it)} up again, and see who scaled it down.", shown)
            said = say(f"{name(it)} wants 0 replicas.", shown)
            yield Match(cause=Cause.ZERO_REPLICAS, object=it, weight=SAYS, said=(said,), step=step)


def _unreached(facts: Facts) -> Iterator[Match]:
    """A Service that is there, with endpoints and ready pods, and that a connection does not reach."""
    for signal in facts.on(Surface.STATE):
        if re.fullmatch(r"reachable\.\d+", signal.key) and signal.value == "failed":
            it = signal.entity
            if _has_endpoints(facts, it) and (facts.number(it, "status.readyReplicas") or 0) > 0:
                ends = facts.state(it, "endpoints") or facts.state(it, "service.endpoints")
                port = quote(signal.key.partition(".")[2])
                text = f"A connection to {name(it)} at port {port} failed, though it has endpoints."
                shown = facts.exhibit(signal, ends)
                step = say(f"Ask from a pod why {name(it)} refuses at port {port}.", shown)
                yield Match(
                    cause=Cause.DEPENDENCY_DOWN,
                    object=it,
                    weight=IMPLIES - 0.15,
                    said=(say(text, shown),),
                    step=step,
                )


def _denied(facts: Facts) -> Iterator[Match]:
    """A network policy that lets nothing out of, or into, all pods of its namespace."""
    for way in ("egress", "ingress"):
        for rules in list(facts.states("networkpolicy", f"spec.{way}")):
            selects = facts.state(rules.entity, "spec.podSelector")
            if rules.value == "[]" and selects and selects.value == "{}":
                shown = facts.exhibit(rules, selects)
                said = [
                    say(
                        f"{name(rules.entity)} allows no {way} for any pod: a name is not resolved either.",
                        shown,
                    )
                ]
                told = [s for cause in _SHUT_OFF for s in telling(facts, cause)][:1]
                said += [
                    say(f"{name(s.entity)} wrote {quote(str(s.value))}.", facts.exhibit(s)) for s in told
                ]
                step = say(f"Allow in {name(rules.entity)} the {way} that is needed, DNS first.", shown)
                weight = SAYS if told else IMPLIES
                yield Match(
                    cause=Cause.NETWORK_POLICY,
                    object=rules.entity,
                    weight=weight,
                    said=tuple(said),
                    step=step,
                )


def _no_names(facts: Facts) -> Iterator[Match]:
    """A network policy that lets out what it lists and not DNS, for a pod that says that names do not resolve."""
    for rules in list(facts.states("networkpolicy", "spec.egress")):
        selects = facts.state(rules.entity, "spec.podSelector")
        told = [s for s in telling(facts, Cause.DNS_FAILURE) if _selected(facts, selects, s.entity)]
        if rules.value == "[]" or not told or not _keeps_names(str(rules.value)):
            continue
        shown = facts.exhibit(rules, selects)
        said = (
            say(f"{name(rules.entity)} allows {quote(str(rules.value))} out, and no DNS.", shown),
            say(f"{name(told[0].entity)} wrote {quote(str(told[0].value))}.", facts.exhibit(told[0])),
        )
        step = say(f"Allow DNS out in {name(rules.entity)}.", shown)
        yield Match(cause=Cause.NETWORK_POLICY, object=rules.entity, weight=SHOWS, said=said, step=step)


def _selected(facts: Facts, selects: Signal | None, entity: str) -> bool:
    """Whether a policy is of this pod; of one whose labels were not read only when it is of all."""
    wanted = pairs(str(selects.value)) if selects else {"": ""}
    given = facts.text(entity, "labels") or facts.text(facts.owner(entity), "template.labels")
    return wanted.items() <= pairs(given).items()


def _keeps_names(rules: str) -> bool:
    """Whether every rule lists ports and none of them is that of DNS: what is open to a port is open to all hosts."""
    numbers = set(re.findall(r"""['"]?port['"]?: ?['"]?([\w-]+)""", rules))
    several = len(re.findall(r"""['"]?ports['"]?: ?\[""", rules))
    return several > 0 and several >= _count(rules) and not numbers & {"53", "dns", "dns-tcp"}


def _count(rules: str) -> int:
    """How many rules a list in brackets holds."""
    depth, count = 0, 0
    for letter in rules:
        count += letter == "{" and depth == 1
        depth += (letter in "[{") - (letter in "]}")
    return count


RULES = (
    Rule(
        causes=(Cause.NETWORK_POLICY,),
        surfaces=(Surface.STATE,),
        tells="a network policy that lists no DNS",
        reads=("networkpolicy/",),
        find=_no_names,
    ),
    Rule(
        causes=(Cause.NETWORK_POLICY,),
        surfaces=(Surface.STATE,),
        tells="a network policy that denies",
        reads=("networkpolicy/",),
        find=_denied,
    ),
    Rule(
        causes=(Cause.SERVICE_SELECTOR,),
        surfaces=(Surface.STATE,),
        tells="a service selector that matches no pod",
        reads=("service.selector",),
        find=_selector,
    ),
    Rule(
        causes=(Cause.SERVICE_PORT,),
        surfaces=(Surface.STATE,),
        tells="a service port that leads elsewhere",
        reads=("service.targetPort",),
        find=_port,
    ),
    Rule(
        causes=(Cause.SERVICE_PORT,),
        surfaces=(Surface.STATE,),
        tells="a service port whose name no pod has",
        reads=("service.targetPort",),
        find=_named_port,
    ),
    Rule(
        causes=(Cause.SERVICE_PROTOCOL,),
        surfaces=(Surface.STATE,),
        tells="a service that speaks another protocol",
        reads=("service.port",),
        find=_protocol,
    ),
    Rule(
        causes=(Cause.ZERO_REPLICAS,),
        surfaces=(Surface.STATE,),
        tells="a service of which nothing is wanted",
        reads=("spec.replicas",),
        find=_zero,
    ),
    Rule(
        causes=(Cause.DEPENDENCY_DOWN,),
        surfaces=(Surface.STATE,),
        tells="a service that a connection does not reach",
        reads=("reachable.",),
        find=_unreached,
    ),
)
