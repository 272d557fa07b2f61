from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from flyball.detect import noticed
from flyball.model.finding import FindingKind
from flyball.model.severity import Severity
from flyball.model.window import Known, Series, Window
from harness.windows import Counts, log, span, window
from hypothesis import given, settings
from hypothesis import strategies as st

BEFORE, AFTER = 60, 24


def steady(rate: float, slots: int, seed: int) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).poisson(rate, slots)]


def base(slots: int, seed: int) -> dict[tuple[Series, Severity], Sequence[float]]:
    return {(log(i), Severity.INFO): steady(5.0 + i, slots, seed + i) for i in range(6)}


def changed(before: Counts, after: Counts, **options: object) -> Window:
    # the options are window's own, passed on
    return window({**base(BEFORE, 10), **before}, {**base(AFTER, 50), **after}, **options)  # type: ignore[arg-type]


def kinds(w: Window) -> list[tuple[FindingKind, str]]:
    return [(f.kind, f.template) for f in noticed(w)]


def test_nothing_changed_is_no_finding() -> None:
    assert kinds(changed({}, {})) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 500), min_size=6, max_size=6), min_size=1, max_size=8))
def test_identical_sides_are_no_finding(rows: list[list[int]]) -> None:
    side = {(log(i), Severity.ERROR): [float(x) for x in row] for i, row in enumerate(rows)}
    assert kinds(window(side, side)) == []


def test_a_new_error_leads() -> None:
    found = noticed(
        changed(
            {}, {(log(9), Severity.ERROR): steady(4, AFTER, 1), (log(8), Severity.INFO): steady(4, AFTER, 2)}
        )
    )
    assert [(f.kind, f.template) for f in found] == [
        (FindingKind.NEW, "pattern 9"),
        (FindingKind.NEW, "pattern 8"),
    ]
    assert found[0].ratio is None
    assert found[0].before.count == 0
    assert found[0].q <= 0.03


def test_what_the_service_said_last_week_is_not_new() -> None:
    known = {log(9): Known(first=1, last=2, count=500.0, hour_max=200.0)}
    after = {(log(9), Severity.ERROR): steady(4, AFTER, 1)}
    assert kinds(changed({}, after, known=known, history_s=7 * 86_400.0)) == []


def test_what_comes_back_stronger_than_ever_is_a_rate() -> None:
    known = {log(9): Known(first=1, last=2, count=5.0, hour_max=5.0)}
    after = {(log(9), Severity.ERROR): steady(4, AFTER, 1)}
    assert kinds(changed({}, after, known=known, history_s=7 * 86_400.0)) == [
        (FindingKind.RATE_UP, "pattern 9")
    ]


def test_one_burst_is_not_enough_for_new() -> None:
    once = [0.0] * AFTER
    once[3] = 30.0
    short = window(
        {k: v[:5] for k, v in base(BEFORE, 10).items()},
        {**base(AFTER, 50), (log(9), Severity.INFO): once},
    )
    assert kinds(short) == []


