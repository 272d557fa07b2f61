"""The guard of every HTTP port: a browser on another site can neither read nor write here, on loopback too.

- Host must be a name of this server, or a site that rebinds its own name to 127.0.0.1 could read.
- Origin, when sent, must be this server's own; cross-site fetches are refused by `Sec-Fetch-Site` as well.
  Following a link from elsewhere to a page stays possible: the other site cannot read the answer.
- No CORS header is ever sent; every answer carries a Content-Security-Policy and `nosniff`.
- With a token configured, each request must present it (`Authorization: Bearer ...`), or another one that opens its
  path (`accepts`): an agent's hook opens the tool-call guard and nothing else.

Sources: https://fetch.spec.whatwg.org/, https://www.w3.org/TR/fetch-metadata/
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Accepts = Callable[[str, str], bool]
"""(path, token) -> whether this token opens this path."""
Headers = list[tuple[bytes, bytes]]
AtOnce = Callable[[Scope, bytes], tuple[int, Headers, bytes] | None]
"""(scope, body) -> status, headers and body of the answer to a whole request; None where it goes the ordinary way."""

_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a bind address or host name is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _nothing(_path: str, _token: str) -> bool:
    return False


class HttpGuard:
    """ASGI middleware; `allowed_hosts` are names besides loopback that this server is reached by.

    `accepts(path, token)` tells of other tokens that open a path.
    """

    def __init__(
        self, app: App, *, allowed_hosts: Sequence[str] = (), token: str = "", accepts: Accepts = _nothing
    ) -> None:
        self._app = app
        self._accepts = accepts
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with one sentence."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refuse(scope)

        async def guarded_send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _guarded(message["headers"])
            await send(message)

        if refusal is None:
            await self._app(scope, receive, guarded_send)
        else:
            await _answer(guarded_send, *refusal)

    def at_once(self, answer: AtOnce) -> AtOnce:
        """The same guard before an answer at once; what it refuses goes the ordinary way, to be refused there."""

        def guarded(scope: Scope, body: bytes) -> tuple[int, Headers, bytes] | None:
            found = answer(scope, body) if self._refuse(scope) is None else None
            return found and (found[0], _guarded(found[1]), found[2])

        return guarded

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self._is_ours(host):
            return 403, f"Host {host!r} is no name of this server; add it to allowed_hosts if it should be"
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() != f"{scope.get('scheme', 'http')}://{host.lower()}":
            return 403, f"Origin {origin!r} is another site"
        site = headers.get(b"sec-fetch-site", "none")
        follows_link = (
            headers.get(b"sec-fetch-mode") == "navigate"
            and headers.get(b"sec-fetch-dest", "document") == "document"
            and scope["method"] == "GET"
        )
        if site not in {"none", "same-origin"} and not follows_link:
            return 403, "requests from other sites are refused"
        if self._token:
            given = headers.get(b"authorization", "").removeprefix("Bearer ")
            right = hmac.compare_digest(given.encode("latin-1"), self._token.encode())
            if not right and not self._accepts(scope["path"], given):
                return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None

    def _is_ours(self, host: str) -> bool:
        name = host.lower()
        name = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
        return is_loopback(name) or name in self._allowed or host.lower() in self._allowed


def _guarded(headers: Headers) -> Headers:
    present = {name for name, _ in headers}
    return [*headers, *(header for header in _HEADERS if header[0] not in present)]


async def _answer(send: Send, status: int, message: str) -> None:
    body = orjson.dumps({"error": message})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
