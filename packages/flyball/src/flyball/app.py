"""The composition root: the only module that knows every part. `run(settings)` is `flyball up`.

receivers -> bus (write-ahead log) -> decode -> distil -> enrich -> count -> store
                                                                          -> queries -> REST, MCP, page
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import logging
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from flyball import __version__
from flyball.api.guard_calls import PATHS, GuardCalls, in_front, opens
from flyball.api.guard_routes import guard_routes
from flyball.api.routes import rest_routes
from flyball.commands.decide_incident import decide_incident
from flyball.commands.guard_acts import GuardActs
from flyball.commands.guard_upkeep import close_wall, keep_anchored, keep_log, keep_recording
from flyball.commands.narrate_incident import Narrating
from flyball.commands.observe_batch import Learning
from flyball.commands.record_change import announce_change, change_fields
from flyball.commands.record_decisions import RecordDecisions
from flyball.commands.remember_incident import Remembering
from flyball.commands.table import ANNOTATE_RUN, RECORD_CHANGE, RECORD_FIX, Command
from flyball.commands.upgrade_rules import UpgradeRules
from flyball.commands.watch import Watch
from flyball.component.context import Health, ReceiverContext
from flyball.component.http_guard import App, Receive, Scope, Send
from flyball.component.http_server import listen, serve
from flyball.component.registry import make_receiver
from flyball.component.respond import to_json
from flyball.distill.lines import LineReader
from flyball.distill.redact import redact_attributes
from flyball.distill.shapes import Distiller
from flyball.enrich.changes import Sightings
from flyball.errors import ConfigurationError, FolderInUse, StoreError
from flyball.guard.browsers import Browsers
from flyball.guard.wall import Wall
from flyball.mcp.server import mcp_over_http, mcp_server
from flyball.model.export import DEFAULT_WORKSPACE, Export, Signal
from flyball.pipeline.bus_local import LocalBus
from flyball.pipeline.meter import Meter
from flyball.pipeline.runner import Runner
from flyball.queries.guard import guard_notice, mode_of
from flyball.queries.guard_proposals import proposal_of
from flyball.queries.incidents import row_of
from flyball.queries.pipeline import Pipeline, pipeline, reduction
from flyball.queries.ports import Ports
from flyball.queries.questions import Question
from flyball.receivers.otlp_decode import Decoder
from flyball.receivers.otlp_http import otlp_app
from flyball.settings import Settings
from flyball.stores.state_sqlite import SqliteState
from flyball.stores.telemetry_chdb import ChdbTelemetry
from flyball.web.pages.guard import GuardPages
from flyball.web.render import announce
from flyball.web.routes import not_routed, web_routes
from flyball.wiring import narrating_of, remembering_of, wall_of, watch_of
from flyball.wiring_runs import annotated, keep_measured, stages_of

_log = logging.getLogger(__name__)

_UPKEEP_SECONDS = 30
"""How often the disk budget is checked."""
_NARRATE_SECONDS = 5
"""How often it is asked whether a language model has something to say."""
_ROUND_SECONDS = 2
"""How long the watch over incidents rests between rounds; as long as a round took where that is more."""


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()

    def monotonic_s(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the data folder for this process.

    Raises:
        FolderInUse: another process has it.
        ConfigurationError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise ConfigurationError(f"the data folder {folder} cannot be used: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise FolderInUse(
                f"the data folder {folder} is in use by process {owner}: stop it, or choose another with --data"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@dataclass(frozen=True, kw_only=True)
class Server:
    """The parts of one running server."""

    settings: Settings
    telemetry: ChdbTelemetry
    state: SqliteState
    bus: LocalBus
    runner: Runner
    meter: Meter
    ports: Ports
    sightings: Sightings
    clock: SystemClock
    watch: Watch
    remembering: Remembering
    narrating: Narrating | None
    wall: Wall
    recording: RecordDecisions
    deciding: asyncio.Lock
    """Held while a round of the watch or a person's decision rewrites incidents."""

    async def emit(self, export: Export) -> None:
        """Take one export in: returns when it is durable."""
        await self.bus.append(export)

    async def do(self, command: Command, arguments: Mapping[str, str]) -> Any:
        """Carry out a command; the view that answers it."""
        if command is RECORD_CHANGE:
            fields = change_fields(arguments, self.ports.now())
            return await announce_change(
                self.state, self.sightings, self.clock, workspace=DEFAULT_WORKSPACE, **fields
            )
        if command is RECORD_FIX:
            return await self.remembering.record_fix(**arguments)
        if command is ANNOTATE_RUN:
            return await annotated(self.ports, **arguments)
        async with self.deciding:
            decided = await decide_incident(self.state, self.clock, workspace=DEFAULT_WORKSPACE, **arguments)
        return row_of(decided)

    async def done(self, command: Command, arguments: Mapping[str, Any]) -> Any:
        """A command's answer as JSON values, for MCP."""
        return orjson.loads(to_json(await self.do(command, command.arguments(arguments))))

    async def ask(self, question: Question, arguments: dict[str, Any]) -> Any:
        """A question's view as JSON values, for MCP."""
        return orjson.loads(to_json(await question.answer(self.ports, arguments)))

    def status(self) -> Mapping[str, Any]:
        """What `/healthz` tells."""
        edges = self.meter.snapshot()
        return {
            "version": __version__,
            "trouble": self.runner.trouble,
            "pending_bytes": self.bus.pending_bytes,
            "duplicates": self.bus.duplicates,
            "committed_ms": self.telemetry.committed_ms,
            "edges": edges,
            "reduction": reduction(edges, len(self.ports.catalog)),
            "guard": mode_of(self.wall, self.wall.now()),
        }

    def pipeline(self) -> Pipeline:
        """What each stage took in, gave out and dropped since the start."""
        return pipeline(
            edges=self.meter.snapshot(),
            bus=self.bus,
            trouble=self.runner.trouble,
            patterns=len(self.ports.catalog),
            since=datetime.fromtimestamp(self.ports.listening_since_s, UTC),
            at=self.ports.now(),
        )

    def context(self, name: str, *, ready: Callable[[], None] = lambda: None) -> ReceiverContext:
        """The surroundings of the receiver of that name."""
        return ReceiverContext(
            emit=self.emit,
            count=lambda outcome, number: self.meter.count(name, outcome, number),
            clock=self.clock,
            cursors=self.state,
            line_reader=LineReader,
            ready=ready,
            token=self.settings.token,
            allowed_hosts=self.settings.allowed_hosts,
            health=Health(),
        )


