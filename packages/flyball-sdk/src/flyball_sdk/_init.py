"""`init`: find the clients of language models in this process, trace them, and bring the spans to a Flyball server."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from flyball_sdk import integrations, semconv
from flyball_sdk.tracing import runtime, tools
from flyball_sdk.tracing.checkout import Checkout
from flyball_sdk.tracing.delivery import Deliverer, Delivery, endpoint_of
from flyball_sdk.tracing.digests import Digests

if TYPE_CHECKING:
    from flyball_sdk.guard.guard import Guard

ENDPOINT = "http://127.0.0.1:4318"
SCOPE = "flyball_sdk"

_lock = threading.Lock()
_deliverer: Deliverer | None = None
_provider: TracerProvider | None = None


def init(
    *,
    service: str | None = None,
    endpoint: str | None = None,
    policy: Guard | str | Path | None = None,
    capture_content: bool = False,
    version: str = "",
    environment: str = "",
    headers: Mapping[str, str] | None = None,
    tracer_provider: trace.TracerProvider | None = None,
    repository: str | Path | None = None,
    digest_key: str | None = None,
) -> None:
    """Trace the calls of language models (Anthropic, OpenAI, LiteLLM), and judge the tools they ask for if told to.

    An app that has a tracer provider of its own keeps it: the spans go where its others go. Without one, this makes one
    that delivers to `endpoint`. Called again, it changes guard, content and what it is given; the provider stays.

    Args:
        service: `service.name`; by default `OTEL_SERVICE_NAME`.
        endpoint: a Flyball server's OTLP/HTTP address; by default `OTEL_EXPORTER_OTLP_ENDPOINT`, else this machine's.
        policy: a `Guard`, or the path of a policy file: tools that a model asks for are judged before the app has them.
        capture_content: whether messages, arguments and results are told, too: redacted and cut, but told.
        version: `service.version`.
        environment: `deployment.environment.name`.
        headers: sent with every delivery, such as an operator's token.
        tracer_provider: use this one instead.
        repository: where the agent's code is checked out; by default the working directory or above it.
        digest_key: of the digests of arguments, where several processes share a run; by default `FLYBALL_DIGEST_KEY`.

    Raises:
        GuardUnavailable: the policy cannot be attached. Nothing else is raised: an app does without its traces.
    """
    guard = _guard(policy)
    made = runtime.safely(
        lambda: runtime.Runtime(
            tracer=trace.get_tracer(
                SCOPE,
                tracer_provider=tracer_provider
                or _provided(service, endpoint, version, environment, headers),
            ),
            checkout=Checkout(Path(repository) if repository is not None else Path.cwd()),
            guard=guard,
            capture_content=capture_content,
            environment=environment,
            digests=Digests(digest_key),
            tools=tools.names(),
        ),
        None,
    )
    if made is None:  # as much as can be: what stops a call is no luxury
        made = runtime.Runtime(tracer=trace.NoOpTracer(), checkout=Checkout(Path(os.devnull)), guard=guard)
    runtime.use(made)
    runtime.safely(integrations.instrument, None)


def delivery() -> Delivery:
    """What became of the spans so far; `joined` where the app's own tracer provider delivers them."""
    return _deliverer.delivery() if _deliverer is not None else Delivery(joined=runtime.current() is not None)


def flush(timeout_s: float = 2.0) -> bool:
    """Deliver what is queued now; whether nothing was left within the time. Never raises."""
    found: Any = _provider if _provider is not None else trace.get_tracer_provider()
    return runtime.safely(lambda: bool(found.force_flush(int(timeout_s * 1000))), False)


def _guard(policy: Guard | str | Path | None) -> Guard | None:
    if not isinstance(policy, (str, Path)):
        return policy
    from flyball_sdk.guard import Guard  # noqa: PLC0415 - its parsers are an extra

    return Guard.from_file(policy)


def _provided(
    service: str | None,
    endpoint: str | None,
    version: str,
    environment: str,
    headers: Mapping[str, str] | None,
) -> trace.TracerProvider:
    """The app's provider, else ours, made once."""
    global _deliverer, _provider  # noqa: PLW0603 - one for the process, as OpenTelemetry has one
    with _lock:
        found = trace.get_tracer_provider()
        if not isinstance(found, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
            return found
        named = {semconv.SERVICE_NAME: service, semconv.SERVICE_VERSION: version}
        named[semconv.DEPLOYMENT_ENVIRONMENT_NAME] = environment
        resource = Resource.create({key: value for key, value in named.items() if value})
        address = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ENDPOINT
        where = endpoint_of(address, headers)
        _deliverer = Deliverer(where, "" if where else f"endpoint {address!r} is no http(s) address")
        _provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        _provider.add_span_processor(_deliverer)
        atexit.register(_deliverer.shutdown)
        trace.set_tracer_provider(_provider)
        return _provider
