"""Copy the guard's decisions into the telemetry store, in batches, behind the answers.

The log is the proof and was written before; this copy is for questions. It is bounded and may fall behind: what it drops
is counted, and what a killed process did not copy is taken from the log at the next start.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import orjson
import pyarrow as pa

from flyball.component.ports import GuardRows

WAITING_MAX = 20_000
"""Rows that wait to be copied, ten seconds of 2,000 a second."""
BATCH_ROWS_MAX = 10_000
SLICE_ROWS = 256
"""Rows that become columns in one turn of the loop, some 2 ms: calls wait for no more of them."""
ROUND_SECONDS = 2.0

_TEXTS = (
    *(
        "session",
        "agent",
        "user",
        "environment",
        "client",
        "tool",
        "action",
        "would",
        "mode",
        "status",
        "severity",
    ),
    *("reason", "mac", "policies", "approval", "trace_id", "span_id", "tool_call_id"),
)
_SCHEMA = pa.schema(
    [
        ("workspace", pa.string()),
        ("n", pa.uint64()),
        ("time", pa.timestamp("ms", "UTC")),
        ("decision_id", pa.string()),
        *((name, pa.string()) for name in _TEXTS),
        ("rules", pa.list_(pa.string())),
        ("acts", pa.list_(pa.string())),
        ("call", pa.string()),
        ("effects", pa.string()),
        ("canary", pa.bool_()),
        ("ms", pa.float64()),
    ]
)


@dataclass(slots=True)
class RecordDecisions:
    """The rows on their way into the store."""

    store: GuardRows
    workspace: str
    dropped: int = 0
    _waiting: deque[Mapping[str, Any]] = field(default_factory=deque[Mapping[str, Any]])

    def put(self, row: Mapping[str, Any]) -> None:
        """One more row of kind `decision`."""
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
        else:
            self._waiting.append(row)

    async def catch_up(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Copy what the log holds beyond the last row that was copied.

        Raises:
            StoreError: the store failed.
        """
        last = await self.store.last_decision()
        newer = (row for row in rows if row["n"] > last)
        # a file of the log is read in a thread: calls do not wait for it
        while batch := await anyio.to_thread.run_sync(lambda: list(itertools.islice(newer, BATCH_ROWS_MAX))):
            await self.store.insert_decisions(await _table_of_many(batch, self.workspace))

    async def round(self) -> None:
        """Copy what waits now. What comes meanwhile is the next round's: an insert costs as much as a thousand rows.

        Raises:
            StoreError: the store failed; what was taken waits again.
        """
        left = len(self._waiting)
        while left > 0:
            batch = [self._waiting.popleft() for _ in range(min(left, BATCH_ROWS_MAX))]
            left -= len(batch)
            try:
                await self.store.insert_decisions(await _table_of_many(batch, self.workspace))
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                raise


async def _table_of_many(rows: Sequence[Mapping[str, Any]], workspace: str) -> pa.Table:
    """As `table_of`, a slice at a time. In a thread it would take the interpreter from a call at each of its writes."""
    slices: list[pa.Table] = []
    for begin in range(0, len(rows), SLICE_ROWS):
        slices.append(table_of(rows[begin : begin + SLICE_ROWS], workspace))
        await anyio.lowlevel.checkpoint()
    return pa.concat_tables(slices)


def table_of(rows: Iterable[Mapping[str, Any]], workspace: str) -> pa.Table:
    """Rows of the log as the store takes them."""
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    for row in rows:
        effects = row.get("effects", [])
        columns["workspace"].append(workspace)
        columns["n"].append(row["n"])
        columns["time"].append(row["t"])
        columns["decision_id"].append(row["id"])
        for name in _TEXTS:
            columns[name].append(row.get(name) or "")
        columns["rules"].append(row.get("rules", []))
        columns["acts"].append(list(dict.fromkeys(effect["act"] for effect in effects)))
        columns["call"].append(orjson.dumps(row["call"]).decode())
        columns["effects"].append(orjson.dumps(effects).decode())
        columns["canary"].append(bool(row.get("canary")))
        columns["ms"].append(float(row["ms"]))
    return pa.table(columns, schema=_SCHEMA)
