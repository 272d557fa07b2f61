"""The clients of Anthropic and OpenAI are of one make: each call of either goes through `request` of its base client.

It is patched there, on the class: clients that exist already are traced, too, and so is whatever is built on them
(`create`, `stream`, `parse`, raw responses, beta resources).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from flyball_sdk import semconv
from flyball_sdk.tracing import runtime
from flyball_sdk.tracing.dialect import Dialect
from flyball_sdk.tracing.exchange import Exchange
from flyball_sdk.tracing.reading import get, text
from flyball_sdk.tracing.runtime import inside, safely

Find = Callable[[str], "Dialect | None"]
"""Which dialect a path of the API speaks, None for what is not traced."""
Provider = Callable[[Any, str], str]
"""The provider's name, by the client and the host it talks to."""

_RAW = ("x-stainless-raw-response", "X-Stainless-Raw-Response")
_PORTS = {"http": 80, "https": 443}


def patch(client: ModuleType, find: Find, provider: Provider) -> None:
    """Trace the requests of a client module."""
    base = getattr(client, "_base_client")  # noqa: B009 - private by its name; there in all versions since 2023
    base.SyncAPIClient.request = _sync(base.SyncAPIClient.request, find, provider)
    base.AsyncAPIClient.request = _async(base.AsyncAPIClient.request, find, provider)
    if hasattr(base, "start_api_call_span"):
        base.start_api_call_span = _unless_inside(base.start_api_call_span)


def _unless_inside(started: Callable[..., Any]) -> Callable[..., Any]:
    """Anthropic's client emits a span of its own since 2.12: not for a call that already has one."""

    @functools.wraps(started)
    def start_api_call_span(*args: Any, **kwargs: Any) -> Any:
        return None if inside.get() else started(*args, **kwargs)

    return start_api_call_span


def _sync(original: Callable[..., Any], find: Find, provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, options, find, provider)
        if exchange is None:
            return original(self, cast_to, options, *args, **kwargs)
        raw = _raw(options)
        result = exchange.call(lambda: original(self, cast_to, options, *args, **kwargs))
        if raw == "stream":  # the app reads the bytes itself
            return exchange.unread(result)
        response = safely(result.parse, None) if raw else result
        if response is None or (exchange.streams and not _hold(exchange, response)):
            return exchange.unread(result)
        if not exchange.streams:
            exchange.received(response)
        return result

    return request


def _async(original: Callable[..., Any], find: Find, provider: Provider) -> Callable[..., Any]:
    @functools.wraps(original)
    async def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, options, find, provider)
        if exchange is None:
            return await original(self, cast_to, options, *args, **kwargs)
        raw = _raw(options)
        result = await exchange.acall(lambda: original(self, cast_to, options, *args, **kwargs))
        if raw == "stream":
            return exchange.unread(result)
        response = safely(result.parse, None) if raw else result
        if inspect.isawaitable(response):
            response = await response
        if response is None or (exchange.streams and not _hold(exchange, response)):
            return exchange.unread(result)
        if not exchange.streams:
            await exchange.areceived(response)
        return result

    return request


def _begin(client: Any, options: Any, find: Find, provider: Provider) -> Exchange | None:
    made = runtime.current()
    if made is None or inside.get():
        return None
    return safely(lambda: _exchange(made, client, options, find, provider), None)


def _exchange(
    made: runtime.Runtime, client: Any, options: Any, find: Find, provider: Provider
) -> Exchange | None:
    path = text(options, "url").partition("?")[0].rstrip("/")
    body = get(options, "json_data")
    dialect = find(path) if text(options, "method").lower() == "post" else None
    if dialect is None or not isinstance(body, Mapping):
        return None
    extra = get(options, "extra_json")
    body = {**body, **extra} if isinstance(extra, Mapping) else body
    where = safely(lambda: _server(client), {})
    host = str(where.get(semconv.SERVER_ADDRESS, ""))
    return Exchange(made, dialect, body, text(body, "model"), provider(client, host), where)


def _server(client: Any) -> dict[str, Any]:
    """The address that a client talks to."""
    url = client.base_url
    port = url.port or _PORTS.get(url.scheme)
    return {semconv.SERVER_ADDRESS: url.host, semconv.SERVER_PORT: port} if url.host else {}


def _raw(options: Any) -> str:
    """How the app wants the response: "" parsed, "stream" unread, else with its headers."""
    headers = get(options, "headers")
    if not isinstance(headers, Mapping):
        return ""
    return next((str(headers[name]) for name in _RAW if name in headers), "")


def _hold(exchange: Exchange, stream: Any) -> bool:
    """Put our generator before the stream's own; whether it has one."""
    chunks = getattr(stream, "_iterator", None)
    if chunks is None:
        return False
    kind = exchange.astream if hasattr(chunks, "__anext__") else exchange.stream
    stream._iterator = kind(chunks)  # noqa: SLF001 - `__iter__`, `__next__` and all helpers read it
    _watch(exchange, getattr(stream, "response", None))
    return True


def _watch(exchange: Exchange, response: Any) -> None:
    """An app that closes a stream before its end closes the response: so the span ends then, not with the last reference."""
    close, aclose = getattr(response, "close", None), getattr(response, "aclose", None)

    def closed() -> Any:
        exchange.abandon()
        return close() if close else None

    async def aclosed() -> Any:
        exchange.abandon()
        return await aclose() if aclose else None

    def put() -> None:
        response.close, response.aclose = closed, aclosed

    safely(put, None)
