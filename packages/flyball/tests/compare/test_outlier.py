"""One more value: of the kind that was seen before, or not."""

from __future__ import annotations

from random import Random

import pytest
from flyball.compare.outlier import predictive_p, student_sf


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - made-up values, no secrets


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(0.0, 5, 0.5), (2.015, 5, 0.05), (1.697, 30, 0.05), (6.314, 1, 0.05), (-2.015, 5, 0.95)],
)
def test_the_tail_is_that_of_the_tables(t: float, freedom: int, p: float) -> None:
    assert student_sf(t, freedom) == pytest.approx(p, abs=2e-4)


def test_p_is_uniform_where_nothing_changed() -> None:
    rng = seeded(7)
    seen = [
        predictive_p([rng.lognormvariate(5, 0.5) for _ in range(12)], rng.lognormvariate(5, 0.5))
        for _ in range(3_000)
    ]
    for level in (0.01, 0.05, 0.2):
        assert sum(p <= level for p in seen) / len(seen) == pytest.approx(level, rel=0.35)


def test_few_values_say_nothing_and_equal_ones_make_no_wonder() -> None:
    assert predictive_p([5.0, 5.0, 5.0], 500.0) == 1.0
    assert predictive_p([5.0] * 10, 5.5) > 0.1
    assert predictive_p([5.0] * 10, 20.0) < 1e-5
    assert predictive_p([0.0] * 10, 3.0) == 1.0
