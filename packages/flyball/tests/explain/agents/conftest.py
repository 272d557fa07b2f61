"""A folder that a sandbox may read, where a sandbox can be had."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from flyball.explain.agents.sandbox import Sandbox


@pytest.fixture(scope="session")
def missing() -> str:
    """Why no sandbox can be had here, empty where one can."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        return anyio.run(Sandbox(repository=Path(folder)).probe)


@pytest.fixture
def readable(missing: str) -> Iterator[Path]:
    """A folder that everybody may read: a server that is root reads as nobody. pytest's own are for their owner alone."""
    if missing:
        pytest.skip(missing)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
