"""What the tests of tracing share: a provider on this machine, and spans in memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flyball_sdk import init
from flyball_sdk.tracing import runtime, tools
from model_servers import Provider, running
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from spans_held import Spans

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch prices


@pytest.fixture(scope="session")
def _server() -> Iterator[Provider]:
    with running() as server:
        yield server


@pytest.fixture
def provider(_server: Provider) -> Provider:
    """A model provider on this machine."""
    _server.seen.clear()
    return _server


@pytest.fixture
def traced() -> Iterator[Callable[..., Spans]]:
    """`traced(...)` initialises the SDK with spans in memory, which it returns; undone after the test."""

    def begin(**settings: Any) -> Spans:
        spans = Spans()
        made = TracerProvider()
        made.add_span_processor(SimpleSpanProcessor(spans))
        init(service="test", tracer_provider=made, **settings)
        return spans

    with contextlib.ExitStack() as after:
        after.callback(runtime.use, None)
        after.callback(tools.names().clear)
        yield begin
