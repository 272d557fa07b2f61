"""What every receiver must do. A test module subclasses `ReceiverContract` and says how to feed its receiver."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from flyball.component.context import ReceiverContext
from flyball.component.protocols import Receiver
from flyball.distill.lines import LineReader
from flyball.errors import Overloaded
from flyball.model.export import Export, Signal
from harness.clock import ManualClock
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

STOP_SECONDS_MAX = 8


class Cursors:
    """Cursors in memory; the state store's own are held to the state store's contract."""

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}

    async def put_cursors(self, positions: dict[str, str]) -> None:
        self.stored |= positions

    async def cursors(self) -> dict[str, str]:
        return dict(self.stored)


class Taken:
    """What a receiver handed over, and its surroundings."""

    def __init__(self) -> None:
        self.exports: list[Export] = []
        self.counted: Counter[str] = Counter()
        self.ready = asyncio.Event()
        self._more = asyncio.Event()
        self.full = False
        self.cursors = Cursors()

    async def emit(self, export: Export) -> None:
        if self.full:
            raise Overloaded("the buffer is full", retry_after_s=1)
        self.exports.append(export)
        self._more.set()
        await self.cursors.put_cursors(dict(export.cursors))

    def count(self, outcome: str, number: int) -> None:
        self.counted[outcome] += number

    @property
    def bodies(self) -> list[str]:
        """The bodies of all log records, in order."""
        found: list[str] = []
        for export in self.exports:
            assert export.signal is Signal.LOGS
            request = ExportLogsServiceRequest.FromString(export.payload)
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    found += [record.body.string_value for record in scope.log_records]
        return found

    async def wait_for(self, number: int) -> list[str]:
        """The bodies, as soon as there are `number`."""
        async with asyncio.timeout(10):
            while len(self.bodies) < number:
                self._more.clear()
                await self._more.wait()
        return self.bodies


@asynccontextmanager
async def started(receiver: Receiver, taken: Taken) -> AsyncGenerator[Taken]:
    """A receiver that runs until the block ends; stopping must not take long."""
    context = ReceiverContext(
        emit=taken.emit,
        count=taken.count,
        clock=ManualClock(),
        cursors=taken.cursors,  # pyright: ignore[reportArgumentType]
        line_reader=LineReader,
        ready=taken.ready.set,
    )
    task = asyncio.create_task(receiver.run(context))
    ready = asyncio.create_task(taken.ready.wait())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    ready.cancel()
    if task.done():
        task.result()
    assert taken.ready.is_set(), "it never said that it listens"
    try:
        yield taken
    finally:
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=STOP_SECONDS_MAX)
        assert done, f"it did not stop within {STOP_SECONDS_MAX} s"
    if not task.cancelled():
        task.result()


class ReceiverContract:
    """Override `receiver` and `send`; `send` returns whether the sender was acknowledged."""

    @pytest.fixture
    def receiver(self) -> Receiver:
        raise NotImplementedError

    async def send(self, receiver: Receiver, texts: list[str]) -> bool:
        raise NotImplementedError

    async def send_rubbish(self, receiver: Receiver, rubbish: bytes) -> None:
        raise NotImplementedError

    async def test_it_starts_and_stops(self, receiver: Receiver) -> None:
        async with started(receiver, Taken()):
            pass

    async def test_it_starts_again_after_it_stopped(self, receiver: Receiver) -> None:
        for _ in range(2):
            async with started(receiver, Taken()) as taken:
                assert await self.send(receiver, ["hello"])
                await taken.wait_for(1)

    async def test_what_is_sent_is_emitted_in_order(self, receiver: Receiver) -> None:
        texts = [f"order {number} placed" for number in range(50)]
        async with started(receiver, Taken()) as taken:
            assert await self.send(receiver, texts)
            assert await taken.wait_for(50) == texts
            assert taken.counted["received: logs"] == 50

    async def test_rubbish_is_survived(self, receiver: Receiver) -> None:
        async with started(receiver, Taken()) as taken:
            for rubbish in (b"", b"\0" * 1000, b"\xff\xfe\n" * 10, os.urandom(5000)):
                await self.send_rubbish(receiver, rubbish)
            assert await self.send(receiver, ["after the rubbish"])
            async with asyncio.timeout(10):
                while "after the rubbish" not in "".join(taken.bodies):
                    await taken.wait_for(len(taken.bodies) + 1)

    async def test_it_does_not_log_per_record(
        self, receiver: Receiver, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            async with started(receiver, Taken()) as taken:
                await self.send(receiver, [f"line {number}" for number in range(100)])
                await taken.wait_for(100)
        assert len(caplog.records) < 5
