"""What is used of each budget, by all callers of this process: sums over a sliding window.

A window is cut into `SLOTS`; a slot is forgotten when it lies wholly before the window. So at most one part in sixty of
a window is counted longer than it should be, never shorter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

KEYS_MAX = 10_000
"""Agents, users and sessions times budgets that are counted; beyond it the least lately used is forgotten."""
SLOTS = 60
WINDOW_S = 3600.0
"""The window of a budget that no policy has any more: what is left of it ends with it."""


@dataclass(slots=True)
class Spending:
    """Sums by key (`policy/budget/per/who`); `windows` tells how long a key's budget looks back, in seconds."""

    windows: dict[str, float] = field(default_factory=dict)
    # what telemetry tells of a key within its window, measured anew from time to time: never booked, never lost
    measured: Mapping[str, float] = field(default_factory=dict)
    forgotten: int = 0
    _keys: OrderedDict[str, dict[int, float]] = field(default_factory=OrderedDict)

    def window_s(self, key: str) -> float:
        """The window of this key's budget."""
        return self.windows.get("/".join(key.split("/", 2)[:2]), WINDOW_S)

    def spent(self, key: str, now: float) -> float:
        """What is used within the window that ends now."""
        measured = self.measured.get(key, 0.0)
        slots = self._keys.get(key)
        if not slots:
            return measured
        first = _slot(now, self.window_s(key)) - SLOTS
        return measured + sum(amount for slot, amount in slots.items() if slot >= first)

    def book(self, spend: Mapping[str, float], now: float) -> None:
        """Add what a call uses."""
        for key, amount in spend.items():
            slot = _slot(now, self.window_s(key))
            slots = self._keys.setdefault(key, {})
            slots[slot] = slots.get(slot, 0.0) + amount
            if len(slots) > SLOTS + 1:
                for old in [one for one in slots if one < slot - SLOTS]:
                    del slots[old]
            self._keys.move_to_end(key)
        while len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)
            self.forgotten += 1

    def snapshot(self, now: float) -> dict[str, list[tuple[float, float]]]:
        """What is still within its window: key -> (Unix seconds, amount)."""
        kept: dict[str, list[tuple[float, float]]] = {}
        for key, slots in self._keys.items():
            window_s = self.window_s(key)
            first = _slot(now, window_s) - SLOTS
            if live := [
                ((slot + 0.5) * window_s / SLOTS, one) for slot, one in slots.items() if slot >= first
            ]:
                kept[key] = live
        return kept


def _slot(now: float, window_s: float) -> int:
    return int(now * SLOTS / window_s)
