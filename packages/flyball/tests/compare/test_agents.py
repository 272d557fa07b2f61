"""Versions of agents, judged by their runs."""

from __future__ import annotations

from random import Random

import pytest
from flyball.compare.agents import Moved, RunNumbers, judge_agents


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - made-up runs, no secrets


def numbers(
    rng: Random, count: int, *, fails: float = 0.0, longer: float = 1.0, tokens: bool = True
) -> list[RunNumbers]:
    """So many runs of an agent with these habits."""
    return [
        RunNumbers(
            failed=rng.random() < fails,
            seconds=rng.lognormvariate(2.0, 0.4) * longer,
            calls=rng.randint(3, 9),
            tool_calls=5,
            tool_calls_failed=5 if rng.random() < fails else 0,
            tokens=rng.lognormvariate(9.0, 0.5) * longer if tokens else None,
        )
        for _ in range(count)
    ]


def outcomes(before: list[RunNumbers], after: list[RunNumbers]) -> dict[str, Moved]:
    return {one.measure: one.outcome for one in judge_agents(before, after)}


def test_more_failed_runs_are_worse_and_fewer_are_better() -> None:
    rng = seeded(1)
    good, bad = numbers(rng, 60), numbers(rng, 60, fails=0.5)
    assert outcomes(good, bad)["runs failed"] is Moved.WORSE
    assert outcomes(bad, good)["runs failed"] is Moved.BETTER
    assert outcomes(good, bad)["calls of tools failed"] is Moved.WORSE
    assert outcomes(good, bad)["seconds"] is Moved.NO_DIFFERENCE


def test_longer_and_dearer_runs_are_worse() -> None:
    rng = seeded(2)
    found = outcomes(numbers(rng, 60), numbers(rng, 60, longer=3.0))
    assert (found["seconds"], found["tokens"], found["calls"]) == (
        Moved.WORSE,
        Moved.WORSE,
        Moved.NO_DIFFERENCE,
    )


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_few_runs_are_not_enough_data(count: int) -> None:
    rng = seeded(3)
    found = outcomes(numbers(rng, 60), numbers(rng, count, fails=1.0))
    assert found["runs failed"] is Moved.NOT_ENOUGH_DATA or count > 4
    assert outcomes(numbers(rng, count), numbers(rng, count))["tokens"] is Moved.NOT_ENOUGH_DATA


def test_tokens_that_were_not_told_are_not_enough_data_and_never_zero() -> None:
    rng = seeded(4)
    untold = numbers(rng, 60, tokens=False)
    assert outcomes(untold, numbers(rng, 60))["tokens"] is Moved.NOT_ENOUGH_DATA


def test_one_run_with_many_failures_is_one_event() -> None:
    rng = seeded(5)
    good = numbers(rng, 40)
    storm = [
        *numbers(rng, 39),
        RunNumbers(failed=True, seconds=9.0, calls=200, tool_calls=200, tool_calls_failed=200),
    ]
    assert outcomes(good, storm)["calls of tools failed"] is not Moved.WORSE


def test_equal_versions_are_seldom_called_different() -> None:
    wrong = sum(
        one.outcome in {Moved.WORSE, Moved.BETTER}
        for seed in range(60)
        for one in judge_agents(
            numbers(seeded(seed), 30, fails=0.1), numbers(seeded(seed + 1_000), 30, fails=0.1)
        )
    )
    assert wrong <= 0.05 * 60 * 5
