"""The fast, seeded part of the novelty bench (T7): recall and false discoveries of the shipped defaults."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    sys.path.insert(0, str(Path(__file__).parents[4]))
    return importlib.import_module("bench.novelty")


def _score(bench: ModuleType, name: str, **changes: object) -> Any:
    rows = (*bench.WITH_HISTORY, *bench.NOTHING)
    row = next(r for r in rows if r.name.startswith(name))
    return bench.measured(replace(row, **changes), (1,), 3)["flyball"]


@pytest.mark.parametrize(
    "name", ["60+10 min, bursts of a minute, rho 0", "the same, 3 times", "the same, 20 start-up lines"]
)
def test_with_an_hour_before_the_target_holds(bench: ModuleType, name: str) -> None:
    assert bench.holds(_score(bench, name, rho=0.0))


def test_hours_of_their_own_are_no_findings_once_weeks_are_known(bench: ModuleType) -> None:
    found = _score(bench, "hours of their own for 30 %, 4 weeks", rho=0.0)
    blind = _score(bench, "hours of their own for 30 %, no week", rho=0.0)
    assert found.fdr <= 0.05 < blind.fdr
    assert found.recall_jump >= 0.9


def test_a_chatty_service_is_not_always_alarming(bench: ModuleType) -> None:
    assert _score(bench, "a service that says a new thing", rho=0.0).fdr <= 0.06


def test_nothing_changed_and_eight_looks_find_nothing(bench: ModuleType) -> None:
    assert _score(bench, "nothing changed, 25 patterns").false_runs <= 0.1


def test_the_usual_test_finds_hundreds_of_false_things(bench: ModuleType) -> None:
    row = bench.WITH_HISTORY[0]
    assert bench.measured(row, (1,), 1)["poisson"].fdr > 0.5
