"""What many tests need: one chDB engine for the whole run, a database per test."""

from __future__ import annotations

import signal
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import hypothesis
import pytest
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.clock import ManualClock

# A run in the background of a shell ignores Ctrl-C, and what it starts inherits that: here nothing does.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The machine is shared and the first call into Arrow takes a second: time is no property; and a run repeats.
hypothesis.settings.register_profile("flyball", deadline=None, derandomize=True)
hypothesis.settings.load_profile("flyball")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine takes one folder per process, for ever: every store of this run opens this one."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture
async def telemetry(engine_folder: Path) -> AsyncIterator[ChdbTelemetry]:
    store = ChdbTelemetry(engine_folder, database=f"test_{uuid.uuid4().hex}")
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
def open_telemetry(engine_folder: Path) -> Callable[[str], ChdbTelemetry]:
    """Opens a store by the name of its database, again and again."""
    return lambda database: ChdbTelemetry(engine_folder, database=database)
