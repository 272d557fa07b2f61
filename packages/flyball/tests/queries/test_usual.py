"""What is usual at this time, on the real engine: silence, and the hours of earlier weeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flyball.model.finding import Finding, FindingKind
from flyball.model.window import Series, SignalKind
from flyball.queries.cohorts import Place
from flyball.queries.evidence import Recheck, get_evidence
from flyball.queries.season import read_season
from flyball.queries.whats_new import whats_new
from flyball.queries.window import alias_of
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.story import BEGIN_S, WORKSPACE, Process, Says, at, records, shape, tell
from harness.windows import cohort

pytestmark = pytest.mark.anyio
DAY, HOUR, END, STOP = 86_400, 3_600, 500.0, 300.0
LINE = "card <*> charged"
SAYS = (Says(kind="log", template=LINE, rate=2.0),)


def payments(begin_s: float, end_s: float) -> Process:
    return Process(service="payments", version="v1", begin_s=begin_s, end_s=end_s, says=SAYS)


async def silences(telemetry: ChdbTelemetry, *processes: Process, now_s: float = END) -> list[Finding]:
    other = replace(payments(0.0, END), service="inventory")
    told = records([other, *processes], np.random.default_rng(1))
    ports, _ = await tell(telemetry, told, [], now_s=now_s)
    answer = await whats_new(ports, since=at(200.0).isoformat())
    found = [f for f in answer.findings if f.kind is FindingKind.SILENCE]
    for finding in found:
        view = await get_evidence(ports, evidence_id=finding.evidence[0])
        assert view.recheck is Recheck.SAME
        assert view.now["after_count"] == 0.0
        assert view.now["before_count"] == finding.before.count
    return found


async def test_a_service_that_stops_is_said_to_be_silent_and_since_when(telemetry: ChdbTelemetry) -> None:
    (found,) = await silences(telemetry, payments(0.0, STOP))
    assert (found.service, found.template) == ("payments", "everything it says")
    assert found.last_heard is not None
    assert (at(STOP) - found.last_heard).total_seconds() < 5.0
    assert found.after.seconds == pytest.approx(END - STOP, abs=5.0)
    assert found.exemplar is not None


async def test_a_service_that_stopped_at_this_time_yesterday_is_not_silent(telemetry: ChdbTelemetry) -> None:
    assert await silences(telemetry, payments(0.0, STOP), payments(-DAY, STOP - DAY)) == []


async def test_a_service_that_spoke_at_this_time_yesterday_is(telemetry: ChdbTelemetry) -> None:
    assert len(await silences(telemetry, payments(0.0, STOP), payments(-DAY, END + 60 - DAY))) == 1


async def test_what_flyball_did_not_listen_to_is_no_silence(telemetry: ChdbTelemetry) -> None:
    told = records([payments(0.0, STOP)], np.random.default_rng(1))
    ports, _ = await tell(telemetry, told, [], now_s=END)
    late = replace(ports, listening_since_s=at(END - 20.0).timestamp())
    for asked, kinds in ((ports, [FindingKind.SILENCE]), (late, [])):
        answer = await whats_new(asked, since=at(200.0).isoformat())
        assert [f.kind for f in answer.findings] == kinds


async def season_of(telemetry: ChdbTelemetry, step_s: int, periods: int) -> tuple[str, np.ndarray] | None:
    """Two clock hours, the second three times as busy, so many periods ago; each hour's share of ten minutes."""
    hour = BEGIN_S // HOUR * HOUR - BEGIN_S
    told = [payments(0.0, 5.0)]
    for back in range(1, periods + 1):
        first = hour - back * step_s
        busy = replace(payments(first + HOUR, first + HOUR + 600), says=(replace(SAYS[0], rate=6.0),))
        told += [payments(first, first + 600), busy]
    ports, _ = await tell(telemetry, records(told, np.random.default_rng(2)), [], now_s=10.0)
    series = (Series(kind=SignalKind.LOG, fingerprint=shape(LINE)),)
    slots = np.arange(12) * 300
    sides = [
        replace(cohort({}, series, slots=12), starts=(BEGIN_S + hour + begin + slots).astype(np.int64))
        for begin in (0, HOUR)
    ]
    place = Place(workspace=WORKSPACE, service="payments", environment="demo")
    found = await read_season(ports, place, alias_of(ports), (sides[0], sides[1], None), as_of=at(10.0))
    if found is None:
        return None
    assert found.before.tolist() == [1.0, 0.0]
    assert found.after.tolist() == [0.0, 1.0]
    return found.unit, found.counts


async def test_the_hours_of_earlier_weeks_are_read(telemetry: ChdbTelemetry) -> None:
    found = await season_of(telemetry, 7 * DAY, 3)
    assert found is not None
    unit, counts = found
    assert unit == "week"
    assert counts.shape == (1, 3, 2)
    assert counts[0] == pytest.approx(np.array([[1200.0, 3600.0]] * 3), rel=0.15)


async def test_without_weeks_the_days_before_are_read(telemetry: ChdbTelemetry) -> None:
    found = await season_of(telemetry, DAY, 3)
    assert found is not None
    assert (found[0], found[1].shape) == ("day", (1, 3, 2))


async def test_one_week_is_no_habit(telemetry: ChdbTelemetry) -> None:
    assert await season_of(telemetry, 7 * DAY, 1) is None
