"""Facts: the signals of an incident and of a normal time, indexed once for all rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from flyball.explain.exhibit import Exhibit, order
from flyball.model.signal import Signal, Surface

OWNERS_MAX = 4
"""Steps from a pod over its replica set to its service."""

_Key = tuple[Surface, str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen, and what is normal; `normal` is empty for a snapshot."""

    signals: tuple[Signal, ...]
    normal: tuple[Signal, ...]
    as_of: datetime
    memo: dict[str, object] = field(default_factory=dict[str, object], repr=False, compare=False)
    """What rules have worked out of these facts and share, each under the name of its module."""
    _by_surface: dict[Surface, list[Signal]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _by_key: dict[_Key, list[Signal]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _objects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), repr=False)
    _calls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), repr=False)
    _normal: dict[Surface, list[Signal]] = field(default_factory=lambda: defaultdict(list), repr=False)
    _numbers: dict[tuple[str, str], tuple[list[Signal], list[float]]] = field(
        default_factory=dict[tuple[str, str], tuple[list[Signal], list[float]]], repr=False
    )
    _usual: set[int] = field(default_factory=set[int], repr=False)
    _seen: dict[Surface, int] = field(default_factory=lambda: defaultdict(int), repr=False)

    @staticmethod
    def of(signals: Iterable[Signal], normal: Iterable[Signal] = ()) -> Facts:
        """The facts of signals in any order. At least one signal is needed to know when it is."""
        seen, usual = tuple(sorted(signals, key=order)), tuple(sorted(normal, key=order))
        facts = Facts(seen, usual, max(signal.time for signal in (*seen, *usual)))
        for signal in seen:
            facts._by_surface[signal.surface].append(signal)
            facts._by_key[signal.surface, signal.entity, signal.key].append(signal)
            facts._seen[signal.surface] += signal.count
            if signal.surface is Surface.STATE:
                facts._objects[signal.entity.partition("/")[0]].add(signal.entity)
        facts._usual.update(map(id, usual))
        for signal in usual:
            facts._normal[signal.surface].append(signal)
        for signal in seen:
            if signal.surface is Surface.METRIC and isinstance(signal.value, float | int):
                facts._numbers.setdefault((signal.entity, signal.key), ([], []))[0].append(signal)
        for signal in usual:
            if signal.surface is Surface.METRIC and isinstance(signal.value, float | int):
                facts._numbers.get((signal.entity, signal.key), ([], []))[1].append(float(signal.value))
        for signal in (*seen, *usual):
            if signal.surface is Surface.EDGE:
                facts._calls[signal.entity].add(signal.key)
        return facts

    def on(self, surface: Surface) -> list[Signal]:
        """What was seen on a surface, in order."""
        return self._by_surface.get(surface, [])

    def usual(self, surface: Surface) -> list[Signal]:
        """What was seen on a surface in the normal time."""
        return self._normal.get(surface, [])

    def was_usual(self, signal: Signal) -> bool:
        """Whether a signal of these facts is of the normal time."""
        return id(signal) in self._usual

    def numbers(self) -> Iterator[tuple[str, str, list[Signal], list[float]]]:
        """Entity and name of each metric, its samples, and the values of the normal time."""
        for (entity, key), (now, usual) in self._numbers.items():
            yield entity, key, now, usual

    def states(self, kind: str, key: str) -> Iterator[Signal]:
        """The field `key` of every object of a kind."""
        for signal in self.on(Surface.STATE):
            if signal.key == key and signal.entity.startswith(kind + "/"):
                yield signal

    def state(self, entity: str, key: str) -> Signal | None:
        """The latest value of a field, None when it was not read."""
        found = self._by_key.get((Surface.STATE, entity, key))
        return max(found, key=lambda signal: signal.time) if found else None

    def text(self, entity: str, key: str) -> str:
        """The value of a field as text, empty when it was not read."""
        signal = self.state(entity, key)
        return "" if signal is None else str(signal.value)

    def number(self, entity: str, key: str) -> float | None:
        """The value of a field as a number, None when it is none."""
        signal = self.state(entity, key)
        return signal.value if signal is not None and isinstance(signal.value, float | int) else None

    def fields(self, entity: str, prefix: str) -> list[Signal]:
        """The fields of an object that begin with `prefix`."""
        return [s for s in self.on(Surface.STATE) if s.entity == entity and s.key.startswith(prefix)]

    def entities(self, kind: str) -> list[str]:
        """The objects of a kind, in order."""
        return sorted(self._objects.get(kind, ()))

    def owner(self, entity: str) -> str:
        """What a pod or replica set belongs to, itself when nobody owns it."""
        for _ in range(OWNERS_MAX):
            above = self.text(entity, "owner")
            if not above or above == entity:
                return entity
            entity = above
        return entity

    def ownership(self, entity: str) -> tuple[Exhibit, ...]:
        """What tells whose a pod or replica set is, to be cited where the owner is named."""
        chain: list[Signal] = []
        for _ in range(OWNERS_MAX):
            above = self.state(entity, "owner")
            if above is None or above.value == entity:
                break
            chain.append(above)
            entity = str(above.value)
        return (self.exhibit(*chain),) if chain else ()

    def naming(self, entity: str) -> tuple[Exhibit, ...]:
        """What shows that there is such an object, to be cited where no other evidence names it."""
        for surface in Surface:
            for signal in self.on(surface):
                if entity in {signal.entity, signal.value}:
                    return (self.exhibit(signal),)
        return ()

    def owned(self, service: str, kind: str = "pod") -> list[str]:
        """The pods of a service."""
        return [pod for pod in self.entities(kind) if self.owner(pod) == service]

    def callees(self, service: str) -> set[str]:
        """What a service calls, directly."""
        return self._calls.get(service, set())

    def below(self, service: str) -> set[str]:
        """What a service calls, directly or not."""
        seen: set[str] = set()
        ahead = [service]
        while ahead:
            for callee in self._calls.get(ahead.pop(), set()):
                if callee not in seen and callee != service:
                    seen.add(callee)
                    ahead.append(callee)
        return seen

    def seen(self, surface: Surface) -> int:
        """How many records were read on a surface."""
        return self._seen.get(surface, 0)

    def read(self, surface: Surface, parts: tuple[str, ...]) -> bool:
        """Whether anything was read on a surface, of an entity and key that hold one of these parts."""
        signals = self.on(surface)
        return bool(signals) and (
            not parts or any(part in f"{s.entity} {s.key}" for s in signals for part in parts)
        )

    def exhibit(self, *signals: Signal | None, **numbers: float) -> Exhibit:
        """An exhibit of signals of one surface, of all that was read on it."""
        shown = tuple(signal for signal in signals if signal is not None)
        surface = shown[0].surface if shown else Surface.STATE
        return Exhibit(surface=surface, signals=shown, examined=self.seen(surface), numbers=numbers)

    def nothing(self, surface: Surface) -> Exhibit:
        """The exhibit of having read a surface and found nothing."""
        return Exhibit(surface=surface, signals=(), examined=self.seen(surface))
