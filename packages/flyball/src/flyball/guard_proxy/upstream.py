"""The server behind the HTTP form: one address, whose origin is never left."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import httpx

from flyball.errors import ConfigurationError, InputError
from flyball.guard_proxy.strict import MESSAGE_BYTES_MAX

CONNECT_SECONDS_MAX = 10.0
SILENT_SECONDS_MAX = 3_600.0
"""How long an answer or a stream may say nothing."""
REDIRECTS_MAX = 3
"""Redirects of one request, each within the origin."""
SENT = (
    "accept",
    "authorization",
    "mcp-session-id",
    "mcp-protocol-version",
    "last-event-id",
    "mcp-method",
    "mcp-name",
)
"""Headers of the client that the server gets, besides `mcp-param-*`."""
_KEEPS_METHOD = frozenset({307, 308})
_IS_REDIRECT = frozenset({301, 302, 303, 307, 308})


class Unreached(Exception):
    """The server gave no answer that can be used: the text says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The server at `url`."""

    url: httpx.URL
    client: httpx.AsyncClient

    @asynccontextmanager
    async def send(
        self, method: Literal["POST", "GET", "DELETE"], headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[httpx.Response]:
        """The server's answer, its body not yet read. A redirect is followed by hand, within the origin alone.

        Raises:
            Unreached: there is no connection, or it points elsewhere.
        """
        url = self.url
        for _ in range(REDIRECTS_MAX + 1):
            request = self.client.build_request(method, url, headers=dict(headers), content=body)
            try:
                answer = await self.client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise Unreached(f"the server cannot be reached ({type(error).__name__})") from None
            try:
                if answer.status_code not in _IS_REDIRECT:
                    yield _plain(answer)
                    return
                url = self._next(url, answer, method)
            finally:
                await answer.aclose()
        raise Unreached(f"the server redirects more than {REDIRECTS_MAX} times")

    def _next(self, url: httpx.URL, answer: httpx.Response, method: str) -> httpx.URL:
        try:
            target = url.join(answer.headers.get("location", ""))
        except httpx.InvalidURL:
            raise Unreached("the server redirects to what is no address") from None
        if _origin(target) != _origin(self.url) or target.userinfo:
            raise Unreached("the server redirects to another origin, which is not followed")
        if method != "GET" and answer.status_code not in _KEEPS_METHOD:
            raise Unreached("the server redirects a call and would lose what it says, which is not followed")
        return target


def _plain(answer: httpx.Response) -> httpx.Response:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Unreached("the server compresses its answer unasked, which is not read")
    return answer


async def whole(answer: httpx.Response) -> bytes:
    """The body of an answer.

    Raises:
        Unreached: it is longer than a message may be, or is cut off.
    """
    body = b""
    try:
        async for part in answer.aiter_raw():
            body += part
            if len(body) > MESSAGE_BYTES_MAX:
                raise Unreached(f"the server's answer is longer than {MESSAGE_BYTES_MAX} bytes")
    except httpx.HTTPError as error:
        raise Unreached(f"the server's answer is cut off ({type(error).__name__})") from None
    return body


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def client() -> httpx.AsyncClient:
    """What asks the server: no redirect, no proxy or credential of the environment, no compression."""
    seconds = httpx.Timeout(SILENT_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
    headers = {"accept-encoding": "identity", "user-agent": "flyball-guard-proxy"}
    return httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=seconds, headers=headers)


def address(text: str) -> httpx.URL:
    """The server's address.

    Raises:
        InputError: it is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InputError(f"--url is no address: {error}") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise InputError("--url is an address such as https://host/mcp, without a user or password in it")
    return url


async def reachable(upstream: Upstream) -> None:
    """Ask the server once, for nothing.

    Raises:
        ConfigurationError: nobody answers there.
    """
    try:
        async with upstream.send("GET", {"accept": "text/event-stream"}, None):
            return
    except Unreached as error:
        raise ConfigurationError(f"{upstream.url}: {error}") from None
