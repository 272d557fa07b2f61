from __future__ import annotations

from dataclasses import replace

import numpy as np
from flyball.detect import noticed
from flyball.model.finding import FindingKind
from flyball.model.severity import Severity
from flyball.model.window import Known, Pulse, Series, Window
from harness.windows import SLOT_S, T0, log, window

SLOTS = 120


def steady(rate: float, slots: int, seed: int) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).poisson(rate, slots)]


def shop(stopping: int | None = None) -> Window:
    """Five patterns before and after; the third says nothing more from slot `stopping` of the after side on."""
    before = {(log(i), Severity.INFO): steady(4.0, SLOTS, i) for i in range(5)}
    after = {(log(i), Severity.INFO): steady(4.0, SLOTS, 50 + i) for i in range(5)}
    if stopping is not None:
        after[log(2), Severity.INFO][stopping:] = [0.0] * (SLOTS - stopping)
    return window(before, after)


def pulse(silent_s: float, usual: bool | None = None) -> Pulse:  # noqa: FBT001 - as the field it fills
    return Pulse(
        slot_s=SLOT_S,
        starts=T0 + np.arange(SLOTS, dtype=np.int64) * SLOT_S,
        counts=np.array(steady(20.0, SLOTS, 9)),
        last_s=float(T0 + SLOTS * SLOT_S),
        silent_s=silent_s,
        usual=usual,
    )


def kinds(w: Window) -> list[tuple[FindingKind, str]]:
    return [(f.kind, f.template) for f in noticed(w)]


def test_a_pattern_that_always_came_and_stopped_is_silent() -> None:
    (found,) = noticed(shop(stopping=90))
    assert (found.kind, found.template) == (FindingKind.SILENCE, "pattern 2")
    assert found.last_heard is not None
    assert found.last_heard.timestamp() == T0 + (SLOTS + 90) * SLOT_S
    assert "Silent since" in found.summary


def test_a_pattern_that_was_silent_at_this_time_a_week_ago_is_not() -> None:
    assert kinds(replace(shop(stopping=90), quiet=frozenset({log(2)}))) == []


def test_a_service_that_stopped_is_one_finding_and_says_since_when() -> None:
    (found,) = noticed(replace(shop(), pulse=pulse(90.0)))
    assert (found.kind, found.template, found.fingerprint) == (FindingKind.SILENCE, "everything it says", "")
    assert found.severity_number == Severity.ERROR
    assert found.after.seconds == 90.0


def test_a_service_outside_its_hours_is_not_silent() -> None:
    assert kinds(replace(shop(), pulse=pulse(7200.0, usual=False))) == []
    assert kinds(replace(shop(), pulse=pulse(7200.0, usual=True))) != []


def test_a_short_pause_is_none() -> None:
    assert kinds(replace(shop(), pulse=pulse(30.0))) == []


def test_a_service_silent_since_the_change_is_found_with_nothing_to_compare() -> None:
    w = shop()
    gone = replace(w, after=replace(w.after, counts={}), pulse=pulse(600.0))
    assert [f.kind for f in noticed(gone)] == [FindingKind.SILENCE]


def starting(severity: Severity, *, known: bool, slots: int = 12) -> Window:
    """A line that only the new version's first minute has; whether an earlier start was heard."""
    before = {(log(i), Severity.INFO): steady(4.0, SLOTS, i) for i in range(5)}
    after = {(log(i), Severity.INFO): steady(4.0, slots, 50 + i) for i in range(5)}
    after[log(9), severity] = [6.0] * 4 + [0.0] * (slots - 4)
    w = window(before, after, start_known=known)
    w.after.young[:12] = True
    return w


def test_start_up_lines_are_not_new_while_no_start_was_heard() -> None:
    new = [(FindingKind.NEW, "pattern 9")]
    assert kinds(starting(Severity.INFO, known=False)) == []
    assert kinds(starting(Severity.INFO, known=True)) == new
    assert kinds(starting(Severity.ERROR, known=False)) == new


