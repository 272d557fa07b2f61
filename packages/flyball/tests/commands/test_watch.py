"""An incident's life, told by script: what the watch asks answers as the test says, the store is the real one."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flyball.commands.decide_incident import decide_incident
from flyball.commands.remember_incident import Remembering
from flyball.commands.watch import AGAIN_S, CHECKED_S, DIAGNOSES_MAX, GREW_S, LIVE_MAX, Watch
from flyball.distill.catalog import Catalog
from flyball.errors import StoreError
from flyball.model.change import Change, ChangeKind
from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding
from flyball.model.incident import QUIET, Explanation, Incident, IncidentState, Lasting, key
from flyball.model.lesson import Result
from flyball.model.verdict import Outcome
from flyball.queries.memory import lessons_of
from flyball.queries.ports import Ports
from flyball.stores.state_sqlite import SqliteState
from harness.clock import ManualClock
from harness.findings import finding
from harness.incident import pool_exhausted

pytestmark = pytest.mark.anyio
Settled = Mapping[tuple[str, str], datetime]
_ASKED = 60.0
"""Seconds after which nothing is left to wait for between two rounds."""


@functools.cache
def diagnosis() -> Diagnosis:
    return pool_exhausted()


@dataclass
class World:
    """What happens, and what was heard of it."""

    state: SqliteState
    clock: ManualClock
    found: list[Finding] = field(default_factory=list[Finding])
    """What is wrong: a look gives those that it is not told of."""
    back: list[Finding] = field(default_factory=list[Finding])
    outcome: Outcome = Outcome.NOT_FIXED
    fails: bool = False
    """Whether a store fails while it is diagnosed."""
    explained: list[IncidentState] = field(default_factory=list[IncidentState])
    asked: list[datetime] = field(default_factory=list[datetime])
    settled: Settled = field(default_factory=dict[tuple[str, str], datetime])

    async def look(
        self, known: Collection[str], troubled: Collection[str], settled: Settled
    ) -> Sequence[Finding]:
        del troubled
        self.settled = settled
        return [one for one in self.found if key(one) not in known]

    async def recurring(self, over: Sequence[Incident]) -> Sequence[Finding]:
        old = {key(one) for incident in over for one in incident.findings}
        return [one for one in self.back if key(one) in old]

    async def calls(self, environment: str) -> Mapping[str, frozenset[str]]:
        del environment
        return {}

    async def explain(self, incident: Incident, as_of: datetime) -> Explanation:
        stored = await self.state.incident(incident.id)
        assert stored is not None
        self.explained.append(stored.state)
        if self.fails:
            raise StoreError("the telemetry store failed: no space left")
        return Explanation(
            incident_id=incident.id,
            episode=incident.episode,
            at=as_of,
            since=incident.began,
            until=as_of,
            diagnosis=diagnosis(),
        )

    async def goes_on(self, incident: Incident, as_of: datetime, fixed: datetime | None) -> Sequence[Lasting]:
        del fixed
        self.asked.append(as_of)
        fact = Evidence(kind="counts", sql="SELECT 1", parameters={}, as_of=as_of, numbers={"after_count": 0})
        return [
            Lasting(finding=one, outcome=self.outcome, last_seen=as_of, count=25, evidence=fact)
            for one in incident.findings
        ]

    def remembering(self) -> Remembering:
        async def verify(change: str) -> tuple[Outcome, Mapping[str, float]]:
            del change
            return Outcome.FIXED, {}

        return Remembering(
            memory=self.state,
            incidents=self.state,
            changes=self.state,
            clock=self.clock,
            verify=verify,
            fingerprint_of=lambda _: "00000000000000aa",
        )

    def watch(self) -> Watch:
        remembering = self.remembering()
        return Watch(
            incidents=self.state,
            changes=self.state,
            evidence=self.state,
            clock=self.clock,
            look=self.look,
            recurring=self.recurring,
            calls=self.calls,
            explain=self.explain,
            goes_on=self.goes_on,
            told=remembering.told,
            over=remembering.over,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    async def only(self) -> Incident:
        (incident,) = await self.state.incidents("default")
        return incident

    async def decide(self, decision: str) -> Incident:
        incident = await self.only()
        return await decide_incident(
            self.state,
            self.clock,
            workspace="default",
            incident_id=incident.id,
            decision=decision,
            by="Jo",
        )

    def ports(self) -> Ports:
        store = cast("Any", self.state)
        return Ports(
            telemetry=cast("Any", None),
            changes=store,
            evidence=store,
            incidents=store,
            memory=store,
            catalog=Catalog(),
            clock=self.clock,
        )


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    state = SqliteState(tmp_path / "state.db")
    await state.migrate()
    yield World(state=state, clock=clock)
    await state.close()


async def rounds(world: World, watch: Watch, *, seconds: float, every: float = 5.0) -> None:
    """A round every so many seconds, the last of them now."""
    for _ in range(round(seconds / every)):
        world.clock.advance(every)
        await watch.round()


def repair(world: World) -> Change:
    return Change(
        id="chg_fix",
        workspace="default",
        service="checkout",
        environment="prod",
        version="v3",
        previous_version="v2",
        kind=ChangeKind.DEPLOY,
        time=world.now(),
        announced=True,
        seen=None,
        message="Give the pool 20 connections again",
    )


async def resolved(world: World, watch: Watch) -> Incident:
    """A first episode: found, diagnosed, repaired by a deploy, over."""
    world.found = [finding()]
    await watch.round()
    world.clock.advance(20)
    await world.state.put_change(repair(world))
    world.found, world.outcome = [], Outcome.FIXED
    await rounds(world, watch, seconds=10)
    return await world.only()


async def test_a_life_from_open_to_closed(world: World) -> None:
    watch = world.watch()
    await watch.round()
    assert await world.state.incidents("default") == []
    world.found = [finding()]
    await watch.round()
    incident = await world.only()
    assert world.explained == [IncidentState.INVESTIGATING]
    assert (incident.state, incident.cause) == (IncidentState.ACTIVE, "connection pool exhausted")
    assert await world.state.explanation(incident.id) is not None
    await rounds(world, watch, seconds=10)
    incident = await world.only()
    assert incident.live
    assert (incident.touched, incident.last_seen) == (25, world.now())

    incident = await resolved(world, watch)
    assert (incident.state, incident.resolved_by) == (IncidentState.RESOLVED, "chg_fix")
    assert incident.acts[-1].what == "resolved: it stopped after the deploy of checkout v3"
    assert await world.state.evidence(incident.acts[-1].evidence[0]) is not None

    world.clock.advance(3600)
    world.back, world.outcome = [replace(finding(), first_seen=world.now())], Outcome.NOT_FIXED
    await watch.round()
    again = await world.only()
    assert (again.id, again.episode, again.state) == (incident.id, 2, IncidentState.ACTIVE)
    assert again.earlier[0].resolved_by == "chg_fix"

    world.back, world.outcome = [], Outcome.FIXED
    await rounds(world, watch, seconds=10)
    assert (await world.only()).state is IncidentState.RESOLVED
    world.clock.advance(QUIET.total_seconds() - 60)
    await watch.round()
    assert (await world.only()).state is IncidentState.RESOLVED
    world.clock.advance(61)
    await watch.round()
    closed = await world.only()
    assert (closed.state, closed.closed) == (IncidentState.CLOSED, world.now())
    world.clock.advance(_ASKED)
    await watch.round()
    assert await world.only() == closed


async def test_a_store_that_fails_leaves_what_the_next_round_goes_on_from(world: World) -> None:
    watch = world.watch()
    world.found, world.fails = [finding()], True
    began: set[str] = set()
    for _ in range(2):
        with pytest.raises(StoreError):
            await watch.round()
        incident = await world.only()
        began.add(incident.id)
        assert (incident.state, incident.diagnoses) == (IncidentState.INVESTIGATING, 0)
        world.clock.advance(2)
    world.fails = False
    await world.watch().round()  # the process was started again meanwhile
    after = await world.only()
    assert (after.state, after.diagnoses) == (IncidentState.ACTIVE, 1)
    assert began == {after.id}
    assert sum(act.what.startswith("found") for act in after.acts) == 1


async def test_what_is_known_of_one_environment_is_news_of_another(world: World) -> None:
    watch = world.watch()
    world.found = [finding(environment="staging")]
    await watch.round()
    world.found.append(finding())
    await rounds(world, watch, seconds=5)
    found = await world.state.incidents("default")
    assert {(one.environment, one.state) for one in found} == {
        ("staging", IncidentState.ACTIVE),
        ("prod", IncidentState.ACTIVE),
    }


async def test_muted_until_it_differs(world: World) -> None:
    watch = world.watch()
    world.found = [finding()]
    await watch.round()
    assert (await world.decide("mute")).is_muted
    await rounds(world, watch, seconds=30)
    assert (await world.only()).is_muted
    world.found = [finding(), finding(fingerprint="bb")]
    await rounds(world, watch, seconds=5)
    incident = await world.only()
    assert len(incident.findings) == 2
    assert not incident.is_muted


async def test_a_persons_close_stands(world: World) -> None:
    watch = world.watch()
    world.found = [finding()]
    await watch.round()
    world.found = []
    closed = await world.decide("close")
    assert (closed.state, closed.acts[-1].by) == (IncidentState.CLOSED, "Jo")
    await rounds(world, watch, seconds=60)
    assert await world.only() == closed
    told = {("checkout", "prod"): closed.closed}
    assert world.settled == told, "what it showed there until then is told already"


async def test_what_a_person_opened_again_only_a_person_closes(world: World) -> None:
    watch = world.watch()
    world.found, world.outcome = [finding()], Outcome.FIXED
    await watch.round()
    world.found = []
    await rounds(world, watch, seconds=60)
    assert (await world.only()).state is IncidentState.RESOLVED
    await world.decide("reopen")
    await rounds(world, watch, seconds=60)
    assert (await world.only()).state is IncidentState.ACTIVE
    assert (await world.decide("close")).kept_open is False


async def test_two_of_one_cause_become_the_older(world: World) -> None:
    watch = world.watch()
    world.found = [finding("checkout")]
    await rounds(world, watch, seconds=5)
    world.found = [finding("billing", "bb", second=30)]
    await rounds(world, watch, seconds=5)
    older, younger = sorted(await world.state.incidents("default"), key=lambda i: i.opened)
    assert (older.state, set(older.services)) == (IncidentState.ACTIVE, {"checkout", "billing"})
    assert younger.state is IncidentState.CLOSED
    assert older.id in younger.acts[-1].what
    await rounds(world, watch, seconds=60)
    assert len(await world.state.incidents("default")) == 2, "what the older took over is no news"
    incident = await world.state.incident(older.id)
    assert incident is not None
    assert await lessons_of(world.ports(), incident) == (), "it was remembered once"


async def test_it_is_diagnosed_at_its_times_and_no_more(world: World) -> None:
    watch = world.watch()
    world.found = [finding()]
    await watch.round()
    await rounds(world, watch, seconds=2 * max(AGAIN_S))
    assert (await world.only()).diagnoses == len(world.explained) == len(AGAIN_S)


async def test_what_grows_is_diagnosed_again_but_not_without_end(world: World) -> None:
    watch = world.watch()
    for number in range(3 * DIAGNOSES_MAX):
        world.found = [finding(fingerprint=f"{number:03}")]
        await rounds(world, watch, seconds=GREW_S)
    incident = await world.only()
    assert incident.diagnoses == len(world.explained) == DIAGNOSES_MAX
    assert incident.live


async def test_the_fix_is_remembered_and_told_when_it_comes_again(world: World) -> None:
    watch = world.watch()
    await resolved(world, watch)
    world.clock.advance(3600)
    world.back = [replace(finding(), first_seen=world.now())]
    world.outcome = Outcome.NOT_FIXED
    await watch.round()
    again = await world.only()
    assert again.episode == 2
    (lesson,) = await lessons_of(world.ports(), again)
    (tried,) = lesson.fixes
    assert (tried.fix.change_id, tried.result) == ("chg_fix", Result.WORKED)
    assert tried.fix.text == "deploy of checkout v3: Give the pool 20 connections again"


async def test_the_next_episode_is_given_time_like_the_first(world: World) -> None:
    watch = world.watch()
    await resolved(world, watch)
    world.clock.advance(_ASKED)
    world.back, world.asked = [replace(finding(), first_seen=world.now())], []
    await watch.round()
    opened = (await world.only()).opened
    world.back = []
    await rounds(world, watch, seconds=10, every=1)
    assert min(world.asked) - opened >= timedelta(seconds=CHECKED_S)


async def test_what_comes_again_after_a_long_stop_of_the_watch_is_not_closed(world: World) -> None:
    await resolved(world, world.watch())
    world.clock.advance(QUIET.total_seconds() + 3600)
    world.back, world.outcome = [replace(finding(), first_seen=world.now())], Outcome.NOT_FIXED
    await world.watch().round()
    again = await world.only()
    assert (again.state, again.episode) == (IncidentState.ACTIVE, 2)


async def test_many_that_are_over_do_not_hide_one_that_goes_on(world: World) -> None:
    watch = world.watch()
    world.found = [finding()]
    await watch.round()
    live = await world.only()
    later = live.grew + timedelta(hours=1)
    over = [
        replace(live, id=f"inc_{n:03}", state=IncidentState.RESOLVED, grew=later, resolved=later, findings=())
        for n in range(LIVE_MAX + 1)
    ]
    await world.state.put_incidents(over)
    world.outcome = Outcome.FIXED
    await rounds(world, watch, seconds=10)
    found = await world.state.incident(live.id)
    assert found is not None
    assert found.state is IncidentState.RESOLVED
