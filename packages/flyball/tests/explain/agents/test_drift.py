"""What later runs of an agent show that earlier ones did not."""

from __future__ import annotations

from dataclasses import replace

from flyball.explain.agents.check import run_fault
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.drift import drifts
from flyball.explain.agents.engine import plain_shape
from flyball.model.run import Step, StepKind
from flyball.model.run_diagnosis import Drift, RunKind
from harness.made_runs import flat, history, model, normal, run, tool

BEFORE = history(24)


def shown(after: tuple[Step, ...]) -> list[Drift]:
    corpus = Corpus.of(normal(999), BEFORE + after, plain_shape)
    ids = {step.run_id for step in after}
    found = list(drifts(corpus, [one for one in corpus.before if one.id in ids]))
    assert [fault for one in found if (fault := run_fault(one.claim, corpus))] == []
    return found


def later(**told: str) -> tuple[Step, ...]:
    return flat([normal(number, **told) for number in range(50, 74)])


def test_nothing_new_is_no_drift() -> None:
    assert shown(later()) == []


def test_what_changed_is_told_as_a_fact() -> None:
    other = tuple(
        replace(step, answered_by="acme-large-8") if step.kind is StepKind.MODEL else step
        for step in later(config="v2", commit="badc0de")
    )
    found = shown(other)
    assert [(one.kind, one.p) for one in found] == [
        (RunKind.MODEL_DRIFT, None),
        (RunKind.CONFIG_DRIFT, None),
        (RunKind.REGRESSION, None),
    ]
    assert "from `acme-large-7` to `acme-large-8`" in found[0].claim.text


def test_tools_that_fail_more_are_judged() -> None:
    bad = {"error": "HTTPError", "message": "503"}
    after = flat(
        [
            run(n, model(), tool("search", arguments="a", **bad), model("I could not.", "stop"))
            for n in range(50, 74)
        ]
    )
    (found,) = [one for one in shown(after) if one.kind is RunKind.TOOL_ERRORS]
    assert found.p is not None
    assert found.p < 0.05
    assert found.claim.text == "Failed calls of tools: 0 in 24 runs before, 24 in 24 runs after."


def test_loops_in_several_runs_are_told_once() -> None:
    same = tool("search", arguments="same", result="none")
    after = flat([run(n, *[act for _ in range(8) for act in (model(), same)]) for n in range(50, 60)])
    (found,) = [one for one in shown(after) if one.kind is RunKind.LOOP]
    assert found.claim.text == "10 of 10 runs: loop."