def fivefold(before_slots: int, earlier_rate: float | None) -> Window:
    """A bursty pattern jumps fivefold; `earlier_rate` is what earlier versions said of it, in 50 minutes."""
    rng = np.random.default_rng(4)

    def bursty(rate: float, slots: int) -> list[float]:
        bursts = np.repeat(rng.gamma(1.0, 1.0, slots // 12 + 1), 12)[:slots]
        return [float(x) for x in rng.poisson(rate * bursts)]

    series: list[Series] = [log(i) for i in range(40)]
    rates = rng.uniform(5.0, 20.0, 40)
    before = {(s, Severity.INFO): bursty(r, before_slots) for s, r in zip(series, rates, strict=True)}
    after = {(s, Severity.INFO): bursty(r, 120) for s, r in zip(series, rates, strict=True)}
    earlier = {(s, Severity.INFO): bursty(r, 600) for s, r in zip(series, rates, strict=True)}
    before[log(99), Severity.INFO] = [float(x) for x in rng.poisson(5.0, before_slots)]
    after[log(99), Severity.INFO] = [float(x) for x in rng.poisson(25.0, 120)]
    earlier[log(99), Severity.INFO] = [float(x) for x in rng.poisson(earlier_rate or 0.0, 600)]
    return window(before, after, earlier=earlier if earlier_rate is not None else None)


def test_a_version_that_ran_minutes_is_helped_by_its_predecessors() -> None:
    jump = (FindingKind.RATE_UP, "pattern 99")
    assert jump not in kinds(fivefold(60, None))
    assert jump in kinds(fivefold(60, 5.0))


def test_a_level_that_the_version_before_moved_is_not_laid_to_this_one() -> None:
    w = fivefold(120, 1.0)
    counts = w.after.counts[Severity.INFO]
    row = w.after.series.index(log(99))
    counts[row] = np.random.default_rng(5).poisson(5.0, 120)
    assert (FindingKind.RATE_UP, "pattern 99") not in kinds(w)


def test_what_began_a_moment_before_the_change_in_a_chatty_service_is_no_rise() -> None:
    def parade(slots: int, first: int) -> dict[tuple[Series, Severity], list[float]]:
        rows: dict[tuple[Series, Severity], list[float]] = {}
        for i in range(slots // 6):
            row = [0.0] * slots
            row[6 * i : 6 * i + 3] = [5.0] * 3
            rows[log(first + i), Severity.INFO] = row
        return rows

    before, after = parade(SLOTS, 100), parade(24, 500)
    late = [0.0] * (SLOTS - 1) + [2.0]
    before[log(9), Severity.INFO], after[log(9), Severity.INFO] = late, [7.0, 6.0] + [0.0] * 22
    base = {(log(i), Severity.INFO): steady(4.0, SLOTS, i) for i in range(5)}
    told = {(log(i), Severity.INFO): steady(4.0, 24, 50 + i) for i in range(5)}
    assert (
        kinds(
            window({**base, **before}, {**told, **after}, known={log(0): Known(first=1, last=2, count=5.0)})
        )
        == []
    )


def test_a_service_that_warns_more_has_shifted() -> None:
    before = {(log(i), Severity.INFO): steady(4.0, SLOTS, i) for i in range(5)}
    after = {(log(i), Severity.INFO): steady(4.0, SLOTS, 50 + i) for i in range(5)}
    rng = np.random.default_rng(7)
    for i in range(60):  # each too rare to be a finding of its own
        before[log(100 + i), Severity.WARN] = [float(x) for x in rng.poisson(0.004, SLOTS)]
        after[log(100 + i), Severity.WARN] = [float(x) for x in rng.poisson(0.06, SLOTS)]
    found = [f for f in noticed(window(before, after)) if f.kind is FindingKind.SEVERITY_SHIFT]
    assert [(f.template, f.severity) for f in found] == [("all log records", "WARN")]
