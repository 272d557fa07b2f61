"""The state store on SQLite: changes, versions, patterns, evidence, incidents, cursors.

One file in WAL mode through SQLAlchemy's async engine. It implements the ports ChangeStore, PatternStore,
EvidenceStore, IncidentStore and CursorStore of `flyball.component.ports`. This and its migrations are the only files that
import SQLAlchemy; nothing here decides anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import orjson
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from flyball.errors import ConfigurationError, StoreError
from flyball.model.change import AuthorKind, Change, ChangeKind, VersionSource
from flyball.model.evidence import Evidence
from flyball.model.incident import Explanation, Incident, IncidentState
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
    *[sa.Column(c, sa.String) for c in ("what", "author", "author_kind", "message")],
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
_cursors = _table("cursors", ("name",), "position")
_incidents = _table("incidents", ("id",), "workspace", "state", "grew", "fact")
_explanations = _table("explanations", ("incident",), "fact")
_citations = _table("citations", ("incident", "evidence"))

_INCIDENT = TypeAdapter(Incident)
_EXPLANATION = TypeAdapter(Explanation)


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
            query = query.where(c.time >= _iso(since))
        if until is not None:
            query = query.where(c.time <= _iso(until))
        if kinds is not None:
            query = query.where(c.kind.in_([kind.value for kind in kinds]))
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
                old = _evidence.c.created < _iso(newest - timedelta(days=_EVIDENCE_DAYS))
                uncited = _evidence.c.id.not_in(sa.select(_citations.c.evidence))
                await connection.execute(sa.delete(_evidence).where(old, uncited))

    async def evidence(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id."""
        rows = await self._read(sa.select(_evidence).where(_evidence.c.id == evidence_id))
        return _fact(rows[0]) if rows else None

    # -- IncidentStore ----------------------------------------------------------------------------------

    async def put_incidents(self, incidents: Iterable[Incident]) -> None:
        """Insert each incident, or replace the one of its id; what its findings and acts cite is cited by it."""
        async with self._write() as connection:
            for incident in incidents:
                row = {
                    "id": incident.id,
                    "workspace": incident.workspace,
                    "state": incident.state.value,
                    "grew": _iso(incident.grew),
                    "fact": _INCIDENT.dump_json(incident),
                }
                statement = insert(_incidents).values(row)
                await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))
                cited = [*incident.findings, *incident.acts]
                await _cite(connection, incident.id, [id_ for one in cited for id_ in one.evidence])

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident of that id."""
        rows = await self._read(sa.select(_incidents).where(_incidents.c.id == incident_id))
        return _INCIDENT.validate_json(rows[0]["fact"]) if rows else None

    async def incidents(
        self, workspace: str, *, states: Collection[IncidentState] = (), limit: int = 100
    ) -> Sequence[Incident]:
        """The incidents in one of these states (in any, without), those that grew last first."""
        c = _incidents.c
        query = sa.select(_incidents).where(c.workspace == workspace)
        if states:
            query = query.where(c.state.in_([state.value for state in states]))
        rows = await self._read(query.order_by(c.grew.desc(), c.id).limit(limit))
        return [_INCIDENT.validate_json(row["fact"]) for row in rows]

    async def put_explanation(self, explanation: Explanation) -> None:
        """Keep what was made of an incident in place of what was made of it before, with the evidence it cites."""
        diagnosis = explanation.diagnosis
        await self.put_evidence(diagnosis.evidence)
        bare = replace(explanation, diagnosis=replace(diagnosis, evidence=()))
        row = {"incident": explanation.incident_id, "fact": _EXPLANATION.dump_json(bare)}
        async with self._write() as connection:
            statement = insert(_explanations).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["incident"], set_=row))
            await _cite(connection, explanation.incident_id, [fact.id for fact in diagnosis.evidence])

    async def explanation(self, incident_id: str) -> Explanation | None:
        """What was last made of the incident, with its evidence."""
        rows = await self._read(sa.select(_explanations).where(_explanations.c.incident == incident_id))
        if not rows:
            return None
        bare = _EXPLANATION.validate_json(rows[0]["fact"])
        wanted = dict.fromkeys(id_ for claim in bare.diagnosis.sentences() for id_ in claim.evidence)
        found = await self._read(sa.select(_evidence).where(_evidence.c.id.in_(list(wanted))))
        facts = {row["id"]: _fact(row) for row in found}
        evidence = tuple(facts[id_] for id_ in wanted if id_ in facts)
        return replace(bare, diagnosis=replace(bare.diagnosis, evidence=evidence))

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


async def _cite(connection: AsyncConnection, incident_id: str, evidence: Iterable[str]) -> None:
    rows = [{"incident": incident_id, "evidence": id_} for id_ in dict.fromkeys(evidence)]
    if rows:
        await connection.execute(insert(_citations).on_conflict_do_nothing(), rows)


def _upgrade(connection: sa.Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", "flyball.stores.migrations:state")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, "head")


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _fact(row: Mapping[str, Any]) -> Evidence:
    fact: dict[str, Any] = orjson.loads(row["fact"])
    fact["as_of"] = datetime.fromisoformat(fact["as_of"])
    return Evidence(**fact)


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
        "author_kind": AuthorKind(row["author_kind"]),
    }
    return Change(**values)
