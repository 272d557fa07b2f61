"""`POST /v1/guard/evaluate` and `/v1/guard/observe`: what stands in the way of every tool call of an agent.

Plain ASGI, and one write a call: it is in somebody's way. What needs no wait is answered without even a task (`at_once`). The contract is in docs/how-to/guard-over-http.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import orjson

from flyball.component.http_guard import App, Headers, Receive, Scope, Send, is_loopback
from flyball.errors import InputError, StoreError
from flyball.guard.approvals import Approval
from flyball.guard.keys import Identity, Keys
from flyball.guard.request import BODY_BYTES_MAX, Ask, Kind, Refused, read_request
from flyball.guard.wall import Waiting, Wall
from flyball.hook.http import Asked, respond

_log = logging.getLogger(__name__)

OPEN_MAX = 1_024
"""Requests that are read or wait at once; one more is refused."""
_STATUS: Mapping[Kind, int] = {"bad": 400, "reused": 409, "too_large": 413, "overloaded": 429, "log": 503}
PATHS = ("/v1/guard/evaluate", "/v1/guard/observe")
HOOK_PATH = "/v1/guard/hook/"
"""A client's own event, answered in its own words: flyball/hook/http.py."""
IN_LOOP_CHARS_MAX = 16 * 1024
"""A longer answer of a tool is read in a thread: 256 KiB take some 50 ms, for which calls of others would wait. It only
adds to tables of the session that a judgement looks values up in."""
_MARGIN_S = 0.25
"""A waiting request is answered so long before the time it named is over."""


@dataclass(slots=True)
class GuardCalls:
    """The ASGI application for the two paths."""

    wall: Wall
    _open: int = 0
    _waiting: dict[str, list[asyncio.Event]] = field(default_factory=dict[str, list[asyncio.Event]])

    def __post_init__(self) -> None:
        self.wall.decided = self._decided

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await _send(send, 405, _error("evaluate and observe are POST", "bad"))
            return
        if self._open >= OPEN_MAX:
            await _send(send, 429, _error(f"{OPEN_MAX} requests are open already", "overloaded"))
            return
        self._open += 1
        try:
            status, body = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            status, body = self._failed(error)
        finally:
            self._open -= 1
        await _send(send, status, body)

    def at_once(self, scope: Scope, body: bytes) -> tuple[int, Headers, bytes] | None:
        """The answer to a whole POST to one of `PATHS`; None for one that has to wait or is one too many."""
        if self._open >= OPEN_MAX:
            return None
        begun_ns = perf_counter_ns()
        try:
            identity, local = self._caller(scope)
            ask = read_request(body, identity)
            found = self._now(scope["path"], ask, local=local, begun_ns=begun_ns)
        except Exception as error:  # noqa: BLE001 - the edge of a request
            found = self._failed(error)
        return found and (found[0], _headers(found[1]), found[1])

    def _failed(self, error: Exception) -> tuple[int, bytes]:
        """What is told of it, without what the request held."""
        match error:
            case Refused():
                return _STATUS.get(error.kind, 500), _error(str(error), error.kind)
            case InputError():
                return 400, _error(str(error), "bad")
            case StoreError():
                self.wall.statistics.counts["not_logged"] += 1
                return 503, _error(str(error), "log")
            case _:
                _log.error("a guard request failed with %s", type(error).__name__)
                return 500, _error("Flyball made a mistake; its log says more", "engine")

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        body = await _body(receive)
        begun_ns = perf_counter_ns()
        identity, local = self._caller(scope)
        path = scope["path"]
        if path.startswith(HOOK_PATH):

            async def post(path: str, question: bytes) -> tuple[int, bytes]:
                return await self._judged(path, question, identity, local=local, begun_ns=begun_ns)

            return await respond(path.removeprefix(HOOK_PATH), body, post, Asked.of(scope["query_string"]))
        return await self._judged(path, body, identity, local=local, begun_ns=begun_ns)

    async def _judged(
        self, path: str, body: bytes, identity: Identity | None, *, local: bool, begun_ns: int
    ) -> tuple[int, bytes]:
        ask = read_request(body, identity)
        now = self._now(path, ask, local=local, begun_ns=begun_ns)
        if now is not None:
            return now
        if path == PATHS[1]:
            await asyncio.to_thread(self.wall.observe, ask)
            return 204, b""
        answer = self.wall.evaluate(ask, local=local, begun_ns=begun_ns, hold=True)
        return 200, await self._waited(ask, answer, local=local) if isinstance(answer, Waiting) else answer

    def _now(self, path: str, ask: Ask, *, local: bool, begun_ns: int) -> tuple[int, bytes] | None:
        """The answer, where it needs neither a thread nor a person."""
        if path == PATHS[1]:
            if len(ask.output) > IN_LOOP_CHARS_MAX:
                return None
            self.wall.observe(ask)
            return 204, b""
        return None if ask.wait_ms else (200, self.wall.answer(ask, local=local, begun_ns=begun_ns))

    def _caller(self, scope: Scope) -> tuple[Identity | None, bool]:
        """Whose token the request carries, and whether it comes from this machine."""
        headers = dict(scope["headers"])
        return self._identity(headers.get(b"authorization")), _is_local(scope, headers)

    def _identity(self, authorization: bytes | None) -> Identity | None:
        """Whose hook's token was presented; one that is none is refused in the HTTP guard where tokens are needed."""
        if authorization is None or not authorization.startswith(b"Bearer "):
            return None
        return self.wall.keys.hook(authorization[7:].decode("latin-1"))

    async def _waited(self, ask: Ask, waiting: Waiting, *, local: bool) -> bytes:
        """The answer after a person spoke, or after the time is over: then the ask's default holds."""
        event = asyncio.Event()
        self._waiting.setdefault(waiting.approval_id, []).append(event)
        seconds = min(ask.wait_ms / 1000 - _MARGIN_S, waiting.expires - self.wall.now())
        try:
            await asyncio.wait_for(event.wait(), max(seconds, 0.0))
        except TimeoutError:
            pass
        finally:
            events = self._waiting.get(waiting.approval_id, [])
            if event in events:
                events.remove(event)
            if not events:
                self._waiting.pop(waiting.approval_id, None)
        return self.wall.answer(ask, local=local, begun_ns=perf_counter_ns(), last=True)

    def _decided(self, approval: Approval) -> None:
        for event in self._waiting.get(approval.id, []):
            event.set()


