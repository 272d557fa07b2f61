"""Open a port and serve an ASGI application on it: the same way for every HTTP port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flyball.component.http_guard import Accepts, App, HttpGuard
from flyball.errors import ConfigurationError

_STOP_SECONDS = 5


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        ConfigurationError: the address cannot be used; says how to choose another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise ConfigurationError(
            f"port {port} on {host} cannot be used: {error.strerror}; flyball up --help tells how to choose another"
        ) from error
    return opened


class _OneWrite:
    """A transport that sends the head of an answer together with the first of its body.

    uvicorn writes them one after the other: two packets, and a client that acknowledges late waits 40 ms between them.
    What is held is sent at the end of this turn of the loop at the latest.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""
        self._later = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the first piece, send it with the second."""
        if self._held:
            data, self._held = self._held + data, b""
            self._transport.write(data)
        else:
            self._held = data
            self._later(self._flush)

    def close(self) -> None:
        """Send what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._transport.write(data)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol over that transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's
        super().connection_made(cast("asyncio.Transport", _OneWrite(transport)))


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process decides when to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def serve(
    app: App,
    opened: socket.socket,
    *,
    allowed_hosts: Sequence[str],
    token: str,
    ready: Callable[[], None],
    accepts: Accepts | None = None,
) -> None:
    """Serve `app` behind the guard until cancelled; then finish what is being answered. Calls `ready` once."""
    more = {"accepts": accepts} if accepts else {}
    guard = HttpGuard(app, allowed_hosts=allowed_hosts, token=token, **more)
    config = uvicorn.Config(
        guard,
        http=_Protocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Server(config, ready)
    task = asyncio.ensure_future(server.serve([opened]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        await task
        raise