@contextlib.asynccontextmanager
async def assembled(settings: Settings) -> AsyncGenerator[Server]:
    """Open the stores, recover the log, wire the stages; close everything in reverse."""
    clock, meter = SystemClock(), Meter()
    folder = settings.data_folder
    async with contextlib.AsyncExitStack() as stack:
        state = SqliteState(folder / "state.db")
        stack.push_async_callback(state.close)
        await state.migrate()
        telemetry = ChdbTelemetry(folder / "telemetry", raw_hours=settings.raw_hours)
        stack.push_async_callback(telemetry.close)
        await telemetry.migrate()
        catalog = await UpgradeRules(
            patterns=state, cursors=state, telemetry=telemetry, clock=clock
        ).catalog()
        sightings = Sightings(await state.versions(DEFAULT_WORKSPACE))
        distiller = Distiller(known=catalog.shape_ids)
        bus = LocalBus(folder / "wal", clock, free_bytes_min=settings.free_bytes_min)
        bus.start(telemetry.committed_ms)
        await state.put_cursors(bus.cursors)
        meter.count("wal", "recovered", bus.pending_bytes)
        meter.count("wal", "dropped: damaged bytes", bus.damage.torn_bytes + bus.damage.skipped_bytes)
        stack.push_async_callback(bus.close)

        decoder = Decoder(redact_attributes)

        learning = Learning(
            patterns=state,
            changes=state,
            distiller=distiller,
            catalog=catalog,
            sightings=sightings,
            cursors=state,
        )
        runner = Runner(
            bus=bus,
            store=telemetry,
            meter=meter,
            decode=lambda exports, received_ms: decoder.decode(exports, received_ms=received_ms),
            stages=stages_of(distiller),
            before=learning.learn_patterns,
            after=learning.record,
            rejected=folder / "rejected",
        )
        wall = wall_of(folder, clock, settings)
        stack.push_async_callback(close_wall, wall)
        recording = RecordDecisions(telemetry, DEFAULT_WORKSPACE)
        wall.sink = recording.put
        wall.dropped = lambda: {"rows of the telemetry store": recording.dropped}
        ports = Ports(
            wall=wall,
            annotations=state,
            telemetry=telemetry,
            changes=state,
            evidence=state,
            incidents=state,
            memory=state,
            catalog=catalog,
            clock=clock,
            base_url=f"http://{_address(settings.host, settings.port)}",
            dropped=meter.dropped,
            listening_since_s=clock.now_ns() / 1e9,
        )
        yield Server(
            settings=settings,
            wall=wall,
            recording=recording,
            telemetry=telemetry,
            state=state,
            bus=bus,
            runner=runner,
            meter=meter,
            ports=ports,
            sightings=sightings,
            clock=clock,
            watch=watch_of(ports, state, remembering := remembering_of(ports, state), meter.count),
            remembering=remembering,
            narrating=narrating_of(settings, ports, state) if settings.model else None,
            deciding=asyncio.Lock(),
        )