def _is_local(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the caller runs on this machine; one that comes through a proxy names another host."""
    client = scope.get("client")
    host = headers.get(b"host", b"").decode("latin-1").lower()
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    proxied = b"x-forwarded-for" in headers or b"forwarded" in headers
    return client is not None and is_loopback(client[0]) and is_loopback(name) and not proxied


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise Refused("the caller went away in the middle of its request", "bad")
    if len(body) > BODY_BYTES_MAX:
        raise Refused(f"a request has at most {BODY_BYTES_MAX} bytes", "too_large")
    return body


def _error(sentence: str, kind: Kind) -> bytes:
    return orjson.dumps({"error": sentence, "kind": kind})


_JSON = (b"content-type", b"application/json")


def _headers(body: bytes) -> Headers:
    return [_JSON, (b"content-length", str(len(body)).encode())] if body else []


async def _send(send: Send, status: int, body: bytes) -> None:
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": _headers(body)}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def opens(keys: Keys, path: str, token: str) -> bool:
    """Whether a token of the guard opens this path: a hook's those of calls, the operator's all of the guard's."""
    if path in PATHS or path.startswith(HOOK_PATH):
        return keys.hook(token) is not None or keys.is_operator(token)
    return path.startswith(("/api/v1/guard/", "/guard")) and keys.is_operator(token)


def in_front(calls: GuardCalls, app: App) -> App:
    """The application with the guard's calls before all its routes: they do not wait for the others to be compared."""

    async def first(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"] in PATHS or scope["path"].startswith(HOOK_PATH)):
            await calls(scope, receive, send)
        else:
            await app(scope, receive, send)

    return first
