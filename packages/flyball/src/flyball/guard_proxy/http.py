"""The proxy as a port on this machine, in front of a server that speaks streamable HTTP.

A session of the server has a gate of its own; where there are no sessions, each request has one. What comes in events
is judged event by event, as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import httpx

from flyball.component.http_guard import Receive, Scope, Send
from flyball.component.http_server import listen, serve
from flyball.errors import ConfigurationError
from flyball.guard_proxy import mirrored, upstream
from flyball.guard_proxy.events import Event, Events, TooMuch, written
from flyball.guard_proxy.gate import Gate, Passed
from flyball.guard_proxy.strict import INTERNAL_ERROR, INVALID_REQUEST, MESSAGE_BYTES_MAX, Message, failure
from flyball.guard_proxy.upstream import Unreached, Upstream

PATH = "/mcp"
SESSIONS_MAX = 64
"""Sessions whose requests are known; the one that was used least lately is forgotten first."""
OPEN_MAX = 256
"""Requests that are open at once; one more is refused."""
_SESSION = "mcp-session-id"
_GIVEN_BACK = (_SESSION, "www-authenticate", "retry-after")
_OK, _ACCEPTED, _BAD_REQUEST = 200, 202, 400


def run(gate: Gate, url: str, *, port: int) -> None:
    """Serve until a signal comes.

    Raises:
        InputError: the address is none.
        ConfigurationError: the port is taken, or nobody answers at the address.
    """
    asyncio.run(_run(gate, upstream.address(url), port))


async def _run(gate: Gate, url: httpx.URL, port: int) -> None:
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    async with upstream.client() as client:
        server = Upstream(url, client)
        await upstream.reachable(server)
        opened = _listen(port)
        proxy = Proxy(gate, server)

        def stop() -> None:
            proxy.end()
            if me is not None:
                me.cancel()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        ready = partial(gate.told.say, f"http://127.0.0.1:{port}{PATH} guards {url} as {gate.name}")
        with contextlib.suppress(asyncio.CancelledError):
            await serve(proxy, opened, allowed_hosts=(), token="", ready=ready)
    gate.told.end()


def _listen(port: int) -> socket.socket:
    try:
        return listen("127.0.0.1", port)
    except ConfigurationError as error:
        why = error.__cause__
        words = why.strerror if isinstance(why, OSError) else str(error)
        raise ConfigurationError(
            f"port {port} cannot be used: {words}; choose another with --port"
        ) from error


@dataclass(slots=True)
class _Exchange:
    """One request of a client: what it said, and where the answer goes. `head` is sent once."""

    send: Send
    headers: Mapping[str, str]
    gate: Gate
    begun: bool = False

    def upward(self) -> dict[str, str]:
        """The headers that the server gets."""
        return {
            name: value
            for name, value in self.headers.items()
            if name in upstream.SENT or name.startswith(mirrored.PARAMETER)
        }

    async def head(self, status: int, kind: str, given: Mapping[str, str]) -> None:
        """Begin the answer."""
        headers = [(b"content-type", kind.encode())] if kind else []
        headers += [(n.encode(), given[n].encode("latin-1")) for n in _GIVEN_BACK if n in given]
        headers.append((b"cache-control", b"no-store"))
        self.begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, data: bytes, *, more: bool = False) -> None:
        """A piece of the answer, the last one unless `more`."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(
        self, status: int, message: Message | None, given: Mapping[str, str] | None = None
    ) -> None:
        """The whole answer."""
        await self.head(status, "application/json" if message else "", given or {})
        await self.body(message.line() if message else b"")


