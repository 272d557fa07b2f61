"""One SQLite file in WAL mode through SQLAlchemy's async engine: connections, migrations, errors as ours.

What is stored in it stands in the modules beside this one, a class for each group of ports.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flyball.errors import ConfigurationError, StoreError

meta = sa.MetaData()


def table(name: str, key: tuple[str, ...], *others: str) -> sa.Table:
    """A table as the migrations made it: the columns of its key, and the others."""
    columns = [sa.Column(c, primary_key=True) for c in key] + [sa.Column(c) for c in others]
    return sa.Table(name, meta, *columns)


class SqliteFile:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: AsyncEngine = create_async_engine(
            f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 10}
        )

    async def migrate(self) -> None:
        """Bring the tables to this version's schema.

        Raises:
            ConfigurationError: the file is no SQLite database or cannot be written.
        """
        try:
            async with self._engine.begin() as connection:
                await connection.run_sync(_upgrade)
            async with self._engine.connect() as connection:
                await connection.execute(sa.text("PRAGMA journal_mode = WAL"))
        except DBAPIError as error:
            raise ConfigurationError(
                f"{self._path} cannot be used: {error.orig}; restore it from a backup or move it away"
            ) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction: all of it or nothing.

        Raises:
            StoreError: it failed.
        """
        with _errors():
            async with self._engine.begin() as connection:
                yield connection

    async def read(self, query: sa.Select[Any]) -> Sequence[Mapping[str, Any]]:
        """The rows of a query.

        Raises:
            StoreError: it failed.
        """
        with _errors():
            async with self._engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(query)).mappings()]


def iso(time: datetime) -> str:
    """A time as it is stored: ISO 8601, UTC, so that texts sort as times do."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


@contextlib.contextmanager
def _errors() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"the state store failed: {error.orig}") from error


def _upgrade(connection: sa.Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", "flyball.stores.migrations:state")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")
