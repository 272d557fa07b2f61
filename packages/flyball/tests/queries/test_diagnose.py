"""The question of why: it observes, diagnoses, and keeps what it cites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from typing import Any, cast

import httpx
import pytest
from flyball.errors import InputError
from flyball.explain.check import check
from flyball.model.diagnosis import Diagnosis, Standing
from flyball.model.evidence import Evidence
from flyball.queries.diagnose import DiagnosisView, diagnose
from flyball.queries.evidence import Recheck, get_evidence
from flyball.queries.ports import Ports
from flyball.queries.questions import QUESTIONS
from flyball.stores.telemetry_chdb import ChdbTelemetry
from flyball.web.routes import web_routes
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.stream import FAILING_S, Stream
from harness.ingest import ingest, now
from harness.otlp import logs_request
from harness.story import Clock as StoryClock
from harness.story import State
from starlette.applications import Starlette

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Live:
    """A scenario in the store, in an environment `prod`, and the ports to ask about it."""

    stream: Stream
    ports: Ports
    state: State
    onset: datetime


async def lived(telemetry: ChdbTelemetry, name: str, *more: tuple[str, Any], seed: int = 3) -> Live:
    end = now()
    onset = end - timedelta(seconds=FAILING_S)
    stream, _ = play(name, seed)
    sent = exports(stream, Clock(onset_ns=int(onset.timestamp()) * 10**9), "prod")
    catalog = await ingest(telemetry, [*((path, request) for path, request, _ in sent), *more])
    state = State(changes_=[], versions_=[])
    ports = Ports(
        telemetry=telemetry,
        changes=cast("Any", state),
        evidence=cast("Any", state),
        incidents=cast("Any", state),
        memory=cast("Any", state),
        catalog=catalog,
        clock=StoryClock(end),
    )
    return Live(stream, ports, state, onset)


def cited(view: DiagnosisView) -> Iterator[str]:
    reasons = [reason for one in view.hypotheses for reason in one.reasons]
    for claim in (*view.claims, *view.missing, *reasons, *([view.first_step] if view.first_step else [])):
        yield from claim.evidence


async def test_it_says_what_is_wrong_and_keeps_what_it_cites(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    view = await diagnose(live.ports, since=live.onset.isoformat())
    assert (view.environment, view.service, view.inconclusive) == ("prod", None, False)
    assert view.cause == "killed for lack of memory"
    assert view.first_step is not None
    assert (view.since - view.normal_since, view.until - view.since) == (
        timedelta(minutes=10),
        timedelta(seconds=FAILING_S),
    )
    assert {one.standing for one in view.hypotheses} == set(Standing)
    ids = set(cited(view))
    for id_ in ids:
        shown = await get_evidence(live.ports, evidence_id=id_)
        assert (shown.recheck, shown.now) == (Recheck.SNAPSHOT, {})
    held = [fact for id_ in ids if (fact := await live.ports.evidence.evidence(id_))]
    assert check(_diagnosis(view, held)) == []


def _diagnosis(view: DiagnosisView, held: list[Evidence]) -> Diagnosis:
    return Diagnosis(
        cause=None,
        object=view.object,
        first_step=view.first_step,
        claims=tuple(view.claims),
        hypotheses=tuple(view.hypotheses),
        evidence=tuple(held),
        confidence=view.confidence,
        inconclusive=view.inconclusive,
        missing=tuple(view.missing),
    )


async def test_a_snapshot_is_a_page_with_its_records(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    view = await diagnose(live.ports, since=live.onset.isoformat())
    (id_, *_) = view.claims[0].evidence
    app = Starlette(routes=web_routes(live.ports, pipeline=cast("Any", None)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        html = (await client.get(f"/evidence/{id_}")).text
        told = (await client.get(f"/evidence/{id_}.json")).json()
    assert told["recheck"] == "snapshot"
    assert "A snapshot of what a diagnosis read" in html
    assert "asked again" not in html
    for record in told["exemplars"]:
        assert record["entity"] in html
        assert escape(str(record["value"])) in html


async def test_what_is_healthy_is_inconclusive_and_says_what_was_not_read(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "old rollout as a red herring")
    view = await diagnose(live.ports, since=live.onset.isoformat())
    assert view.inconclusive
    assert (view.cause, view.first_step, view.claims) == (None, None, ())
    assert "No change was read." in [claim.text for claim in view.missing]


async def test_of_several_environments_one_has_to_be_named(telemetry: ChdbTelemetry) -> None:
    other = (
        "/v1/logs",
        logs_request(["hello"], service="web", resource={"deployment.environment.name": "dev"}),
    )
    live = await lived(telemetry, "oom-killed loop", other)
    with pytest.raises(InputError, match=r"name one of them: prod, dev"):
        await diagnose(live.ports)
    only = await diagnose(live.ports, service="web")
    assert (only.environment, only.inconclusive) == ("dev", True)
    named = await diagnose(live.ports, environment="prod", since=live.onset.isoformat())
    assert named.cause == "killed for lack of memory"


async def test_nothing_heard_is_inconclusive(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    view = await diagnose(live.ports, environment="nowhere")
    assert view.inconclusive
    assert [claim.text for claim in view.missing] == ["No signal was read."]


async def test_only_the_first_hour_is_read_and_it_says_so(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    view = await diagnose(live.ports, since="5h")
    assert view.until - view.since == timedelta(hours=1)
    assert [limit for limit in view.limits if limit.startswith("Only the first hour is read")]


async def test_what_was_dropped_is_said(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    ports = replace(live.ports, dropped=lambda: {"queue": 7})
    view = await diagnose(ports, since=live.onset.isoformat())
    assert "7 records were dropped on their way in since Flyball started." in view.limits


async def test_of_one_service_its_surroundings_are_read(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "oom-killed loop")
    view = await diagnose(live.ports, since=live.onset.isoformat())
    system = live.stream.system
    victim = view.object.partition("/")[2]
    assert victim in system.services
    near = await diagnose(live.ports, service=victim, since=live.onset.isoformat())
    assert (near.cause, near.object) == (view.cause, view.object)
    above = next(iter(system.callers(victim)))
    assert (
        await diagnose(live.ports, service=above.name, since=live.onset.isoformat())
    ).object == view.object
    leaves = [s.name for s in system.services.values() if not s.calls and s.name != victim]
    strangers = [
        name for name in leaves if victim not in {c for s in system.callers(name) for c in (s.name,)}
    ]
    far = await diagnose(live.ports, service=strangers[0], since=live.onset.isoformat())
    assert far.object != view.object


async def test_it_is_a_question_of_the_table() -> None:
    question = next(one for one in QUESTIONS if one.name == "diagnose")
    assert question.path == "/diagnosis"
    assert [parameter.name for parameter in question.parameters] == [
        "environment",
        "service",
        "since",
        "until",
    ]
    assert all(parameter.description for parameter in question.parameters)
