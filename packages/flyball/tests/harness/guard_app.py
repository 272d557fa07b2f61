"""The guard's HTTP face without a server: its routes over a wall, behind the guard of every port."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pyarrow as pa
from flyball.api.guard_calls import GuardCalls, in_front, opens
from flyball.api.guard_routes import guard_routes
from flyball.api.routes import rest_routes
from flyball.commands.guard_acts import GuardActs
from flyball.component.http_guard import App, HttpGuard
from flyball.enrich.changes import Sightings
from flyball.guard.browsers import Browsers
from flyball.queries.guard_proposals import proposal_of
from flyball.queries.ports import Ports
from flyball.stores.state_sqlite import SqliteState
from flyball.web.pages.guard import GuardPages
from harness.wall import Guarded
from starlette.applications import Starlette

URL = "http://127.0.0.1:4320"


class NoOlderRows:
    """A telemetry store that holds no decision."""

    async def select(self, *_: Any) -> pa.Table:
        return pa.table({})


@asynccontextmanager
async def guard_app(guarded: Guarded, folder: Path, *, token: str = "") -> AsyncGenerator[App]:
    """The routes of the guard, wired as app.py wires them."""
    state = SqliteState(folder / "state.db")
    await state.migrate()
    ports = Ports(
        telemetry=cast("Any", NoOlderRows()),
        changes=state,
        evidence=state,
        incidents=state,
        memory=state,
        catalog=cast("Any", None),
        clock=guarded.clock,
        wall=guarded.wall,
    )
    acts = GuardActs(
        wall=guarded.wall, changes=state, sightings=Sightings([]), clock=guarded.clock, workspace="default",
        proposal_of=functools.partial(proposal_of, ports),
    )  # fmt: skip
    browsers, keys = Browsers(), guarded.wall.keys
    calls = GuardCalls(guarded.wall)

    async def do(*_: Any) -> Any:
        raise NotImplementedError

    routes = [
        *rest_routes(ports, do=do, status=dict),
        *guard_routes(acts, keys, browsers, base_url=URL),
        *GuardPages(ports=ports, acts=acts, browsers=browsers, keys=keys).routes(),
    ]
    yield HttpGuard(
        in_front(calls, cast("App", Starlette(routes=routes))),
        token=token,
        accepts=lambda path, given: opens(keys, path, given),
    )
    await state.close()


def client(app: App, *, peer: str = "127.0.0.1", **headers: str) -> httpx.AsyncClient:
    """A caller at this address."""
    transport = httpx.ASGITransport(cast("Any", app), client=(peer, 1234))
    return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)
