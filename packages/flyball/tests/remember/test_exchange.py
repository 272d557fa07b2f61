"""Memory goes out as JSON and comes in again, once; what is no memory is refused with one error and writes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flyball.errors import InputError, TooLarge
from flyball.model.lesson import Result
from flyball.model.memory import NodeKind
from flyball.model.verdict import Outcome
from flyball.remember import exchange
from flyball.remember.exchange import export_memory, import_memory
from flyball.remember.recall import seen_before
from flyball.remember.record import record_fix, record_outcome, remember
from flyball.stores.state_sqlite import SqliteState
from harness.memory import NOON, incident

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[SqliteState, SqliteState]]:
    both = SqliteState(tmp_path / "a.db"), SqliteState(tmp_path / "b.db")
    for one in both:
        await one.migrate()
    yield both
    for one in both:
        await one.close()


async def full(store: SqliteState) -> bytes:
    for number in (1, 2):
        await remember(store, incident(number))
    fix = await record_fix(
        store, "inc_1", "raised the pool", at=NOON + timedelta(days=1), url="https://git.example/7"
    )
    await record_outcome(store, fix, Outcome.FIXED, {"n": 1.5}, at=NOON + timedelta(days=2))
    return await export_memory(store)


async def test_what_went_out_comes_in_once_and_says_the_same(
    stores: tuple[SqliteState, SqliteState],
) -> None:
    here, there = stores
    document = await full(here)
    assert await import_memory(there, document) == 4
    assert await import_memory(there, document) == 0
    assert await export_memory(there) == document
    for one in (here, there):
        lessons = await seen_before(one, incident(3))
        assert [lesson.occurrence.incident_id for lesson in lessons] == ["inc_2", "inc_1"]
        assert lessons[1].fixes[0].result is Result.WORKED
    assert await import_memory(there, document, "other") == 4
    assert len(await seen_before(there, incident(3, workspace="other"))) == 2


async def test_what_is_there_already_stays(stores: tuple[SqliteState, SqliteState]) -> None:
    here, there = stores
    document = await full(here)
    await remember(there, incident(1, title="known better here"))
    assert await import_memory(there, document) == 3
    node = await there.node("default", (NodeKind.INCIDENT, "inc_1"))
    assert node is not None
    assert node.fact["title"] == "known better here"


def altered(document: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    value = orjson.loads(document)
    change(value)
    return orjson.dumps(value)


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda d: d.update(version=2),
    "another format": lambda d: d.update(format="something"),
    "a further field": lambda d: d.update(surprise=1),
    "no list": lambda d: d.update(incidents={"a": 1}),
    "an unknown cause": lambda d: d["incidents"][0].update(cause="gremlins"),
    "no id": lambda d: d["incidents"][0].update(incident_id=""),
    "a time before the first year": lambda d: d["incidents"][0].update(opened="0001-01-01T00:00:00+14:00"),
    "a time after the last year": lambda d: d["outcomes"][0].update(time="9999-12-31T23:59:59-14:00"),
    "a time without a zone": lambda d: d["incidents"][0].update(opened="2031-03-03T12:00:00"),
    "a fix without its incident": lambda d: d["fixes"][0].update(incident_id="inc_none"),
    "a fix without words": lambda d: d["fixes"][0].update(text="\u0000"),
    "an address that runs": lambda d: d["fixes"][0].update(url="javascript:alert(1)"),
    "an outcome without its fix": lambda d: d["outcomes"][0].update(fix_id="fix_none"),
    "numbers that are none": lambda d: d["outcomes"][0].update(numbers={"n": "many"}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_document_is_one_error_and_writes_nothing(
    name: str, stores: tuple[SqliteState, SqliteState]
) -> None:
    here, there = stores
    document = altered(await full(here), HOSTILE[name])
    with pytest.raises(InputError) as caught:
        await import_memory(there, document)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert await there.pointing_at("default", NodeKind.INCIDENT, [], limit=10) == []


@pytest.mark.parametrize("document", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'"x"'])
async def test_what_is_no_json_is_one_error(document: bytes, stores: tuple[SqliteState, SqliteState]) -> None:
    with pytest.raises(InputError, match="no memory of Flyball"):
        await import_memory(stores[0], document)


async def test_sizes_are_bounded(
    stores: tuple[SqliteState, SqliteState], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stores
    document = await full(here)
    monkeypatch.setattr(exchange, "IMPORT_BYTES_MAX", len(document) - 1)
    with pytest.raises(TooLarge):
        await import_memory(there, document)
    monkeypatch.undo()
    monkeypatch.setattr(exchange, "EXPORT_NODES_MAX", 1)
    with pytest.raises(TooLarge):
        await import_memory(there, document)
    cut = orjson.loads(await export_memory(here))
    assert (len(cut["incidents"]), cut["complete"], cut["fixes"], cut["outcomes"]) == (1, False, [], [])


async def test_invented_ids_are_computed_anew(stores: tuple[SqliteState, SqliteState]) -> None:
    here, there = stores
    document = (await full(here)).replace(
        orjson.loads(await export_memory(here))["fixes"][0]["id"].encode(), b"fix_mine"
    )
    await import_memory(there, document)
    assert await export_memory(there) == await export_memory(here)
