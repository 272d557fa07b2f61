"""The state store on SQLite: changes, versions, patterns, evidence, memory, spend, cursors.

One file in WAL mode through SQLAlchemy's async engine. It implements the ports ChangeStore, PatternStore,
EvidenceStore, MemoryStore, SpendStore and CursorStore of `flyball.component.ports`. This and its migrations are the only files that
import SQLAlchemy; nothing here decides anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flyball.errors import ConfigurationError, StoreError
from flyball.model.change import Change, ChangeKind, VersionSource
from flyball.model.evidence import Evidence
from flyball.model.memory import Edge, Key, Node, NodeKind, Relation
from flyball.model.narrative import Spend
from flyball.model.pattern import Shape, fingerprint, shape_id
from flyball.model.sighting import VersionState
from flyball.model.window import SignalKind

_EVIDENCE_DAYS = 7
"""How long evidence is kept that nothing cites."""

_meta = sa.MetaData()


def _table(name: str, key: tuple[str, ...], *others: str) -> sa.Table:
    columns = [sa.Column(c, primary_key=True) for c in key] + [sa.Column(c) for c in others]
    return sa.Table(name, _meta, *columns)


_changes = sa.Table(
    "changes",
    _meta,
    *[
        sa.Column(c, sa.String)
        for c in ("workspace", "service", "environment", "version", "previous_version")
    ],
    *[sa.Column(c, sa.String) for c in ("kind", "time", "seen", "version_source", "commit", "url")],
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("announced", sa.Boolean),
)
_versions = _table(
    "versions",
    ("workspace", "service", "environment", "version"),
    "version_source",
    "first_seen_ns",
    "last_seen_ns",
    "current",
)
_shapes = _table("shapes", ("id",), "template", "rules", "example", "kind", "first_seen_ns")
_aliases = sa.Table(
    "aliases",
    _meta,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("shape"),
    sa.Column("fingerprint"),
)
_evidence = _table("evidence", ("id",), "created", "fact")
_memory_nodes = _table("memory_nodes", ("workspace", "kind", "id"), "time", "fact")
_memory_edges = _table(
    "memory_edges",
    ("workspace", "source_kind", "source_id", "relation", "target_kind", "target_id"),
    "time",
)
_model_spend = _table("model_spend", ("day",), "calls", "tokens", "microusd", "milliseconds")
_cursors = _table("cursors", ("name",), "position")


class SqliteState:
    """The state of one data folder, in the file `path`."""

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

    # -- ChangeStore ------------------------------------------------------------------------------------

    async def put_change(self, change: Change) -> None:
        """Insert the change, or replace the one of the same id."""
        row = {name: getattr(change, name) for name in Change.__dataclass_fields__}
        row |= {"time": _iso(change.time), "seen": _iso(change.seen) if change.seen else None}
        async with self._write() as connection:
            statement = insert(_changes).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    async def change(self, change_id: str) -> Change | None:
        """The change of that id."""
        rows = await self._read(sa.select(_changes).where(_changes.c.id == change_id))
        return _change(rows[0]) if rows else None

    async def changes(
        self,
        workspace: str,
        *,
        service: str | None = None,
        environment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
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
            query = query.where(c.time >= _iso(since))
        if until is not None:
            query = query.where(c.time <= _iso(until))
        return [_change(row) for row in await self._read(query.order_by(c.time.desc(), c.id).limit(limit))]

    async def put_versions(self, states: Iterable[VersionState]) -> None:
        """Insert or replace what is known of each version."""
        async with self._write() as connection:
            for state in states:
                row = {name: getattr(state, name) for name in VersionState.__dataclass_fields__}
                statement = insert(_versions).values(row)
                key = ["workspace", "service", "environment", "version"]
                await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=row))

    async def versions(self, workspace: str) -> Sequence[VersionState]:
        """Every known version of every service."""
        rows = await self._read(sa.select(_versions).where(_versions.c.workspace == workspace))
        return [_version_state(row) for row in rows]

    # -- PatternStore -----------------------------------------------------------------------------------

    async def add_shapes(self, shapes: Sequence[Shape], *, first_seen_ns: int) -> None:
        """Add the shapes that are not there yet; the others stay as they are."""
        rows = [
            {
                "id": fingerprint(s.id),
                "template": s.template,
                "rules": s.rules,
                "example": s.example,
                "kind": s.kind.value,
                "first_seen_ns": first_seen_ns,
            }
            for s in shapes
        ]
        if rows:
            async with self._write() as connection:
                await connection.execute(insert(_shapes).on_conflict_do_nothing(), rows)

    async def rewrite_shapes(self, shapes: Sequence[Shape]) -> None:
        """Replace example and rules of shapes that are there; one that is not there stays away."""
        rows = [{"shape": fingerprint(s.id), "new_rules": s.rules, "new_example": s.example} for s in shapes]
        if rows:
            statement = (
                sa.update(_shapes)
                .where(_shapes.c.id == sa.bindparam("shape"))
                .values(rules=sa.bindparam("new_rules"), example=sa.bindparam("new_example"))
            )
            async with self._write() as connection:
                await connection.execute(statement, rows)

    async def shapes(self) -> Sequence[tuple[Shape, int]]:
        """Every shape with its first-seen time (ns), oldest first."""
        rows = await self._read(sa.select(_shapes).order_by(_shapes.c.first_seen_ns, _shapes.c.id))
        return [
            (
                Shape(
                    id=shape_id(row["id"]),
                    template=row["template"],
                    rules=row["rules"],
                    example=row["example"],
                    kind=SignalKind(row["kind"]),
                ),
                row["first_seen_ns"],
            )
            for row in rows
        ]

    async def add_aliases(self, aliases: Mapping[int, int]) -> None:
        """Append shape id -> fingerprint (as shape ids)."""
        rows = [{"shape": fingerprint(a), "fingerprint": fingerprint(b)} for a, b in aliases.items()]
        if rows:
            async with self._write() as connection:
                await connection.execute(insert(_aliases), rows)

    async def aliases(self) -> Mapping[int, int]:
        """Shape id -> fingerprint, as last recorded."""
        rows = await self._read(sa.select(_aliases).order_by(_aliases.c.number))
        return {shape_id(row["shape"]): shape_id(row["fingerprint"]) for row in rows}

    # -- EvidenceStore ----------------------------------------------------------------------------------

    async def put_evidence(self, items: Iterable[Evidence]) -> None:
        """Keep the evidence; what is there already stays as it is. What is over its days goes."""
        rows: list[dict[str, Any]] = [
            {
                "id": e.id,
                "created": _iso(e.as_of),
                "fact": orjson.dumps({n: getattr(e, n) for n in Evidence.__dataclass_fields__}),
            }
            for e in items
        ]
        if rows:
            newest = max(datetime.fromisoformat(row["created"]) for row in rows)
            async with self._write() as connection:
                await connection.execute(insert(_evidence).on_conflict_do_nothing(), rows)
                old = _iso(newest - timedelta(days=_EVIDENCE_DAYS))
                await connection.execute(sa.delete(_evidence).where(_evidence.c.created < old))

    async def evidence(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id."""
        rows = await self._read(sa.select(_evidence).where(_evidence.c.id == evidence_id))
        if not rows:
            return None
        fact: dict[str, Any] = orjson.loads(rows[0]["fact"])
        fact["as_of"] = datetime.fromisoformat(fact["as_of"])
        return Evidence(**fact)

    # -- MemoryStore ------------------------------------------------------------------------------------

    async def put_memory(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """In one transaction, insert or replace the nodes and add the edges that are not there yet."""
        statement = insert(_memory_nodes)
        replaced = {"time": statement.excluded.time, "fact": statement.excluded.fact}
        statement = statement.on_conflict_do_update(index_elements=["workspace", "kind", "id"], set_=replaced)
        async with self._write() as connection:
            if nodes:
                await connection.execute(statement, [_node_row(node) for node in nodes])
            if edges:
                added = insert(_memory_edges).on_conflict_do_nothing()
                await connection.execute(added, [_edge_row(edge) for edge in edges])

    async def node(self, workspace: str, key: Key) -> Node | None:
        """The node of that key."""
        c = _memory_nodes.c
        query = sa.select(_memory_nodes).where(c.workspace == workspace, c.kind == key[0], c.id == key[1])
        rows = await self._read(query)
        return _node(rows[0]) if rows else None

    async def pointing_at(
        self, workspace: str, kind: NodeKind, targets: Sequence[tuple[Relation, Key]], *, limit: int
    ) -> Sequence[Node]:
        """The nodes of a kind that have an edge to each of the targets, newest first; without targets all."""
        n, e = _memory_nodes.c, _memory_edges.c
        query = sa.select(_memory_nodes).where(n.workspace == workspace, n.kind == kind.value)
        for relation, (target_kind, target_id) in targets:
            sources = sa.select(e.source_id).where(
                e.workspace == workspace,
                e.source_kind == kind.value,
                e.relation == relation.value,
                e.target_kind == target_kind.value,
                e.target_id == target_id,
            )
            query = query.where(n.id.in_(sources))
        return [_node(row) for row in await self._read(query.order_by(n.time.desc(), n.id).limit(limit))]

    # -- SpendStore -------------------------------------------------------------------------------------

    async def reserve(self, day: str, wanted: Spend, *, limit: Spend) -> bool:
        """Add what is wanted to the day's spend, at once or not at all: False where that would pass the limit."""
        columns = {name: _model_spend.c[name] for name in Spend.__dataclass_fields__}
        more = {name: column + getattr(wanted, name) for name, column in columns.items()}
        room = [more[name] <= getattr(limit, name) for name in more]
        nothing = dict.fromkeys(columns, 0)
        async with self._write() as connection:
            await connection.execute(insert(_model_spend).values(day=day, **nothing).on_conflict_do_nothing())
            update = sa.update(_model_spend).where(_model_spend.c.day == day, *room).values(more)
            return (await connection.execute(update)).rowcount == 1

    async def settle(self, day: str, reserved: Spend, spent: Spend) -> None:
        """Put what was spent in the place of what was reserved."""
        change = {
            name: _model_spend.c[name] + getattr(spent, name) - getattr(reserved, name)
            for name in Spend.__dataclass_fields__
        }
        async with self._write() as connection:
            await connection.execute(sa.update(_model_spend).where(_model_spend.c.day == day).values(change))

    async def spent(self, day: str) -> Spend:
        """The day's spend, with what is reserved."""
        rows = await self._read(sa.select(_model_spend).where(_model_spend.c.day == day))
        return Spend(**{name: rows[0][name] for name in Spend.__dataclass_fields__}) if rows else Spend()

    # -- CursorStore ------------------------------------------------------------------------------------

    async def put_cursors(self, positions: Mapping[str, str]) -> None:
        """Remember how far each source has been read."""
        async with self._write() as connection:
            for name, position in positions.items():
                row = {"name": name, "position": position}
                statement = insert(_cursors).values(row)
                await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))

    async def cursors(self) -> Mapping[str, str]:
        """How far each source has been read."""
        return {row["name"]: row["position"] for row in await self._read(sa.select(_cursors))}

    # -- connections ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _write(self) -> AsyncGenerator[AsyncConnection]:
        with _errors():
            async with self._engine.begin() as connection:
                yield connection

    async def _read(self, query: sa.Select[Any]) -> Sequence[Mapping[str, Any]]:
        with _errors():
            async with self._engine.connect() as connection:
                return [dict(row) for row in (await connection.execute(query)).mappings()]


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


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _node_row(node: Node) -> dict[str, Any]:
    return {
        "workspace": node.workspace,
        "kind": node.kind.value,
        "id": node.id,
        "time": _iso(node.time),
        "fact": orjson.dumps(dict(node.fact), option=orjson.OPT_SORT_KEYS).decode(),
    }


def _edge_row(edge: Edge) -> dict[str, Any]:
    return {
        "workspace": edge.workspace,
        "source_kind": edge.source[0].value,
        "source_id": edge.source[1],
        "relation": edge.relation.value,
        "target_kind": edge.target[0].value,
        "target_id": edge.target[1],
        "time": _iso(edge.time),
    }


def _node(row: Mapping[str, Any]) -> Node:
    return Node(
        workspace=row["workspace"],
        kind=NodeKind(row["kind"]),
        id=row["id"],
        time=datetime.fromisoformat(row["time"]),
        fact=orjson.loads(row["fact"]),
    )


def _version_state(row: Mapping[str, Any]) -> VersionState:
    values: dict[str, Any] = {
        **row,
        "version_source": VersionSource(row["version_source"]),
        "current": bool(row["current"]),
    }
    return VersionState(**values)


def _change(row: Mapping[str, Any]) -> Change:
    values: dict[str, Any] = {
        **row,
        "kind": ChangeKind(row["kind"]),
        "time": datetime.fromisoformat(row["time"]),
        "seen": datetime.fromisoformat(row["seen"]) if row["seen"] else None,
        "version_source": VersionSource(row["version_source"]),
        "announced": bool(row["announced"]),
    }
    return Change(**values)
