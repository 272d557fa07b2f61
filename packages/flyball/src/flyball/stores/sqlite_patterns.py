"""Shapes and their aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from flyball.model.pattern import Shape, fingerprint, shape_id
from flyball.model.window import SignalKind
from flyball.stores.sqlite_file import SqliteFile, meta, table

_shapes = table("shapes", ("id",), "template", "rules", "example", "kind", "first_seen_ns")
_aliases = sa.Table(
    "aliases",
    meta,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("shape"),
    sa.Column("fingerprint"),
)


class SqlitePatterns(SqliteFile):
    """The port PatternStore."""

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
            async with self.write() as connection:
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
            async with self.write() as connection:
                await connection.execute(statement, rows)

    async def shapes(self) -> Sequence[tuple[Shape, int]]:
        """Every shape with its first-seen time (ns), oldest first."""
        rows = await self.read(sa.select(_shapes).order_by(_shapes.c.first_seen_ns, _shapes.c.id))
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
            async with self.write() as connection:
                await connection.execute(insert(_aliases), rows)

    async def aliases(self) -> Mapping[int, int]:
        """Shape id -> fingerprint, as last recorded."""
        rows = await self.read(sa.select(_aliases).order_by(_aliases.c.number))
        return {shape_id(row["shape"]): shape_id(row["fingerprint"]) for row in rows}
