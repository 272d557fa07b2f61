"""SQLite keeps the contract of state stores, and its file's damage is one clear error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import alembic.command
import alembic.config
import pytest
import sqlalchemy as sa
from contracts.annotation_store import AnnotationStoreContract
from contracts.state_store import StateStore, StateStoreContract, change
from flyball.component.ports import AnnotationStore
from flyball.errors import ConfigurationError
from flyball.model.change import AuthorKind
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


class TestSqliteAnnotations(AnnotationStoreContract):
    @pytest.fixture
    def annotating(self, state: SqliteState) -> AnnotationStore:
        return state


async def test_a_reopened_file_has_what_was_written(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteState(tmp_path / "state.db")
        await store.migrate()
        await store.put_change(change())
        assert await store.change("chg_1") == change()
        await store.close()


async def test_changes_of_a_version_that_knew_deploys_alone_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    config = alembic.config.Config()
    config.set_main_option("script_location", "flyball.stores.migrations:state")
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0002")
        connection.execute(
            sa.text(
                "INSERT INTO changes (id, workspace, service, environment, version, previous_version, kind, time,"
                " announced, version_source, 'commit', url) VALUES ('chg_1', 'default', 'checkout', 'prod', 'v1', '',"
                " 'deploy', '2026-11-21T12:00:00.123456+00:00', 1, 'service.version', '', '')"
            )
        )
    engine.dispose()
    store = SqliteState(path)
    await store.migrate()
    assert await store.change("chg_1") == replace(change(), author_kind=AuthorKind.UNKNOWN)
    await store.close()


async def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    store = SqliteState(tmp_path / "state.db")
    with pytest.raises(ConfigurationError, match=r"state\.db cannot be used"):
        await store.migrate()
    await store.close()
