"""What several rules ask of metrics: a number now, held against what it usually is."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass

from flyball.explain.facts import Facts
from flyball.model.signal import Signal, Surface


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of an entity: its samples in time, and those of the normal time (empty without one)."""

    entity: str
    key: str
    now: tuple[Signal, ...]
    usual: tuple[float, ...]

    @property
    def values(self) -> list[float]:
        """The samples, in time."""
        return [float(signal.value) for signal in self.now]

    @property
    def peak(self) -> Signal:
        """The highest sample."""
        return max(self.now, key=lambda signal: (float(signal.value), signal.time))

    @property
    def median(self) -> float:
        """The median sample."""
        return statistics.median(self.values)

    @property
    def before(self) -> float | None:
        """What it usually is: the median of the normal time."""
        return statistics.median(self.usual) if self.usual else None


def series(facts: Facts, *keys: str) -> list[Series]:
    """The metrics of these names, one for each entity, in order; all metrics when no name is given."""
    now: dict[tuple[str, str], list[Signal]] = defaultdict(list)
    usual: dict[tuple[str, str], list[float]] = defaultdict(list)
    for signal in facts.on(Surface.METRIC):
        if (not keys or signal.key in keys) and isinstance(signal.value, float | int):
            now[signal.entity, signal.key].append(signal)
    for signal in facts.usual(Surface.METRIC):
        if (signal.entity, signal.key) in now and isinstance(signal.value, float | int):
            usual[signal.entity, signal.key].append(float(signal.value))
    return [
        Series(entity, key, tuple(sorted(found, key=lambda s: s.time)), tuple(usual[entity, key]))
        for (entity, key), found in sorted(now.items())
    ]


def one(facts: Facts, entity: str, key: str) -> Series | None:
    """A metric of an entity, None where it was not read."""
    return next((found for found in series(facts, key) if found.entity == entity), None)
