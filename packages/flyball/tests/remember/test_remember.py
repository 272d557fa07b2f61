"""What was remembered is told when its like comes again, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flyball.errors import InputError, NotFound
from flyball.model.cause import Cause
from flyball.model.lesson import Fix, Likeness, Result
from flyball.model.memory import NodeKind, Relation
from flyball.model.verdict import Outcome
from flyball.remember.facts import NAME_CHARS_MAX, NUMBERS_MAX, SIGNALS_MAX, TEXT_CHARS_MAX
from flyball.remember.recall import LESSONS_MAX, fixes_that_worked, seen_before
from flyball.remember.record import record_fix, record_outcome, remember
from flyball.stores.state_sqlite import SqliteState
from harness.memory import NOON, incident

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteState]:
    state = SqliteState(tmp_path / "state.db")
    await state.migrate()
    yield state
    await state.close()


async def fixed(store: SqliteState, number: int, text: str, verdict: Outcome, after: float = 0.1) -> Fix:
    at = NOON + timedelta(days=number + after)
    fix = await record_fix(store, f"inc_{number}", text, at=at)
    await record_outcome(store, fix, verdict, {"broken": 40.0, "repaired": 1.0}, at=at)
    return fix


async def test_the_same_cause_object_and_pattern_is_this_again(store: SqliteState) -> None:
    await remember(store, incident(1))
    fix = await fixed(store, 1, "raised the pool to 50", Outcome.FIXED)
    (lesson,) = await seen_before(store, incident(2, signals=frozenset({"event"})))
    assert lesson.likeness is Likeness.EXACT
    assert lesson.similarity == 1.0
    assert lesson.occurrence == incident(1)
    (told,) = lesson.fixes
    assert (told.fix, told.result, dict(told.numbers)) == (
        fix,
        Result.WORKED,
        {"broken": 40.0, "repaired": 1.0},
    )


async def test_the_same_cause_that_shows_alike_is_the_same_elsewhere(store: SqliteState) -> None:
    await remember(store, incident(1))
    elsewhere = incident(2, object="service/payments", fingerprint="", signals=frozenset({"log", "span"}))
    (lesson,) = await seen_before(store, elsewhere)
    assert lesson.likeness is Likeness.KIND
    assert lesson.similarity == pytest.approx(2 / 3, abs=0.001)
    unlike = replace(elsewhere, signals=frozenset({"event", "state", "log"}))
    assert await seen_before(store, unlike) == ()
    assert await seen_before(store, replace(elsewhere, signals=frozenset())) == ()


async def test_another_pattern_of_the_same_object_is_no_more_than_its_kind(store: SqliteState) -> None:
    await remember(store, incident(1))
    (lesson,) = await seen_before(store, incident(2, fingerprint="00000000000000bb"))
    assert lesson.likeness is Likeness.KIND
    aliases = {"00000000000000aa": "00000000000000bb"}

    def resolve(known: str) -> str:
        return aliases.get(known, known)

    (lesson,) = await seen_before(store, incident(2, fingerprint="00000000000000bb"), resolve=resolve)
    assert lesson.likeness is Likeness.EXACT


async def test_nothing_is_recalled_of_another_cause_itself_the_future_or_another_workspace(
    store: SqliteState,
) -> None:
    await remember(store, incident(1))
    assert await seen_before(store, incident(1)) == ()
    assert await seen_before(store, incident(2, cause=Cause.DISK_FULL)) == ()
    assert await seen_before(store, incident(2, cause=None)) == ()
    assert await seen_before(store, incident(2, day=0)) == ()
    assert await seen_before(store, incident(2, workspace="other")) == ()
    assert len(await seen_before(store, incident(2))) == 1


async def test_lessons_are_the_likest_first_and_bounded_and_words_only_order_equals(
    store: SqliteState,
) -> None:
    for number in range(1, 9):
        await remember(store, incident(number, object="service/other", title=f"incident {number}"))
    await remember(store, incident(20, title="quite other words", signals=frozenset()))
    await remember(store, incident(21, object="service/third", title="some words"))
    asked = incident(30, title="incident 3")
    lessons = await seen_before(store, asked)
    assert [one.occurrence.incident_id for one in lessons[:3]] == ["inc_20", "inc_3", "inc_8"]
    assert len(lessons) == LESSONS_MAX
    assert len(await seen_before(store, asked, limit=1)) == 1
    assert await seen_before(store, asked, limit=-1) == ()


async def test_an_incident_diagnosed_anew_is_recalled_by_what_holds_today(store: SqliteState) -> None:
    await remember(store, incident(1))
    for _ in range(2):
        await remember(store, incident(1, cause=Cause.DB_CONNECTIONS, object="database/orders"))
    assert await seen_before(store, incident(2)) == ()
    asked = incident(2, cause=Cause.DB_CONNECTIONS, object="database/orders")
    assert len(await seen_before(store, asked)) == 1


async def test_outcomes_are_measured_and_the_last_that_decides_counts(store: SqliteState) -> None:
    await remember(store, incident(1))
    at = NOON + timedelta(days=1.1)
    fix = await record_fix(store, "inc_1", "restarted it", at=at, by="on call")

    async def result() -> Result:
        (lesson,) = await seen_before(store, incident(2))
        return lesson.fixes[0].result

    assert await result() is Result.UNKNOWN
    said = [
        (Outcome.NOT_ENOUGH_DATA, Result.UNKNOWN),
        (Outcome.FIXED, Result.WORKED),
        (Outcome.NOT_ENOUGH_DATA, Result.WORKED),
        (Outcome.WORSE, Result.DID_NOT),
        (Outcome.FIXED, Result.WORKED),
        (Outcome.NOT_FIXED, Result.DID_NOT),
    ]
    for hour, (verdict, expected) in enumerate(said):
        await record_outcome(store, fix, verdict, {"n": 1.0}, at=at + timedelta(hours=hour))
        assert await result() is expected
    again = NOON + timedelta(days=9)
    assert await record_outcome(store, fix, Outcome.NOT_FIXED, {"n": 1.0}, at=again) is Result.DID_NOT
    targets = [(Relation.JUDGES, (NodeKind.FIX, fix.id))]
    assert len(await store.pointing_at("default", NodeKind.OUTCOME, targets, limit=100)) == len(said)


async def test_a_fix_that_worked_and_whose_incident_came_back_says_so(store: SqliteState) -> None:
    await remember(store, incident(1))
    await fixed(store, 1, "raised the pool to 50", Outcome.FIXED)
    await remember(store, incident(5))
    (lesson,) = await seen_before(store, incident(2, fingerprint="00000000000000bb"))
    assert lesson.fixes[0].came_back == incident(5).opened
    lessons = await seen_before(store, incident(9))
    assert [one.occurrence.incident_id for one in lessons] == ["inc_5", "inc_1"]
    assert lessons[1].fixes[0].came_back == incident(5).opened
    (tally,) = await fixes_that_worked(store, Cause.POOL_EXHAUSTED)
    assert (tally.worked, tally.came_back) == (1, 1)


async def test_the_incident_that_asks_is_itself_the_recurrence(store: SqliteState) -> None:
    await remember(store, incident(1))
    await fixed(store, 1, "raised the pool to 50", Outcome.FIXED)
    (lesson,) = await seen_before(store, incident(2))
    assert lesson.fixes[0].came_back == incident(2).opened


async def test_a_fix_made_before_its_incident_was_recorded_did_not_come_back_by_itself(
    store: SqliteState,
) -> None:
    await remember(store, incident(1))
    await fixed(store, 1, "rolled back", Outcome.FIXED, after=-0.5)
    (tally,) = await fixes_that_worked(store, Cause.POOL_EXHAUSTED)
    assert tally.came_back == 0


async def test_which_fixes_worked_for_a_kind_is_answered_with_counts(store: SqliteState) -> None:
    for number, (text, verdict) in enumerate(
        [
            ("raised the pool to 50", Outcome.FIXED),
            ("Raised the pool to 50", Outcome.FIXED),
            ("restarted it", Outcome.NOT_FIXED),
            ("restarted it", Outcome.FIXED),
            ("prayed", Outcome.NOT_ENOUGH_DATA),
        ],
        1,
    ):
        await remember(store, incident(number, object=f"service/s{number}"))
        await fixed(store, number, text, verdict)
    await remember(store, incident(9, cause=Cause.DISK_FULL))
    await fixed(store, 9, "deleted old logs", Outcome.FIXED)
    tallies = await fixes_that_worked(store, Cause.POOL_EXHAUSTED)
    counts = {one.text.casefold(): (one.worked, one.did_not, one.unknown) for one in tallies}
    assert list(counts) == ["raised the pool to 50", "restarted it", "prayed"]
    assert counts == {"raised the pool to 50": (2, 0, 0), "restarted it": (1, 1, 0), "prayed": (0, 0, 1)}
    assert set(tallies[0].incidents) == {"inc_1", "inc_2"}
    events = frozenset({"event"})
    assert await fixes_that_worked(store, Cause.POOL_EXHAUSTED, signals=events) == ()
    assert await fixes_that_worked(store, Cause.POOL_EXHAUSTED, workspace="other") == ()


async def test_the_same_fix_told_twice_is_one(store: SqliteState) -> None:
    await remember(store, incident(1))
    first = await record_fix(store, "inc_1", "raised  the\npool", at=NOON, change_id="chg_1", by="a")
    again = await record_fix(
        store, "inc_1", "raised the pool", at=NOON + timedelta(days=1), change_id="chg_1"
    )
    assert again == first
    other = await record_fix(store, "inc_1", "raised the pool", at=NOON, change_id="chg_2")
    assert other.id != first.id
    shipped = [(Relation.SHIPPED_AS, (NodeKind.CHANGE, "chg_1"))]
    found = await store.pointing_at("default", NodeKind.FIX, shipped, limit=10)
    assert [node.id for node in found] == [first.id]


async def test_texts_are_bounded_and_printable_and_wrong_ones_refused(store: SqliteState) -> None:
    hostile = "\x1b[31m\0<script>" + "x" * 100_000 + "\u202e"
    names = frozenset(f"s{n}" for n in range(1000)) | {hostile}
    given = incident(1, title=hostile, service=hostile, signals=names, object="service/" + hostile)
    await remember(store, given)
    fix = await record_fix(store, "inc_1", hostile, at=NOON, by=hostile)
    numbers = {f"n{n}": float(n) for n in range(1000)} | {"nan": float("nan")}
    await record_outcome(store, fix, Outcome.FIXED, numbers, at=NOON)
    (node,) = await store.pointing_at("default", NodeKind.INCIDENT, [], limit=10)
    texts = [node.fact["title"], node.fact["service"], node.fact["object"], fix.text, fix.by]
    assert all(text.isprintable() for text in texts)
    assert max(map(len, texts)) <= TEXT_CHARS_MAX
    assert max(len(node.fact["service"]), len(fix.by)) <= NAME_CHARS_MAX
    assert len(node.fact["signals"]) == SIGNALS_MAX
    (outcome,) = await store.pointing_at("default", NodeKind.OUTCOME, [], limit=10)
    assert len(outcome.fact["numbers"]) == NUMBERS_MAX
    for text, url in ((" \0 ", ""), ("did it", "javascript:alert(1)")):
        with pytest.raises(InputError):
            await record_fix(store, "inc_1", text, url=url, at=NOON)
    with pytest.raises(NotFound, match="inc_none"):
        await record_fix(store, "inc_none", "did it", at=NOON)
    with pytest.raises(NotFound):
        await record_fix(store, "inc_1", "did it", at=NOON, workspace="other")
    with pytest.raises(InputError):
        await remember(store, incident(1, incident_id=" "))
