"""chDB keeps the contract of telemetry stores, and what is its own: rolling up and reopening."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pyarrow as pa
import pytest
from contracts.telemetry_store import NOW_MS, TelemetryStoreContract, counts
from flyball.component.ports import TelemetryStore
from flyball.errors import RowsRejected, StoreError
from flyball.stores import telemetry_chdb
from flyball.stores.telemetry_chdb import ChdbTelemetry

pytestmark = pytest.mark.anyio


class TestChdbTelemetry(TelemetryStoreContract):
    @pytest.fixture
    def store(self, telemetry: ChdbTelemetry) -> TelemetryStore:
        return telemetry


async def test_a_reopened_store_knows_its_last_batch(open_telemetry: Callable[[str], ChdbTelemetry]) -> None:
    name = f"reopened_{uuid.uuid4().hex}"
    first = open_telemetry(name)
    await first.migrate()
    await first.insert({"counts": counts(3)}, received_ms=NOW_MS)
    second = open_telemetry(name)
    await second.migrate()
    assert second.committed_ms == NOW_MS
    await first.close()
    await second.close()


async def test_a_table_that_the_engine_cannot_read_is_rejected(
    telemetry: ChdbTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_chdb, "_distinct_dictionaries", lambda rows: rows)
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["demo", "demo"]))
    rows = pa.concat_tables([counts(2), counts(3)])
    rows = rows.set_column(rows.column_names.index("environment"), "environment", twice)
    with pytest.raises(RowsRejected):
        await telemetry.insert({"counts": rows}, received_ms=NOW_MS)


@pytest.mark.parametrize("table", ["counts", "batches"])
async def test_what_the_engine_fails_to_keep_is_said_and_goes_in_later_once(
    telemetry: ChdbTelemetry, table: str
) -> None:
    rows = {"counts": counts(3)}
    # A condition of the table fails where a full disk does: after the rows are read, before they are kept.
    telemetry._write(f"ALTER TABLE {{db}}.{table} ADD CONSTRAINT never CHECK received < '2000-01-01'")
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await telemetry.insert(rows, received_ms=NOW_MS)
        assert not isinstance(caught.value, RowsRejected), "it is asked again, not set aside"
        assert telemetry.committed_ms == 0
    telemetry._write(f"ALTER TABLE {{db}}.{table} DROP CONSTRAINT never")
    for _ in range(2):
        await telemetry.insert(rows, received_ms=NOW_MS)
    assert await TelemetryStoreContract.total(telemetry) == 3


async def test_parts_that_wait_to_be_merged_are_no_reason_to_reject(telemetry: ChdbTelemetry) -> None:
    await telemetry.insert({"counts": counts(3)}, received_ms=NOW_MS)
    telemetry._write("ALTER TABLE {db}.counts MODIFY SETTING parts_to_throw_insert = 1")
    with pytest.raises(StoreError, match="Too many parts") as caught:
        await telemetry.insert({"counts": counts(4, received_ms=NOW_MS + 1)}, received_ms=NOW_MS + 1)
    assert not isinstance(caught.value, RowsRejected), "it is asked again, not set aside"


async def test_a_batch_of_several_blocks_has_the_same_blocks_again(telemetry: ChdbTelemetry) -> None:
    number = 1_500_000  # the engine cuts a block after a million rows
    now_ms = time.time_ns() // 1_000_000  # raw rows expire by the engine's own clock
    received = pa.scalar(now_ms, pa.timestamp("ms", "UTC"))
    rows = pa.table(
        {"time": pa.array(range(number), pa.timestamp("ms", "UTC")), "received": pa.repeat(received, number)}
    )
    rows = pa.concat_tables([rows.slice(start, 250_000) for start in range(0, number, 250_000)])
    for _ in range(3):
        await telemetry.insert({"metrics": rows}, received_ms=now_ms)
    found = await telemetry.select(
        "SELECT count() AS n, dateDiff('ms', min(time), max(time)) + 1 AS span FROM {db}.metrics GROUP BY _part"
    )
    assert found.num_rows > 1
    assert sum(found["n"].to_pylist()) == number
    assert found["n"].to_pylist() == found["span"].to_pylist(), "the rows of a block lie side by side"


async def test_counts_fold_to_minutes_and_hours_and_stay_the_same_number(telemetry: ChdbTelemetry) -> None:
    now_ms = time.time_ns() // 1_000_000
    for days, batch_ms in ((0, now_ms), (1, now_ms + 1), (20, now_ms + 2)):
        start_ms = now_ms // 3_600_000 * 3_600_000 - days * 86_400_000 - 3_600_000
        rows = [
            counts(2, received_ms=start_ms + 5_000 * slot) for slot in range(240)
        ]  # 20 minutes of 5-second slots, as received then
        await telemetry.insert({"counts": pa.concat_tables(rows)}, received_ms=batch_ms)
    await telemetry._in_thread(lambda: telemetry._write("OPTIMIZE TABLE {db}.counts FINAL"))
    found = await telemetry.select(
        "SELECT toStartOfDay(time) AS day, count() AS n, sum(count) AS total FROM {db}.counts GROUP BY day ORDER BY day"
    )
    assert found["total"].to_pylist() == [480, 480, 480]
    assert found["n"].to_pylist()[:2] == [1, 20], "one row an hour after 14 days, one a minute after an hour"


async def test_trim_drops_the_oldest_hours_of_raw_rows_only(telemetry: ChdbTelemetry) -> None:
    hour_ms = 3_600_000
    base_ms = time.time_ns() // 1_000_000 // hour_ms * hour_ms - 5 * hour_ms
    for hour in range(3):
        received_ms = base_ms + hour * hour_ms
        metrics = pa.table(
            {
                "workspace": ["default"] * 100,
                "service": ["shop"] * 100,
                "time": pa.array([received_ms] * 100, pa.timestamp("ms", "UTC")),
                "received": pa.array([received_ms] * 100, pa.timestamp("ms", "UTC")),
                "origin": pa.array([1] * 100, pa.uint64()),
                "point": [uuid.uuid4().hex for _ in range(100)],
            }
        )
        tables = {"metrics": metrics, "counts": counts(1, received_ms=received_ms)}
        await telemetry.insert(tables, received_ms=received_ms)
    freed = await telemetry.trim(bytes_max=1)
    assert freed > 0
    left = await telemetry.select("SELECT count() AS n, min(received) AS first FROM {db}.metrics")
    assert left["n"][0].as_py() == 100, "the hour that is being written stays"
    total = await telemetry.select("SELECT sum(count) AS n FROM {db}.counts")
    assert total["n"][0].as_py() == 3, "counts are not raw rows"
