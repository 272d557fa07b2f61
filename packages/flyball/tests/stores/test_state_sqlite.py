"""SQLite keeps the contract of state stores, and its file's damage is one clear error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from contracts.state_store import StateStore, StateStoreContract, change
from flyball.errors import ConfigurationError
from flyball.stores.state_sqlite import SqliteState

pytestmark = pytest.mark.anyio


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[SqliteState]:
    store = SqliteState(tmp_path / "state.db")
    await store.migrate()
    yield store
    await store.close()


class TestSqliteState(StateStoreContract):
    @pytest.fixture
    def store(self, state: SqliteState) -> StateStore:
        return state


async def test_a_reopened_file_has_what_was_written(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteState(tmp_path / "state.db")
        await store.migrate()
        await store.put_change(change())
        assert await store.change("chg_1") == change()
        await store.close()


async def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    store = SqliteState(tmp_path / "state.db")
    with pytest.raises(ConfigurationError, match=r"state\.db cannot be used"):
        await store.migrate()
    await store.close()
