"""The telemetry store on chDB: ClickHouse in this process, its files in the data folder.

The engine opens one path per process and one process per path (`app.py` takes our own lock first and says so
readably). Inserts have a connection of their own, reads a small pool whose connections are read-only and
capped, so that reads cannot starve inserts. This is the only file that imports chdb.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import re
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, TypeVar

import anyio.to_thread
import chdb
import pyarrow as pa

from flyball.errors import RowsRejected, StoreError

T = TypeVar("T")

_TABLES = ("logs", "spans", "metrics", "origins", "exemplars", "agent_steps", "agent_runs", "counts")
"""Insert order: `counts` last, then the batch is committed."""
_RAW_TABLES = ("logs", "spans", "metrics", "agent_steps")
_READERS_MAX = 2
_READ_SECONDS_MAX = 20
_READ_MEMORY_BYTES_MAX = 1_000_000_000
_READ_ROWS_MAX = 200_000
"""Rows in one answer; a query over it fails instead of filling the memory."""
_SERVER_MEMORY_BYTES_MAX = 3_000_000_000
_MEMORY_LOOK_MS = 500
"""How often the engine compares what it counts with what it has; by default every 50 ms, 2 ms a second of it."""

# What the engine says of rows it will never take: a retry cannot help, a smaller batch or leaving them out can.
# Not 252, too many parts: the merges only have to catch up (all rows of a batch lie in one partition).
# Source: ClickHouse, src/Common/ErrorCodes.cpp; 800 is chDB's, an Arrow table that it cannot read.
_REJECTED = {6, 16, 26, 27, 38, 41, 43, 44, 53, 69, 70, 72, 117, 128, 130, 131, 241, 321, 349, 396, 636, 800}
_CODE = re.compile(r"Code: (\d+)\.")


class ChdbTelemetry:
    """One database of the engine at `folder`; see `flyball.component.ports.TelemetryStore`.

    `raw_hours` is how long raw rows are kept. Several databases of one engine may be open (tests do so).
    """

    def __init__(self, folder: Path, *, database: str = "flyball", raw_hours: int = 24) -> None:
        self._database = database
        self._raw_hours = raw_hours
        self._address = (
            f"{folder}?max_server_memory_usage={_SERVER_MEMORY_BYTES_MAX}"
            f"&memory_worker_period_ms={_MEMORY_LOOK_MS}"
        )
        self._writer = chdb.connect(self._address)
        self._write_lock = threading.Lock()
        self._readers: LifoQueue[Any] = LifoQueue()
        self._read_slots = threading.Semaphore(_READERS_MAX)
        self._committed_ms = 0

    @property
    def committed_ms(self) -> int:
        """The name of the last committed batch, 0 before the first."""
        return self._committed_ms

    async def migrate(self) -> None:
        """Create what is missing; read the last committed batch."""
        await self._in_thread(self._migrate)

    async def insert(self, tables: Mapping[str, pa.Table], *, received_ms: int) -> None:
        """Insert one batch, the counts last, then commit it by its row in `batches`."""
        await self._in_thread(functools.partial(self._insert, tables, received_ms))

    async def select(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """The rows of a read-only query; `as_of` is bound to the last committed batch unless given."""
        return await self._in_thread(functools.partial(self._select, sql, parameters or {}))

    async def insert_decisions(self, rows: pa.Table) -> None:
        """Insert decisions of the guard."""
        await self._in_thread(functools.partial(self._insert_decisions, rows))

    def _insert_decisions(self, rows: pa.Table) -> None:
        with self._write_lock, _errors():
            columns = ", ".join(rows.column_names)
            self._writer.query(
                f"INSERT INTO {self._database}.guard_decisions ({columns}) SELECT {columns} FROM Python(rows)"
            )

    async def last_decision(self) -> int:
        """The number of the last decision, 0 before the first."""
        rows = await self.select("SELECT max(n) AS n FROM {db}.guard_decisions")
        return int(rows["n"][0].as_py() or 0)

    async def size_bytes(self) -> int:
        """What the active parts take on disk."""
        rows = await self.select(
            "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = {database:String}",
            {"database": self._database},
        )
        return int(rows["bytes"][0].as_py() or 0)

    async def trim(self, *, bytes_max: int) -> int:
        """Drop whole hours of raw rows, the oldest first, until the store is under `bytes_max`."""
        before = size = await self.size_bytes()
        while size > bytes_max:
            oldest = await self.select(
                "SELECT partition_id, max(partition) AS partition FROM system.parts"
                " WHERE active AND database = {database:String} AND table IN {tables:Array(String)}"
                " GROUP BY partition_id ORDER BY partition LIMIT 2",
                {"database": self._database, "tables": list(_RAW_TABLES)},
            )
            if oldest.num_rows < 2:  # noqa: PLR2004 - the hour that is being written stays
                break
            partition = oldest["partition_id"][0].as_py()
            for table in _RAW_TABLES:
                await self._in_thread(
                    functools.partial(
                        self._write, f"ALTER TABLE {{db}}.{table} DROP PARTITION ID '{partition}'"
                    )
                )
            size = await self.size_bytes()
        return before - size

    async def close(self) -> None:
        """Close every connection; the engine lets its files go with the last one."""
        await self._in_thread(self._close)

    # -- in a thread ------------------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work)

    def _migrate(self) -> None:
        self._write("CREATE DATABASE IF NOT EXISTS {db}")
        for statement in _statements():
            self._write(statement.replace("{raw_hours}", str(self._raw_hours)))
        rows = self._select("SELECT toUnixTimestamp64Milli(max(received)) AS ms FROM {db}.batches", {})
        self._committed_ms = max(self._committed_ms, int(rows["ms"][0].as_py()))

    def _write(self, sql: str) -> None:
        with self._write_lock, _errors():
            self._writer.query(sql.replace("{db}", self._database))

    def _insert(self, tables: Mapping[str, pa.Table], received_ms: int) -> None:
        try:
            with self._write_lock, _errors(rejects=True):
                for name in _TABLES:
                    if name in tables and tables[name].num_rows:
                        self._append(name, tables[name], received_ms)
                received = pa.array([received_ms], pa.timestamp("ms", "UTC"))
                self._append("batches", pa.table({"received": received}), received_ms)
        except RowsRejected:
            self._undo(received_ms)
            raise
        self._committed_ms = max(self._committed_ms, received_ms)

    def _undo(self, received_ms: int) -> None:
        """Delete what went in of a batch that is rejected: it would come to light with the next one."""
        with self._write_lock, _errors():
            for table in _TABLES:
                sql = f"DELETE FROM {self._database}.{table} WHERE toUnixTimestamp64Milli(received) = {received_ms}"
                self._writer.query(sql)

    def _append(self, name: str, rows: pa.Table, received_ms: int) -> None:
        """Insert by a query that reads `rows`, in which the engine finds this variable.

        Not by the engine's streaming insert: that one tells what it cannot parse, never what it cannot keep. On a
        full disk it says that the rows are written, and not one is (docs/decisions/0012).
        """
        rows = _distinct_dictionaries(rows)
        columns = ", ".join(rows.column_names)
        # One thread: a batch of several blocks has the same blocks when it is asked again, and each is known.
        # No null as default: that also makes a default of what does not fit its column.
        self._writer.query(
            f"INSERT INTO {self._database}.{name} ({columns})"
            f" SETTINGS insert_deduplication_token = 'batch-{received_ms}', max_threads = 1, insert_null_as_default = 0"
            f" SELECT {columns} FROM Python(rows)"
        )

    def _select(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        bound = {"as_of": datetime.fromtimestamp(self._committed_ms / 1000, UTC), **parameters}
        text = {name: _bind(value) for name, value in bound.items()}
        with _errors(), self._reader() as reader:
            result = reader.query(sql.replace("{db}", self._database), "ArrowStream", params=text)
            # A copy: the engine's own Arrow table points into the result, which it frees with it.
            return pa.ipc.open_stream(result.bytes()).read_all()

    @contextlib.contextmanager
    def _reader(self) -> Generator[Any]:
        with self._read_slots:
            try:
                reader = self._readers.get_nowait()
            except Empty:
                reader = chdb.connect(self._address)
                reader.query(
                    f"SET max_threads = 1, max_memory_usage = {_READ_MEMORY_BYTES_MAX},"
                    f" max_execution_time = {_READ_SECONDS_MAX}, max_result_rows = {_READ_ROWS_MAX},"
                    " result_overflow_mode = 'throw'"
                )
                reader.query("SET readonly = 2")
            try:
                yield reader
            except BaseException:
                # After a failed query the connection's next answer begins with what was left of this one.
                reader.close()
                raise
            self._readers.put(reader)

    def _close(self) -> None:
        with self._write_lock:
            while True:
                try:
                    self._readers.get_nowait().close()
                except Empty:
                    break
            self._writer.close()


def _statements() -> Iterator[str]:
    folder = importlib.resources.files("flyball.stores.migrations") / "telemetry"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".sql"):
            text = re.sub(r"--.*", "", file.read_text())
            yield from (s.strip() for s in text.split(";") if s.strip())


def _distinct_dictionaries(rows: pa.Table) -> pa.Table:
    """The same rows, no dictionary holding a value twice: Arrow allows it, the engine rejects the batch.

    Two services of one environment are enough for that: a dictionary may have an entry per sender.
    """
    for position, column in enumerate(rows.columns):
        if pa.types.is_dictionary(column.type):
            chunks = [_distinct_dictionary(chunk) for chunk in column.chunks]
            rows = rows.set_column(
                position, rows.column_names[position], pa.chunked_array(chunks, column.type)
            )
    return rows


def _distinct_dictionary(values: Any) -> pa.DictionaryArray:
    encoded = values.dictionary.dictionary_encode()
    if len(encoded.dictionary) == len(values.dictionary):
        return values
    index = encoded.indices.take(values.indices).cast(values.indices.type)
    return pa.DictionaryArray.from_arrays(index, encoded.dictionary)


def _bind(value: Any) -> str:
    """A query parameter in ClickHouse's escaped text format."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if isinstance(value, list | tuple):
        return "[" + ",".join(_quoted(item) for item in value) + "]"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _quoted(item: Any) -> str:
    if isinstance(item, str):
        inner = item.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t").replace("\n", "\\n")
        return f"'{inner}'"
    return str(item)


@contextlib.contextmanager
def _errors(*, rejects: bool = False) -> Generator[None]:
    """Turn the engine's errors into ours; `rejects` when rows were given that it may never take."""
    try:
        yield
    except (chdb.ChdbError, RuntimeError) as error:
        text = str(error)
        first = text.splitlines()[0][:300]
        code = _CODE.search(text)
        if rejects and code and int(code.group(1)) in _REJECTED:
            raise RowsRejected(f"the telemetry store rejects these rows: {first}") from error
        raise StoreError(f"the telemetry store failed: {first}") from error
