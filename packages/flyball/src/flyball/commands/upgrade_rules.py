"""Bring the stored patterns under the current rules, before anything is received.

A change of our masks or redaction must make nothing `new` (design, "Masks and redaction rules carry a version").
So every shape that older rules made is masked again from what is stored of it: its example, its exemplars, raw
rows within their time to live. Each shape that these texts have now joins the old pattern. What is not redacted
again: docs/decisions/0006.

It may be broken off and done again: every step writes what is not there yet, and the mark that says "done"
comes last. Bounded: TEXTS_MAX texts a shape, RAW_SECONDS_MAX for reading raw rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from flyball_sdk import semconv

from flyball.component.ports import Clock, CursorStore, PatternStore, TelemetryStore
from flyball.distill.catalog import Catalog
from flyball.distill.redact import RULES_VERSION
from flyball.distill.shapes import Distiller, shape_of
from flyball.distill.stage import Distil
from flyball.errors import StoreError
from flyball.model.batch import Batch
from flyball.model.pattern import Shape
from flyball.model.window import SignalKind

_log = logging.getLogger(__name__)

TEXTS_MAX = 20
"""Stored texts of one shape that are masked again, of each table."""
RAW_SECONDS_MAX = 60.0
"""A start waits no longer for raw rows; shapes that are not looked up then go by example and exemplars."""
_SHAPES_A_QUERY = 500
"""TEXTS_MAX times as many rows are within what one answer may hold."""
_WHOLE_BYTES_MAX = 2_000
"""A longer exemplar may be cut, and the front of a JSON text says something else than the whole."""
_MAPS = ('{"kvlistValue"', '{"arrayValue"')
_MARK = "rules version"

_EXEMPLARS = (
    "SELECT signal AS shape, kind, text FROM {db}.exemplars"
    " WHERE signal IN {shapes:Array(UInt64)} AND received <= {as_of:DateTime64(3)}"
    f" AND length(text) < {_WHOLE_BYTES_MAX} GROUP BY signal, kind, text LIMIT {TEXTS_MAX} BY signal, kind"
)
_RAW_LOGS = (
    "SELECT shape, body, body_type, severity_number, severity_text, attributes['exception.type'] AS exception"
    " FROM {db}.logs WHERE shape IN {shapes:Array(UInt64)} AND received <= {as_of:DateTime64(3)}"
    f" LIMIT {TEXTS_MAX} BY shape"
)
_RAW_SPANS = (
    "SELECT shape, name FROM {db}.spans WHERE shape IN {shapes:Array(UInt64)}"
    f" AND received <= {{as_of:DateTime64(3)}} GROUP BY shape, name LIMIT {TEXTS_MAX} BY shape"
)


@dataclass(frozen=True, kw_only=True)
class UpgradeRules:
    """`catalog` is the one verb: the patterns of the store, under the current rules."""

    patterns: PatternStore
    cursors: CursorStore
    telemetry: TelemetryStore
    clock: Clock

    async def catalog(self) -> Catalog:
        """Load the catalog; upgrade it and the store when older rules wrote there."""
        catalog = Catalog(await self.patterns.shapes(), await self.patterns.aliases())
        if (await self.cursors.cursors()).get(_MARK) == str(RULES_VERSION):
            return catalog
        stale = catalog.stale()
        if stale:
            await self._upgrade(catalog, stale)
        await self.cursors.put_cursors({_MARK: str(RULES_VERSION)})
        return catalog

    async def _upgrade(self, catalog: Catalog, stale: Sequence[Shape]) -> None:
        seen = await self._seen(stale)
        upgrade = catalog.upgrade(shape_of, seen)
        for first_seen_ns, shapes in _by_time(upgrade.shapes).items():
            await self.patterns.add_shapes(shapes, first_seen_ns=first_seen_ns)
        await self.patterns.rewrite_shapes(upgrade.rewritten)
        await self.patterns.add_aliases(upgrade.aliases)
        _log.info(
            "rules %d: %d shapes of older rules masked again, %d shapes added",
            RULES_VERSION,
            len(stale),
            len(upgrade.shapes),
        )

    async def _seen(self, stale: Sequence[Shape]) -> Mapping[int, Iterable[Shape]]:
        """The shapes by the current rules of what is stored of each stale shape."""
        seen: dict[int, dict[int, Shape]] = {}
        owners = {shape_of(old.example, old.kind).id: old.id for old in stale}
        end, raw = self.clock.monotonic_s() + RAW_SECONDS_MAX, True
        for start in range(0, len(stale), _SHAPES_A_QUERY):
            some = {"shapes": [old.id for old in stale[start : start + _SHAPES_A_QUERY]]}
            found = _of_exemplars(await self._read(_EXEMPLARS, some), owners)
            if raw and self.clock.monotonic_s() < end:
                logs, spans = await self._read(_RAW_LOGS, some), await self._read(_RAW_SPANS, some)
                found += _of_logs(logs) + _of_spans(spans)
                raw = logs is not None and spans is not None
            for old, shape in found:
                seen.setdefault(old, {})[shape.id] = shape
        return {old: shapes.values() for old, shapes in seen.items()}

    async def _read(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        """The rows, None when the store cannot give them (too many within its caps, say)."""
        try:
            return await self.telemetry.select(sql, parameters)
        except StoreError as error:
            _log.warning("an upgrade of the rules goes on without some stored texts: %s", error)
            return None


def _of_exemplars(rows: Any, owners: Mapping[int, int]) -> list[tuple[int, Shape]]:
    """The shapes of exemplars, as far as they can be told.

    Without body type and exception.type a log's exemplar is a guess: maps are left out, and so is a shape that
    is another stale shape's own (`order failed` is not what `order failed TimeoutError` becomes).
    """
    found: list[tuple[int, Shape]] = []
    for row in [] if rows is None else rows.to_pylist():
        if not row["text"].startswith(_MAPS):
            shape = shape_of(row["text"], SignalKind(row["kind"]))
            if owners.get(shape.id, row["shape"]) == row["shape"]:
                found.append((row["shape"], shape))
    return found


def _of_logs(rows: Any) -> list[tuple[int, Shape]]:
    """By the stage itself: the same columns give the same shapes as when they were received."""
    if rows is None or not rows.num_rows:
        return []
    attributes = pa.MapArray.from_arrays(
        pa.array(np.arange(rows.num_rows + 1, dtype=np.int32)),
        pa.array([semconv.EXCEPTION_TYPE] * rows.num_rows, pa.string()),
        rows["exception"].cast(pa.string()).combine_chunks(),
    )
    distiller = Distiller()
    columns = {name: rows[name].cast(pa.string()) for name in ("body", "body_type", "severity_text")}
    table = pa.table({**columns, "severity_number": rows["severity_number"], "attributes": attributes})
    logs: Any = Distil(distiller=distiller).process(Batch(received_ms=0, origins=(), logs=table)).logs
    shapes = {shape.id: shape for shape in distiller.drain_new()}
    return [
        (old, shapes[new])
        for old, new in zip(rows["shape"].to_pylist(), logs["shape"].to_pylist(), strict=True)
    ]


def _of_spans(rows: Any) -> list[tuple[int, Shape]]:
    return [
        (row["shape"], shape_of(row["name"], SignalKind.SPAN))
        for row in ([] if rows is None else rows.to_pylist())
    ]


def _by_time(shapes: Iterable[tuple[Shape, int]]) -> dict[int, list[Shape]]:
    groups: dict[int, list[Shape]] = {}
    for shape, first_seen_ns in shapes:
        groups.setdefault(first_seen_ns, []).append(shape)
    return groups
