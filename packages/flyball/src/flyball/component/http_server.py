"""Open a port and serve an ASGI application on it: the same way for every HTTP port."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import cast

import uvicorn

from flyball.component.http_guard import Accepts, App, AtOnce, HttpGuard
from flyball.component.http_protocol import Protocol
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
    at_once: Mapping[str, AtOnce] | None = None,
) -> None:
    """Serve `app` behind the guard until cancelled; then finish what is being answered. Calls `ready` once.

    `at_once` answers, by path, what need not become a task (component/http_protocol.py), behind the same guard.
    """
    more = {"accepts": accepts} if accepts else {}
    guard = HttpGuard(app, allowed_hosts=allowed_hosts, token=token, **more)
    guarded = {path.encode(): guard.at_once(answer) for path, answer in (at_once or {}).items()}
    config = uvicorn.Config(
        guard,
        http=cast("type[Protocol]", functools.partial(Protocol, at_once=guarded)),
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
