"""Probes that fail: against another protocol, another port, too impatient, or because the program is ill.

The message of the probe tells the protocol; the port it asks and the ports the container declares tell the port; a
probe whose first questions all come before a program can have started tells impatience.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flyball.explain.exhibit import Exhibit
from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, SAYS, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.objects import container_fields, ports, restarts, whole
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

IMPATIENT_S = 5
"""A probe that gives up within this many seconds of the start leaves a program no time."""

_PROTOCOL = re.compile(
    r"malformed HTTP|HTTP/1\.x transport connection broken|first record does not look like a TLS handshake"
    r"|server gave HTTP response to HTTPS|unexpected EOF|Unexpected HTTP/1|connection error: .*http2"
    r"|error reading server preface|does not implement the grpc health protocol|unimplemented"
    r"|statuscode: 40[05]|parse error|EOF$",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"connection refused|failed to connect|connect: ", re.IGNORECASE)
"""Nobody listens there; a program that is merely slow answers late instead."""


@dataclass(frozen=True, slots=True)
class _Kind:
    word: str
    field: str
    protocol: Cause
    port: Cause
    path: Cause
    timing: Cause
    failed: Cause


_LIVENESS = _Kind(
    "Liveness",
    "livenessProbe",
    Cause.LIVENESS_PROTOCOL,
    Cause.LIVENESS_PORT,
    Cause.LIVENESS_PATH,
    Cause.LIVENESS_TIMING,
    Cause.LIVENESS_FAILED,
)
_READINESS = _Kind(
    "Readiness",
    "readinessProbe",
    Cause.READINESS_PROTOCOL,
    Cause.READINESS_PORT,
    Cause.READINESS_PATH,
    Cause.READINESS_TIMING,
    Cause.READINESS_FAILED,
)

_STARTUP = _Kind(
    "Startup",
    "startupProbe",
    Cause.STARTUP_PROTOCOL,
    Cause.STARTUP_PORT,
    Cause.STARTUP_PATH,
    Cause.STARTUP_TIMING,
    Cause.STARTUP_FAILED,
)


def _find(kind: _Kind, facts: Facts) -> Iterator[Match]:
    failed: dict[str, list[Signal]] = {}
    for event in facts.on(Surface.EVENT):
        if event.key == "Unhealthy" and str(event.value).startswith(f"{kind.word} probe"):
            failed.setdefault(facts.owner(event.entity), []).append(event)
    for owner, events in failed.items():
        if _matters(kind, facts, owner):
            yield _match(kind, facts, owner, max(events, key=lambda event: event.count))


def _matters(kind: _Kind, facts: Facts, owner: str) -> bool:
    """Liveness matters where it restarts, the others where something is not ready; unread, all do."""
    if facts.number(owner, "spec.replicas") is None and not facts.owned(owner):
        return True
    return bool(restarts(facts, owner)) if kind is _LIVENESS else not whole(facts, owner)


def _match(kind: _Kind, facts: Facts, owner: str, event: Signal) -> Match:
    probe = next(iter(container_fields(facts, event.entity, kind.field)), None)
    probe = probe or next(iter(container_fields(facts, owner, kind.field)), None)
    shown = facts.exhibit(event)
    told = say(f"{name(event.entity)} has the event {quote(event.key)}: {quote(str(event.value))}.", shown)
    cause, weight, why = _why(kind, facts, owner, event, probe)
    asked = (facts.exhibit(probe),) if probe else (shown,)
    step = say(_step(kind, cause, owner), shown, *asked, *facts.ownership(event.entity))
    return Match(cause=cause, object=owner, weight=weight, said=(told, *why), step=step)


def _step(kind: _Kind, cause: Cause, owner: str) -> str:
    what = {
        kind.protocol: "Ask in the protocol that {0} speaks",
        kind.port: "Ask the port that {0} listens on",
        kind.path: "Ask a path that {0} answers",
        kind.timing: "Give {0} the time it needs to start",
        kind.failed: "Read why {0} does not answer its probe",
    }[cause]
    return what.format(name(owner)) + f" (its {kind.word.lower()} probe)."


def _why(
    kind: _Kind, facts: Facts, owner: str, event: Signal, probe: Signal | None
) -> tuple[Cause, float, tuple[Said, ...]]:
    text = str(event.value)
    ours = container_fields(facts, owner, "containerPort") or container_fields(
        facts, event.entity, "containerPort"
    )
    declared = {port for signal in ours for port in ports(str(signal.value))}
    asked = _asked(text, probe)
    if asked and declared and asked not in declared and _REFUSED.search(text):
        exhibits = (facts.exhibit(*ours), _probe(facts, event, probe))
        return kind.port, SAYS, (say(f"The probe asks {quote(asked)}, {_listens(declared)}.", *exhibits),)
    if "statuscode: 404" in text:
        said = (say(f"The probe is {quote(str(probe.value))}.", facts.exhibit(probe)),) if probe else ()
        return kind.path, SHOWS, said
    if _PROTOCOL.search(text) or _other_protocol(facts, owner, kind, probe):
        said = (say(f"The probe is {quote(str(probe.value))}.", facts.exhibit(probe)),) if probe else ()
        return kind.protocol, SHOWS, said
    if probe and _impatient(str(probe.value)):
        return kind.timing, SHOWS, (say(f"The probe is {quote(str(probe.value))}.", facts.exhibit(probe)),)
    return kind.failed, HINTS + 0.2, ()


def _listens(declared: set[str]) -> str:
    return "the container declares " + ", ".join(quote(port) for port in sorted(declared))


def _probe(facts: Facts, event: Signal, probe: Signal | None) -> Exhibit:
    return facts.exhibit(probe) if probe else facts.exhibit(event)


def _asked(text: str, probe: Signal | None) -> str:
    """The port that a probe asks, by its definition or its message."""
    found = re.search(r":(\d+)", str(probe.value)) if probe else None
    found = found or re.search(r"\d+\.\d+\.\d+\.\d+:(\d+)", text)
    return found[1] if found else ""


def _other_protocol(facts: Facts, owner: str, kind: _Kind, probe: Signal | None) -> bool:
    """Whether the other probe of the container asks the same port in another protocol, and does not fail."""
    other = _LIVENESS if kind is _READINESS else _READINESS
    beside = next(iter(container_fields(facts, owner, other.field)), None)
    if probe is None or beside is None:
        return False
    mine, theirs = str(probe.value).split()[0], str(beside.value).split()[0]
    failing = any(
        e.key == "Unhealthy" and str(e.value).startswith(other.word) and facts.owner(e.entity) == owner
        for e in facts.on(Surface.EVENT)
    )
    return mine != theirs and not failing


def _impatient(probe: str) -> bool:
    """Whether a probe gives up before a program can have started."""
    times = {key: int(value) for key, value in re.findall(r"(delay|period|timeout)=(\d+)s", probe)}
    failures = re.search(r"#failure=(\d+)", probe)
    if not times or not failures:
        return False
    patience = (
        times.get("delay", 0) + times.get("period", 10) * (int(failures[1]) - 1) + times.get("timeout", 1)
    )
    return patience <= IMPATIENT_S


RULES = tuple(
    Rule(
        causes=(kind.protocol, kind.port, kind.path, kind.timing, kind.failed),
        surfaces=(Surface.EVENT,),
        tells=f"a {kind.word.lower()} probe that fails",
        find=partial(_find, kind),
    )
    for kind in (_LIVENESS, _READINESS, _STARTUP)
)
