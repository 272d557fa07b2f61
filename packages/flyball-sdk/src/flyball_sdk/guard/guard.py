"""The guard inside an app: every tool call is judged before it runs, in process, with or without a server.

The local policy always holds. With a server, budgets, approvals and the operator's switches are shared: its answer can
only be stricter than the local one. A server that does not answer is a named failure, and the failure mode decides.
"""

from __future__ import annotations

import functools
import inspect
import json
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from opentelemetry import trace

from flyball_sdk import semconv
from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.files import NO_FILES, Files
from flyball_sdk.guard.policy import FailureMode, Policy
from flyball_sdk.guard.policy_file import policy_from_text
from flyball_sdk.guard.remote import Remote, RemoteFailure
from flyball_sdk.guard.rule import STRICTNESS
from flyball_sdk.guard.rule_code import is_own
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.spending import Spending
from flyball_sdk.guard.taint import observe, remember

P = ParamSpec("P")
R = TypeVar("R")
SESSIONS_MAX = 1_000


class GuardBlocked(Exception):
    """A call that may not run: blocked, or asked about with nobody here to answer.

    `decision` holds the whole of it. The text names rule, effect and a safer way; it holds no secret.

    Where a model's response was judged, its tools are a batch: `response` is the whole response as the client returns
    it, `decisions` has one decision for each of its calls, in order, and `results` for each call that may not run, in
    order, the answer that says so, ready to be sent to the model. The other calls may run; `decision` is the first stop.
    A response that could not be read is None, with one decision about all of it.
    """

    def __init__(
        self,
        decision: Decision,
        *,
        response: Any = None,
        decisions: Sequence[Decision] = (),
        results: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Say what was decided, and what to do instead."""
        super().__init__(words_of(decision))
        self.decision = decision
        self.response = response
        self.decisions: tuple[Decision, ...] = tuple(decisions) or (decision,)
        self.results: tuple[dict[str, Any], ...] = tuple(results)


def words_of(decision: Decision) -> str:
    """One sentence for whoever made the call: what was decided, why, and a safer way."""
    safer = f" Instead: {decision.safer}." if decision.safer else ""
    return f"{decision.action}: {decision.reason}.{safer}"


class GuardUnavailable(Exception):
    """The guard cannot be set up: which part is missing or wrong."""


@dataclass(slots=True)
class Guard:
    """A policy attached to an app.

    Args:
        policies: what holds here.
        server: address of a Flyball server whose budgets, approvals and switches are shared; None for none.
        token: what the server knows this app by.
        failure_mode: what a server that does not answer means: `closed` blocks, `open` leaves it to the local policy.
        files: what may be looked at beside a call.

    Raises:
        GuardUnavailable: a policy that does not compile.
    """

    policies: tuple[Policy, ...]
    server: str | None = None
    token: str = ""
    failure_mode: FailureMode = "closed"
    files: Files = NO_FILES
    clock: Callable[[], float] = time.time  # noqa: TID251 - an app's own clock; tests pass theirs
    _evaluator: Evaluator = field(init=False)
    _remote: Remote | None = field(init=False)
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)
    _spending: Spending = field(default_factory=Spending)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        """Compile everything now: what is wrong is told here, never at the first call."""
        try:
            self._evaluator = Evaluator(self.policies)
        except ValueError as why:
            raise GuardUnavailable(str(why)) from why
        self._spending.windows = {
            f"{one.name}/{b.id}": b.window_s for one in self.policies for b in one.budgets
        }
        self._remote = Remote(self.server, self.token) if self.server else None

    @classmethod
    def from_file(cls, path: str | Path, **settings: Any) -> Guard:
        """The guard of a policy file (YAML).

        Raises:
            GuardUnavailable: the file cannot be read, or is no policy: which place.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            return cls((policy_from_text(text, name=Path(path).stem, own=is_own(Path(path))),), **settings)
        except (OSError, ValueError) as why:
            raise GuardUnavailable(str(why)) from why

    @classmethod
    def of_catalogue(cls, mode: str = "enforce", **settings: Any) -> Guard:
        """The guard of every built-in rule."""
        return cls(
            (Policy(name="catalogue", mode="audit" if mode == "audit" else "enforce", rules=RULES),),
            **settings,
        )

    @property
    def enforces(self) -> bool:
        """Whether a call may be stopped at all: some policy enforces, or a server is asked, whose policies may."""
        modes = [mode for one in self.policies for mode in (one.mode, *one.modes.values())]
        return self.server is not None or "enforce" in modes

    def check(
        self, tool_name: str, tool_input: Mapping[str, Any], context: Context | None = None
    ) -> Decision:
        """Judge a call before it runs; what comes back may run.

        Raises:
            GuardBlocked: it may not.
        """
        decision = self.decide(ToolCall(tool_name, tool_input, context or Context()))
        if decision.stopped:
            raise GuardBlocked(decision)
        return decision

    def decide(self, call: ToolCall) -> Decision:
        """The decision about a call, without raising; a call that goes on is booked and remembered."""
        now = self.clock()
        with self._lock:
            session = self._session(call.context.session_id)
            decision = self._evaluator.judge(
                call,
                session=session,
                files=self.files,
                now=now,
                spent=lambda key: self._spending.spent(key, now),
            )
        decision = replace(decision, decision_id=uuid.uuid4().hex)
        if self._remote:
            decision = self._with_server(self._remote, call, decision)
        if not decision.stopped:
            with self._lock:
                self._spending.book(decision.spend, now)
                remember(session, call, decision)
        self.tell(decision, call)
        return decision

    @staticmethod
    def tell(decision: Decision, call: ToolCall) -> None:
        """An event on the span that is open, if one is: what was decided and by which rules, no argument."""
        span = trace.get_current_span()
        if span.is_recording():
            span.add_event(semconv.FLYBALL_GUARD_DECISION, _told(decision, call))

    def observe(self, call: ToolCall, output: str) -> None:
        """Take what a tool answered into the session: secrets it showed, values from outside."""
        with self._lock:
            session = self._session(call.context.session_id)
            observe(session, call, self._evaluator.judge(call, session=session, files=self.files), output)

    def tool(self, function: Callable[P, R]) -> Callable[P, R]:
        """A function whose calls are judged by its name and arguments; what it returns is observed.

        A call that a rule modifies runs with the modified arguments.
        """
        signature = inspect.signature(function)

        def judged(*args: Any, **kwargs: Any) -> tuple[ToolCall, inspect.BoundArguments]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            call = ToolCall(function.__name__, dict(bound.arguments), Context())
            decision = self.decide(call)
            if decision.stopped:
                raise GuardBlocked(decision)
            bound.arguments.update(decision.modified_input or {})
            return call, bound

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                call, bound = judged(*args, **kwargs)
                result = await function(*bound.args, **bound.kwargs)
                self.observe(call, _text(result))
                return result

            return awaited  # pyright: ignore[reportReturnType]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            call, bound = judged(*args, **kwargs)
            result = function(*bound.args, **bound.kwargs)
            self.observe(call, _text(result))
            return result

        return called

    def _session(self, session_id: str) -> Session:
        session = self._sessions.pop(session_id, None) or Session()
        self._sessions[session_id] = session
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return session

    def _with_server(self, remote: Remote, call: ToolCall, local: Decision) -> Decision:
        try:
            shared = remote.evaluate(call, local.decision_id)
        except RemoteFailure as failure:
            if self.failure_mode == "open":
                return replace(local, status="failed")
            reason = f"the guard's server gave no answer ({failure.kind}): `flyball status` tells why"
            return replace(local, action="block", reason=reason, status="failed", severity="high")
        if STRICTNESS[shared.action] < STRICTNESS[local.action]:
            return local
        # the server says whether; what the call would do, and what it takes of budgets that hold here, is known here
        return replace(
            shared, hits=local.hits, effects=local.effects, written=local.written, spend=local.spend
        )


def _text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, default=str)


def _told(decision: Decision, call: ToolCall) -> dict[str, Any]:
    told: dict[str, Any] = {
        "flyball.guard.decision.id": decision.decision_id,
        "flyball.guard.action": decision.action,
        "flyball.guard.would": decision.would,
        "flyball.guard.rules": tuple(hit.rule for hit in decision.hits),
        "flyball.guard.policy": decision.policy_hash,
        "flyball.guard.status": decision.status,
        semconv.GEN_AI_TOOL_NAME: call.tool_name,
    }
    if call.context.tool_call_id:
        told[semconv.GEN_AI_TOOL_CALL_ID] = call.context.tool_call_id
    return told
