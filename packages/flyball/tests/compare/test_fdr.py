from __future__ import annotations

import numpy as np
import pytest
from flyball.compare.fdr import always_valid, banded, benjamini_hochberg, benjamini_yekutieli, gate
from hypothesis import given
from hypothesis import strategies as st

ps = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=60).map(np.array)


def test_benjamini_hochberg_by_hand() -> None:
    assert benjamini_hochberg(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.04, 0.04])


@given(ps)
def test_q_is_never_below_p_and_yekutieli_is_the_stricter(p: np.ndarray) -> None:
    q = benjamini_hochberg(p)
    assert (q >= p - 1e-15).all()
    assert (benjamini_yekutieli(p) >= q - 1e-15).all()


@given(ps)
def test_one_band_is_plain_benjamini_hochberg(p: np.ndarray) -> None:
    q = banded(p, np.full(len(p), 50.0))
    asked = p <= 0.3
    assert q[asked] == pytest.approx(benjamini_hochberg(p)[asked])


def test_rare_series_do_not_drown_a_frequent_one() -> None:
    p = np.concatenate([[1e-4], np.full(5000, 0.9)])
    totals = np.concatenate([[5000.0], np.full(5000, 3.0)])
    assert banded(p, totals)[0] < benjamini_hochberg(p)[0]


@given(st.floats(1e-15, 0.4), st.floats(1e-15, 0.4))
def test_every_look_costs_but_the_order_stays(a: float, b: float) -> None:
    assert always_valid(a) >= a
    assert (always_valid(a) <= always_valid(b)) or a > b


def test_peeking_at_a_walk_without_drift_stays_within_the_bound() -> None:
    # 2000 walks looked at after every step; without the correction a fifth would cross z(.01)
    rng = np.random.default_rng(4)
    steps = np.arange(1, 401)
    z = np.cumsum(rng.standard_normal((2000, 400)), axis=1) / np.sqrt(steps)
    assert (z.max(axis=1) > 2.33).mean() > 0.08
    p_at = 1e-4
    threshold = 3.719
    assert (z.max(axis=1) > threshold).mean() <= always_valid(p_at) * 1.1


def test_the_gate_counts_the_tests() -> None:
    assert gate([1e-8], 10)
    assert not gate([1e-8], 100_000)
    assert not gate([0.04], 1)
    assert not gate([], 1)