async def run(settings: Settings, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then receive nothing more, store what is pending, and close.

    `ready` is called when every port listens.

    Raises:
        ConfigurationError: the folder or a port cannot be used.
    """
    with locked(settings.data_folder), listen(settings.host, settings.port) as web_socket:
        async with assembled(settings) as server:
            moving = asyncio.create_task(server.runner.run(), name="runner")
            work = _receiving(server, web_socket, ready)
            work += [
                asyncio.create_task(stop.wait(), name="stop"),
                asyncio.create_task(_upkeep(server), name="upkeep"),
                asyncio.create_task(_watching(server), name="watch"),
                asyncio.create_task(keep_log(server.wall, server.meter.count), name="guard"),
                asyncio.create_task(keep_anchored(server.wall), name="anchor"),
                asyncio.create_task(keep_measured(server.ports, server.meter.count), name="budgets"),
                asyncio.create_task(
                    keep_recording(server.recording, server.wall, server.meter.count), name="decisions"
                ),
                *(
                    [asyncio.create_task(_narrate(server.narrating), name="narrate")]
                    if server.narrating
                    else ()
                ),
            ]
            await asyncio.wait({moving, *work}, return_when=asyncio.FIRST_COMPLETED)
            for task in work:
                task.cancel()
            ended = await asyncio.gather(*work, return_exceptions=True)
            server.runner.stop()
            await moving
            for error in ended:
                if isinstance(error, Exception):
                    raise error


def _receiving(
    server: Server, web_socket: socket.socket, ready: Callable[[], None]
) -> list[asyncio.Task[Any]]:
    """A task for the main port and for each receiver; `ready` is called when the last of them listens."""
    settings = server.settings
    receivers: dict[str, dict[str, Any]] = {
        "otlp_http": {"listen": _address(settings.host, settings.otlp_http_port)},
        "otlp_grpc": {"listen": _address(settings.host, settings.otlp_grpc_port)},
        **settings.receivers,
    }
    waiting = {"web", *receivers}

    def listening(name: str) -> None:
        waiting.discard(name)
        if not waiting:
            ready()

    tasks = [asyncio.create_task(_main_port(server, web_socket, lambda: listening("web")), name="web")]
    for name, fields in receivers.items():
        context = server.context(name, ready=functools.partial(listening, name))
        tasks.append(asyncio.create_task(make_receiver(name, fields).run(context), name=name))
    return tasks


async def _main_port(server: Server, web_socket: socket.socket, ready: Callable[[], None]) -> None:
    """Everything but OTLP's own ports: page, REST, MCP, and OTLP/HTTP too."""
    settings = server.settings
    guard_calls, browsers = GuardCalls(server.wall), Browsers()
    announce(functools.partial(guard_notice, server.ports))
    guard_acts = GuardActs(
        wall=server.wall,
        changes=server.state,
        sightings=server.sightings,
        clock=server.clock,
        workspace=DEFAULT_WORKSPACE,
        proposal_of=functools.partial(proposal_of, server.ports),
    )
    pages = GuardPages(ports=server.ports, acts=guard_acts, browsers=browsers, keys=server.wall.keys)
    tools = mcp_server(server.ask, server.done, base_url=server.ports.base_url)
    async with mcp_over_http(tools) as mcp_app:
        app = Starlette(
            routes=[
                *rest_routes(server.ports, do=server.do, status=server.status),
                *web_routes(server.ports, pipeline=server.pipeline),
                *guard_routes(guard_acts, server.wall.keys, browsers, base_url=server.ports.base_url),
                *pages.routes(),
                Route("/mcp", _Asgi(mcp_app), methods=["GET", "POST", "DELETE"]),
                *(
                    Route(f"/v1/{signal}", _Asgi(otlp_app(server.context("otlp_http"))), methods=["POST"])
                    for signal in Signal
                ),
            ],
            exception_handlers={HTTPException: not_routed},
        )
        await serve(
            in_front(guard_calls, app),
            web_socket,
            allowed_hosts=settings.allowed_hosts,
            token=settings.token,
            ready=ready,
            accepts=functools.partial(opens, server.wall.keys),
            at_once=dict.fromkeys(PATHS, guard_calls.at_once),
        )


class _Asgi:
    """An ASGI application as an endpoint: Starlette takes a plain function for a request handler."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through."""
        await self._app(scope, receive, send)


async def _upkeep(server: Server) -> None:
    """Keep the telemetry store under its disk budget."""
    while True:
        await asyncio.sleep(_UPKEEP_SECONDS)
        freed = await server.telemetry.trim(bytes_max=server.settings.disk_bytes_max)
        if freed:
            server.meter.count("store", "expired: bytes over the disk budget", freed)


async def _watching(server: Server) -> None:
    """Round after round; one that a store fails is counted and told, and the next goes on from what is stored."""
    while True:
        begun = server.clock.monotonic_s()
        try:
            async with server.deciding:
                await server.watch.round()
        except StoreError as error:
            server.meter.count("watch", "failed rounds", 1)
            _log.warning("the watch over incidents failed: %s", error)
        spent = server.clock.monotonic_s() - begun
        await asyncio.sleep(max(_ROUND_SECONDS, spent))


async def _narrate(narrating: Narrating) -> None:
    """One incident after the other is told in words; a store that fails is asked again."""
    while True:
        try:
            await narrating.next()
        except StoreError as error:
            _log.warning("an incident could not be narrated: %s", error)
        await asyncio.sleep(_NARRATE_SECONDS)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
