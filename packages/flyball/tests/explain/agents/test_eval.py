"""The evaluation itself: what it makes, writes and reads, and how well the engine does on a seed that was seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flyball.explain.agents.engine import diagnose_run
from flyball.model.run_diagnosis import RunKind

from bench.agents import layout
from bench.agents.generate import SCENES, cases
from bench.agents.score import Score


def test_a_seed_makes_three_of_each_and_the_same_again() -> None:
    made = list(cases(5))
    kinds = Counter((label.kind, label.like) for _, label in made)
    assert len(SCENES) == 10
    assert set(kinds.values()) == {3}
    assert len(kinds) == 20
    assert made == list(cases(5))
    assert made != list(cases(6))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = list(cases(5))[:4]
    for case, label in made:
        layout.write(tmp_path, case, label)
    assert sorted(layout.read(tmp_path), key=lambda one: one.name) == sorted(
        (case for case, _ in made), key=lambda one: one.name
    )
    assert layout.labels(tmp_path) == {case.name: label for case, label in made}


def test_the_targets_hold_on_a_seed_that_was_seen() -> None:
    score = Score()
    for case, label in cases(1):
        score.add(case, label, diagnose_run(case.steps, case.history))
    assert (score.faulty, score.fine) == (30, 30)
    assert score.named >= 27, score.misses
    assert score.quiet >= 28, score.misses
    assert score.existing == score.supported == score.sentences > 0


def test_the_scorer_sees_a_figure_that_does_not_come_out() -> None:
    case, label = next((case, label) for case, label in cases(1) if label.kind == RunKind.LOOP)
    found = diagnose_run(case.steps, case.history)
    assert found.root_cause
    score = Score()
    score.add(case, label, found)
    wrong = layout.Case(
        case.name,
        tuple(step for step in case.steps if step.span_id != found.root_cause.spans[-1]),
        case.history,
    )
    again = Score()
    again.add(wrong, label, found)
    assert again.existing < score.existing
