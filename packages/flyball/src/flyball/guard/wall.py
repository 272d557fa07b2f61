"""The wall: one call in, one answer out, a row of the log between them.

Everything that later answers depend on is in the rows, so that opening the log is remembering: the operator's module
(flyball.guard.operator) opens it and acts, this one answers.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.files import GivenFiles
from flyball_sdk.guard.rule import STRICTNESS
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.spending import Spending
from flyball_sdk.guard.taint import observe, remember

from flyball.component.ports import Clock
from flyball.guard.anchor import Anchoring
from flyball.guard.answer import body_of, is_canary, row_of
from flyball.guard.approvals import Approval, Approvals
from flyball.guard.asking import put_to_a_person
from flyball.guard.case import Case, elapsed_ms, session_key, who_asks
from flyball.guard.controls import Controls
from flyball.guard.files import SeenFiles
from flyball.guard.keys import Keys
from flyball.guard.log import DecisionLog
from flyball.guard.policies import Policies
from flyball.guard.recent import Answer, Answers, Judged, Sessions, Statistics
from flyball.guard.redacted import Redacted
from flyball.guard.request import Ask, Refused

_log = logging.getLogger(__name__)

_UNDECIDED = Decision()
_COUNTED = {"allow": "allowed", "modify": "modified", "ask": "asked", "block": "blocked"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that a person is asked about: which approval it waits for."""

    approval_id: str
    expires: float


