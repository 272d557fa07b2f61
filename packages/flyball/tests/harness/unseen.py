"""Faults as a cluster would tell them, in a few words: placeholders become names that are drawn, with noise beside.

`<it>`, `<pod>`, `<peer>` and `<node>` are whole entities, `<it.name>` and the like their names, `<word>` is any name,
`<space>` a namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface
from harness.signals import START, Names, edge, event, log, metric, names, owned, state, workload

Builder = Callable[[], list[Signal]]
WANTED = 2.0
MINUTES = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """What a cluster shows, and what is to be named; no cause where nothing is wrong."""

    cause: Cause | None
    shows: Sequence[Builder]
    of: str = "<it>"
    ready: float = 0.0


def told(reason: str, message: str, *, by: str = "<pod>", count: int = 6, kind: str = "Warning") -> Builder:
    """An event."""
    return lambda: [event(by, reason, message, kind=kind, count=count)]


def wrote(text: str, *, by: str = "<pod>", count: int = 20, severity: int = 17) -> Builder:
    """A record of a log."""
    return lambda: [log(by, text, count=count, severity=severity)]


def has(key: str, value: str | float, *, by: str = "<pod>") -> Builder:
    """A field of an object."""
    return lambda: [state(by, key, value)]


def measured(key: str, values: Sequence[float], *, by: str = "<it>") -> Builder:
    """A metric, a sample a minute."""
    return lambda: metric(by, key, values)


def calls(caller: str = "<it>", callee: str = "<peer>") -> Builder:
    """A call between services."""
    return lambda: [edge(caller, callee)]


def signals(fault: Fault, draw: Names) -> tuple[list[Signal], str]:
    """The signals of a fault beside what is always there, and the object to be blamed."""
    it, peer = f"service/{draw.word()}", f"service/{draw.word()}"
    called = {
        "it": it,
        "pod": draw.pod(it),
        "peer": peer,
        "node": f"node/{draw.word()}-{draw.draw.randrange(9)}",
        "word": f"{draw.word()}-{draw.word()}",
        "space": draw.word(),
    }
    wide = {f"<{key}>": value for key, value in called.items()}
    wide |= {f"<{key}.name>": value.partition("/")[2] for key, value in called.items()}
    shown = [one for build in fault.shows for one in build()]
    named = {f"{one.entity} {one.key}" for one in shown}
    base = [
        *workload("<it>", wanted=WANTED, ready=fault.ready),
        *owned("<pod>", "<it>", spec__nodeName="<node.name>", status__restartCount=0.0),
    ]
    kept = [one for one in base if f"{one.entity} {one.key}" not in named]
    made = [_named(one, wide) for one in (*kept, *shown)]
    return [*made, *noise(draw)], _put(fault.of, wide)


def named(fault: Fault, seed: int) -> None:
    """Assert that the fault is named, with its object, a first step, and sentences that hold."""
    shown, it = signals(fault, names(seed))
    found = diagnose(shown)
    assert (found.cause, found.object) == (fault.cause, it)
    assert found.first_step
    assert check(found) == []


def noise(draw: Names) -> list[Signal]:
    """What every healthy cluster shows too: a start with its warnings, a deploy, chatter."""
    it = f"service/{draw.word()}"
    pod, node = draw.pod(it), f"node/{draw.word()}"
    deploy = Signal(
        surface=Surface.CHANGE,
        time=START - timedelta(minutes=MINUTES),
        entity=it,
        key="version",
        value=f"v{draw.draw.randrange(90)}",
    )
    return [
        *workload(it, wanted=WANTED, ready=WANTED),
        *owned(pod, it, status__restartCount=0.0, status__phase="Running", spec__nodeName=node[5:]),
        state(node, "condition.Ready", "True"),
        state(node, "condition.DiskPressure", "False"),
        event(pod, "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes."),
        event(
            pod, "FailedMount", f'MountVolume.SetUp failed for volume "{draw.word()}": object not registered'
        ),
        event(
            pod, "Unhealthy", "Readiness probe failed: dial tcp 10.2.0.9:8080: connect: connection refused"
        ),
        event(pod, "Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 503", count=3),
        event(pod, "Pulled", "Successfully pulled image in 1.2s", kind="Normal"),
        event(it, "ScalingReplicaSet", f"Scaled up replica set {pod[4:-6]} to 2", kind="Normal"),
        log(pod, "INFO listening on :8080", count=2),
        log(pod, "WARN cache is cold, first requests are slow", severity=13, count=3),
        log(pod, "INFO config loaded from /etc/app/config.yaml, 41 keys", count=2),
        deploy,
    ]


def _named(one: Signal, wide: dict[str, str]) -> Signal:
    value = _put(one.value, wide) if isinstance(one.value, str) else one.value
    return replace(one, entity=_put(one.entity, wide), key=_put(one.key, wide), value=value)


def _put(text: str, wide: dict[str, str]) -> str:
    for key, value in wide.items():
        text = text.replace(key, value)
    return text
