"""Addresses in environment variables, held against the Services there are.

A variable may point to a Service that is not there, to a port that it does not offer, to a namespace or domain in which
it does not resolve, or to another Service than the one it is named for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.logs import telling
from flyball.explain.rules.objects import ports
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

NAME_CHARS_MIN = 4
"""A Service with a shorter name is in too many words to be what a variable is named for."""

_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+]*://)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?):(\d{2,5})(?:/.*)?$")


def _address(facts: Facts) -> Iterator[Match]:
    """An environment variable that points to a Service that is not there, or to a port that it has not."""
    services = {
        it.partition("/")[2]: it for it in facts.entities("service") if facts.text(it, "service.port")
    }
    if not services:
        return
    for signal in facts.on(Surface.STATE):
        match = _ADDRESS.match(str(signal.value)) if ".env." in signal.key else None
        if match is None or signal.entity.startswith(("pod/", "replicaset/")):
            continue
        host, port = match[1].split(".")[0], match[2]
        variable = quote(signal.key.rpartition(".")[2])
        if "." in match[1] and ".svc" not in match[1]:
            if host in services and _unresolved(facts, signal.entity, match[1]):
                text = (
                    f"{name(signal.entity)} has {variable} {quote(str(signal.value))}, which does not resolve, and"
                    f" {name(services[host])} is there."
                )
                yield _wrong(facts, signal, text, facts.state(services[host], "service.port"))
            continue
        if host in services and port not in ports(facts.text(services[host], "service.port")):
            offered = facts.state(services[host], "service.port")
            text = (
                f"{name(signal.entity)} has {variable} {quote(str(signal.value))}, but {name(services[host])}"
                f" offers {quote(str(offered.value if offered else ''))}."
            )
            yield _wrong(facts, signal, text, offered)
        elif host not in services and not _unused(signal.key, facts, signal.entity, host):
            text = f"{name(signal.entity)} has {variable} {quote(str(signal.value))}, and no such service is there."
            yield _wrong(facts, signal, text, None)


def _unresolved(facts: Facts, it: str, host: str) -> bool:
    """Whether this host alone does not resolve: no other service, and no other address of this one, is troubled."""
    told = telling(facts, Cause.DNS_FAILURE)
    named = [one for one in told if host in str(one.value)]
    found = (_ADDRESS.match(str(s.value)) for s in facts.fields(it, "container.") if ".env." in s.key)
    others = [one[1] for one in found if one and one[1] != host]
    return bool(named) and all(
        facts.owner(one.entity) == it
        and (one in named or not any(other in str(one.value) for other in others))
        for one in told
    )


def _host_and_port(facts: Facts) -> Iterator[Match]:
    """A host and a port in two variables that go together, of which the Service there offers another port."""
    for host in facts.on(Surface.STATE):
        if ".env." not in host.key or not host.key.endswith("HOST") or not host.entity.startswith("service/"):
            continue
        port = facts.state(host.entity, host.key.removesuffix("HOST") + "PORT")
        offered = facts.state(f"service/{str(host.value).split('.')[0]}", "service.port")
        if port is None or offered is None or not str(port.value).isdigit():
            continue
        if ports(str(offered.value)) and str(port.value) not in ports(str(offered.value)):
            text = (
                f"{name(host.entity)} has {quote(port.key.rpartition('.')[2])} {quote(str(port.value))} for"
                f" {quote(str(host.value))}, which offers {quote(str(offered.value))}."
            )
            shown = facts.exhibit(port, host, offered)
            step = say(f"Correct {quote(port.key.rpartition('.')[2])} of {name(host.entity)}.", shown)
            yield Match(
                cause=Cause.ENV_ADDRESS, object=host.entity, weight=SHOWS, said=(say(text, shown),), step=step
            )


def _elsewhere(facts: Facts) -> Iterator[Match]:
    """A variable named for one Service that holds the address of another."""
    services = {
        _letters(it.partition("/")[2]): it
        for it in facts.entities("service")
        if facts.text(it, "service.port")
    }
    for signal in facts.on(Surface.STATE):
        match = _ADDRESS.match(str(signal.value)) if ".env." in signal.key else None
        if match is None or not signal.entity.startswith("service/"):
            continue
        variable = signal.key.rpartition(".")[2]
        mine = [known for known in services if len(known) >= NAME_CHARS_MIN and known in _letters(variable)]
        host = _letters(match[1].split(".")[0])
        if mine and host in services and host != max(mine, key=len):
            meant = services[max(mine, key=len)]
            text = f"{name(signal.entity)} has {quote(variable)} {quote(str(signal.value))}, and {name(meant)} is there."
            offered = facts.state(meant, "service.port")
            shown = facts.exhibit(signal, offered)
            step = say(f"Point {quote(variable)} of {name(signal.entity)} to {name(meant)}.", shown)
            yield Match(
                cause=Cause.MISROUTED, object=signal.entity, weight=SHOWS, said=(say(text, shown),), step=step
            )


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _wrong(facts: Facts, signal: Signal, text: str, beside: Signal | None) -> Match:
    shown = facts.exhibit(signal, beside)
    step = say(
        f"Correct the address in {quote(signal.key.rpartition('.')[2])} of {name(signal.entity)}.", shown
    )
    said = (say(text, shown),)
    return Match(cause=Cause.ENV_ADDRESS, object=signal.entity, weight=SHOWS, said=said, step=step)


def _unused(key: str, facts: Facts, entity: str, host: str) -> bool:
    """Whether an address that leads nowhere seems to trouble nobody: it works without, and no record names it."""
    del key
    told = any(host in str(s.value) for s in facts.on(Surface.LOG))
    calls = {callee.partition("/")[2] for callee in facts.callees(entity)}
    return not told and not any(callee and (callee in host or host in callee) for callee in calls)


RULES = (
    Rule(
        causes=(Cause.ENV_ADDRESS,),
        surfaces=(Surface.STATE,),
        tells="an address that leads nowhere",
        reads=(".env.",),
        find=_address,
    ),
    Rule(
        causes=(Cause.ENV_ADDRESS,),
        surfaces=(Surface.STATE,),
        tells="a port that the named host does not offer",
        reads=(".env.",),
        find=_host_and_port,
    ),
    Rule(
        causes=(Cause.MISROUTED,),
        surfaces=(Surface.STATE,),
        tells="an address of another service than is meant",
        reads=(".env.",),
        find=_elsewhere,
    ),
)
