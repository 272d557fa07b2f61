"""The wall: one call in, one answer out, a row of the log between them.

Everything that later answers depend on is in the rows, so that opening the log is remembering: `open` takes them in,
`evaluate` and the operator's acts (flyball.guard.operator) append them and take them in the same way.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import Any

import orjson
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.files import GivenFiles
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rule import STRICTNESS, Action
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.taint import observe, remember
from flyball_sdk.redact import redact_value

from flyball.component.ports import Clock
from flyball.guard.anchor import Anchoring
from flyball.guard.answer import body_of, effect_view, is_canary, row_of
from flyball.guard.approvals import Approval, Approvals
from flyball.guard.controls import Controls
from flyball.guard.files import SeenFiles
from flyball.guard.keys import Keys
from flyball.guard.log import DecisionLog
from flyball.guard.policies import Policies
from flyball.guard.recent import Answer, Answers, Judged, Sessions, Statistics
from flyball.guard.redacted import Redacted
from flyball.guard.request import Ask, Kind, Refused
from flyball.guard.spending import Spending

_log = logging.getLogger(__name__)

Redact = Callable[[str, str], str]
"""(name of a field, its text) -> the text without secrets."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that a person is asked about: which approval it waits for."""

    approval_id: str
    expires: float


@dataclass(slots=True)
class _Verdict:
    """A decision on its way to its caller."""

    decision: Decision
    kind: Kind | None = None
    approval: Approval | None = None
    used: bool = False


