"""Changes, which versions were seen when, and how far each source was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from flyball.model.change import AuthorKind, Change, ChangeKind, VersionSource
from flyball.model.sighting import VersionState
from flyball.stores.sqlite_file import SqliteFile, iso, meta, table

_changes = sa.Table(
    "changes",
    meta,
    *[
        sa.Column(c, sa.String)
        for c in ("workspace", "service", "environment", "version", "previous_version")
    ],
    *[sa.Column(c, sa.String) for c in ("kind", "time", "seen", "version_source", "commit", "url")],
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("announced", sa.Boolean),
    *[sa.Column(c, sa.String) for c in ("what", "author", "author_kind", "message")],
)
_versions = table(
    "versions",
    ("workspace", "service", "environment", "version"),
    "version_source",
    "first_seen_ns",
    "last_seen_ns",
    "current",
)
_cursors = table("cursors", ("name",), "position")


class SqliteChanges(SqliteFile):
    """The ports ChangeStore and CursorStore."""

    async def put_change(self, change: Change) -> None:
        """Insert the change, or replace the one of the same id."""
        row = {name: getattr(change, name) for name in Change.__dataclass_fields__}
        row |= {"time": iso(change.time), "seen": iso(change.seen) if change.seen else None}
        async with self.write() as connection:
            statement = insert(_changes).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    async def change(self, change_id: str) -> Change | None:
        """The change of that id."""
        rows = await self.read(sa.select(_changes).where(_changes.c.id == change_id))
        return _change(rows[0]) if rows else None

    async def changes(
        self,
        workspace: str,
        *,
        service: str | None = None,
        environment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Collection[ChangeKind] | None = None,
        limit: int = 100,
    ) -> Sequence[Change]:
        """The changes with `since <= time <= until`, newest first."""
        c = _changes.c
        query = sa.select(_changes).where(c.workspace == workspace)
        if service is not None:
            query = query.where(c.service == service)
        if environment is not None:
            query = query.where(c.environment == environment)
        if since is not None:
            query = query.where(c.time >= iso(since))
        if until is not None:
            query = query.where(c.time <= iso(until))
        if kinds is not None:
            query = query.where(c.kind.in_([kind.value for kind in kinds]))
        return [_change(row) for row in await self.read(query.order_by(c.time.desc(), c.id).limit(limit))]

    async def put_versions(self, states: Iterable[VersionState]) -> None:
        """Insert or replace what is known of each version."""
        async with self.write() as connection:
            for state in states:
                row = {name: getattr(state, name) for name in VersionState.__dataclass_fields__}
                statement = insert(_versions).values(row)
                key = ["workspace", "service", "environment", "version"]
                await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=row))

    async def versions(self, workspace: str) -> Sequence[VersionState]:
        """Every known version of every service."""
        rows = await self.read(sa.select(_versions).where(_versions.c.workspace == workspace))
        return [_version_state(row) for row in rows]

    async def put_cursors(self, positions: Mapping[str, str]) -> None:
        """Remember how far each source has been read."""
        async with self.write() as connection:
            for name, position in positions.items():
                row = {"name": name, "position": position}
                statement = insert(_cursors).values(row)
                await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    async def cursors(self) -> Mapping[str, str]:
        """How far each source has been read."""
        return {row["name"]: row["position"] for row in await self.read(sa.select(_cursors))}


def _change(row: Mapping[str, Any]) -> Change:
    values: dict[str, Any] = {
        **row,
        "kind": ChangeKind(row["kind"]),
        "time": datetime.fromisoformat(row["time"]),
        "seen": datetime.fromisoformat(row["seen"]) if row["seen"] else None,
        "version_source": VersionSource(row["version_source"]),
        "announced": bool(row["announced"]),
        "author_kind": AuthorKind(row["author_kind"]),
    }
    return Change(**values)


def _version_state(row: Mapping[str, Any]) -> VersionState:
    values: dict[str, Any] = {
        **row,
        "version_source": VersionSource(row["version_source"]),
        "current": bool(row["current"]),
    }
    return VersionState(**values)
