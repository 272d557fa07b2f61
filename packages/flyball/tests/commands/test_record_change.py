"""Changes that are announced: what they need, and when two announcements are one change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flyball.commands.record_change import MESSAGE_CHARS_MAX, announce_change, record_sighted
from flyball.enrich.changes import Sightings
from flyball.errors import InputError
from flyball.model.change import AuthorKind, Change, ChangeKind
from flyball.stores.state_sqlite import SqliteState
from harness.clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteState]:
    state = SqliteState(tmp_path / "state.db")
    await state.migrate()
    yield state
    await state.close()


async def told(store: SqliteState, clock: ManualClock, **fields: Any) -> Change:
    given: dict[str, Any] = {
        "service": "checkout",
        "version": "",
        "workspace": "default",
        "environment": "prod",
        **fields,
    }
    return await announce_change(store, Sightings([]), clock, **given)


def time_of(clock: ManualClock) -> datetime:
    return datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)


@pytest.mark.parametrize("kind", [ChangeKind.CONFIG, ChangeKind.FLAG, ChangeKind.MIGRATION])
async def test_what_has_no_version_says_what_it_changed(
    store: SqliteState, clock: ManualClock, kind: ChangeKind
) -> None:
    with pytest.raises(InputError, match=f"a {kind} says what it changed"):
        await told(store, clock, kind=kind)
    change = await told(store, clock, kind=kind, what="pool_size 20 -> 5")
    assert (change.kind, change.subject, change.version) == (kind, "pool_size 20 -> 5", "")
    assert await store.change(change.id) == change


async def test_the_same_words_at_the_same_time_are_one_change(store: SqliteState, clock: ManualClock) -> None:
    at = time_of(clock) - timedelta(minutes=1)
    for what in ("pool_size 20 -> 5", "pool_size 20 -> 5", "timeout 2 -> 20"):
        await told(store, clock, kind=ChangeKind.CONFIG, what=what, time=at)
    await told(store, clock, kind=ChangeKind.FLAG, what="timeout 2 -> 20", time=at)
    found = await store.changes("default")
    assert len(found) == 3
    assert len(await store.changes("default", kinds=[ChangeKind.CONFIG])) == 2


async def test_a_sighted_version_is_not_the_change_of_a_setting(
    store: SqliteState, clock: ManualClock
) -> None:
    at = time_of(clock)
    deploy = await told(store, clock, version="v2", time=at)
    setting = await told(store, clock, kind=ChangeKind.CONFIG, version="v2", what="size 2", time=at)
    assert deploy.id != setting.id
    seen = Change(
        id="chg_0",
        workspace="default",
        service="checkout",
        environment="prod",
        version="v2",
        previous_version="v1",
        kind=ChangeKind.DEPLOY,
        time=at + timedelta(seconds=5),
        announced=False,
        seen=at + timedelta(seconds=5),
    )
    merged = await record_sighted(store, seen)
    assert (merged.id, merged.seen) == (deploy.id, seen.seen)
    assert await store.change(setting.id) == setting
    assert len(await store.changes("default")) == 2


async def test_who_wrote_it_is_kept_and_its_message_is_bounded_and_redacted(
    store: SqliteState, clock: ManualClock
) -> None:
    message = (
        "Use password=hunter2secret\n" + "x" * 9_000 + "\n\nCo-Authored-By: Claude <noreply@anthropic.com>"
    )
    change = await told(store, clock, version="v3", author="Ada", message=message)
    assert (change.author, change.author_kind) == ("Ada", AuthorKind.AGENT)
    assert len(change.message) <= MESSAGE_CHARS_MAX
    assert "hunter2secret" not in change.message
    assert await store.change(change.id) == change


async def test_names_are_bounded(store: SqliteState, clock: ManualClock) -> None:
    with pytest.raises(InputError, match="what is printable text of at most 500"):
        await told(store, clock, kind=ChangeKind.FLAG, what="x" * 501)
    with pytest.raises(InputError, match="author is printable"):
        await told(store, clock, version="v1", author="a\nb")
