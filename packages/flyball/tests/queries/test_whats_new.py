"""The demo's three stories on the real engine, asked every second as an agent would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from flyball.errors import InputError, NotFound
from flyball.model.change import ChangeKind
from flyball.model.finding import FindingKind
from flyball.model.window import Basis
from flyball.queries.evidence import Recheck, get_evidence
from flyball.queries.whats_new import whats_new
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.shop_story import POOL, SWALLOWED, broken, caller, checkout, others
from harness.story import Process, Says, at, deploy, records, tell

pytestmark = pytest.mark.anyio
DEPLOY, UP, END = 25.0, 26.5, 70.0


def story(v2: tuple[Says, ...], *, faulty: bool) -> list[Process]:
    return [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=DEPLOY, says=checkout()),
        Process(service="checkout", version="v2", begin_s=UP, end_s=END, says=v2),
        *caller([(DEPLOY, UP)], [(UP + 1.5, END)] if faulty else [], END),
        *others(END),
    ]


async def test_the_exhausted_pool_leads_within_fifteen_seconds(telemetry: ChdbTelemetry) -> None:
    told = records(story(broken(), faulty=True), np.random.default_rng(1))
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY)], now_s=END)
    answers = [await whats_new(ports, as_of=at(DEPLOY + second).isoformat()) for second in (12, 15, 20, 30)]
    leading = [answer.findings[0] for answer in answers]
    assert {(f.kind, f.service, f.template) for f in leading} == {(FindingKind.NEW, "checkout", POOL)}
    answer, first = answers[-1], leading[-1]
    assert SWALLOWED in {f.template for f in answer.findings}
    assert {f.kind for f in answer.findings} >= {FindingKind.ERROR_RATE, FindingKind.NEW}
    assert first.first_seen is not None
    assert first.first_seen > at(DEPLOY)
    assert first.after_change_s is not None
    assert 1.5 < first.after_change_s < 8
    assert first.exemplar is not None
    assert first.exemplar.text == POOL.replace("<*>", "7")
    assert len(first.trace_ids[0]) == 32
    assert answer.compared[0].how == Basis.VERSIONS.value
    assert (answer.compared[0].before_version, answer.compared[0].after_version) == ("v1", "v2")
    assert orjson.loads(orjson.dumps(answer))["findings"][0]["kind"] == "new"


async def test_a_deploy_that_changes_nothing_is_silent_at_every_look(telemetry: ChdbTelemetry) -> None:
    told = records(story(checkout(), faulty=False), np.random.default_rng(2))
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY)], now_s=END)
    looks = [await whats_new(ports, since="chg_v2", as_of=at(DEPLOY + s).isoformat()) for s in range(1, 41)]
    assert [(s, look.findings) for s, look in enumerate(looks, 1) if look.findings] == []
    assert {c.service for c in looks[-1].compared} == {
        "checkout",
        "storefront",
        "payments",
        "inventory",
        "auth",
    }


async def test_evidence_resolves_and_gives_the_same_numbers(telemetry: ChdbTelemetry) -> None:
    told = records(story(broken(), faulty=True), np.random.default_rng(3))
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY)], now_s=END)
    answer = await whats_new(ports, as_of=at(DEPLOY + 25).isoformat())
    assert len(answer.findings) >= 4
    for finding in answer.findings:
        (evidence_id,) = finding.evidence
        view = await get_evidence(ports, evidence_id=evidence_id)
        assert view.recheck is Recheck.SAME, (finding.kind, view.numbers, view.now)
        assert view.now["after_count"] == finding.after.count
    with pytest.raises(NotFound):
        await get_evidence(ports, evidence_id="ev_0000000000000000")


async def test_evidence_tells_when_its_rows_are_no_longer_the_same(telemetry: ChdbTelemetry) -> None:
    told = records(story(broken(), faulty=True), np.random.default_rng(3))
    ports, state = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY)], now_s=END)
    answer = await whats_new(ports, as_of=at(DEPLOY + 25).isoformat())
    (evidence_id,) = answer.findings[0].evidence
    stored = state.evidence_[evidence_id]
    state.evidence_["ev_other"] = replace(stored, numbers={**stored.numbers, "after_count": 1.0})
    assert (await get_evidence(ports, evidence_id="ev_other")).recheck is Recheck.DIFFERS


async def test_callers_see_a_symptom_and_rank_below(telemetry: ChdbTelemetry) -> None:
    told = records(story(broken(), faulty=True), np.random.default_rng(4))
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY)], now_s=END)
    answer = await whats_new(ports, as_of=at(DEPLOY + 35).isoformat())
    callers = [f for f in answer.findings if f.service == "storefront"]
    assert callers
    assert "checkout refused the connection" not in {f.template for f in callers}
    assert max(f.score for f in callers) < answer.findings[0].score
    assert not {f.service for f in answer.findings} & {"payments", "inventory", "auth"}


async def test_what_cannot_be_seen_is_said(telemetry: ChdbTelemetry) -> None:
    told = records(story(checkout(), faulty=False), np.random.default_rng(5))
    changes = [deploy("v2", "v1", DEPLOY), deploy("v9", "", 60.0, service="billing")]
    ports, _ = await tell(telemetry, told, changes, now_s=END)
    early = await whats_new(ports, service="checkout", since="chg_v2", as_of=at(DEPLOY + 0.5).isoformat())
    assert any("has not been seen in telemetry yet" in limit for limit in early.limits)
    soon = await whats_new(ports, service="checkout", since="chg_v2", as_of=at(UP + 3).isoformat())
    assert any("ask again in" in limit for limit in soon.limits)
    unknown = await whats_new(ports, since="chg_v9")
    assert any("Nothing of billing has been received" in limit for limit in unknown.limits)
    with pytest.raises(NotFound):
        await whats_new(ports, since="chg_none")
    with pytest.raises(InputError):
        await whats_new(ports, since="yesterday at noon")


async def test_without_a_change_the_time_before_is_compared(telemetry: ChdbTelemetry) -> None:
    odd = Process(
        service="payments",
        version="v1",
        begin_s=35.0,
        end_s=END,
        says=(Says(kind="log", template="issuer <*> timed out", severity=17, rate=4.0),),
    )
    told = records([*others(END), odd], np.random.default_rng(6))
    ports, _ = await tell(telemetry, told, [], now_s=END)
    answer = await whats_new(ports, service="payments", since=at(34.0).isoformat())
    assert [(f.kind, f.template) for f in answer.findings] == [(FindingKind.NEW, "issuer <*> timed out")]
    assert answer.compared[0].how == Basis.TIME.value
    assert answer.change is None


async def test_two_versions_at_once_are_held_side_by_side(telemetry: ChdbTelemetry) -> None:
    canary = tuple(replace(s, rate=s.rate / 4) for s in checkout())
    fault = Says(kind="log", template=POOL, severity=17, rate=0.6)
    processes = [
        Process(service="checkout", version="v1", begin_s=0.0, end_s=400.0, says=checkout()),
        Process(service="checkout", version="v2", begin_s=100.0, end_s=400.0, says=(*canary, fault)),
    ]
    told = records(processes, np.random.default_rng(7))
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", 100.0)], now_s=400.0)
    answer = await whats_new(ports, service="checkout")
    assert answer.compared[0].how == Basis.SIDE_BY_SIDE.value
    assert [(f.kind, f.template) for f in answer.findings] == [(FindingKind.NEW, POOL)]


async def test_the_last_deploy_is_no_change_of_a_setting(telemetry: ChdbTelemetry) -> None:
    told = records(story(checkout(), faulty=False), np.random.default_rng(5))
    flag = replace(
        deploy("", "", DEPLOY + 10), id="chg_flag", kind=ChangeKind.FLAG, what="new-cart off -> on"
    )
    ports, _ = await tell(telemetry, told, [deploy("v2", "v1", DEPLOY), flag], now_s=END)
    answer = await whats_new(ports)
    assert answer.question.startswith("What is new since the deploy of checkout v2")
    answer = await whats_new(ports, since="chg_flag")
    assert answer.question.startswith("What is new since the flag of checkout new-cart off -> on")