@dataclass(slots=True)
class Wall:
    """The guard of one server."""

    keys: Keys
    log: DecisionLog
    policies: Policies
    clock: Clock
    redact: Redact = redact_value
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

    # -- one call ---------------------------------------------------------------------------------------

    def evaluate(
        self, ask: Ask, *, local: bool, begun_ns: int, hold: bool = False, last: bool = False
    ) -> bytes | Waiting:
        """The answer as JSON, its row written.

        With `hold`, a call that must be asked about is not answered yet; with `last`, it has waited and nobody spoke:
        it is answered by the default of its ask.

        Raises:
            Refused: the decision_id was used for another input, or the log cannot be written.
        """
        now = self.now()
        raw = orjson.dumps(ask.call.tool_input, option=orjson.OPT_SORT_KEYS)
        mac = self.keys.sign("call", ask.call.tool_name, raw)
        same = self.keys.sign("same", mac, _who(ask))
        version = self.version(now)
        known = self.answers.get(ask.decision_id, now) if ask.decision_id else None
        if known is not None:
            if known.mac != same:
                raise Refused("this decision_id was used for another call", "reused")
            if known.body and known.policies == version:
                self.append("replay", {"id": ask.decision_id})
                self.statistics.counts["replayed"] += 1
                return known.body
        before = known.spend if known is not None else {}
        session = self.sessions.of(key) if (key := _session_key(ask)) else Session()
        files = SeenFiles(ask.files, cwd=ask.call.context.cwd, local=local)
        verdict = self._judged(ask, session, files, now, begun_ns, before)
        redacted = Redacted(ask.call.tool_input, self.redact)
        if verdict.decision.action == "ask" and not self.controls.locked:
            bound = files.with_scripts(session, raw.decode())
            self._put_to_a_person(ask, verdict, redacted, f"{same}/{sorted(bound.items())}", bound, now)
            if hold and verdict.decision.action == "ask" and verdict.approval is not None:
                return Waiting(verdict.approval.id, verdict.approval.expires)
            if last and verdict.decision.action == "ask":
                self._nobody_spoke(ask, verdict)
        if verdict.decision.action in ("allow", "modify"):
            remember(session, ask.call, verdict.decision)
        self.judged.put(mac, verdict.decision)
        return self._answered(ask, verdict, redacted, mac, same, version, before, now, begun_ns)

    def answer(self, ask: Ask, *, local: bool, begun_ns: int, last: bool = False) -> bytes:
        """As `evaluate`, at once."""
        answer = self.evaluate(ask, local=local, begun_ns=begun_ns, last=last)
        return b"" if isinstance(answer, Waiting) else answer  # without `hold` nothing waits

    def observe(self, ask: Ask) -> None:
        """Let the session know what a tool answered."""
        if (key := _session_key(ask)) is None:
            return
        raw = orjson.dumps(ask.call.tool_input, option=orjson.OPT_SORT_KEYS)
        session = self.sessions.of(key)
        decision = self.judged.get(self.keys.sign("call", ask.call.tool_name, raw))
        if decision is None:  # it was judged long ago, or not here
            decision = self.policies.paused.judge(ask.call, session=session, files=GivenFiles(ask.files))
        observe(session, ask.call, decision, ask.output)

    def _judged(
        self, ask: Ask, session: Session, files: SeenFiles, now: float, begun_ns: int,
        before: Mapping[str, float],
    ) -> _Verdict:  # fmt: skip
        """What the evaluator says, or the failure mode where it says nothing in time."""
        if _elapsed_ms(begun_ns) > ask.deadline_ms:
            return _Verdict(self._failed(ask, "deadline"), "deadline")
        evaluator = self.policies.paused if self.controls.paused(now) else self.policies.evaluator
        spending = self.spending
        try:
            decision = evaluator.judge(
                ask.call,
                session=session,
                files=files,
                now=now,
                spent=lambda key: spending.spent(key, now) - before.get(key, 0.0),
            )
        except Exception as error:  # noqa: BLE001 - the edge of foreign rules: told without what they were given
            place = " < ".join(
                f"{one.name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)[-4:]
            )
            _log.error("the evaluator raised %s at %s", type(error).__name__, place)
            return _Verdict(self._failed(ask, "engine"), "engine")
        if _elapsed_ms(begun_ns) > ask.deadline_ms and decision.action != "block":
            return _Verdict(self._failed(ask, "deadline"), "deadline")
        if self.controls.locked:
            told = f"locked down by {self.controls.by or 'the operator'}: every call is blocked until `flyball guard resume`"
            decision = replace(decision, action="block", would="block", reason=told, severity="critical")
        return _Verdict(decision, "unread" if decision.status == "unread" else None)

    def concerned(self, ask: Ask) -> list[Policy]:
        """The policies that are attached to whoever asks."""
        return [policy for policy in self.policies.in_force if policy.concerns(ask.call.context)]

    def modes(self, ask: Ask, now: float) -> dict[str, str]:
        """The mode of each policy that concerns the caller."""
        paused = self.controls.paused(now)
        return {policy.name: "audit" if paused else policy.mode for policy in self.concerned(ask)}

    def _failed(self, ask: Ask, kind: Kind) -> Decision:
        """No evaluation took place: the strictest failure mode of whoever has a say decides."""
        concerned = self.concerned(ask)
        closed = ask.closed or any(policy.failure_mode == "closed" for policy in concerned)
        enforced = not self.controls.paused(self.now()) and any(one.mode == "enforce" for one in concerned)
        would = "block" if closed else "allow"
        word = "blocked" if closed and enforced else "let through"
        return Decision(
            action="block" if closed and enforced else "allow",
            would=would,
            reason=f"not evaluated ({kind}): {word} by the failure mode; make the call again",
            severity="high" if closed else None,
            status="failed",
        )

    def _put_to_a_person(
        self,
        ask: Ask,
        verdict: _Verdict,
        redacted: Redacted,
        bound_to: str,
        files: Mapping[str, str],
        now: float,
    ) -> None:
        """An ask becomes what a person said of exactly this call, or a new question to them."""
        decision = verdict.decision
        binding = self.keys.sign("approval", bound_to)
        found = self.approvals.bound_to(binding, now)
        over = self.approvals.timed_out(binding, now) if found is None else None
        if over is not None and self._default_of(ask, decision) == "allow":
            verdict.approval = over
            self._nobody_spoke(ask, verdict)
            return
        if found is None:
            if not self.approvals.may_ask(now):
                verdict.kind = "overloaded"
                told = "too many calls wait for approval already"
                verdict.decision = replace(decision, action="block", reason=told)
                return
            seconds = min((one.ask_timeout_s for one in self._asking(ask, decision)), default=300.0)
            found = self._asked(ask, decision, redacted, binding, files, now, seconds)
        verdict.approval = found
        if found.state == "approved":
            verdict.used = True
            verdict.decision = replace(
                decision, action="allow", reason=f"approved by {found.by} ({found.id})"
            )
        elif found.state == "denied":
            verdict.decision = replace(decision, action="block", reason=f"denied by {found.by} ({found.id})")

    def _asking(self, ask: Ask, decision: Decision) -> list[Policy]:
        """The policies that want a person to be asked."""
        names = {hit.policy for hit in decision.hits if hit.action == "ask" and hit.mode == "enforce"}
        return [policy for policy in self.concerned(ask) if policy.name in names]

    def _default_of(self, ask: Ask, decision: Decision) -> str:
        """What an ask becomes that nobody answers: `allow` where every policy that asks says so."""
        asking = self._asking(ask, decision)
        return "allow" if asking and all(one.ask_default == "allow" for one in asking) else "block"

    def _nobody_spoke(self, ask: Ask, verdict: _Verdict) -> None:
        """The time of an ask is over."""
        default = self._default_of(ask, verdict.decision)
        verdict.used = default == "allow"
        told = f"nobody answered in time: {'let through' if default == 'allow' else 'blocked'} by the default of the ask"
        action: Action = "allow" if default == "allow" else "block"
        reason = f"{told} ({verdict.decision.reason})" if action == "block" else told
        verdict.decision = replace(verdict.decision, action=action, reason=reason)

    def _asked(
        self, ask: Ask, decision: Decision, redacted: Redacted, binding: str, files: Mapping[str, str], now: float,
        seconds: float,
    ) -> Approval:  # fmt: skip
        context = ask.call.context
        who = ("session_id", "agent_name", "user_id", "environment", "client", "cwd", "trace_id")
        approval = Approval(
            id=f"apr_{secrets.token_hex(8)}",
            state="asked",
            asked=now,
            expires=now + seconds,
            binding=binding,
            tool_name=ask.call.tool_name,
            call=redacted.input,
            context={name: redacted.hide(getattr(context, name)) for name in who},
            effects=tuple(effect_view(one, redacted) for one in decision.effects),
            reason=redacted.hide(decision.reason),
            safer=decision.safer,
            rule=decision.hits[0].rule if decision.hits else "",
            severity=decision.severity or "",
            policy_hash=decision.policy_hash,
            files=tuple(redacted.hide(path) for path in files),
        )
        self.append("approval", approval.row())
        return self.approvals.apply(approval.row())

    def _answered(
        self, ask: Ask, verdict: _Verdict, redacted: Redacted, mac: str, same: str, version: str,
        before: Mapping[str, float], now: float, begun_ns: int,
    ) -> bytes:  # fmt: skip
        """Write the row, remember the answer, give it."""
        decision_id = ask.decision_id or f"dec_{secrets.token_hex(8)}"
        decision = replace(verdict.decision, decision_id=decision_id)
        canary = is_canary(decision)
        passes = decision.action in ("allow", "modify") and not canary
        booked = (
            {key: amount for key, amount in decision.spend.items() if key not in before} if passes else {}
        )
        modes = self.modes(ask, now)
        mode = "lockdown" if self.controls.locked else "enforce" if "enforce" in modes.values() else "audit"
        approval = verdict.approval
        how = None if approval is None or decision.action != "ask" else _how(approval)
        row = row_of(
            ask, decision, redacted, mac=mac, mode=mode, policies=version, kind=verdict.kind or "", booked=booked,
            approval=approval.id if approval else "", used=verdict.used,
        )  # fmt: skip
        if ask.decision_id:
            row["same"] = same
        number = self.append("decision", row)
        if verdict.used and approval is not None:
            self.approvals.used(approval.id)
        if booked:
            self.spending.book(booked, now)
        body = orjson.dumps(
            body_of(decision, redacted, mode=mode, policies=modes, kind=verdict.kind or "", approval=how),
            default=dict,
        )
        if ask.decision_id:
            # an ask is judged again: a person may have answered in the meantime
            kept = b"" if decision.action == "ask" else body
            self.answers.put(decision_id, Answer(same, version, now, kept, {**before, **booked}))
        self._count(ask, decision, now, canary=canary)
        self.statistics.decisions.append({"n": number, "t": int(now * 1000), **row})
        self.sink(self.statistics.decisions[-1])
        self.statistics.took(_elapsed_ms(begun_ns))
        return body

    def append(self, kind: str, row: Mapping[str, Any]) -> int:
        """Write a row.

        Raises:
            Refused: it cannot be written; then nothing is answered.
        """
        return self.log.append(kind, row)

    def _count(self, ask: Ask, decision: Decision, now: float, *, canary: bool) -> None:
        context = ask.call.context
        caller = self.statistics.caller(context.client, context.agent_name)
        caller.last_seen, caller.client_version = now, ask.client_version or caller.client_version
        if canary:
            caller.canary_at, caller.canary_action, caller.canary_would = now, decision.action, decision.would
            return
        caller.calls += 1
        counts = self.statistics.counts
        counts[_COUNTED[decision.action]] += 1
        if STRICTNESS[decision.would] > STRICTNESS[decision.action]:
            counts[f"would_{decision.would}"] += 1
        if decision.status != "complete":
            counts[f"status_{decision.status}"] += 1


_COUNTED = {"allow": "allowed", "modify": "modified", "ask": "asked", "block": "blocked"}


def _how(approval: Approval) -> dict[str, Any]:
    return {
        "id": approval.id,
        "expires_at": approval.expires,
        "how": f"flyball guard approve {approval.id}, then make the same call again",
    }


def _who(ask: Ask) -> str:
    """Who makes the call and where, as one text: what an answer and an approval are bound to besides the call."""
    c = ask.call.context
    return orjson.dumps([c.session_id, c.agent_name, c.user_id, c.environment, c.client, c.cwd]).decode()


def _session_key(ask: Ask) -> tuple[str, str, str] | None:
    c = ask.call.context
    session = c.session_id or c.trace_id
    return (c.user_id, c.agent_name, session) if session else None


def _elapsed_ms(begun_ns: int) -> float:
    return (perf_counter_ns() - begun_ns) / 1e6
