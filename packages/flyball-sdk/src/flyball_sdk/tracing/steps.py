"""`agent`, `tool`, `span`, `conversation`: what no library tells by itself, as decorators and as `with` blocks.

Before `init`, and without it, they do nothing.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, overload

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from flyball_sdk import semconv
from flyball_sdk.tracing import content, runtime
from flyball_sdk.tracing.dialect import present
from flyball_sdk.tracing.runtime import AGENT, AGENT_SPAN, CONVERSATION, USER, Runtime, safely
from flyball_sdk.tracing.scopes import Block, Scope, wrap

F = TypeVar("F", bound=Callable[..., Any])
ID_CHARS_MAX = 256
Make = Callable[[Callable[..., Any] | None, Mapping[str, Any]], Scope]
"""Opens a scope, for a function's call (the function and its arguments) or for a block (None and nothing)."""


class Quiet:
    """A scope without a span."""

    def __init__(self, context: Context | None = None) -> None:
        """With what is carried along."""
        self.context = context if context is not None else otel_context.get_current()

    def close(self, error: BaseException | None = None, result: Any = None) -> None:
        """Nothing to tell."""


class Spanned:
    """A scope with a span."""

    def __init__(
        self, made: Runtime, span: Span, context: Context, answer: Callable[[Any], None] | None = None
    ) -> None:
        """`answer` tells what the run came to, where content is captured."""
        self.context = trace.set_span_in_context(span, context)
        self._runtime, self._span, self._answer = made, span, answer

    def close(self, error: BaseException | None = None, result: Any = None) -> None:
        """End the span."""
        answer = self._answer
        if answer is not None and error is None and result is not None and self._runtime.capture_content:
            safely(lambda: answer(result), None)
        safely(lambda: runtime.end(self._runtime, self._span, error), None)


class Step(Block):
    """What the four words return: a decorator for a function, or a block."""

    def __init__(self, make: Make) -> None:
        """`make` opens the scope."""
        super().__init__(lambda: self._safe(None, {}))
        self._make = make

    def __call__(self, function: F) -> F:
        """The function, each call of it in a scope of its own."""

        def opener(
            called: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[Scope, tuple[Any, ...], dict[str, Any]]:
            return self._safe(called, arguments_of(called, args, kwargs)), args, kwargs

        return cast("F", wrap(function, opener))

    def _safe(self, function: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Scope:
        scope = safely(lambda: self._make(function, arguments), None)
        return scope if scope is not None else Quiet()


def arguments_of(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """A call's arguments by name, as they were passed; without `self`, which is none of the model's."""
    bound = safely(lambda: inspect.signature(function).bind(*args, **kwargs), None)
    if bound is None:
        return dict(kwargs)
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif not (name in ("self", "cls") and not named):
            named[name] = value
    return named


def _word(given: Any, make: Callable[[str], Make]) -> Any:
    """`@word` on a function, or `word("name")`."""
    if callable(given):
        return Step(make(""))(given)
    return Step(make(str(given or "")))


@overload
def agent(name: F, /) -> F: ...
@overload
def agent(
    name: str | None = None, /, *, version: str = "", description: str = "", provider: str = ""
) -> Step: ...
def agent(name: Any = None, /, *, version: str = "", description: str = "", provider: str = "") -> Any:
    """An agent's run: `invoke_agent {name}`. Models, tools and agents below it belong to it.

    Args:
        name: the agent's name, or the function under the decorator, whose name it then is.
        version: the agent's version.
        description: what it is for.
        provider: `gen_ai.provider.name`; by default the one of the first model that is called.
    """

    def make(named: str) -> Make:
        def opened(function: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Scope:
            made = runtime.current()
            if made is None:
                return Quiet()
            called = named or getattr(function, "__name__", "agent")
            attributes: dict[str, Any] = present(
                {
                    semconv.GEN_AI_AGENT_NAME: called,
                    semconv.GEN_AI_AGENT_VERSION: version,
                    semconv.GEN_AI_AGENT_DESCRIPTION: description,
                    semconv.GEN_AI_PROVIDER_NAME: provider or "unknown",  # the first model call says which
                }
            )
            if made.capture_content and arguments:
                said = content.text_part(content.one(dict(arguments)))
                attributes[semconv.GEN_AI_INPUT_MESSAGES] = content.messages([content.message("user", said)])
            span = runtime.start(
                made, f"invoke_agent {called}", "invoke_agent", SpanKind.INTERNAL, attributes
            )

            def answer(result: Any) -> None:
                said = content.message(
                    "assistant", content.text_part(result if isinstance(result, str) else content.one(result))
                )
                span.set_attribute(semconv.GEN_AI_OUTPUT_MESSAGES, content.messages([said]))

            context = otel_context.set_value(AGENT, called)
            context = otel_context.set_value(AGENT_SPAN, None if provider else span, context)
            return Spanned(made, span, context, answer)

        return opened

    return _word(name, make)


@overload
def span(name: F, /) -> F: ...
@overload
def span(name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None) -> Step: ...
def span(name: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
    """Any other step: a span of that name (by default the function's), with attributes of your own."""

    def make(named: str) -> Make:
        def opened(function: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Scope:
            del arguments
            made = runtime.current()
            if made is None:
                return Quiet()
            called = named or getattr(function, "__name__", "span")
            begun = runtime.start(made, called, "", SpanKind.INTERNAL, dict(attributes or {}))
            return Spanned(made, begun, otel_context.get_current())

        return opened

    return _word(name, make)


@overload
def conversation(conversation_id: F, /) -> F: ...
@overload
def conversation(conversation_id: str | None = None, /, *, user: str = "") -> Step: ...
def conversation(conversation_id: Any = None, /, *, user: str = "") -> Any:
    """Whatever runs within belongs to this conversation: `gen_ai.conversation.id`, and `user.id` if it is given.

    Without an id each run, or each call of the function under the decorator, is a conversation of its own.
    """

    def make(named: str) -> Make:
        def opened(function: Callable[..., Any] | None, arguments: Mapping[str, Any]) -> Scope:
            del function, arguments
            context = otel_context.set_value(CONVERSATION, named[:ID_CHARS_MAX] or uuid.uuid4().hex)
            return Quiet(otel_context.set_value(USER, user[:ID_CHARS_MAX], context) if user else context)

        return opened

    return _word(conversation_id, make)


def written(value: Any) -> str:
    """A value as the text that a model would be given of it."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
