"""Narrative: what a language model said about a diagnosis, what of it may stand, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from flyball.model.diagnosis import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A sentence that may not be shown as true, and why."""

    claim: Claim
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One call of the model: exactly what was sent and what came back, without headers, cut to a bound.

    `status` is the HTTP status, 0 when no answer came.
    """

    sent: str
    received: str
    status: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What calls of a model take: of an incident, of a day, or at most. Money in millionths of a US dollar."""

    calls: int = 0
    tokens: int = 0
    microusd: int = 0
    milliseconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """What one narrative took. `cost_usd` is None where no price is known, as of a model that runs here."""

    calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrative:
    """A model's words beside a diagnosis, never in its place.

    `sentences` hold: what they cite is there and says it, and they blame nothing that the engine does not hold as the
    cause. `unconfirmed` are hypotheses of the model alone. `dropped` are the rest, with reasons. `note` says why there
    is nothing, where there is nothing. `exchanges` are kept where `model_log` is on.
    """

    model: str = ""
    sentences: tuple[Claim, ...] = ()
    unconfirmed: tuple[Claim, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    note: str = ""
    usage: ModelUsage = field(default_factory=ModelUsage)
    exchanges: tuple[Exchange, ...] = ()
