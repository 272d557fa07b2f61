"""LiteLLM: `completion` and `acompletion`. A client that it calls below (OpenAI's) tells nothing of its own meanwhile."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flyball_sdk.integrations.chat import Chat
from flyball_sdk.tracing import runtime
from flyball_sdk.tracing.exchange import Exchange
from flyball_sdk.tracing.reading import text
from flyball_sdk.tracing.runtime import inside, safely

if TYPE_CHECKING:
    from typing import Self

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""LiteLLM's names of providers where the conventions have others."""

_CHAT = Chat(openai=False)


def patch(module: ModuleType) -> None:
    """Trace the two functions."""
    named: Any = module
    named.completion = _sync(named, named.completion)
    named.acompletion = _async(named, named.acompletion)


def _sync(module: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def completion(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("acompletion"):  # it would return a coroutine: the other function does that
            return original(*args, **kwargs)
        exchange = _begin(module, args, kwargs)
        if exchange is None:
            return original(*args, **kwargs)
        result = exchange.call(lambda: original(*args, **kwargs))
        return Held(exchange, result) if exchange.streams else exchange.received(result)

    return completion


def _async(module: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def acompletion(*args: Any, **kwargs: Any) -> Any:
        exchange = _begin(module, args, kwargs)
        if exchange is None:
            return await original(*args, **kwargs)
        result = await exchange.acall(lambda: original(*args, **kwargs))
        return Held(exchange, result) if exchange.streams else await exchange.areceived(result)

    return acompletion


def _begin(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
    made = runtime.current()
    if made is None or inside.get():
        return None

    def exchange() -> Exchange:
        body = {**dict(zip(("model", "messages"), args, strict=False)), **kwargs}
        model, name = _model_and_provider(module, text(body, "model"), text(body, "custom_llm_provider"))
        return Exchange(made, _CHAT, body, model, _PROVIDERS.get(name, name))

    return safely(exchange, None)


def _model_and_provider(module: Any, model: str, provider: str) -> tuple[str, str]:
    """What `openai/gpt-5` says: the model as its provider knows it, and the provider."""
    try:
        bare, found, *_ = module.get_llm_provider(model=model, custom_llm_provider=provider or None)
    except Exception:  # noqa: BLE001 - it raises what it raises over a name that it does not know; the call will, too
        return model, provider or "unknown"
    return str(bare), str(found)


class Held:
    """A stream of LiteLLM's with our generator before it; in all else it is the stream."""

    def __init__(self, exchange: Exchange, stream: Any) -> None:
        """Sync or async is told by who iterates."""
        self._exchange, self._stream = exchange, stream
        self._chunks: Iterator[Any] | None = None
        self._achunks: AsyncIterator[Any] | None = None

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - `isinstance` asks it
        return type(self._stream)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's."""
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        """The chunks, judged."""
        return self

    def __next__(self) -> Any:
        """One chunk. LiteLLM may make its request only now: what it calls below tells nothing then either."""
        if self._chunks is None:
            self._chunks = self._exchange.stream(iter(self._stream))
        token = inside.set(True)
        try:
            return next(self._chunks)
        finally:
            inside.reset(token)

    def __aiter__(self) -> AsyncIterator[Any]:
        """The chunks, judged."""
        return self

    async def __anext__(self) -> Any:
        """One chunk."""
        if self._achunks is None:
            self._achunks = self._exchange.astream(aiter_of(self._stream))
        token = inside.set(True)
        try:
            return await self._achunks.__anext__()
        finally:
            inside.reset(token)

    def close(self) -> None:
        """The app stops reading."""
        self._exchange.abandon()
        if callable(close := getattr(self._stream, "close", None)):
            close()

    async def aclose(self) -> None:
        """The app stops reading."""
        self._exchange.abandon()
        close = getattr(self._stream, "aclose", None) or getattr(self._stream, "close", None)
        if callable(close) and inspect.isawaitable(done := close()):
            await done

    def __enter__(self) -> Self:
        """As a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """The app stops reading."""
        self.close()

    async def __aenter__(self) -> Self:
        """As a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """The app stops reading."""
        await self.aclose()


def aiter_of(stream: Any) -> AsyncIterator[Any]:
    """`aiter`, by the protocol: some of LiteLLM's streams are asynchronous by it alone."""
    return stream.__aiter__()
