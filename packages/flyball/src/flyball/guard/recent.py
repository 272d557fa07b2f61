"""What the server remembers of the last calls: answers by their id, sessions, who was seen, how long it took."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.session import Session

ANSWERS_MAX = 50_000
ANSWER_SECONDS = 600.0
"""How long a decision_id means the same call."""
SESSIONS_MAX = 500
"""Sessions that are remembered; the one that was silent longest goes first."""
CALLERS_MAX = 1_000
JUDGED_MAX = 4_096
"""Calls whose effects are remembered until their tool answers."""
DECISIONS_MAX = 1_000
"""Decisions that can be listed without asking the telemetry store."""
LATENCIES_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered under an id: to which call of whom, by which policies, with what it was booked for."""

    same: str
    policies: str
    at: float
    body: bytes
    spend: Mapping[str, float]


@dataclass(slots=True)
class Answers:
    """Answers by decision_id, for `ANSWER_SECONDS` and at most `ANSWERS_MAX`; what goes early is counted."""

    forgotten: int = 0
    _kept: OrderedDict[str, Answer] = field(default_factory=OrderedDict[str, Answer])

    def get(self, decision_id: str, now: float) -> Answer | None:
        """What was answered under that id."""
        found = self._kept.get(decision_id)
        return found if found is not None and now - found.at < ANSWER_SECONDS else None

    def put(self, decision_id: str, answer: Answer) -> None:
        """Remember it."""
        kept = self._kept
        kept.pop(decision_id, None)
        kept[decision_id] = answer
        while kept:
            oldest = next(iter(kept.values()))
            expired = answer.at - oldest.at >= ANSWER_SECONDS
            if not expired and len(kept) <= ANSWERS_MAX:
                break
            kept.popitem(last=False)
            self.forgotten += not expired


@dataclass(slots=True)
class Sessions:
    """The sessions of all callers, the least lately used forgotten first."""

    forgotten: int = 0
    _kept: OrderedDict[tuple[str, str, str], Session] = field(
        default_factory=OrderedDict[tuple[str, str, str], Session]
    )

    def of(self, key: tuple[str, str, str]) -> Session:
        """The session of (user, agent, session id)."""
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = Session()
            if len(self._kept) > SESSIONS_MAX:
                self._kept.popitem(last=False)
                self.forgotten += 1
        else:
            self._kept.move_to_end(key)
        return found

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(slots=True)
class Judged:
    """What was said of the last calls, by their keyed hash: what a tool answered is understood by it."""

    _kept: OrderedDict[str, Decision] = field(default_factory=OrderedDict[str, Decision])

    def put(self, mac: str, decision: Decision) -> None:
        """Remember it, without the files that the call writes."""
        self._kept.pop(mac, None)
        self._kept[mac] = replace(decision, written={}) if decision.written else decision
        if len(self._kept) > JUDGED_MAX:
            self._kept.popitem(last=False)

    def get(self, mac: str) -> Decision | None:
        """What was said of this call."""
        return self._kept.get(mac)


@dataclass(slots=True)
class Caller:
    """When a client and agent was last heard of; times are Unix seconds, 0 for never."""

    client: str
    agent_name: str
    client_version: str = ""
    last_seen: float = 0.0
    calls: int = 0
    canary_at: float = 0.0
    canary_action: str = ""
    canary_would: str = ""


@dataclass(slots=True)
class Statistics:
    """Counts, latencies and callers since the start."""

    counts: Counter[str] = field(default_factory=Counter[str])
    decisions: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=DECISIONS_MAX))
    _latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_MAX))
    _callers: OrderedDict[tuple[str, str], Caller] = field(
        default_factory=OrderedDict[tuple[str, str], Caller]
    )

    def took(self, ms: float) -> None:
        """One more call was answered in so many milliseconds."""
        self._latencies_ms.append(ms)

    def caller(self, client: str, agent_name: str) -> Caller:
        """Who calls, remembered."""
        key = (client, agent_name)
        found = self._callers.get(key)
        if found is None:
            found = self._callers[key] = Caller(client, agent_name)
            if len(self._callers) > CALLERS_MAX:
                self._callers.popitem(last=False)
        else:
            self._callers.move_to_end(key)
        return found

    def callers(self) -> list[Caller]:
        """All that are known, the last heard first."""
        return sorted(self._callers.values(), key=lambda one: one.last_seen, reverse=True)

    def quantiles_ms(self) -> dict[str, float | None]:
        """p50, p95 and p99 of the last calls; None before the first."""
        ordered = sorted(self._latencies_ms)
        last = len(ordered) - 1
        return {
            f"p{percent}": round(ordered[min(last, len(ordered) * percent // 100)], 4) if ordered else None
            for percent in (50, 95, 99)
        }
