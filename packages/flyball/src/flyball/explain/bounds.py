"""What a language model may spend, and what is raised where a call would spend more."""

from __future__ import annotations

from dataclasses import dataclass

from flyball.model.narrative import Spend


class Stopped(Exception):
    """A bound is reached, or an answer is not taken; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What may be spent at most, of an incident or of a day. Money counts where the model's price is known."""

    calls: int
    tokens: int
    usd: float
    seconds: float

    @property
    def spend(self) -> Spend:
        """The same as the ledger writes it."""
        return Spend(
            calls=self.calls,
            tokens=self.tokens,
            microusd=round(self.usd * 1e6),
            milliseconds=round(self.seconds * 1e3),
        )
