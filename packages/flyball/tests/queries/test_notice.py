"""The lookout on the real engine: it sees an incident soon, and none where there is none, whenever it looks."""

from __future__ import annotations

import pytest
from flyball.detect.worth import joins, opens
from flyball.model.finding import Finding, FindingKind
from flyball.model.incident import key
from flyball.queries.notice import AGAIN_S, CALM_S, Lookout
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.replay import Replay, replay
from harness.shop_story import POOL, broken, caller, checkout, others
from harness.story import Process, Says, deploy

pytestmark = pytest.mark.anyio
SEEN_S = 15.0
"""So soon after its tenth record was received a failure is an incident."""
DEPLOY, UP, END = 125.0, 126.5, 190.0


def shop(end: float, *, faulty: bool = False) -> list[Process]:
    """The shop with a deploy, after which the pool exhausts or not."""
    v2 = broken() if faulty else checkout()
    return [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=end, says=v2),
        *caller([(DEPLOY, UP)], [(UP + 1.5, end)] if faulty else [], end),
        *others(end),
    ]


def undeployed(end: float, *, onset: float | None = None) -> list[Process]:
    """The shop that nobody touches; from `onset` on, if any, its pool is exhausted all the same."""
    until = end if onset is None else onset
    steady = Process(service="checkout", version="v1", begin_s=0.0, end_s=until, says=checkout())
    if onset is None:
        return [steady, *caller([], [], end), *others(end)]
    says = tuple(one for one in broken() if not one.once)
    wrong = Process(service="checkout", version="v1", begin_s=onset, end_s=end, says=says)
    return [steady, wrong, *caller([], [(onset + 1.5, end)], end), *others(end)]


async def opened(heard: Replay, begin: float, end: float) -> tuple[float, list[Finding]]:
    """When a look that comes every two seconds first shows what opens an incident, and all it shows then."""
    lookout = Lookout(heard.ports)
    for second in heard.seconds(begin, end, 2.0):
        found = await lookout.look()
        if any(map(opens, found)):
            return second, found
    return end, []


async def is_seen_soon(heard: Replay, onset: float, end: float) -> None:
    second, found = await opened(heard, onset - 60.0, end)
    assert onset < second <= heard.received(POOL, "checkout", 10) + SEEN_S
    first = next(one for one in found if opens(one))
    assert first.service in {"checkout", "storefront"}
    assert all(joins(one) and one.evidence for one in found)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_pool_that_a_deploy_exhausts_is_seen_soon(telemetry: ChdbTelemetry, seed: int) -> None:
    changes = [deploy("v2", "v1", DEPLOY)]
    heard = await replay(telemetry, shop(END, faulty=True), changes, seed=seed, end=END)
    await is_seen_soon(heard, UP, END)


async def test_a_pool_that_nobody_touched_is_seen_soon(telemetry: ChdbTelemetry) -> None:
    onset, end = 480.0, 540.0
    heard = await replay(telemetry, undeployed(end, onset=onset), seed=1, end=end)
    await is_seen_soon(heard, onset, end)


@pytest.mark.parametrize("seed", [11, 12, 14])
async def test_a_healthy_shop_shows_nothing_in_any_look(telemetry: ChdbTelemetry, seed: int) -> None:
    end = 180.0
    heard = await replay(telemetry, undeployed(end), seed=seed, end=end)
    lookout = Lookout(heard.ports)
    for second in heard.seconds(0.0, end, 2.0):
        assert [one for one in await lookout.look() if opens(one)] == [], second


async def test_a_healthy_deploy_shows_no_more_than_refused_connections(telemetry: ChdbTelemetry) -> None:
    end = 240.0
    heard = await replay(telemetry, shop(end), [deploy("v2", "v1", DEPLOY)], seed=13, end=end)
    lookout = Lookout(heard.ports)
    for second in heard.seconds(0.0, end, 2.0):
        found = [one for one in await lookout.look() if opens(one)]
        # while it starts nobody answers, and the caller says so; windows begin up to two minutes ago
        assert not found or second < UP + 120, second
        assert {one.service for one in found} <= {"storefront"}, second


async def test_what_is_known_is_not_told_again(telemetry: ChdbTelemetry) -> None:
    story = shop(END, faulty=True)
    heard = await replay(telemetry, story, [deploy("v2", "v1", DEPLOY)], seed=1, end=END)
    heard.to(END - 10)
    found = await Lookout(heard.ports).look()
    known = {key(one) for one in found}
    assert {one.fingerprint for one in found}
    assert [one for one in await Lookout(heard.ports).look(known) if key(one) in known] == []


async def test_what_an_incident_that_is_over_showed_is_told_already(telemetry: ChdbTelemetry) -> None:
    story = shop(END, faulty=True)
    heard = await replay(telemetry, story, [deploy("v2", "v1", DEPLOY)], seed=1, end=END)
    now = heard.to(END - 10)
    everywhere = {(name, "demo"): now for name in ("checkout", "storefront")}
    assert await Lookout(heard.ports).look(settled=everywhere) == []
    elsewhere = {(name, "staging"): now for name in ("checkout", "storefront")}
    assert await Lookout(heard.ports).look(settled=elsewhere) != []


async def test_a_service_that_falls_silent_is_seen_once_it_is_long_enough(telemetry: ChdbTelemetry) -> None:
    end, stops = 560.0, 300.0
    says = (Says(kind="log", template="payments handled <*>", rate=8.0),)
    gone = Process(service="payments", version="v1", begin_s=0.0, end_s=stops, says=says)
    heard = await replay(telemetry, [gone, *others(end)[1:]], seed=3, end=end)
    second, found = await opened(heard, 240.0, end)
    assert stops + 180 <= second <= stops + 180 + CALM_S + 10
    assert [(one.kind, one.service) for one in found if opens(one)] == [(FindingKind.SILENCE, "payments")]


async def test_who_complains_is_looked_at_first_and_soon(telemetry: ChdbTelemetry) -> None:
    story = shop(END, faulty=True)
    heard = await replay(telemetry, story, [deploy("v2", "v1", DEPLOY)], seed=1, end=END)
    hurried = Lookout(heard.ports, round_s_max=-1.0)  # it looks at one service in each round
    for _ in heard.seconds(100.0, DEPLOY, 2.0):
        assert await hurried.look() == []
    soon = heard.received(POOL, "checkout", 10) + SEEN_S
    looks = [await hurried.look() for _ in heard.seconds(DEPLOY, soon, AGAIN_S)]
    assert any(opens(one) for found in looks for one in found)
