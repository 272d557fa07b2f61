"""What the tests with real clients share: a scripted guard, and a client with the hook in its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.agents import Agent, Cli
from harness.scripted_guard import Guard, scripted_guard
from harness.scripted_model import Model, scripted_model


@pytest.fixture
def guard() -> Iterator[Guard]:
    with scripted_guard() as guard:
        yield guard


@pytest.fixture
def model() -> Iterator[Model]:
    with scripted_model() as model:
        yield model


@pytest.fixture
def bare(cli: Cli, tmp_path: Path, model: Model) -> Agent:
    """A client as it comes."""
    return Agent(cli, tmp_path, model)


@pytest.fixture
def agent(bare: Agent, guard: Guard) -> Agent:
    """A client that is guarded and fails closed."""
    bare.install(guard.port)
    return bare
