"""Whether an incident goes on: it stopped when traffic goes on without it, not when nobody says anything."""

from __future__ import annotations

import pytest
from flyball.model.finding import Finding
from flyball.model.incident import Incident
from flyball.model.verdict import Outcome
from flyball.queries.goes_on import REPAIRED_S_MIN, goes_on
from flyball.queries.notice import Lookout
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.replay import Replay, incident_of, replay
from harness.shop_story import POOL, broken, caller, checkout, others
from harness.story import Process, at, deploy

pytestmark = pytest.mark.anyio
DEPLOY, UP, FIX, FIXED, END = 125.0, 126.5, 200.0, 201.5, 320.0
CHANGES = (deploy("v2", "v1", DEPLOY),)


def shop(*after: Process, end: float = FIX) -> list[Process]:
    """A shop whose pool exhausts with v2 until `end`, and what comes after."""
    return [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=end, says=broken()),
        *after,
        *caller([], [(UP + 1.5, end)], END),
        *others(END),
    ]


async def found_in(heard: Replay) -> Incident:
    """The incident of checkout as it is seen half a minute after it began."""
    now = heard.to(UP + 30)
    found: list[Finding] = [one for one in await Lookout(heard.ports).look() if one.service == "checkout"]
    assert POOL in {one.template for one in found}
    return incident_of(found, now)


async def outcomes(heard: Replay, incident: Incident, second: float, *, fixed: bool) -> set[Outcome]:
    now = heard.to(second)
    return {one.outcome for one in await goes_on(heard.ports, incident, now, at(FIX) if fixed else None)}


async def test_it_goes_on_until_it_is_repaired_and_then_stops(telemetry: ChdbTelemetry) -> None:
    repaired = Process(service="checkout", version="v3", begin_s=FIXED, end_s=END, says=checkout())
    heard = await replay(telemetry, shop(repaired), CHANGES, seed=2, end=END)
    incident = await found_in(heard)
    for second in range(160, int(FIX), 8):
        assert await outcomes(heard, incident, second, fixed=False) != {Outcome.FIXED}, second
    stopped = [
        second
        for second in range(int(FIX), int(END), 8)
        if await outcomes(heard, incident, second, fixed=True) == {Outcome.FIXED}
    ]
    assert FIX + REPAIRED_S_MIN <= stopped[0] <= FIX + 75
    assert stopped == list(range(stopped[0], int(END), 8)), "once it stopped it stays so"
    lasting = await goes_on(heard.ports, incident, heard.to(END - 1), at(FIX))
    pool = next(one for one in lasting if one.finding.template == POOL)
    told = sum(one.template == POOL for one in heard.told)
    assert pool.count == told
    assert FIX - 10 <= (pool.last_seen - at(0)).total_seconds() <= FIX + 5
    assert pool.evidence.numbers["after_count"] == 0


async def test_silence_is_no_repair(telemetry: ChdbTelemetry) -> None:
    heard = await replay(telemetry, shop(), CHANGES, seed=3, end=END)
    incident = await found_in(heard)
    for second in range(int(FIX), int(END), 10):
        for fixed in (False, True):
            assert await outcomes(heard, incident, second, fixed=fixed) != {Outcome.FIXED}, second


async def test_a_pause_is_no_repair(telemetry: ChdbTelemetry) -> None:
    """It comes in bursts with 25 s of health between them."""
    burst, pause = 10.0, 25.0
    parts: list[Process] = []
    begin = FIX
    while begin < END:
        healthy = Process(
            service="checkout", version="v2", begin_s=begin, end_s=begin + pause, says=checkout()
        )
        wrong = Process(
            service="checkout",
            version="v2",
            begin_s=begin + pause,
            end_s=min(begin + pause + burst, END),
            says=broken(onset_s=0.0),
        )
        parts += [healthy, wrong]
        begin += pause + burst
    heard = await replay(telemetry, shop(*parts), CHANGES, seed=4, end=END)
    incident = await found_in(heard)
    for second in range(int(FIX), int(END), 5):
        assert await outcomes(heard, incident, second, fixed=False) != {Outcome.FIXED}, second
