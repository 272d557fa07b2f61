from __future__ import annotations

import numpy as np
import pytest
from flyball.compare.season import usual_of
from flyball.model.window import Season
from hypothesis import given
from hypothesis import strategies as st

HOUR = 3600


def season(counts: np.ndarray, before: list[float], after: list[float]) -> Season:
    """Counts (series, weeks, hours)."""
    hours = counts.shape[2]
    return Season(
        unit="week",
        starts=np.arange(hours, dtype=np.int64) * HOUR,
        counts=counts.astype(float),
        before=np.array(before),
        after=np.array(after),
        longer=np.array(before),
    )


def drawn(factors: np.ndarray, rate: float, weeks: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    means = np.stack([np.full(len(factors), rate), rate * factors], axis=1)
    return rng.poisson(means[:, None, :].repeat(weeks, axis=1)).astype(float)


@given(st.lists(st.lists(st.integers(0, 10_000), min_size=2, max_size=2), min_size=1, max_size=9))
def test_the_same_hours_explain_nothing(rows: list[list[int]]) -> None:
    counts = np.array(rows)[:, None, :].repeat(3, axis=1)
    s = season(counts, [0.3, 0.7], [0.3, 0.7])
    assert usual_of(s, s.before) is None


@given(
    rows=st.lists(st.lists(st.integers(0, 5000), min_size=6, max_size=6), min_size=1, max_size=12),
    part=st.floats(0.0, 1.0),
)
def test_factors_are_finite_and_uncertainty_is_never_negative(rows: list[list[int]], part: float) -> None:
    s = season(np.array(rows).reshape(len(rows), 3, 2), [1.0, 0.0], [part, 1.0 - part])
    usual = usual_of(s, s.before)
    if usual is not None:
        assert np.isfinite(usual.log).all()
        assert np.isfinite(usual.profile).all()
        assert (usual.profile > 0).all()
        assert (usual.unsure >= 0).all()
        assert (usual.wander >= 0).all()


def test_one_nightly_job_among_steady_series_keeps_its_factor() -> None:
    factors = np.ones(200)
    factors[7] = 40.0
    s = season(drawn(factors, 300.0, 4, 1), [1.0, 0.0], [0.0, 1.0])
    usual = usual_of(s, s.before)
    assert usual is not None
    assert np.exp(usual.log[7]) == pytest.approx(40.0, rel=0.1)
    assert np.exp(np.delete(usual.log, 7)) == pytest.approx(np.ones(199), abs=0.15)


def test_a_rare_series_takes_the_factor_of_its_service() -> None:
    counts = drawn(np.full(100, 3.0), 400.0, 4, 2)
    counts[0] = 0.0
    counts[0, 0, 0] = 1.0
    s = season(counts, [1.0, 0.0], [0.0, 1.0])
    usual = usual_of(s, s.before)
    assert usual is not None
    assert np.exp(usual.log[0]) == pytest.approx(3.0, rel=0.2)


def test_weeks_that_disagree_are_believed_less() -> None:
    rng = np.random.default_rng(3)
    alike = drawn(np.ones(80), 1000.0, 4, 3)
    differing = rng.poisson(1000.0 * np.exp(rng.normal(0.0, 0.5, alike.shape)))
    variances = []
    for counts in (alike, differing):
        s = season(counts, [1.0, 0.0], [0.0, 1.0])
        usual = usual_of(s, s.before)
        assert usual is not None
        variances.append(float(np.median(usual.wander)))
    assert variances[0] < 0.05 < variances[1]
    assert variances[1] == pytest.approx(2 * 0.5**2, rel=0.4)


@given(st.integers(0, 2**32 - 1))
def test_weighing_slots_by_their_hour_keeps_the_exposure(seed: int) -> None:
    s = season(drawn(np.array([0.1, 1.0, 20.0]), 50.0, 3, seed), [0.5, 0.5], [0.0, 1.0])
    usual = usual_of(s, s.before)
    assert usual is not None
    slots = np.arange(0, 2 * HOUR, 60)
    seconds = np.full((3, len(slots)), 60.0)
    weighed = usual.within(slots, seconds)
    assert weighed.sum(axis=1) == pytest.approx(seconds.sum(axis=1))
    assert weighed[2, -1] > weighed[2, 0]
