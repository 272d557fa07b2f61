"""Receive lines from standard input: `kubectl logs -f deploy/checkout | flyball up --stdin --service checkout`."""

from __future__ import annotations

import asyncio
import sys
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
    environment: str = ""

    async def run(self, ctx: ReceiverContext) -> None:
        """Read until the end of input or until cancelled."""
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(limit=_CHUNK_BYTES)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), sys.stdin.buffer
        )
        reader = ctx.line_reader()
        ctx.ready()
        try:
            while True:
                try:
                    async with asyncio.timeout(_QUIET_S):
                        chunk = await stream.read(_CHUNK_BYTES)
                except TimeoutError:
                    await self._emit(ctx, reader.flush(end=False).texts.to_pylist())
                    continue
                if not chunk:
                    break
                await self._emit(ctx, reader.feed(chunk).texts.to_pylist())
            await self._emit(ctx, reader.flush().texts.to_pylist())
            _count_cut(ctx, reader)
            await asyncio.Event().wait()  # the end of input is not the end of the server
        finally:
            transport.close()

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
