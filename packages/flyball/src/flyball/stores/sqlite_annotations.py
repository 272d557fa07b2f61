"""Annotations of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from flyball.model.annotation import Annotation
from flyball.stores.sqlite_file import SqliteFile, iso, table

_KEY = ("workspace", "run_id", "name")
_VALUES = ("number", "category", "boolean", "by", "time")
_annotations = table("annotations", _KEY, *_VALUES)


class SqliteAnnotations(SqliteFile):
    """The port AnnotationStore."""

    async def put_annotation(self, annotation: Annotation) -> None:
        """Insert it, or replace the one of its run and name."""
        row = {name: getattr(annotation, name) for name in (*_KEY, *_VALUES)} | {"time": iso(annotation.time)}
        statement = insert(_annotations).values(**row)
        replaced = {name: statement.excluded[name] for name in _VALUES}
        async with self.write() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=replaced))

    async def annotations(self, workspace: str, run_id: str) -> Sequence[Annotation]:
        """All of a run, by name."""
        c = _annotations.c
        query = sa.select(_annotations).where(c.workspace == workspace, c.run_id == run_id).order_by(c.name)
        return [_annotation(row) for row in await self.read(query)]


def _annotation(row: Mapping[str, Any]) -> Annotation:
    told = row["boolean"]
    return Annotation(
        **{name: row[name] for name in (*_KEY, "number", "category", "by")},
        boolean=None if told is None else bool(told),
        time=datetime.fromisoformat(row["time"]),
    )
