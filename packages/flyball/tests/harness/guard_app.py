"""The guard's HTTP face without a server: its routes over a wall, behind the guard of every port."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
from flyball.api.guard_calls import PATHS, GuardCalls, opens
from flyball.api.guard_routes import guard_routes
from flyball.api.routes import rest_routes
from flyball.commands.guard_acts import GuardActs
from flyball.component.http_guard import App, HttpGuard
from flyball.enrich.changes import Sightings
from flyball.guard.browsers import Browsers
from flyball.queries.ports import Ports
from flyball.stores.state_sqlite import SqliteState
from flyball.web.pages.guard import GuardPages
from harness.wall import Guarded
from starlette.applications import Starlette
from starlette.routing import Route

URL = "http://127.0.0.1:4320"


class _Asgi:
    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, *parts: Any) -> None:
        await self._app(*parts)


@asynccontextmanager
async def guard_app(guarded: Guarded, folder: Path, *, token: str = "") -> AsyncGenerator[App]:
    """The routes of the guard, wired as app.py wires them."""
    state = SqliteState(folder / "state.db")
    await state.migrate()
    ports = Ports(
        telemetry=cast("Any", None),
        changes=state,
        evidence=state,
        incidents=state,
        memory=state,
        catalog=cast("Any", None),
        clock=guarded.clock,
        wall=guarded.wall,
    )
    acts = GuardActs(
        wall=guarded.wall, changes=state, sightings=Sightings([]), clock=guarded.clock, workspace="default"
    )
    browsers, keys = Browsers(), guarded.wall.keys
    calls = GuardCalls(guarded.wall)

    async def do(*_: Any) -> Any:
        raise NotImplementedError

    routes = [
        *rest_routes(ports, do=do, status=dict),
        *guard_routes(acts, keys, browsers, base_url=URL),
        *GuardPages(ports=ports, acts=acts, browsers=browsers, keys=keys).routes(),
        *(Route(path, _Asgi(calls), methods=["POST"]) for path in PATHS),
    ]
    yield HttpGuard(
        Starlette(routes=routes), token=token, accepts=lambda path, given: opens(keys, path, given)
    )
    await state.close()


def client(app: App, *, peer: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
    """A caller at this address."""
    transport = httpx.ASGITransport(cast("Any", app), client=(peer, 1234))
    return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)
