"""Verdicts on the real engine: a fix that repairs, one that does not, and none that was exposed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flyball.errors import NotFound
from flyball.model.verdict import Outcome
from flyball.queries.evidence import Recheck, get_evidence
from flyball.queries.ports import Ports
from flyball.queries.verify import Verification, verify
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.shop_story import POOL, broken, caller, checkout, others
from harness.story import Process, Says, at, deploy, records, tell

pytestmark = pytest.mark.anyio
DEPLOY, UP, FIX, FIXED, END = 25.0, 26.5, 45.0, 46.5, 90.0
CHANGES = [deploy("v2", "v1", DEPLOY), deploy("v3", "v2", FIX)]


async def asked(
    telemetry: ChdbTelemetry, v3: tuple[Says, ...], until: float, *, seed: int
) -> tuple[Ports, Verification]:
    processes = [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=FIX, says=broken()),
        Process(service="checkout", version="v3", begin_s=FIXED, end_s=END, says=v3),
        *caller([(DEPLOY, UP), (FIX, FIXED)], [(UP + 1.5, FIX)], END),
        *others(END),
    ]
    told = [
        r for r in records(processes, np.random.default_rng(seed)) if r.received_s <= at(until).timestamp()
    ]
    ports, _ = await tell(telemetry, told, CHANGES, now_s=until)
    return ports, await verify(ports, change="chg_v3")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_fix_is_fixed_within_twenty_seconds(telemetry: ChdbTelemetry, seed: int) -> None:
    ports, answer = await asked(telemetry, checkout(), FIX + 20, seed=seed)
    assert answer.verdict is Outcome.FIXED, [(v.outcome, v.why) for v in answer.verdicts]
    pool = next(v for v in answer.verdicts if v.finding.template == POOL)
    assert (pool.healthy.count, pool.repaired.count) == (0, 0)
    assert pool.broken.count > 40
    assert pool.expected > 20
    assert pool.confidence > 0.99
    assert answer.broken_by is not None
    assert answer.broken_by.version == "v2"
    view = await get_evidence(ports, evidence_id=pool.evidence[0])
    assert view.recheck is Recheck.SAME
    assert view.now["before_count"] == pool.broken.count


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_fix_that_repairs_nothing_is_not_fixed(telemetry: ChdbTelemetry, seed: int) -> None:
    _, answer = await asked(telemetry, broken(), FIX + 20, seed=seed)
    assert answer.verdict is Outcome.NOT_FIXED, [(v.outcome, v.why) for v in answer.verdicts]


async def test_it_is_never_called_fixed_too_early(telemetry: ChdbTelemetry) -> None:
    _, answer = await asked(telemetry, checkout(), FIX + 4, seed=4)
    assert answer.verdict is Outcome.NOT_ENOUGH_DATA
    assert answer.verdicts


async def test_silence_is_not_a_repair(telemetry: ChdbTelemetry) -> None:
    idle = (Says(kind="log", template="listening on port <*>", once=True),)
    _, answer = await asked(telemetry, idle, END, seed=5)
    assert answer.verdict is Outcome.NOT_ENOUGH_DATA
    assert not [v for v in answer.verdicts if v.outcome is Outcome.FIXED]


async def test_an_announced_fix_that_does_not_run_yet_decides_nothing(telemetry: ChdbTelemetry) -> None:
    processes = [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=END, says=broken()),
        *caller([(DEPLOY, UP)], [(UP + 1.5, END)], END),
        *others(END),
    ]
    told = records(processes, np.random.default_rng(7))
    ports, state = await tell(telemetry, told, CHANGES, now_s=END)
    # seen while the question is being answered: the rows that are judged do not have it yet
    first_ns = int(at(END).timestamp() * 1e9)
    state.versions_.append(replace(state.versions_[0], version="v3", last_seen_ns=first_ns))
    answer = await verify(ports, change="chg_v3")
    assert answer.verdict is Outcome.NOT_ENOUGH_DATA
    assert answer.verdicts
    assert any("v3 has not been seen" in limit for limit in answer.limits)


async def test_one_finding_by_its_id(telemetry: ChdbTelemetry) -> None:
    ports, answer = await asked(telemetry, checkout(), FIX + 30, seed=6)
    pool = next(v for v in answer.verdicts if v.finding.template == POOL)
    single = await verify(ports, change="chg_v3", finding=pool.finding.id)
    assert [v.finding.id for v in single.verdicts] == [pool.finding.id]
    with pytest.raises(NotFound):
        await verify(ports, change="chg_v3", finding="fnd_0000000000000000")
    with pytest.raises(NotFound):
        await verify(ports, change="chg_none")
