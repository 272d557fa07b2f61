"""What repeats in a sequence."""

from __future__ import annotations

from flyball.compare import sequences
from flyball.compare.sequences import Cycle, grams, longest_cycle, run_lengths
from hypothesis import given
from hypothesis import strategies as st

SYMBOLS = st.lists(st.sampled_from("abc"), max_size=40)


def test_equal_neighbours_are_one() -> None:
    assert run_lengths("aabccc") == [("a", 2), ("b", 1), ("c", 3)]


def test_the_most_frequent_cycle_is_found_with_its_shortest_period() -> None:
    assert longest_cycle("xaaaay") == Cycle(begin=1, period=1, times=4)
    assert longest_cycle("xabababy") == Cycle(begin=1, period=2, times=3)
    assert longest_cycle("abcdef") is None


@given(SYMBOLS)
def test_a_cycle_is_one(symbols: list[str]) -> None:
    cycle = longest_cycle(symbols)
    if cycle:
        stretch = symbols[cycle.begin : cycle.end]
        assert stretch == stretch[: cycle.period] * cycle.times
        assert cycle.times >= 2
    assert [symbol for symbol, times in run_lengths(symbols) for _ in range(times)] == symbols


def test_grams_are_counted_within_a_bound() -> None:
    assert grams("abab", 2) == {("a", "b"): 2, ("b", "a"): 1}
    assert len(grams(range(5_000), 2)) == sequences.GRAMS_MAX
