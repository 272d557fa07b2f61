"""What every telemetry store must do. A test module subclasses `TelemetryStoreContract` for its store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from flyball.component.ports import TelemetryStore
from flyball.errors import RowsRejected, StoreError

NOW_MS = 1_795_262_400_000
_TOTAL = "SELECT sum(count) AS n FROM {db}.counts WHERE received <= {as_of:DateTime64(3)}"


def counts(number: int, *, received_ms: int = NOW_MS, signal: int = 7, service: str = "shop") -> pa.Table:
    """One row of counts."""
    return pa.table(
        {
            "workspace": ["default"],
            "service": [service],
            "environment": [""],
            "version": ["v1"],
            "kind": ["log"],
            "signal": pa.array([signal], pa.uint64()),
            "severity": pa.array([9], pa.uint8()),
            "bucket": pa.array([0], pa.int16()),
            "time": pa.array([received_ms // 1000], pa.timestamp("s", "UTC")),
            "received": pa.array([received_ms], pa.timestamp("ms", "UTC")),
            "count": pa.array([number], pa.uint64()),
        }
    )


class TelemetryStoreContract:
    """Override the fixture `store`."""

    @pytest.fixture
    def store(self) -> TelemetryStore:
        raise NotImplementedError

    @staticmethod
    async def total(store: TelemetryStore, **parameters: Any) -> int:
        return int((await store.select(_TOTAL, parameters))["n"][0].as_py())

    async def test_starts_empty_and_migrates_twice(self, store: TelemetryStore) -> None:
        await store.migrate()
        assert store.committed_ms == 0
        assert await self.total(store) == 0

    async def test_an_inserted_batch_is_visible_and_named(self, store: TelemetryStore) -> None:
        await store.insert({"counts": counts(3)}, received_ms=NOW_MS)
        assert store.committed_ms == NOW_MS
        assert await self.total(store) == 3

    async def test_the_same_batch_again_changes_nothing(self, store: TelemetryStore) -> None:
        for _ in range(3):
            await store.insert({"counts": counts(3)}, received_ms=NOW_MS)
        assert await self.total(store) == 3

    async def test_equal_rows_of_another_batch_count(self, store: TelemetryStore) -> None:
        await store.insert({"counts": counts(3)}, received_ms=NOW_MS)
        await store.insert({"counts": counts(3, received_ms=NOW_MS + 1)}, received_ms=NOW_MS + 1)
        assert await self.total(store) == 6

    async def test_as_of_an_earlier_batch_later_rows_are_not_there(self, store: TelemetryStore) -> None:
        await store.insert({"counts": counts(3)}, received_ms=NOW_MS)
        await store.insert({"counts": counts(4, received_ms=NOW_MS + 5)}, received_ms=NOW_MS + 5)
        then = datetime.fromtimestamp(NOW_MS / 1000, UTC)
        assert await self.total(store, as_of=then) == 3

    async def test_a_dictionary_may_hold_a_value_twice(self, store: TelemetryStore) -> None:
        rows = pa.concat_tables([counts(2, service="cart"), counts(3, service="pay")])
        place = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["demo", "demo"]))
        rows = rows.set_column(rows.column_names.index("environment"), "environment", place)
        await store.insert({"counts": rows}, received_ms=NOW_MS)
        found = await store.select("SELECT service, environment FROM {db}.counts ORDER BY service")
        assert found.to_pydict() == {"service": ["cart", "pay"], "environment": ["demo", "demo"]}

    async def test_an_empty_batch_is_committed(self, store: TelemetryStore) -> None:
        await store.insert({}, received_ms=NOW_MS)
        assert store.committed_ms == NOW_MS

    async def test_rejected_rows_leave_nothing_behind(self, store: TelemetryStore) -> None:
        bad = counts(1).rename_columns(
            [name if name != "bucket" else "no_such_column" for name in counts(1).column_names]
        )
        origins = pa.table(
            {
                "origin": pa.array([1], pa.uint64()),
                "hour": pa.array([NOW_MS // 1000], pa.timestamp("s", "UTC")),
                "received": pa.array([NOW_MS], pa.timestamp("ms", "UTC")),
                "resource": ["{}"],
                "scope": ["{}"],
            }
        )
        with pytest.raises(RowsRejected):
            await store.insert({"origins": origins, "counts": bad}, received_ms=NOW_MS)
        assert store.committed_ms == 0
        await store.insert({"counts": counts(2, received_ms=NOW_MS + 1)}, received_ms=NOW_MS + 1)
        left = await store.select(
            "SELECT count() AS n FROM {db}.origins WHERE received <= {as_of:DateTime64(3)}"
        )
        assert left["n"][0].as_py() == 0, "rows of a rejected batch became visible with the next one"
        assert await self.total(store) == 2

    async def test_what_does_not_fit_its_column_is_rejected(self, store: TelemetryStore) -> None:
        rows = counts(1)
        bad = rows.set_column(rows.column_names.index("signal"), "signal", pa.array(["no number"]))
        with pytest.raises(RowsRejected):
            await store.insert({"counts": bad}, received_ms=NOW_MS)
        assert await self.total(store) == 0

    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "o'clock",
            'back\\slash "quoted"',
            "tab\tline\nreturn\r",
            "naïve 日本語 \u202e",
            "{as_of}",
            "\\N",
        ],
    )
    async def test_parameters_are_bound_not_pasted(self, store: TelemetryStore, text: str) -> None:
        sql = (
            "SELECT {text:String} AS text, {texts:Array(String)} AS texts, {numbers:Array(UInt64)} AS numbers"
        )
        rows = await store.select(sql, {"text": text, "texts": [text, "b"], "numbers": [0, 2**64 - 1]})
        assert rows.to_pylist() == [{"text": text, "texts": [text, "b"], "numbers": [0, 2**64 - 1]}]

    async def test_reading_cannot_write(self, store: TelemetryStore) -> None:
        for sql in (
            "DROP TABLE {db}.counts",
            "INSERT INTO {db}.batches VALUES (1)",
            "CREATE TABLE {db}.x (a Int8)",
        ):
            with pytest.raises(StoreError):
                await store.select(sql)

    async def test_a_broken_query_is_one_clear_error(self, store: TelemetryStore) -> None:
        with pytest.raises(StoreError, match="no_such_table"):
            await store.select("SELECT * FROM {db}.no_such_table")

    async def test_a_query_that_eats_memory_is_stopped(self, store: TelemetryStore) -> None:
        with pytest.raises(StoreError, match=r"[Mm]emory"):
            await store.select("SELECT count() FROM (SELECT number FROM numbers(100000000) GROUP BY number)")
        assert [await self.total(store) for _ in range(4)] == [0] * 4, "the store serves on"

    async def test_size_and_trim(self, store: TelemetryStore) -> None:
        await store.insert({"counts": counts(3)}, received_ms=NOW_MS)
        assert await store.size_bytes() > 0
        assert await store.trim(bytes_max=10**12) == 0
        assert await self.total(store) == 3
