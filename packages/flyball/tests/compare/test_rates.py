from __future__ import annotations

import numpy as np
import pytest
from flyball.compare.differences import differences
from flyball.compare.dispersion import PRIOR_S, estimate
from flyball.compare.rates import compare_rates, tail_up
from flyball.model.severity import Severity
from harness.windows import log, window
from hypothesis import given, settings
from hypothesis import strategies as st

counts = st.integers(0, 3000)
seconds = st.floats(5.0, 4000.0)
bursts = st.floats(0.5, 60.0)


@given(before=counts, after=counts, before_s=seconds, after_s=seconds, d=bursts)
def test_exchanging_the_sides_exchanges_the_tails(
    before: int, after: int, before_s: float, after_s: float, d: float
) -> None:
    one = compare_rates(*(np.array([float(x)]) for x in (before, after, before_s, after_s, d)))
    other = compare_rates(*(np.array([float(x)]) for x in (after, before, after_s, before_s, d)))
    assert one.p_up[0] == other.p_down[0]
    assert one.p_down[0] == other.p_up[0]


@given(before=counts, after=counts, before_s=seconds, after_s=seconds, d=bursts, factor=st.floats(0.2, 10))
def test_the_unit_of_exposure_does_not_matter(
    before: int, after: int, before_s: float, after_s: float, d: float, factor: float
) -> None:
    p = tail_up(before, after, before_s, after_s, d)
    assert tail_up(before, after, before_s * factor, after_s * factor, d * factor) == pytest.approx(
        p, rel=1e-6
    )


@given(before=st.integers(1, 300), more=st.integers(1, 300), before_s=seconds, after_s=seconds, d=bursts)
def test_more_records_after_never_look_less_like_more(
    before: int, more: int, before_s: float, after_s: float, d: float
) -> None:
    less = tail_up(before, before, before_s, after_s, d)
    # above 400 records a beta stands for the sum: equal within some percent
    assert tail_up(before, before + more, before_s, after_s, d) <= less * 1.1 + 1e-30


def test_burstier_counts_convince_less() -> None:
    p = [tail_up(20, 60, 60.0, 60.0, d) for d in (0.1, 1.0, 5.0, 20.0)]
    assert p == sorted(p)
    assert p[0] < 1e-4 < p[-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=12, max_size=12), min_size=2, max_size=6))
def test_merging_slots_does_not_turn_a_difference_round(rows: list[list[int]]) -> None:
    fine = np.array(rows, dtype=float)
    for width in (1, 2, 3):
        merged = fine.reshape(len(rows), -1, width).sum(axis=2)
        half = merged.shape[1] // 2
        before = {(log(i), Severity.INFO): list(row[:half]) for i, row in enumerate(merged)}
        after = {(log(i), Severity.INFO): list(row[half:]) for i, row in enumerate(merged)}
        found = differences(window(before, after))
        both = (found.p_up < 0.05) & (found.p_down < 0.05)
        assert not both.any()
        assert ((found.rates.ratio > 1) <= (found.p_up <= found.p_down + 0.5)).all()


def test_dispersion_is_found_again() -> None:
    rng = np.random.default_rng(1)
    d, rate, slot = 8.0, 4.0, 5.0
    bursts_ = rng.gamma(slot / d, d / slot, (300, 240))
    x = rng.poisson(rate * slot * bursts_).astype(float)
    e = np.full_like(x, slot)
    found = estimate(((x[:, :120], e[:, :120]), (x[:, 120:], e[:, 120:])))
    assert found.common == pytest.approx(d, rel=0.35)
    assert found.common > d * 0.9  # never much too small: that is what costs false findings


def test_without_data_the_prior_speaks() -> None:
    x = np.zeros((1, 2))
    found = estimate(((x, np.full_like(x, 5.0)), (x, np.full_like(x, 5.0))))
    assert found.common == pytest.approx(PRIOR_S, rel=0.2)


def test_all_in_one_slot_is_one_event() -> None:
    x = np.full((9, 24), 5.0)
    x[0] = 0.0
    x[0, 5] = 60.0
    e = np.full_like(x, 5.0)
    own = estimate(((x, e), (x, e))).own
    assert own[0] > 3 * own[1]
