"""One call on its way through the wall: what was asked, what is known of it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns
from typing import Any

import orjson
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rule import Action
from flyball_sdk.guard.session import Session

from flyball.guard.approvals import Approval
from flyball.guard.files import SeenFiles
from flyball.guard.redacted import Redacted
from flyball.guard.request import Ask, Kind


@dataclass(slots=True, kw_only=True)
class Case:
    """The call, who it concerns, and the decision as it stands.

    `mac` is the keyed hash of the raw call, `same` that with whoever makes it and where; `version` is of the policies
    and switches in force, `before` what an earlier answer of the same id was booked for.
    """

    ask: Ask
    decision_id: str
    now: float
    begun_ns: int
    mac: str
    same: str
    version: str
    raw: bytes
    before: Mapping[str, float]
    concerned: Sequence[Policy]
    modes: Mapping[str, str]
    session: Session
    files: SeenFiles
    redacted: Redacted
    decision: Decision
    kind: Kind | None = None
    approval: Approval | None = None
    used: bool = False

    def late(self) -> bool:
        """Whether the deadline is over."""
        return elapsed_ms(self.begun_ns) > self.ask.deadline_ms

    def failed(self, kind: Kind) -> None:
        """No evaluation took place: the strictest failure mode of whoever has a say decides."""
        closed = self.ask.closed or any(policy.failure_mode == "closed" for policy in self.concerned)
        blocked = closed and "enforce" in self.modes.values()
        told = f"not evaluated ({kind}): {'blocked' if blocked else 'let through'} by the failure mode"
        self.kind = kind
        self.decision = Decision(
            action="block" if blocked else "allow",
            would="block" if closed else "allow",
            reason=f"{told}; make the call again",
            severity="high" if closed else None,
            status="failed",
        )

    def becomes(self, action: Action, reason: str, **more: Any) -> None:
        """Another action than the evaluator's, and why."""
        self.decision = replace(self.decision, action=action, reason=reason, **more)

    def asking(self) -> list[Policy]:
        """The policies that want a person to be asked."""
        hits = self.decision.hits
        names = {hit.policy for hit in hits if hit.action == "ask" and hit.mode == "enforce"}
        return [policy for policy in self.concerned if policy.name in names]

    def nobody_spoke(self) -> None:
        """The time of its ask is over: `allow` where every policy that asks says so."""
        asking = self.asking()
        if asking and all(policy.ask_default == "allow" for policy in asking):
            self.used = True
            self.becomes("allow", "nobody answered in time: let through by the default of the ask")
        else:
            told = "nobody answered in time: blocked by the default of the ask"
            self.becomes("block", f"{told} ({self.decision.reason})")


def who_asks(ask: Ask) -> str:
    """Who makes the call and where, as one text: what an answer and an approval are bound to besides the call."""
    c = ask.call.context
    return who((c.session_id, c.agent_name, c.user_id, c.environment, c.client, c.cwd))


WHO = ("session", "agent", "user", "environment", "client", "cwd")
"""The same in a row of the log."""


def who(parts: tuple[str, ...]) -> str:
    """These parts as one text that no other parts give."""
    return orjson.dumps(parts).decode()


def session_key(ask: Ask) -> tuple[str, str, str] | None:
    """By what a session is remembered; None for a call that names none."""
    c = ask.call.context
    session = c.session_id or c.trace_id
    return (c.user_id, c.agent_name, session) if session else None


def elapsed_ms(begun_ns: int) -> float:
    """Milliseconds since then."""
    return (perf_counter_ns() - begun_ns) / 1e6