@dataclass(slots=True)
class Wall:
    """The guard of one server."""

    keys: Keys
    log: DecisionLog
    policies: Policies
    clock: Clock
    sink: Callable[[Mapping[str, Any]], None] = lambda _row: None
    """Hears each row of a decision, for the telemetry store."""
    controls: Controls = field(default_factory=Controls)
    spending: Spending = field(default_factory=Spending)
    approvals: Approvals = field(default_factory=Approvals)
    answers: Answers = field(default_factory=Answers)
    sessions: Sessions = field(default_factory=Sessions)
    judged: Judged = field(default_factory=Judged)
    statistics: Statistics = field(default_factory=Statistics)
    anchoring: Anchoring = field(default_factory=lambda: Anchoring(""))
    dropped: Callable[[], Mapping[str, int]] = dict
    """What else was let go, for the status."""
    decided: Callable[[Approval], None] = lambda _approval: None
    """Hears what a person decided, for requests that wait."""

    def now(self) -> float:
        """Unix seconds."""
        return self.clock.now_ns() / 1e9

    def version(self, now: float) -> str:
        """Another rule, policy, mode or switch, another version: what was answered before is judged again."""
        return f"{self.policies.version}{'p' * self.controls.paused(now)}{'l' * self.controls.locked}"

    def evaluate(
        self, ask: Ask, *, local: bool, begun_ns: int, hold: bool = False, last: bool = False
    ) -> bytes | Waiting:
        """The answer as JSON, its row written.

        With `hold`, a call that must be asked about is not answered yet; with `last`, it has waited and nobody spoke:
        it is answered by the default of its ask.

        Raises:
            Refused: the decision_id was used for another input.
            StoreError: the log cannot be written; then there is no answer.
        """
        now = self.now()
        raw = orjson.dumps(ask.call.tool_input, option=orjson.OPT_SORT_KEYS)
        mac = self.keys.sign("call", ask.call.tool_name, raw)
        same, version = mac + who_asks(ask), self.version(now)
        known = self.answers.get(ask.decision_id, now) if ask.decision_id else None
        if known is not None:
            if known.same != same:
                raise Refused("this decision_id was used for another call", "reused")
            if known.body and known.policies == version:
                self.log.append("replay", {"id": ask.decision_id})
                self.statistics.counts["replayed"] += 1
                return known.body
        concerned = self.policies.concerned(ask.call.context)
        paused = self.controls.paused(now)
        case = Case(
            ask=ask,
            decision_id=ask.decision_id or f"dec_{secrets.token_hex(8)}",
            now=now,
            begun_ns=begun_ns,
            mac=mac,
            same=same,
            version=version,
            raw=raw,
            before=known.spend if known is not None else {},
            concerned=concerned,
            modes={policy.name: "audit" if paused else policy.mode for policy in concerned},
            session=self.sessions.of(key) if (key := session_key(ask)) else Session(),
            files=SeenFiles(ask.files, cwd=ask.call.context.cwd, local=local),
            redacted=Redacted(ask.call.tool_input),
            decision=_UNDECIDED,
        )
        self._judge(case, paused=paused)
        if case.decision.action == "ask":
            put_to_a_person(case, self.approvals, self.keys, self.log)
            if case.decision.action == "ask" and case.approval is not None:
                if hold:
                    return Waiting(case.approval.id, case.approval.expires)
                if last:
                    case.nobody_spoke()
        return self._answered(case)

    def answer(self, ask: Ask, *, local: bool, begun_ns: int, last: bool = False) -> bytes:
        """As `evaluate`, at once."""
        answer = self.evaluate(ask, local=local, begun_ns=begun_ns, last=last)
        return b"" if isinstance(answer, Waiting) else answer  # without `hold` nothing waits

    def observe(self, ask: Ask) -> None:
        """Let the session know what a tool answered."""
        if (key := session_key(ask)) is None:
            return
        raw = orjson.dumps(ask.call.tool_input, option=orjson.OPT_SORT_KEYS)
        session = self.sessions.of(key)
        decision = self.judged.get(self.keys.sign("call", ask.call.tool_name, raw))
        if decision is None:  # it was judged long ago, or not here
            decision = self.policies.paused.judge(ask.call, session=session, files=GivenFiles(ask.files))
        observe(session, ask.call, decision, ask.output)

    def _judge(self, case: Case, *, paused: bool) -> None:
        """What the evaluator says, or the failure mode where it says nothing in time."""
        if case.late():
            case.failed("deadline")
            return
        evaluator = self.policies.paused if paused else self.policies.evaluator
        spent, before, now = self.spending.spent, case.before, case.now
        try:
            case.decision = evaluator.judge(
                case.ask.call,
                session=case.session,
                files=case.files,
                now=now,
                spent=lambda key: spent(key, now) - before.get(key, 0.0),
            )
        except Exception as error:  # noqa: BLE001 - the edge of foreign rules: told without what they were given
            frames = traceback.extract_tb(error.__traceback__)[-4:]
            place = " < ".join(f"{one.name}:{one.lineno}" for one in frames)
            _log.error("the evaluator raised %s at %s", type(error).__name__, place)
            case.failed("engine")
            return
        if case.decision.action != "block" and case.late():
            case.failed("deadline")
        elif self.controls.locked:
            by = self.controls.by or "the operator"
            told = f"locked down by {by}: every call is blocked until `flyball guard resume`"
            case.becomes("block", told, would="block", severity="critical")
        elif case.decision.status == "unread":
            case.kind = "unread"

    def _answered(self, case: Case) -> bytes:
        """Write the row, remember the answer, give it."""
        ask = case.ask
        decision = case.decision
        canary = is_canary(decision)
        passes = decision.action in ("allow", "modify") and not canary
        booked: Mapping[str, float] = {}
        if passes and decision.spend:
            booked = {key: amount for key, amount in decision.spend.items() if key not in case.before}
        mode = (
            "lockdown" if self.controls.locked else "enforce" if "enforce" in case.modes.values() else "audit"
        )
        row = row_of(case, mode=mode, booked=booked)
        number = self.log.append("decision", row)
        if case.used and case.approval is not None:
            self.approvals.used(case.approval.id)
        if booked:
            self.spending.book(booked, case.now)
        if passes:
            remember(case.session, ask.call, decision)
        self.judged.put(case.mac, decision)
        body = orjson.dumps(body_of(case, mode=mode), default=dict)
        if ask.decision_id:
            # an ask is judged again: a person may have answered in the meantime
            kept = b"" if decision.action == "ask" else body
            answer = Answer(case.same, case.version, case.now, kept, {**case.before, **booked})
            self.answers.put(ask.decision_id, answer)
        self._count(case, decision, canary=canary)
        row["n"], row["t"] = number, int(case.now * 1000)
        self.statistics.decisions.append(row)
        self.sink(row)
        self.statistics.took(elapsed_ms(case.begun_ns))
        return body

    def _count(self, case: Case, decision: Decision, *, canary: bool) -> None:
        context = case.ask.call.context
        caller = self.statistics.caller(context.client, context.agent_name)
        caller.last_seen = case.now
        caller.client_version = case.ask.client_version or caller.client_version
        if canary:
            caller.canary_at, caller.canary_action = case.now, decision.action
            caller.canary_would = decision.would
            return
        caller.calls += 1
        counts = self.statistics.counts
        counts[_COUNTED[decision.action]] += 1
        if STRICTNESS[decision.would] > STRICTNESS[decision.action]:
            counts[f"would_{decision.would}"] += 1
        if decision.status != "complete":
            counts[f"status_{decision.status}"] += 1
