"""What `init` sets up and all of tracing uses, and what is carried along in the context of a run."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from flyball_sdk import semconv
from flyball_sdk.tracing import content
from flyball_sdk.tracing.checkout import Checkout
from flyball_sdk.tracing.digests import Digests
from flyball_sdk.tracing.pending import Pending

if TYPE_CHECKING:
    from flyball_sdk.guard.guard import Guard

log = logging.getLogger("flyball_sdk")
T = TypeVar("T")

CONVERSATION = otel_context.create_key("flyball-conversation")
USER = otel_context.create_key("flyball-user")
AGENT = otel_context.create_key("flyball-agent")
AGENT_SPAN = otel_context.create_key("flyball-agent-span")

inside: ContextVar[bool] = ContextVar("flyball-inside-a-model-call", default=False)
"""Set while a model call is traced: a library below it that is traced, too, tells nothing of its own."""


@dataclass(slots=True)
class Runtime:
    """One initialised SDK."""

    tracer: Tracer
    checkout: Checkout
    guard: Guard | None = None
    capture_content: bool = False
    environment: str = ""
    digests: Digests = field(default_factory=Digests)
    pending: Pending = field(default_factory=Pending)
    # names of functions under `@tool`: their calls have a span of their own
    tools: set[str] = field(default_factory=set)


_runtime: Runtime | None = None
_told: set[str] = set()
_TOLD_MAX = 64


def current() -> Runtime | None:
    """What is set up, None before `init`."""
    return _runtime


def use(runtime: Runtime | None) -> None:
    """From now on this one."""
    global _runtime  # noqa: PLW0603 - the one place that holds it
    _runtime = runtime


def safely(act: Callable[[], T], otherwise: T) -> T:
    """What `act` returns; a mistake of ours is told once in the log, and the app goes on."""
    try:
        return act()
    except Exception as why:  # the edge between us and the app: nothing of ours is raised into it
        kind = f"{type(why).__name__} in {getattr(act, '__qualname__', act)}"
        if kind not in _told and len(_told) < _TOLD_MAX:
            _told.add(kind)
            log.debug("flyball: tracing failed, the app goes on: %s", kind, exc_info=True)
        return otherwise


def start(
    runtime: Runtime,
    name: str,
    operation: str,
    kind: SpanKind,
    attributes: dict[str, Any],
    context: Context | None = None,
) -> Span:
    """A span of the GenAI conventions, with whose conversation and agent it belongs to."""
    if operation:
        attributes[semconv.GEN_AI_OPERATION_NAME] = operation
    context = otel_context.get_current() if context is None else context
    attributes.update(runtime.checkout.attributes)
    for key, attribute in _CARRIED:
        value = context.get(key)
        if value and attribute not in attributes:
            attributes[attribute] = str(value)
    return runtime.tracer.start_span(name, context, kind, attributes)


_CARRIED = (
    (CONVERSATION, semconv.GEN_AI_CONVERSATION_ID),
    (USER, semconv.USER_ID),
    (AGENT, semconv.GEN_AI_AGENT_NAME),
)


def end(runtime: Runtime, span: Span, error: BaseException | None = None) -> None:
    """End a span, with what the checkout is known to be by now and how it failed, if it did."""
    if span.is_recording():
        # git may have answered since the span began
        dirty = runtime.checkout.attributes.get(semconv.FLYBALL_VCS_DIRTY)
        if dirty is not None and semconv.FLYBALL_VCS_DIRTY not in getattr(span, "attributes", ()):
            span.set_attribute(semconv.FLYBALL_VCS_DIRTY, dirty)
        if error is not None:
            span.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR, _message(runtime, error)))
    span.end()


def _message(runtime: Runtime, error: BaseException) -> str:
    """What an error says. Its text may quote arguments, so without content only status and code of a provider's are told."""
    if runtime.capture_content:
        return content.cut(str(error))
    said = [str(getattr(error, name, None) or "") for name in ("status_code", "code")]
    return " ".join(one[:64] for one in said if one.replace("_", "").replace("-", "").isalnum())


@contextlib.contextmanager
def within(context: Context) -> Generator[None]:
    """Run with a context of OpenTelemetry's as the current one."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def session_id(context: Context | None = None) -> str:
    """Whose memory the guard uses: the conversation's, else the trace's."""
    conversation = otel_context.get_value(CONVERSATION, context)
    if conversation:
        return str(conversation)
    trace_id = trace.get_current_span(context).get_span_context().trace_id
    return f"{trace_id:032x}" if trace_id else ""
