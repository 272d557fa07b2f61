"""Signals of made-up systems, with names drawn at random: no rule may know a name."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flyball.model.signal import Signal, Surface

START = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
_SYLLABLES = ("ba", "ke", "lo", "mi", "nu", "ra", "se", "to", "vi", "zu")


@dataclass(frozen=True, slots=True)
class Names:
    """Draws names; the same seed gives the same."""

    draw: random.Random

    def word(self) -> str:
        """A word that means nothing."""
        return "".join(self.draw.choice(_SYLLABLES) for _ in range(4))

    def pod(self, service: str) -> str:
        """A pod of a service, as controllers name them."""
        return f"pod/{service.partition('/')[2]}-{self.draw.randrange(16**8):08x}-{self.draw.randrange(16**5):05x}"


def names(seed: int) -> Names:
    """The names of one made-up system."""
    return Names(random.Random(seed))  # noqa: S311 - names, not secrets


def state(entity: str, key: str, value: str | float) -> Signal:
    """A field of an object."""
    return Signal(surface=Surface.STATE, time=START, entity=entity, key=key, value=value, raw_ref="state")


def event(entity: str, reason: str, message: str, *, kind: str = "Warning", count: int = 1) -> Signal:
    """An event of a platform."""
    return Signal(
        surface=Surface.EVENT,
        time=START,
        entity=entity,
        operation=kind,
        key=reason,
        value=message,
        count=count,
    )


def edge(caller: str, callee: str, value: str | float = "", operation: str = "/get") -> Signal:
    """A call between services."""
    return Signal(
        surface=Surface.EDGE, time=START, entity=caller, key=callee, value=value, operation=operation
    )


def metric(entity: str, key: str, values: Iterable[float]) -> list[Signal]:
    """A metric, a sample a minute."""
    return [
        Signal(
            surface=Surface.METRIC,
            time=START + timedelta(minutes=n),
            entity=entity,
            key=key,
            value=float(value),
        )
        for n, value in enumerate(values)
    ]


def calls(entity: str, operation: str, count: int) -> Signal:
    """How often an operation was called."""
    return Signal(
        surface=Surface.SPAN,
        time=START,
        entity=entity,
        operation=operation,
        key="calls",
        value=float(count),
        count=count,
    )


def log(
    entity: str, text: str, *, count: int = 1, operation: str = "", severity: int = 9, template: str = ""
) -> Signal:
    """A log record, under its own text as template where none is given."""
    return Signal(
        surface=Surface.LOG,
        time=START,
        entity=entity,
        key=template or text,
        value=text,
        operation=operation,
        severity=severity,
        count=count,
    )


def workload(service: str, *, wanted: float = 1.0, ready: float = 1.0) -> list[Signal]:
    """A service with its replicas."""
    return [state(service, "spec.replicas", wanted), state(service, "status.readyReplicas", ready)]


def owned(pod: str, service: str, **fields: str | float) -> list[Signal]:
    """A pod of a service, with fields whose dots are written as `__`."""
    own = [state(pod, key.replace("__", "."), value) for key, value in fields.items()]
    return [state(pod, "owner", service), *own]
