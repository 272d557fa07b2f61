"""The one file that knows pydantic-ai: a question to a language model of Anthropic, OpenAI or Ollama, and its answer.

Imported when the first question is asked, not before: it takes seconds. Without the extra `flyball[model]` the import
fails, and the asker says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from anthropic import AsyncAnthropic
from genai_prices import Usage, calc_price
from openai import AsyncOpenAI
from pydantic_ai import Agent, NativeOutput, Tool, ToolOutput
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage, UsageLimits

from flyball.explain.admit import Story
from flyball.explain.bounds import Bounds, Stopped
from flyball.explain.wire import Wire

T = TypeVar("T")

OUTPUT_TOKENS_MAX = 1_200
"""Tokens of one answer: 250 words, 20 ids of some 15 tokens, and other causes."""
TOOL_CALLS_MAX = 12
"""Tool calls of one incident."""
CORRECTIONS_MAX = 1
"""Times that a model is told that its answer, or the arguments of a tool, are not of the form that was asked for."""
_OLLAMA = "http://127.0.0.1:11434/v1"


@dataclass(slots=True)
class Run:
    """One incident's questions: the wire they take, and what they used so far."""

    wire: Wire
    usage: RunUsage

    @staticmethod
    def within(bounds: Bounds, model: str, monotonic_s: Callable[[], float]) -> Run:
        """A run whose calls stop at these bounds."""
        usage = RunUsage()
        wire = Wire(gate=lambda asked: _gate(wire, usage, asked, bounds, model), monotonic_s=monotonic_s)
        return Run(wire, usage)

    @property
    def tokens(self) -> int:
        """What was used: as the model told, or estimated where it told less than nothing was sent."""
        told = self.usage.input_tokens + self.usage.output_tokens
        return told or self.wire.tokens


async def ask(
    run: Run,
    *,
    model: str,
    base_url: str,
    instructions: str,
    prompt: str,
    tools: Sequence[Callable[..., Any]],
    calls_max: int,
    form: type[T] = Story,
    tool_calls_max: int = TOOL_CALLS_MAX,
) -> T:
    """What the model answers, in the form that is asked for: a diagnosis' story, or a guard's rule.

    Raises:
        Stopped: a bound was reached.
        ValueError: the model or its key is not known.
        Exception: whatever the provider's client makes of a bad answer.
    """
    async with httpx2.AsyncClient(transport=run.wire, timeout=None) as http:
        # a tool call ends it; a model that runs here is held to the form by its server's grammar instead
        output = NativeOutput(form) if model.startswith("ollama:") else ToolOutput(form)
        agent = Agent(
            _model(model, base_url, http),
            output_type=output,
            instructions=instructions,
            tools=[Tool(tool, takes_ctx=False, max_retries=CORRECTIONS_MAX) for tool in tools],
            retries=CORRECTIONS_MAX,
            model_settings=ModelSettings(max_tokens=OUTPUT_TOKENS_MAX),
        )
        limits = UsageLimits(request_limit=calls_max, tool_calls_limit=tool_calls_max)
        result = await agent.run(prompt, usage=run.usage, usage_limits=limits)
    return result.output


def _gate(wire: Wire, usage: RunUsage, asked: int, bounds: Bounds, model: str) -> None:
    """Stop a call of so many tokens that would pass a bound, counting what it may answer."""
    used = max(usage.input_tokens + usage.output_tokens, wire.tokens)
    if len(wire.exchanges) >= bounds.calls:
        raise Stopped(f"it would take more than {bounds.calls} calls")
    if used + asked + OUTPUT_TOKENS_MAX > bounds.tokens:
        raise Stopped(f"it would take more than {bounds.tokens} tokens")
    price = _price_usd(model, asked)
    if price is not None and float(usage.cost or 0) + price > bounds.usd:
        raise Stopped(f"it would take more than {bounds.usd:g} US dollars")


def _price_usd(model: str, asked: int) -> float | None:
    """What a call costs at most, None where no price is known."""
    provider, _, name = model.partition(":")
    usage = Usage(input_tokens=asked, output_tokens=OUTPUT_TOKENS_MAX)
    try:
        return float(calc_price(usage, name, provider_id=provider).total_price)
    except (LookupError, ValueError):
        return None


def _model(model: str, base_url: str, http: httpx2.AsyncClient) -> Model:
    """The model of `provider:name`. No client of a provider asks again by itself: the wire does, and counts."""
    provider, _, name = model.partition(":")
    url = base_url or None
    if provider == "anthropic":
        anthropic = AsyncAnthropic(
            api_key=_key("ANTHROPIC", url), base_url=url, max_retries=0, http_client=http
        )
        return AnthropicModel(name, provider=AnthropicProvider(anthropic_client=anthropic))
    if provider == "openai":
        openai = AsyncOpenAI(api_key=_key("OPENAI", url), base_url=url, max_retries=0, http_client=http)
        return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=openai))
    if provider == "ollama":
        local = AsyncOpenAI(
            api_key=_key("OLLAMA", _OLLAMA), base_url=url or _OLLAMA, max_retries=0, http_client=http
        )
        return OllamaModel(name, provider=OllamaProvider(openai_client=local))
    raise ValueError(f"the model {model!r} is of no known provider")


def _key(provider: str, url: str | None) -> str:
    """A provider's key from the environment; an address of one's own may need none."""
    name = f"{provider}_API_KEY"
    key = os.environ.get(name, "")
    if not key and not url:
        raise ValueError(f"{name} is not set in the environment")
    return key or "unset"
