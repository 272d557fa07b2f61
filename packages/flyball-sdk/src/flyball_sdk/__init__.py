"""What goes into an app that Flyball observes; it depends on opentelemetry-sdk alone.

    from flyball_sdk import init

    init(service="shop-agent", endpoint="http://127.0.0.1:4318")

Calls of Anthropic, OpenAI and LiteLLM are traced from then on; `agent`, `tool`, `span` and `conversation` tell the rest.
Importing this imports nothing: what is used is loaded then.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyball_sdk._init import delivery as delivery
    from flyball_sdk._init import flush as flush
    from flyball_sdk._init import init as init
    from flyball_sdk.guard import Guard as Guard
    from flyball_sdk.guard import GuardBlocked as GuardBlocked
    from flyball_sdk.tracing.steps import agent as agent
    from flyball_sdk.tracing.steps import conversation as conversation
    from flyball_sdk.tracing.steps import span as span
    from flyball_sdk.tracing.tools import tool as tool

_WHERE = {
    "init": "_init",
    "delivery": "_init",
    "flush": "_init",
    "agent": "tracing.steps",
    "conversation": "tracing.steps",
    "span": "tracing.steps",
    "tool": "tracing.tools",
    "Guard": "guard",
    "GuardBlocked": "guard",
}
__all__ = ["Guard", "GuardBlocked", "agent", "conversation", "delivery", "flush", "init", "span", "tool"]


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
