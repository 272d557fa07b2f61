"""What the wall answers, with what it saw and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.rule import Action, Mode, Severity

# complete: all was read. partial: the parser met an error and went on. unread: too large, too deep, or broken.
# error: a rule raised or overran. failed: no evaluation took place, the failure mode decided.
Status = Literal["complete", "partial", "unread", "error", "failed"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule that spoke: of which effect, in which policy and mode, and what it asks for."""

    rule: str
    title: str
    action: Action
    mode: Mode
    severity: Severity
    safer: str
    effect: Effect
    policy: str


# not frozen: made for each call, and setting the fields of a frozen one takes six times as long
@dataclass(slots=True, kw_only=True)
class Decision:
    """The answer to one call.

    `action` is what happens; `would` is what would have happened if every audited rule were enforced. `reason` is one
    sentence for whoever made the call; it holds no secret and no raw argument beyond a bounded piece of the effect.
    `hits` are ordered by strictness. `spend` names what the call uses of each budget (key -> amount), to be booked by
    the caller when the call is let through. `modified_input` is the whole input to use instead, if `action` is modify.
    """

    action: Action = "allow"
    would: Action = "allow"
    reason: str = ""
    severity: Severity | None = None
    safer: str = ""
    hits: tuple[Hit, ...] = ()
    effects: tuple[Effect, ...] = ()
    status: Status = "complete"
    policy_hash: str = ""
    latency_ms: float = 0.0
    spend: Mapping[str, float] = field(default_factory=dict)
    # files the call writes (path -> text), for the session's memory; never shown
    written: Mapping[str, str] = field(default_factory=dict, repr=False)
    modified_input: Mapping[str, Any] | None = None
    decision_id: str = ""

    @property
    def stopped(self) -> bool:
        """Whether the call does not simply go on."""
        return self.action in ("block", "ask")
