"""Receive lines from standard input: `kubectl logs -f deploy/checkout | flyball up --stdin --service checkout`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from flyball_sdk import semconv

from flyball.component.context import ReceiverContext
from flyball.component.ports import LineReader
from flyball.errors import Overloaded
from flyball.model.export import Export, Signal
from flyball.receivers.lines_request import lines_request

_CHUNK_BYTES = 256 * 1024
_QUIET_S = 1.0
"""After this long without a byte the last record is taken as complete."""


@dataclass(frozen=True, kw_only=True)
class Stdin:
    """Standard input, until its end. Nothing is lost while Flyball is busy: the pipe fills and its writer waits."""

    service: str = "stdin"
    """`service.name` of the lines."""
    environment: str = ""
    """`deployment.environment.name` of the lines."""

    async def run(self, ctx: ReceiverContext) -> None:
        """Read until the end of input or until cancelled."""
        reader = ctx.line_reader()
        async with _standard_input() as read:
            ctx.ready()
            while True:
                try:
                    async with asyncio.timeout(_QUIET_S):
                        chunk = await read()
                except TimeoutError:
                    await self._emit(ctx, reader.flush(end=False).texts.to_pylist())
                    continue
                if not chunk:
                    break
                await self._emit(ctx, reader.feed(chunk).texts.to_pylist())
            await self._emit(ctx, reader.flush().texts.to_pylist())
            _count_cut(ctx, reader)
            await asyncio.Event().wait()  # the end of input is not the end of the server

    async def _emit(self, ctx: ReceiverContext, texts: list[str]) -> None:
        if not texts:
            return
        now_ns = ctx.clock.now_ns()
        payload = lines_request(
            texts,
            observed_ns=now_ns,
            service=self.service,
            environment=self.environment,
            attributes={semconv.LOG_IOSTREAM: "stdin"},
        )
        await emit_when_there_is_room(ctx, Export(signal=Signal.LOGS, payload=payload, received_ns=now_ns))
        ctx.count("received: logs", len(texts))


@contextlib.asynccontextmanager
async def _standard_input() -> AsyncGenerator[Callable[[], Awaitable[bytes]]]:
    """A read of the next bytes. Pipes and terminals are awaited; a file (or /dev/null) never makes one wait."""
    if not _can_be_awaited():
        yield lambda: asyncio.to_thread(os.read, sys.stdin.fileno(), _CHUNK_BYTES)
        return
    stream = asyncio.StreamReader(limit=_CHUNK_BYTES)
    # a descriptor of its own: the transport closes it, and standard input stays the process's
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    try:
        yield lambda: stream.read(_CHUNK_BYTES)
    finally:
        transport.close()


def _can_be_awaited() -> bool:
    mode = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or sys.stdin.isatty()


async def emit_when_there_is_room(ctx: ReceiverContext, export: Export) -> None:
    """Emit; while there is no room, wait: a file or pipe keeps what is not read yet."""
    while True:
        try:
            await ctx.emit(export)
        except Overloaded as error:
            ctx.health.trouble = str(error)
            await asyncio.sleep(error.retry_after_s)
        else:
            ctx.health.trouble = ""
            return


def _count_cut(ctx: ReceiverContext, reader: LineReader) -> None:
    if reader.cut:
        ctx.count("dropped: end of a line over 1 MiB", reader.cut)
