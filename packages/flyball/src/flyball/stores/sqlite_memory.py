"""The memory graph, and what language models took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from flyball.model.memory import Edge, Key, Node, NodeKind, Relation
from flyball.model.narrative import Spend
from flyball.stores.sqlite_file import SqliteFile, iso, table

_memory_nodes = table("memory_nodes", ("workspace", "kind", "id"), "time", "fact")
_memory_edges = table(
    "memory_edges",
    ("workspace", "source_kind", "source_id", "relation", "target_kind", "target_id"),
    "time",
)
_model_spend = table("model_spend", ("day",), "calls", "tokens", "microusd", "milliseconds")


class SqliteMemory(SqliteFile):
    """The ports MemoryStore and SpendStore."""

    async def put_memory(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """In one transaction, insert or replace the nodes and add the edges that are not there yet."""
        statement = insert(_memory_nodes)
        replaced = {"time": statement.excluded.time, "fact": statement.excluded.fact}
        statement = statement.on_conflict_do_update(index_elements=["workspace", "kind", "id"], set_=replaced)
        async with self.write() as connection:
            if nodes:
                await connection.execute(statement, [_node_row(node) for node in nodes])
            if edges:
                added = insert(_memory_edges).on_conflict_do_nothing()
                await connection.execute(added, [_edge_row(edge) for edge in edges])

    async def node(self, workspace: str, key: Key) -> Node | None:
        """The node of that key."""
        c = _memory_nodes.c
        query = sa.select(_memory_nodes).where(c.workspace == workspace, c.kind == key[0], c.id == key[1])
        rows = await self.read(query)
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
        return [_node(row) for row in await self.read(query.order_by(n.time.desc(), n.id).limit(limit))]

    async def reserve(self, day: str, wanted: Spend, *, limit: Spend) -> bool:
        """Add what is wanted to the day's spend, at once or not at all: False where that would pass the limit."""
        columns = {name: _model_spend.c[name] for name in Spend.__dataclass_fields__}
        more = {name: column + getattr(wanted, name) for name, column in columns.items()}
        room = [more[name] <= getattr(limit, name) for name in more]
        nothing = dict.fromkeys(columns, 0)
        async with self.write() as connection:
            await connection.execute(insert(_model_spend).values(day=day, **nothing).on_conflict_do_nothing())
            update = sa.update(_model_spend).where(_model_spend.c.day == day, *room).values(more)
            return (await connection.execute(update)).rowcount == 1

    async def settle(self, day: str, reserved: Spend, spent: Spend) -> None:
        """Put what was spent in the place of what was reserved."""
        change = {
            name: _model_spend.c[name] + getattr(spent, name) - getattr(reserved, name)
            for name in Spend.__dataclass_fields__
        }
        async with self.write() as connection:
            await connection.execute(sa.update(_model_spend).where(_model_spend.c.day == day).values(change))

    async def spent(self, day: str) -> Spend:
        """The day's spend, with what is reserved."""
        rows = await self.read(sa.select(_model_spend).where(_model_spend.c.day == day))
        return Spend(**{name: rows[0][name] for name in Spend.__dataclass_fields__}) if rows else Spend()


def _node_row(node: Node) -> dict[str, Any]:
    return {
        "workspace": node.workspace,
        "kind": node.kind.value,
        "id": node.id,
        "time": iso(node.time),
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
        "time": iso(edge.time),
    }


def _node(row: Mapping[str, Any]) -> Node:
    return Node(
        workspace=row["workspace"],
        kind=NodeKind(row["kind"]),
        id=row["id"],
        time=datetime.fromisoformat(row["time"]),
        fact=orjson.loads(row["fact"]),
    )
