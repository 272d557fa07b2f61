"""The way to a language model: every HTTP call passes here, whoever makes it, and is bounded and written down.

Calls, bytes, tokens and money are checked before a call goes out; an answer is read to a bound and never unpacked. A
call that fails in passing (429, 5xx, no connection) is made again once in all. Headers, and so keys, are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import anyio
import httpx2

from flyball.explain.bounds import Stopped
from flyball.model.narrative import Exchange

CHARS_A_TOKEN = 3.0
"""Of prompts as these: 3.1 to 3.6 on SmolLM2's tokenizer, which has few words; the lower is safe."""
RETRIES_MAX = 1
"""Calls of one incident that are made again."""
RETRY_WAIT_S_MAX = 5.0
"""A model that asks for more patience than this is not asked again."""
ANSWER_BYTES_MAX = 1_000_000
"""Bytes of one answer that are read."""
LOG_CHARS_MAX = 64_000
"""Characters kept of what was sent, and of what came back, of one call."""
_IN_PASSING = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass(slots=True)
class Wire(httpx2.AsyncBaseTransport):
    """One incident's way to a model. `gate` raises `Stopped` before a call of so many tokens that may not go out."""

    gate: Callable[[int], None]
    monotonic_s: Callable[[], float]
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    tokens: int = 0
    """Estimated of what was sent and came back."""
    _retries: int = 0
    _inner: httpx2.AsyncHTTPTransport = field(default_factory=httpx2.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; once more where that failed in passing."""
        request.headers["accept-encoding"] = "identity"
        while True:
            try:
                response = await self._once(request)
            except httpx2.TransportError:
                if self._retries >= RETRIES_MAX:
                    raise
                wait = 0.0
            else:
                wait = _wait_s(response)
                if (
                    response.status_code not in _IN_PASSING
                    or self._retries >= RETRIES_MAX
                    or wait > RETRY_WAIT_S_MAX
                ):
                    return response
            self._retries += 1
            await anyio.sleep(wait)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _once(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        asked = int(len(body) / CHARS_A_TOKEN)
        self.gate(asked)
        self.tokens += asked
        began = self.monotonic_s()
        status, received = 0, bytearray()
        try:
            response = await self._inner.handle_async_request(request)
            status = response.status_code
            try:
                await _read(response, received)
            finally:
                await response.aclose()
        finally:
            self.tokens += int(len(received) / CHARS_A_TOKEN)
            self.exchanges.append(
                Exchange(
                    sent=body.decode("utf-8", "replace")[:LOG_CHARS_MAX],
                    received=received.decode("utf-8", "replace")[:LOG_CHARS_MAX],
                    status=status,
                    seconds=round(self.monotonic_s() - began, 3),
                )
            )
        headers = [
            (key, value) for key, value in response.headers.multi_items() if key.lower() not in _FRAMING
        ]
        return httpx2.Response(status, headers=headers, content=bytes(received), request=request)


_FRAMING = frozenset({"content-length", "content-encoding", "transfer-encoding"})
"""Headers of an answer that say how it came: what was read is taken as it is, and never unpacked."""


async def _read(response: httpx2.Response, received: bytearray) -> None:
    async for chunk in cast("httpx2.AsyncByteStream", response.stream):
        received += chunk[: ANSWER_BYTES_MAX + 1 - len(received)]
        if len(received) > ANSWER_BYTES_MAX:
            raise Stopped(f"an answer of the model is longer than {ANSWER_BYTES_MAX} bytes")


def _wait_s(response: httpx2.Response) -> float:
    """The seconds an answer asks to wait; one where it does not say."""
    said = response.headers.get("retry-after", "1")
    return float(said) if said.isascii() and said.isdigit() else 1.0