@dataclass(slots=True)
class Proxy:
    """The ASGI application."""

    first: Gate
    server: Upstream
    _gates: OrderedDict[str, Gate] = field(default_factory=OrderedDict[str, Gate])
    _open: int = 0
    _works: set[asyncio.Future[None]] = field(default_factory=set[asyncio.Future[None]])

    def end(self) -> None:
        """Let go of every request and stream that is open."""
        for work in list(self._works):
            work.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one request, until it is answered or the client goes away."""
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        exchange = _Exchange(send, headers, self.first)
        if scope["path"] != PATH or scope["method"] not in ("POST", "GET", "DELETE"):
            await exchange.answer(
                404 if scope["path"] != PATH else 405,
                failure(None, f"the proxy is at {PATH}", INVALID_REQUEST),
            )
            return
        if self._open >= OPEN_MAX:
            await exchange.answer(
                429, failure(None, f"{OPEN_MAX} requests are open already", INVALID_REQUEST)
            )
            return
        self._open += 1
        exchange.gate = self._gate(headers.get(_SESSION))
        try:
            await self._carry(scope["method"], exchange, receive)
        finally:
            self._open -= 1

    async def _carry(
        self, method: Literal["POST", "GET", "DELETE"], exchange: _Exchange, receive: Receive
    ) -> None:
        body = await _body(receive)
        if body is None:
            return
        if method == "POST":
            work = asyncio.ensure_future(self._post(exchange, body))
        else:
            work = asyncio.ensure_future(self._ask(exchange, method, None))
        gone = asyncio.ensure_future(_gone(receive))
        self._works.add(work)
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._works.discard(work)
            for task in (work, gone):
                task.cancel()
            for found in await asyncio.gather(work, gone, return_exceptions=True):
                if isinstance(found, Exception):
                    exchange.gate.told.counted("requests that failed", f"{type(found).__name__}: {found}")

    async def _post(self, exchange: _Exchange, body: bytes) -> None:
        gate = exchange.gate
        if len(body) > MESSAGE_BYTES_MAX:
            passed = gate.too_long(body[:1024], of_client=True)
        elif exchange.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            passed = Passed(to_client=failure(None, "a message is application/json", INVALID_REQUEST))
        else:
            passed = await asyncio.to_thread(gate.from_client, body)
        if passed.to_client is not None:
            await exchange.answer(_BAD_REQUEST if passed.to_client.id is None else _OK, passed.to_client)
        elif passed.to_server is None:
            await exchange.answer(_ACCEPTED, None)
        else:
            await self._ask(exchange, "POST", passed.to_server)

    async def _ask(
        self, exchange: _Exchange, method: Literal["POST", "GET", "DELETE"], message: Message | None
    ) -> None:
        """Send a message up, or ask for the stream or the end of a session; carry back what comes."""
        whose = message.id if message is not None and message.kind == "request" else None
        try:
            mirrored.check(exchange.headers, message)
            headers = exchange.upward() | ({"content-type": "application/json"} if message else {})
            async with self.server.send(method, headers, message.line() if message else None) as answer:
                self._learn(exchange, answer, method)
                await self._back(exchange, answer, whose)
        except Unreached as error:
            exchange.gate.told.counted("requests that failed", str(error))
            exchange.gate.given_up(whose)
            if not exchange.begun:
                await exchange.answer(
                    _OK if whose is not None else 502, failure(whose, str(error), INTERNAL_ERROR)
                )

    async def _back(self, exchange: _Exchange, answer: httpx.Response, whose: Any) -> None:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream" and answer.status_code == _OK:
            if not await self._events(exchange, answer):
                exchange.gate.given_up(whose)
            return
        body = await upstream.whole(answer)
        passed = Passed()
        if kind == "application/json" and body.strip():
            passed = await asyncio.to_thread(exchange.gate.from_server, body)
        if passed.to_server is not None:
            await self._answer_server(exchange, passed.to_server)
        message = passed.to_client
        if message is None and whose is not None:
            exchange.gate.given_up(whose)
            message = failure(whose, f"the server answered with status {answer.status_code}", INTERNAL_ERROR)
        await exchange.answer(answer.status_code, message, answer.headers)

    async def _events(self, exchange: _Exchange, answer: httpx.Response) -> bool:
        """Carry a stream to its end; gives whether it can be resumed."""
        events, resumable = Events(), False
        await exchange.head(_OK, "text/event-stream", answer.headers)
        try:
            async for data in answer.aiter_raw():
                for event in events.feed(data):
                    resumable = resumable or bool(event.id)
                    await self._event(exchange, event)
        except httpx.HTTPError as error:
            exchange.gate.told.counted("streams that broke off", type(error).__name__)
        except TooMuch:
            exchange.gate.told.counted("streams that broke off", "an event is longer than a message may be")
        await exchange.body(b"")
        return resumable

    async def _event(self, exchange: _Exchange, event: Event) -> None:
        data = b""
        if event.data.strip():
            passed = await asyncio.to_thread(exchange.gate.from_server, event.data)
            if passed.to_server is not None:
                await self._answer_server(exchange, passed.to_server)
            data = passed.to_client.line() if passed.to_client is not None else b""
        if data or event.id or event.retry_ms:
            await exchange.body(written(Event(data, event.id, event.retry_ms)), more=True)

    async def _answer_server(self, exchange: _Exchange, message: Message) -> None:
        """Refuse a request of the server, in its session."""
        names = ("authorization", _SESSION, "mcp-protocol-version")
        headers = {name: exchange.headers[name] for name in names if name in exchange.headers}
        headers |= {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        try:
            async with self.server.send("POST", headers, message.line()):
                return
        except Unreached as error:
            exchange.gate.told.counted("refusals that did not arrive", str(error))

    def _gate(self, session: str | None) -> Gate:
        """The gate of that session; one of its own for a request without."""
        if session is None:
            return self.first.another()
        gate = self._gates.pop(session, None) or self.first.another()
        self._gates[session] = gate
        while len(self._gates) > SESSIONS_MAX:
            self._gates.popitem(last=False)
            self.first.told.counted("sessions that were forgotten")
        return gate

    def _learn(self, exchange: _Exchange, answer: httpx.Response, method: str) -> None:
        """A session begins with the answer that names it, and ends when the client or the server says so."""
        session = answer.headers.get(_SESSION)
        known = exchange.headers.get(_SESSION)
        if session and known is None:
            self._gates[session] = exchange.gate
        if known is not None and method == "DELETE" and answer.is_success:
            self._gates.pop(known, None)


async def _body(receive: Receive) -> bytes | None:
    """The request's body, one byte more than a message may have at most; None where the client went away."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if len(body) <= MESSAGE_BYTES_MAX:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
