"""What resources tell: CPU that is used up, packets that are lost."""

from __future__ import annotations

from collections.abc import Iterator

from flyball.explain.facts import Facts
from flyball.explain.rule import SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.series import Series, one, series
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

BUSY_PERCENT = 70.0
"""CPU of its limit from which on a service waits for CPU."""
RISE = 2.0
"""Times its usual CPU from which on it is no longer usual."""
LOST = 10.0
"""Times its usual retransmissions from which on a network loses packets."""


def busy(facts: Facts) -> Iterator[Match]:
    """CPU near its limit that is usually far from it, or a multiple of the usual while it is throttled."""
    for found in series(facts, "cpu.utilization_percent", "cpu.cores"):
        if found.entity.startswith("node/"):
            continue
        before, peak = found.before, found.peak
        high = float(peak.value)
        throttled = one(facts, found.entity, "cpu.throttled_s")
        if before is None or high < RISE * max(before, 1e-6):
            continue
        if found.key == "cpu.utilization_percent" and high >= BUSY_PERCENT:
            yield _match(facts, found, None)
        elif found.key == "cpu.cores" and throttled and throttled.peak.value:
            yield _match(facts, found, throttled.peak)


def _match(facts: Facts, found: Series, throttled: Signal | None) -> Match:
    peak, before = found.peak, found.before or 0.0
    shown = facts.exhibit(peak, before=round(before, 3), now=round(float(peak.value), 3))
    text = f"{quote(peak.key)} of {name(peak.entity)} is {float(peak.value):.3f}, usually {before:.3f}."
    said = [say(text, shown)]
    if throttled:
        text = (
            f"{name(throttled.entity)} is throttled: {quote(throttled.key)} is {float(throttled.value):.3f}."
        )
        said.append(say(text, facts.exhibit(throttled, now=float(throttled.value))))
    step = say(
        f"See what uses the CPU of {name(peak.entity)} and its node; raise its limit if it is work.", shown
    )
    return Match(
        cause=Cause.CPU_CONTENTION, object=peak.entity, weight=SHOWS + 0.05, said=tuple(said), step=step
    )


def lossy(facts: Facts) -> Iterator[Match]:
    """Retransmissions on a node that are a multiple of the usual."""
    for found in series(facts, "tcp.retransmissions"):
        before, peak = found.before, found.peak
        if before is not None and float(peak.value) >= max(1.0, LOST * before):
            shown = facts.exhibit(peak, before=round(before, 3), now=round(float(peak.value), 3))
            text = f"{name(peak.entity)} retransmits {float(peak.value):.3f}, usually {before:.3f}."
            step = say(f"Look at the network interface of {name(peak.entity)} for lost packets.", shown)
            node = peak.entity.startswith("node/")
            cause = Cause.NODE_PACKET_LOSS if node else Cause.NETWORK_DELAY
            yield Match(cause=cause, object=peak.entity, weight=SHOWS, said=(say(text, shown),), step=step)


RULES = (
    Rule(
        causes=(Cause.CPU_CONTENTION,),
        surfaces=(Surface.METRIC,),
        tells="CPU that is used up",
        reads=("cpu.utilization", "cpu.cores"),
        find=busy,
        needs_normal=True,
    ),
    Rule(
        causes=(Cause.NODE_PACKET_LOSS,),
        surfaces=(Surface.METRIC,),
        tells="packets that are lost",
        reads=("tcp.retransmissions",),
        find=lossy,
        needs_normal=True,
    ),
)
