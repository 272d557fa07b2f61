from __future__ import annotations

import math

import pytest
from flyball.compare.special import beta_binomial_sf, beta_cdf, beta_sf
from hypothesis import given
from hypothesis import strategies as st


def test_beta_cdf_of_known_values() -> None:
    assert beta_cdf(0.5, 2.0, 2.0) == pytest.approx(0.5)
    assert beta_cdf(0.25, 1.0, 1.0) == pytest.approx(0.25)
    # I_x(2, 3) = 6x^2 - 8x^3 + 3x^4
    assert beta_cdf(0.3, 2.0, 3.0) == pytest.approx(6 * 0.09 - 8 * 0.027 + 3 * 0.0081)


@given(x=st.floats(0.01, 0.99), a=st.floats(0.1, 500), b=st.floats(0.1, 500))
def test_beta_tails_add_to_one_and_mirror(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) + beta_sf(x, a, b) == pytest.approx(1.0, abs=1e-9)
    assert beta_sf(x, a, b) == pytest.approx(beta_cdf(1 - x, b, a), rel=1e-6, abs=1e-12)


def test_a_flat_beta_makes_every_count_equally_likely() -> None:
    assert beta_binomial_sf(7, 9, 1.0, 1.0) == pytest.approx(3 / 10)


def test_without_bursts_it_is_the_binomial() -> None:
    exact = sum(math.comb(20, k) for k in range(15, 21)) / 2**20
    assert beta_binomial_sf(15, 20, 1e7, 1e7) == pytest.approx(exact, rel=1e-4)


@given(n=st.integers(1, 60), a=st.floats(0.05, 50), b=st.floats(0.05, 50), data=st.data())
def test_tails_of_both_sides_meet(n: int, a: float, b: float, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    assert beta_binomial_sf(k, n, a, b) + beta_binomial_sf(n - k + 1, n, b, a) == pytest.approx(1.0, abs=1e-8)


def test_the_approximation_joins_the_sum() -> None:
    exact, near = beta_binomial_sf(260, 400, 12.0, 10.0), beta_binomial_sf(261, 402, 12.0, 10.0)
    assert near == pytest.approx(exact, rel=0.05)
