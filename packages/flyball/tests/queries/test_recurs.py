"""What is over and comes again is recognised soon; what is healthy, or a stray record, is no recurrence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyball.model.finding import Finding
from flyball.model.incident import Incident, IncidentState
from flyball.queries.notice import Lookout
from flyball.queries.recurs import COUNT_MIN, recurring
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.replay import Replay, incident_of, replay
from harness.shop_story import POOL, broken, checkout, others
from harness.story import Process, Says, at, deploy

pytestmark = pytest.mark.anyio
DEPLOY, UP, FIX, FIXED, RESOLVED, BACK, END = 125.0, 126.5, 180.0, 181.5, 230.0, 280.0, 330.0
SOON_S = 15.0


def shop(*beside: Process) -> list[Process]:
    """A shop whose pool is exhausted from UP to FIX and well ever after."""
    return [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=FIX, says=broken()),
        Process(service="checkout", version="v3", begin_s=FIXED, end_s=END, says=checkout()),
        *beside,
        *others(END),
    ]


def errors(rate: float, begin: float, end: float = END) -> Process:
    says = (Says(kind="log", template=POOL, severity=17, rate=rate),)
    return Process(service="checkout", version="v3", begin_s=begin, end_s=end, says=says)


async def over(heard: Replay) -> Incident:
    """The first episode, resolved at RESOLVED."""
    now = heard.to(UP + 40)
    found: list[Finding] = [one for one in await Lookout(heard.ports).look() if one.service == "checkout"]
    counted = [replace(one, count=250) if one.template == POOL else one for one in found]
    return replace(incident_of(counted, now), state=IncidentState.RESOLVED, resolved=at(RESOLVED))


async def told(telemetry: ChdbTelemetry, *beside: Process) -> tuple[Replay, Incident]:
    heard = await replay(telemetry, shop(*beside), [deploy("v2", "v1", DEPLOY)], seed=1, end=END)
    return heard, await over(heard)


async def test_a_burst_after_it_was_over_is_recognised(telemetry: ChdbTelemetry) -> None:
    heard, incident = await told(telemetry, errors(5.0, BACK))
    for _ in heard.seconds(RESOLVED, BACK, 5.0):
        assert await recurring(heard.ports, [incident]) == []
    seen = [second for second in heard.seconds(BACK, END) if await recurring(heard.ports, [incident])]
    assert BACK < seen[0] <= BACK + SOON_S
    heard.to(seen[0])
    (again,) = await recurring(heard.ports, [incident])
    assert again.template == POOL
    assert again.first_seen is not None
    assert BACK - 5 <= (again.first_seen - at(0)).total_seconds() <= BACK + 5
    assert again.count >= COUNT_MIN
    assert again.summary.startswith(f"Back: {again.count} in ")
    assert again.change_id == ""
    fact = await heard.ports.evidence.evidence(again.evidence[0])
    assert fact is not None
    assert fact.numbers["after_count"] == again.count


async def test_what_comes_seldom_is_recognised_when_there_is_enough_of_it(telemetry: ChdbTelemetry) -> None:
    heard, incident = await told(telemetry, errors(0.25, BACK - 20))
    rare = replace(
        incident,
        began=at(0),
        findings=tuple(replace(one, count=60) for one in incident.findings if one.template == POOL),
    )
    heard.to(BACK - 10)
    assert await recurring(heard.ports, [rare]) == []
    heard.to(END)
    (again,) = await recurring(heard.ports, [rare])
    assert again.count < 0.5 * (END - BACK + 20)


async def test_a_stray_record_is_no_recurrence(telemetry: ChdbTelemetry) -> None:
    says = tuple(
        Says(kind="log", template=POOL, severity=17, once=True, start_s=10.0 * n)
        for n in range(COUNT_MIN - 1)
    )
    stray = Process(service="checkout", version="v3", begin_s=BACK, end_s=END, says=says)
    heard, incident = await told(telemetry, stray)
    assert sum(r.template == POOL and r.version == "v3" for r in heard.told) == COUNT_MIN - 1
    for second in heard.seconds(RESOLVED, END, 5.0):
        assert await recurring(heard.ports, [incident]) == [], second


async def test_warnings_and_silence_are_no_recurrence(telemetry: ChdbTelemetry) -> None:
    heard, incident = await told(telemetry, errors(5.0, BACK))
    heard.to(BACK + 20)
    assert await recurring(heard.ports, [incident])
    mild = replace(incident, findings=tuple(replace(one, severity_number=13) for one in incident.findings))
    assert await recurring(heard.ports, [mild]) == []
    assert await recurring(heard.ports, []) == []