def test_a_service_that_always_says_new_things_is_not_always_alarming() -> None:
    def parade(slots: int, first: int) -> dict[tuple[Series, Severity], list[float]]:
        rows: dict[tuple[Series, Severity], list[float]] = {}
        for i in range(slots // 2):
            row = [0.0] * slots
            row[2 * i] = row[2 * i + 1] = 4.0
            rows[log(first + i), Severity.INFO] = row
        return rows

    assert kinds(changed(parade(BEFORE, 100), parade(AFTER, 500))) == []


def test_gone_and_back() -> None:
    usual = {(log(9), Severity.INFO): steady(4, BEFORE, 1)}
    assert kinds(changed(usual, {})) == [(FindingKind.GONE, "pattern 9")]


def test_rates_that_jump_and_fall() -> None:
    before = {(log(8), Severity.WARN): steady(2, BEFORE, 1), (log(9), Severity.INFO): steady(20, BEFORE, 2)}
    after = {(log(8), Severity.WARN): steady(10, AFTER, 3), (log(9), Severity.INFO): steady(4, AFTER, 4)}
    assert set(kinds(changed(before, after))) == {
        (FindingKind.RATE_UP, "pattern 8"),
        (FindingKind.RATE_DOWN, "pattern 9"),
    }


def test_a_small_rise_is_real_but_irrelevant() -> None:
    before = {(log(9), Severity.INFO): steady(100, BEFORE, 1)}
    after = {(log(9), Severity.INFO): steady(150, AFTER, 2)}
    assert kinds(changed(before, after)) == []


def test_more_traffic_is_not_a_finding_for_every_line() -> None:
    before = {(log(i), Severity.INFO): steady(10, BEFORE, i) for i in range(8)}
    after = {(log(i), Severity.INFO): steady(35, AFTER, 30 + i) for i in range(8)}
    assert kinds(window(before, after)) == []


def test_the_same_words_turn_grave() -> None:
    before = {(log(9), Severity.INFO): steady(5, BEFORE, 1)}
    after = {(log(9), Severity.ERROR): steady(5, AFTER, 2)}
    assert kinds(changed(before, after)) == [(FindingKind.SEVERITY_SHIFT, "pattern 9")]


def test_many_rare_errors_turn_the_service_grave() -> None:
    rng = np.random.default_rng(8)
    before = {(log(100 + i), Severity.ERROR): [float(i == s) for s in range(BEFORE)] for i in range(BEFORE)}
    before = {k: v for i, (k, v) in enumerate(before.items()) if i % 10 == 0}
    after = {(key[0], Severity.ERROR): [float(x) for x in rng.poisson(0.25, AFTER)] for key in before}
    found = kinds(changed(before, {**after}))
    assert (FindingKind.SEVERITY_SHIFT, "all log records") in found or any(
        k is FindingKind.RATE_UP for k, _ in found
    )


def test_operations_that_fail() -> None:
    before = {
        (span(9), Severity.UNSPECIFIED): steady(40, BEFORE, 1),
        (span(9), Severity.ERROR): steady(0.2, BEFORE, 2),
    }
    after = {
        (span(9), Severity.UNSPECIFIED): steady(25, AFTER, 3),
        (span(9), Severity.ERROR): steady(15, AFTER, 4),
    }
    found = noticed(changed(before, after))
    assert found[0].kind is FindingKind.ERROR_RATE
    assert found[0].after.share is not None
    assert 0.3 < found[0].after.share < 0.45


def _slow(after_ms: float, tail_ms: float) -> Window:
    rng = np.random.default_rng(5)
    counts = (
        {(span(9), Severity.UNSPECIFIED): [20.0] * BEFORE},
        {(span(9), Severity.UNSPECIFIED): [20.0] * AFTER},
    )
    old = [rng.lognormal(np.log(20), 0.3, 20) for _ in range(BEFORE)]
    new = [
        np.append(rng.lognormal(np.log(after_ms), 0.3, 16), rng.lognormal(np.log(tail_ms), 0.3, 4))
        for _ in range(AFTER)
    ]
    return changed(*counts, durations_ms=({span(9): old}, {span(9): new}))


def test_durations_that_double() -> None:
    found = noticed(_slow(60.0, 60.0))
    assert [f.kind for f in found] == [FindingKind.LATENCY]
    assert found[0].after.quantile_ms is not None
    assert found[0].after.quantile_ms > 50


def test_a_slow_tail_is_found_in_its_quantile() -> None:
    (found,) = noticed(_slow(20.0, 400.0))
    assert found.quantile in {0.9, 0.99}


def test_a_duration_over_a_second_has_no_exponent() -> None:
    (found,) = noticed(_slow(60.0, 4_000.0))
    assert re.search(r" \d{4,} ms or longer", found.summary), found.summary
    assert "e+" not in found.summary


def test_a_little_slower_is_irrelevant() -> None:
    assert kinds(_slow(24.0, 24.0)) == []


def test_start_up_lines_are_held_against_the_previous_start() -> None:
    # the first minute says "warming up" often, in both versions; the steady state never does
    before = {(log(9), Severity.INFO): [8.0] * 12 + [0.0] * 48}
    after = {(log(9), Severity.INFO): [8.0] * 6}
    base_after = {k: v[:6] for k, v in base(AFTER, 50).items()}
    sides = ({**base(BEFORE, 10), **before}, {**base_after, **after})
    unaware, aware = window(*sides, young=(False, True)), window(*sides, young=(False, True))
    aware.before.young[:12] = True
    assert (FindingKind.RATE_UP, "pattern 9") in kinds(unaware)
    assert kinds(aware) == []


def test_the_service_that_changed_outranks_its_callers() -> None:
    after = {(log(9), Severity.ERROR): steady(4, AFTER, 1)}
    own, other = noticed(changed({}, after)), noticed(changed({}, after, own=False))
    assert own[0].score > other[0].score > 0
