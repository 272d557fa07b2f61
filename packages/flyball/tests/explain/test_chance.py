"""Tests of counts against what is known exactly, and what is left of many looks at nothing."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from flyball.explain.chance import at_least, real, simes
from flyball.explain.engine import diagnose
from flyball.explain.rules.series import Series, unlikely
from flyball.model.signal import Signal
from harness.signals import calls, log, metric, names


def test_the_tail_is_that_of_counting_every_way() -> None:
    marked, drawn, total = 5, 6, 13
    for k in range(8):
        ways = sum(
            sum(one < marked for one in chosen) >= k for chosen in itertools.combinations(range(total), drawn)
        )
        assert at_least(k, marked, drawn, total) == pytest.approx(ways / math.comb(total, drawn))


def test_fishers_exact_test_of_the_lady_tasting_tea() -> None:
    assert at_least(4, 4, 4, 8) == pytest.approx(1 / 70)
    assert at_least(3, 4, 4, 8) == pytest.approx(17 / 70)


def test_of_many_tests_a_small_p_is_no_finding_and_a_tiny_one_is() -> None:
    p = [0.02, *[0.5] * 99]
    assert real(list(range(100)), p) == []
    assert real(list(range(100)), [1e-5, *p[1:]]) == [0]
    assert real([], []) == []
    assert (simes([]), simes([0.01, 0.5])) == (1.0, 0.02)


def _series(now: list[float], usual: list[float]) -> Series:
    return Series("service/a", "latency_ms", tuple(metric("service/a", "latency_ms", now)), tuple(usual))


def test_ranks_tell_how_unlikely_samples_are_in_both_directions() -> None:
    usual = [float(n) for n in range(40)]
    high = _series([50.0] * 4 + [1.5 + 3.2 * n for n in range(12)], usual)
    assert unlikely(high) == pytest.approx(16 * math.comb(16, 4) / math.comb(56, 4))
    assert unlikely(high, low=True) > 0.5
    assert unlikely(_series([50.0], [])) == 1.0


def test_the_chance_of_ranks_is_kept_where_nothing_changed() -> None:
    draw = names(70).draw
    trials = [
        unlikely(_series(*([draw.lognormvariate(0, 2) for _ in range(n)] for n in (16, 40))))
        for _ in range(2000)
    ]
    assert sum(one <= 0.05 for one in trials) / len(trials) <= 0.05


def _system(draw: random.Random, n: int, word: str) -> list[Signal]:
    """Thirty operations, each with a record that stands in nine of ten calls."""
    found: list[Signal] = []
    for number in range(30):
        it, count = f"service/{word}-{number}", sum(draw.random() < 0.9 for _ in range(n))
        found += [calls(it, "/do", n), log(it, "loaded", count=count, operation="/do")]
    return found


def test_records_that_come_and_go_by_chance_are_no_finding() -> None:
    draw, word = names(71).draw, names(71).word()
    quiet = sum(diagnose(_system(draw, 40, word), _system(draw, 110, word)).inconclusive for _ in range(60))
    assert quiet >= 57  # at a false discovery rate of .03, where each of 30 is tested by itself


def test_two_errors_of_many_calls_are_no_finding_though_new() -> None:
    it = f"service/{names(72).word()}"
    usual = [calls(it, "/do", 55), log(it, "done", count=55, operation="/do")]
    now = [calls(it, "/do", 34), log(it, "done", count=34, operation="/do")]
    error = log(it, "ERROR could not parse it", severity=17, count=2, operation="/do")
    assert diagnose([*now, error], usual).inconclusive
    more = log(it, "ERROR could not parse it", severity=17, count=12, operation="/do")
    assert not diagnose([*now, more], usual).inconclusive
