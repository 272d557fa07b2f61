"""A clock that a test moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """Stands still until moved; starts on 2026-11-21 12:00 UTC."""

    ns: int = 1_795_262_400_000_000_000

    def now_ns(self) -> int:
        return self.ns

    def monotonic_s(self) -> float:
        return self.ns / 1e9

    def advance(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)
