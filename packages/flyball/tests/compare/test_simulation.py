"""The fast, seeded part of bench/compare_sim.py: recall and false discoveries of the shipped defaults."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def sim() -> ModuleType:
    path = Path(__file__).parents[4] / "bench" / "compare_sim.py"
    spec = importlib.util.spec_from_file_location("compare_sim", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["compare_sim"] = module
    spec.loader.exec_module(module)
    return module


def test_ten_minutes_find_what_was_injected_and_little_else(sim: ModuleType) -> None:
    setting = replace(sim.MINUTES, series=600, rho=0.0, before_s=600, history_s=3600)
    found = sim.score(setting, runs=3)
    assert found.recall_new >= 0.95
    assert found.recall_jump >= 0.9
    assert found.fdr <= 0.05


def test_nothing_changed_and_eight_looks_find_nothing(sim: ModuleType) -> None:
    calm = next(s for s in sim.SETTINGS if s.name.startswith("25+40 s, calm"))
    assert sim.score(calm, runs=20).false_runs == 0.0
