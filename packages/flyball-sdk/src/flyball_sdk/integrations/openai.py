"""OpenAI's client: chat completions and responses, on every client that speaks them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from flyball_sdk.integrations import clients
from flyball_sdk.integrations.chat import Chat
from flyball_sdk.integrations.responses import Responses

_HOSTS = {
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
    "api.moonshot.ai": "moonshot_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
"""Who else is reached by this client, by the conventions' names. A host that is not known tells OpenAI's wire format."""


def patch(module: ModuleType) -> None:
    """Trace the client."""
    dialects = {"/chat/completions": Chat(), "/responses": Responses()}
    clients.patch(
        module,
        lambda path: next((one for end, one in dialects.items() if path.endswith(end)), None),
        provider,
    )


def provider(client: Any, host: str) -> str:
    """Who serves the model."""
    if "Azure" in type(client).__name__ or host.endswith(".openai.azure.com"):
        return "azure.ai.openai"
    return _HOSTS.get(host, "openai")
