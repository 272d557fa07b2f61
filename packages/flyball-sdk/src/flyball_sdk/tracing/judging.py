"""The guard between a model's answer and the app: every tool of a batch is judged before the app sees it as runnable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context as OtelContext
from opentelemetry.trace import INVALID_SPAN, Span

from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.tracing.dialect import Asked, Dialect
from flyball_sdk.tracing.pending import Requested
from flyball_sdk.tracing.runtime import AGENT, USER, Runtime, session_id, within

if TYPE_CHECKING:
    from flyball_sdk.guard.guard import Guard

CALLS_MAX = 128
"""Tools of one response; in one that asks for more, under a guard, none may run."""
GOAL_CHARS_MAX = 8_192


@dataclass(slots=True, kw_only=True)
class Batch:
    """The decisions about one response, in the order of its calls; `unread` if there is one about all that it may hold."""

    calls: list[Asked]
    decisions: list[Decision] = field(default_factory=list)
    unread: bool = False

    @property
    def stopped(self) -> bool:
        """Whether any of them may not run."""
        return any(decision.stopped for decision in self.decisions)

    def results(self, dialect: Dialect) -> list[dict[str, Any]]:
        """For each call that may not run, in order, the answer to give the model."""
        from flyball_sdk.guard.guard import words_of  # noqa: PLC0415 - a guard is attached: its parsers are there

        return [
            dialect.refusal(asked, words_of(decision))
            for asked, decision in zip(self.calls, self.decisions, strict=True)
            if decision.stopped and not self.unread
        ]


@dataclass(slots=True, kw_only=True)
class Bench:
    """Where calls are judged: by whom, for whom, on which span; `own` says that the span is the tool's own."""

    runtime: Runtime
    guard: Guard
    context: OtelContext
    span: Span
    goal: str = ""
    own: bool = False

    def judge(self, calls: list[Asked]) -> Batch:
        """Judge all calls of a response, and put what a rule modifies in it."""
        batch = Batch(calls=calls)
        for place, asked in enumerate(calls):
            call, decision = self.decide(asked, "" if place < CALLS_MAX else "more calls than are read")
            if decision.action == "modify" and asked.rewrite and decision.modified_input is not None:
                asked.rewrite(decision.modified_input)
                asked.arguments = decision.modified_input
                asked.digest = self.runtime.digests.of_arguments(asked.name, asked.arguments)
            batch.decisions.append(decision)
            if not decision.stopped:
                trace_id = self.span.get_span_context().trace_id
                self.runtime.pending.add(
                    Requested(asked.call_id, asked.digest, trace_id, self.context, decision, call)
                )
        return batch

    def refuse_all(self, calls: list[Asked], why: str) -> Batch:
        """Calls that could not be judged; without any, a response that nobody could read, which is not handed out."""
        batch = Batch(calls=calls or [Asked(call_id="", name="", arguments=None)], unread=not calls)
        batch.decisions = [self._refuse(why) for _ in batch.calls]
        return batch

    def decide(self, asked: Asked, unread: str = "") -> tuple[ToolCall, Decision]:
        """Judge one call, and tell of it on the span where it belongs."""
        call = self._call(asked)
        if unread or asked.arguments is None:
            decision = self._refuse(unread or "its arguments are no complete JSON object")
        else:
            try:
                with within(trace.set_span_in_context(INVALID_SPAN, self.context)):  # told below
                    decision = self.guard.decide(call)
            except Exception as why:  # noqa: BLE001 - a rule that fails is an error, and the failure mode decides
                decision = self._refuse(f"the guard failed ({type(why).__name__})")
        # a function under `@tool` has a span of its own to tell on; what speaks against a call is told at once
        if self.own or decision.stopped or decision.would != "allow" or asked.name not in self.runtime.tools:
            with within(trace.set_span_in_context(self.span, self.context)):
                self.guard.tell(decision, call)
        return call, decision

    def _call(self, asked: Asked) -> ToolCall:
        arguments: Mapping[str, Any] = (
            asked.arguments if asked.arguments is not None else {"arguments": asked.raw}
        )
        found = self.span.get_span_context()
        context = Context(
            session_id=session_id(self.context) or f"{found.trace_id:032x}",
            agent_name=str(otel_context.get_value(AGENT, self.context) or ""),
            user_id=str(otel_context.get_value(USER, self.context) or ""),
            environment=self.runtime.environment,
            trace_id=f"{found.trace_id:032x}",
            span_id=f"{found.span_id:016x}",
            tool_call_id=asked.call_id,
            goal=self.goal[:GOAL_CHARS_MAX],
        )
        return ToolCall(asked.name, arguments, context)

    def _refuse(self, why: str) -> Decision:
        closed = self.guard.enforces and self.guard.failure_mode == "closed"
        return Decision(
            action="block" if closed else "allow", would="block", reason=why, severity="high", status="failed"
        )


def observe(runtime: Runtime, guard: Guard, results: list[tuple[str, str]]) -> None:
    """Take what tools answered into the session's memory, each answer once."""
    for call_id, said in results[:CALLS_MAX]:
        call = runtime.pending.unseen(call_id)
        if call is not None:
            guard.observe(call, said)
