"""What becomes of one call: the Flyball server's answer, or what the failure mode makes of none.

With `open`, the catalogue that is built in is held against the call all the same: it tells what it would have done, and
what no policy can loosen (`guard.*`, a server's own requests) it still stops.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from flyball_sdk.guard.call import Context, ToolCall

from flyball.guard_proxy.asked import BODY_BYTES_MAX, NotRead, Server, Unanswered
from flyball.guard_proxy.told import Told

if TYPE_CHECKING:
    from flyball_sdk.guard.decision import Decision
    from flyball_sdk.guard.evaluate import Evaluator
    from flyball_sdk.guard.session import Session

Fail = Literal["closed", "open"]
ACTIONS = ("allow", "modify", "ask", "block")
CLIENT = "mcp-proxy"
OUTPUT_CHARS_MAX = 128 * 1024
"""How much of a tool's answer the guard is shown."""
_OUTPUT_CHARS_MIN = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a call goes on; `text` tells the caller why not, `modified` is the input to use instead."""

    action: Literal["allow", "modify", "ask", "block"]
    text: str = ""
    modified: Mapping[str, Any] | None = None

    @property
    def passes(self) -> bool:
        """Whether it goes on, as it is or modified."""
        return self.action in ("allow", "modify")


PASSES = Verdict(action="allow")


@dataclass(slots=True, kw_only=True)
class Judge:
    """Asks about calls of one session: that of this process."""

    server: Server
    told: Told
    fail: Fail = "closed"
    agent: str = ""
    cwd: str = ""
    session: str = field(default_factory=lambda: f"mcp-{secrets.token_hex(8)}")
    _local: _Local | None = None
    _lock: Lock = field(default_factory=Lock)

    def judge(self, call: ToolCall) -> Verdict:
        """The verdict; never raises on what a call holds."""
        verdict = self._judged(call)
        if verdict.action != "modify":
            return verdict
        # what is put in the place of a call is a call
        again = self._judged(ToolCall(call.tool_name, dict(verdict.modified or {}), call.context))
        if again.action == "allow" or (again.action == "modify" and again.modified == verdict.modified):
            return verdict
        return again if not again.passes else _stopped("the guard modifies the call again and again")

    def _judged(self, call: ToolCall) -> Verdict:
        body = self._body(call) | {
            "decision_id": secrets.token_hex(16),
            "deadline_ms": self.server.seconds_max * 500,
            "failure_mode": self.fail,
        }
        try:
            answer = self.server.post("/v1/guard/evaluate", body)
        except NotRead as error:
            return _stopped(f"the guard cannot judge this call: {error}")
        except Unanswered as error:
            return self._unanswered(call, str(error))
        if answer.get("action") not in ACTIONS:
            return self._unanswered(call, f"what answers at {self.server.url} is no Flyball server")
        return _verdict(answer)

    def observe(self, call: ToolCall, output: str) -> None:
        """Let the guard see what came back, before anybody else does."""
        body = self._body(call)
        kept = output[:OUTPUT_CHARS_MAX]
        if len(kept) < len(output):
            self.told.counted("answers that the guard saw in part")
        try:
            while len(kept) > _OUTPUT_CHARS_MIN and 3 * len(kept) + len(repr(body)) > BODY_BYTES_MAX:
                kept = kept[: len(kept) // 2]
            self.server.post("/v1/guard/observe", body | {"tool_output": kept})
        except (NotRead, Unanswered) as error:
            self.told.counted("answers that the guard did not see", f"{call.tool_name}: {error}")
        if self._local is not None:
            with self._lock:
                self._local.observe(call, kept)

    def call(
        self, tool_name: str, tool_input: Mapping[str, Any], *, call_id: str = "", agent: str = ""
    ) -> ToolCall:
        """A call with what is known of who makes it."""
        context = Context(
            session_id=self.session,
            agent_name=(self.agent or agent)[:200],
            tool_call_id=call_id[:200],
            client=CLIENT,
            cwd=self.cwd,
        )
        return ToolCall(tool_name, tool_input, context)

    def _body(self, call: ToolCall) -> dict[str, Any]:
        context = {name: said for name in Context.__slots__ if (said := getattr(call.context, name))}
        return {
            "tool_name": call.tool_name,
            "tool_input": dict(call.tool_input),
            "context": context | {"event": "mcp"},
        }

    def _unanswered(self, call: ToolCall, why: str) -> Verdict:
        """The failure mode's verdict."""
        if self.fail == "closed":
            return _stopped(
                f"no answer from the guard ({why}), so nothing may run: start the server with `flyball up`,"
                " then make the call again"
            )
        with self._lock:
            self._local = self._local or _Local(self.cwd)
            decision = self._local.judge(call)
        would = (
            f"; the catalogue would {decision.would}: {decision.reason}" if decision.would != "allow" else ""
        )
        if decision.stopped:
            return _stopped(f"{decision.reason} (and no answer from the guard: {why})", safer=decision.safer)
        self.told.counted("calls that ran unguarded", f"{call.tool_name} runs UNGUARDED ({why}){would}")
        return PASSES


def _verdict(answer: Mapping[str, Any]) -> Verdict:
    """The server's answer."""
    action, reason = answer["action"], str(answer.get("reason") or "")
    if action == "allow":
        return PASSES
    if action == "modify":
        modified = answer.get("modified_input")
        if not isinstance(modified, dict):
            return _stopped("the guard modifies this call and does not say how")
        return Verdict(action="modify", text=reason, modified=modified)
    safer = str(answer.get("safer") or "")
    if action == "block":
        return _stopped(reason, safer=safer)
    approval = answer.get("approval")
    how = approval.get("how") if isinstance(approval, dict) else None
    told = f"asks a person first: {reason}.{_instead(safer)} To let exactly this call pass once: {how or 'ask the operator'}."
    return Verdict(action="ask", text=told)


def _stopped(reason: str, *, safer: str = "") -> Verdict:
    return Verdict(action="block", text=f"blocks this: {reason}.{_instead(safer)}")


def _instead(safer: str) -> str:
    return f" Instead: {safer}." if safer else ""


class _Local:
    """The built-in catalogue in audit, for while the server is away. Half a second to load, so not before."""

    def __init__(self, cwd: str) -> None:
        from flyball_sdk.guard.evaluate import Evaluator  # noqa: PLC0415
        from flyball_sdk.guard.files import LocalFiles  # noqa: PLC0415
        from flyball_sdk.guard.policy import Policy  # noqa: PLC0415
        from flyball_sdk.guard.rules import RULES  # noqa: PLC0415
        from flyball_sdk.guard.session import Session  # noqa: PLC0415

        self._evaluator: Evaluator = Evaluator((Policy(name="catalogue", mode="audit", rules=RULES),))
        self._session: Session = Session()
        self._files = LocalFiles(cwd, str(Path.home()))

    def judge(self, call: ToolCall) -> Decision:
        """What the catalogue says; a call that goes on is remembered."""
        from flyball_sdk.guard.taint import remember  # noqa: PLC0415

        now = time.time()  # noqa: TID251 - the edge: an agent asks now
        decision = self._evaluator.judge(call, session=self._session, files=self._files, now=now)
        if not decision.stopped:
            remember(self._session, call, decision)
        return decision

    def observe(self, call: ToolCall, output: str) -> None:
        """Take in what came back."""
        from flyball_sdk.guard.taint import observe  # noqa: PLC0415

        observe(
            self._session, call, self._evaluator.judge(call, session=self._session, files=self._files), output
        )
