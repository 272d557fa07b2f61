"""`tool`: a function that an agent runs. Its span is `execute_tool {name}`, and an attached guard stands before it.

A call that a model asked for was judged in the model's response already; it is known again by its arguments, and its
decision is told on its own span. Any other call is judged here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from flyball_sdk import semconv
from flyball_sdk.tracing import content, runtime
from flyball_sdk.tracing.dialect import Asked, present
from flyball_sdk.tracing.pending import Requested
from flyball_sdk.tracing.runtime import Runtime, safely, within
from flyball_sdk.tracing.scopes import Block, Scope, wrap
from flyball_sdk.tracing.steps import Quiet, Spanned, arguments_of, written

F = TypeVar("F", bound=Callable[..., Any])
DESCRIPTION_CHARS_MAX = 256


@overload
def tool(name: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    call_id: str = "",
    arguments: Mapping[str, Any] | None = None,
    description: str = "",
) -> ToolStep: ...
def tool(
    name: Any = None,
    /,
    *,
    call_id: str = "",
    arguments: Mapping[str, Any] | None = None,
    description: str = "",
) -> Any:
    """A tool's run: `execute_tool {name}`.

    As a decorator it takes name, arguments and description from the function. As a block it is told them, and
    `block.result(value)` takes what the tool answered.

    Args:
        name: the tool's name, or the function under the decorator, whose name it then is.
        call_id: the id under which the model asked for it; found by the arguments where it is not given.
        arguments: what it is called with (of a block).
        description: what it is for.

    Raises:
        GuardBlocked: an attached guard enforces a policy by which the call may not run.
    """
    if callable(name):
        return _decorated(name, "", description)
    return ToolStep(str(name or ""), call_id, dict(arguments or {}), description)


class ToolStep(Block):
    """`tool("name")`: it turns out to be a decorator or a block."""

    def __init__(self, name: str, call_id: str, arguments: dict[str, Any], description: str) -> None:
        """`name` may be empty for a decorator."""
        super().__init__(
            lambda: Run(name or "tool", arguments, call_id=call_id, description=description).open()
        )
        self._name, self._description = name, description

    def __call__(self, function: F) -> F:
        """The function, each call of it in a scope of its own."""
        return cast("F", _decorated(function, self._name, self._description))


def _decorated(function: Callable[..., Any], name: str, description: str) -> Callable[..., Any]:
    called = name or getattr(function, "__name__", "tool")
    said = description or (inspect.getdoc(function) or "").partition("\n")[0]
    _names.add(called)

    def opener(
        inner: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Scope, tuple[Any, ...], dict[str, Any]]:
        run = Run(called, arguments_of(inner, args, kwargs), description=said)
        scope = run.open()
        if run.modified is None:
            return scope, args, kwargs
        return scope, *_with(inner, args, kwargs, run.modified)

    return wrap(function, opener)


_names: set[str] = set()


def names() -> set[str]:
    """The names of all functions under `@tool`."""
    return _names


def _with(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], modified: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with the arguments that a rule puts in their place."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.arguments.update(
        {key: value for key, value in modified.items() if key in bound.signature.parameters}
    )
    return bound.args, bound.kwargs


class Run:
    """One run of a tool, before it begins."""

    def __init__(
        self, name: str, arguments: dict[str, Any], *, call_id: str = "", description: str = ""
    ) -> None:
        """Nothing happens yet."""
        self.name, self.arguments, self.call_id, self.description = name, arguments, call_id, description
        self.modified: Mapping[str, Any] | None = None
        self._call: Any = None  # as the guard saw it

    def open(self) -> Scope:
        """The scope that it runs in, once it may run.

        Raises:
            GuardBlocked: it may not.
        """
        made = runtime.current()
        if made is None:
            return Quiet()
        asked = safely(lambda: self._claim(made), None)
        parent = otel_context.get_current()
        if asked is not None:
            self.call_id = self.call_id or asked.call_id
            if not trace.get_current_span().get_span_context().is_valid:
                parent = asked.context  # a thread of its own knows of no span
        begun = safely(lambda: self._begin(made, parent), None)
        scope: Scope = Spanned(made, begun, parent, self._answers(begun)) if begun else Quiet(parent)
        if made.guard is not None:
            self._judge(made, asked, scope)
            scope = Observed(self, made, scope)
        return scope

    def _claim(self, made: Runtime) -> Requested | None:
        digest = made.digests.of_arguments(self.name, self.arguments)
        return made.pending.claim(digest, trace.get_current_span().get_span_context().trace_id)

    def _begin(self, made: Runtime, parent: Context) -> Span:
        attributes: dict[str, Any] = present(
            {
                semconv.GEN_AI_TOOL_NAME: self.name,
                semconv.GEN_AI_TOOL_TYPE: "function",
                semconv.GEN_AI_TOOL_CALL_ID: self.call_id,
                semconv.GEN_AI_TOOL_DESCRIPTION: self.description[:DESCRIPTION_CHARS_MAX],
                semconv.FLYBALL_TOOL_ARGUMENTS_DIGEST: made.digests.of_arguments(self.name, self.arguments),
            }
        )
        if made.capture_content:
            attributes[semconv.GEN_AI_TOOL_CALL_ARGUMENTS] = content.one(self.arguments)
        name = f"execute_tool {self.name}"
        return runtime.start(made, name, "execute_tool", SpanKind.INTERNAL, attributes, parent)

    def _answers(self, begun: Span) -> Callable[[Any], None]:
        return lambda result: begun.set_attribute(semconv.GEN_AI_TOOL_CALL_RESULT, content.one(result))

    def _judge(self, made: Runtime, asked: Requested | None, scope: Scope) -> None:
        """Tell the decision of the response on this span, or make one.

        Raises:
            GuardBlocked: it may not run; its span is ended.
        """
        from flyball_sdk.guard.guard import GuardBlocked  # noqa: PLC0415 - a guard is attached: its parsers are there
        from flyball_sdk.tracing.judging import Bench  # noqa: PLC0415

        guard = made.guard
        if guard is None:
            return
        if asked is not None and asked.decision is not None and asked.call is not None:
            self._call = asked.call
            with within(scope.context):
                guard.tell(asked.decision, asked.call)
            return
        span = trace.get_current_span(scope.context)
        bench = Bench(runtime=made, guard=guard, context=scope.context, span=span, own=True)
        call = Asked(call_id=self.call_id, name=self.name, arguments=self.arguments)
        self._call, decision = bench.decide(call)
        if decision.stopped:
            blocked = GuardBlocked(decision)
            scope.close(blocked)
            raise blocked
        self.modified = decision.modified_input if decision.action == "modify" else None

    def observed(self, made: Runtime, result: Any) -> None:
        """The guard takes in what the tool answered, once."""
        if made.guard is not None and self._call is not None and result is not None:
            made.pending.unseen(self.call_id)
            made.guard.observe(self._call, written(result))


class Observed:
    """A tool's scope under a guard, which learns of the answer."""

    def __init__(self, run: Run, made: Runtime, inner: Scope) -> None:
        """Around the scope with the span."""
        self.context = inner.context
        self._run, self._runtime, self._inner = run, made, inner

    def close(self, error: BaseException | None = None, result: Any = None) -> None:
        """Tell the guard, then end."""
        if error is None:
            safely(lambda: self._run.observed(self._runtime, result), None)
        self._inner.close(error, result)
