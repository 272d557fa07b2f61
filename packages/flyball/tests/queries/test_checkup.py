"""Check-ups: what fails nobody is found by two looks in a row, and nothing is found in what is healthy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from flyball.detect.correlate import Correlate
from flyball.detect.worth import opens
from flyball.errors import StoreError
from flyball.model.change import Change, ChangeKind
from flyball.model.finding import Finding, FindingKind
from flyball.model.incident import Incident, key
from flyball.model.verdict import Outcome
from flyball.queries.checkup import CHANGED_S, ROUTINE_S, Checkup
from flyball.queries.explanation import explain_incident
from flyball.queries.goes_on import goes_on
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry
from gallery import stream as gallery
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.stream import FAILING_S, Expected
from harness.clock import ManualClock
from harness.ingest import ingest, now
from harness.story import State

pytestmark = pytest.mark.anyio
ENVIRONMENT = "prod"
FOUND = ("n+1", "memory leak", "swallowed exception")
"""By spans, by metrics, by logs: the other four are sent to a server by `make gallery LIVE=1`."""
HEALTHY_S = 300.0
"""Of the normal time, what is told after the failure as its repair."""


@dataclass(frozen=True, slots=True)
class Lived:
    """A scenario that was stored: its end is now."""

    ports: Ports
    clock: ManualClock
    checkup: Checkup
    expected: Expected
    onset: datetime

    async def looks(self, times: int, pause_s: float = CHANGED_S) -> list[list[Finding]]:
        found: list[list[Finding]] = []
        for _ in range(times):
            found.append(await self.checkup.look((), (), {}))
            self.clock.advance(pause_s)
        return found


async def lived(
    telemetry: ChdbTelemetry, name: str, *, changes: bool = True, repaired: bool = False
) -> Lived:
    """A scenario that ends now, with its changes announced; or, `repaired`, ended five minutes ago."""
    end, (stream, expected) = now(), play(name, 3)
    onset = end - timedelta(seconds=FAILING_S + (HEALTHY_S if repaired else 0.0))
    parts = [(onset, stream.records)]
    if repaired:
        cut = [one for one in stream.records if not -HEALTHY_S <= one.time < 0]
        parts = [(onset, cut), (end, [one for one in stream.records if -HEALTHY_S <= one.time < 0])]
    sent = [
        (path, request)
        for at, records in parts
        for path, request, _ in exports(replace(stream, records=tuple(records)), _clock(at), ENVIRONMENT)
    ]
    catalog = await ingest(telemetry, sent)
    told = [one for one in stream.records if isinstance(one, gallery.Change)] if changes else []
    state = State(changes_=[_change(one, onset) for one in told])
    clock = ManualClock(int(end.timestamp()) * 10**9)
    ports = Ports(
        telemetry=telemetry,
        changes=cast("Any", state),
        evidence=cast("Any", state),
        incidents=cast("Any", state),
        memory=cast("Any", state),
        catalog=catalog,
        clock=clock,
    )
    return Lived(ports, clock, Checkup(ports), expected, onset)


def _clock(at: datetime) -> Clock:
    return Clock(onset_ns=int(at.timestamp()) * 10**9)


def _change(told: gallery.Change, onset: datetime) -> Change:
    return Change(
        id=f"chg_{told.service}_{told.version}",
        workspace="default",
        service=told.service,
        environment=ENVIRONMENT,
        version=told.version,
        previous_version="",
        kind=ChangeKind(told.kind),
        time=onset + timedelta(seconds=told.time),
        announced=True,
        seen=None,
    )


def opened(found: Finding, live: Lived) -> Incident:
    (incident,) = Correlate().process([found], [], {}, workspace="default", now=live.ports.now())
    return incident


@pytest.mark.parametrize("name", FOUND)
async def test_what_fails_nobody_is_found_by_the_second_look(telemetry: ChdbTelemetry, name: str) -> None:
    live = await lived(telemetry, name)
    first, second = await live.looks(2)
    assert first == []
    (found,) = second
    assert found.kind is FindingKind.CHECKUP
    assert opens(found)
    assert found.template.partition(":")[0] in {cause.value for cause in live.expected.causes}
    assert found.service in {it.partition("/")[2] for it in live.expected.objects}
    assert found.evidence
    assert None not in [await live.ports.evidence.evidence(id_) for id_ in found.evidence]
    incident = opened(found, live)
    assert live.onset - timedelta(seconds=130) <= incident.began <= live.onset + timedelta(seconds=60)
    diagnosis = (await explain_incident(live.ports, incident, live.ports.as_of())).diagnosis
    assert diagnosis.cause in live.expected.causes
    (lasting,) = await goes_on(live.ports, incident, live.ports.as_of())
    assert lasting.outcome is Outcome.NOT_FIXED


async def test_without_a_change_it_is_found_in_its_turn_and_told_once(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "n+1", changes=False)
    assert await live.looks(2, CHANGED_S) == [[], []], "heard for the first time, it has to wait"
    first, *_, (found,) = await live.looks(int(2 * ROUTINE_S / CHANGED_S) - 1, CHANGED_S)
    assert first == []
    known, here = {key(found)}, {found.service}
    for told in ((known, (), {}), ((), here, {})):
        assert [await live.checkup.look(*told) for _ in _minutes(live, 20)] == [[]] * 20
    over = {(found.service, ENVIRONMENT): live.ports.now()}
    assert [await live.checkup.look((), (), over) for _ in _minutes(live, 20)] == [[]] * 20


def _minutes(live: Lived, number: int) -> Iterator[None]:
    for _ in range(number):
        live.clock.advance(60.0)
        yield


async def test_nothing_is_found_in_what_is_healthy(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "noisy but healthy")
    assert await live.looks(4) == [[], [], [], []]


async def test_it_is_over_when_the_last_minutes_do_not_show_it(telemetry: ChdbTelemetry) -> None:
    live = await lived(telemetry, "n+1", repaired=True)
    as_of, fixed = live.ports.as_of(), live.onset + timedelta(seconds=FAILING_S)
    ill = await lived_finding(live)
    incident = opened(ill, live)
    (lasting,) = await goes_on(live.ports, incident, as_of, fixed)
    assert lasting.outcome is Outcome.FIXED
    assert lasting.evidence.id
    (soon,) = await goes_on(live.ports, incident, fixed + timedelta(seconds=30), fixed)
    assert soon.outcome is Outcome.NOT_ENOUGH_DATA, "half a minute is too little to say so"
    (silent,) = await goes_on(live.ports, incident, as_of + timedelta(minutes=6), fixed)
    assert silent.outcome is Outcome.NOT_ENOUGH_DATA, "nobody is heard"


async def lived_finding(live: Lived) -> Finding:
    """What two looks find at the end of the failure."""
    then = replace(live.ports, telemetry=cast("Any", _Before(live)))
    checkup = Checkup(then)
    found: list[Finding] = []
    for _ in _minutes(live, 3):
        found += await checkup.look((), (), {})
    return found[0]


@dataclass(frozen=True, slots=True)
class _Before:
    """The store as it is, asked as if it were the end of the failure."""

    live: Lived

    @property
    def committed_ms(self) -> int:
        return int((self.live.onset + timedelta(seconds=FAILING_S)).timestamp() * 1000)

    async def select(self, sql: str, parameters: dict[str, Any]) -> Any:
        later = {"as_of": datetime.fromtimestamp(self.live.ports.telemetry.committed_ms / 1000, UTC)}
        return await self.live.ports.telemetry.select(sql, parameters | later)


async def test_more_than_a_query_may_read_is_left_to_the_others(
    telemetry: ChdbTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = await lived(telemetry, "n+1")

    async def too_much(*_: Any, **__: Any) -> Any:
        raise StoreError("the query may take 1 GB")

    heard: list[str] = []
    live.checkup.failed = lambda: heard.append("failed")
    monkeypatch.setattr("flyball.queries.checkup.diagnosed", too_much)
    assert await live.looks(3) == [[], [], []]
    assert heard == ["failed"] * 3
