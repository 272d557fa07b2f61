"""The same runs, told otherwise: what a library leaves out, and changes that have nothing to do with it.

Some variations take away what a kind rests on (without tokens there is no bloat): there quiet is right, and a wrong name
is what counts. `new commit` and its like add a change that is innocent, on every run: how often is it blamed?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flyball.model.run import Step, StepKind, Usage

from bench.agents.layout import Case

Vary = Callable[[Case], Case]


def _each(change: Callable[[Step], Step]) -> Vary:
    return lambda case: Case(case.name, tuple(map(change, case.steps)), tuple(map(change, case.history)))


def _here(change: Callable[[Step], Step]) -> Vary:
    return lambda case: Case(case.name, tuple(map(change, case.steps)), case.history)


def _last_runs(runs: int) -> Vary:
    def vary(case: Case) -> Case:
        ordered = sorted(case.history, key=lambda step: step.begin_ns)
        kept = set(list(dict.fromkeys(step.run_id for step in ordered))[-runs:])
        return Case(case.name, case.steps, tuple(step for step in ordered if step.run_id in kept))

    return vary


def _no_agents(case: Case) -> Case:
    def calls(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(step for step in steps if step.kind is not StepKind.AGENT)

    return Case(case.name, calls(case.steps), calls(case.history))


VARIATIONS: dict[str, Vary] = {
    "no steps of agents": _no_agents,
    "no content": _each(lambda s: replace(s, arguments="", result="", said="")),
    "no digests": _each(lambda s: replace(s, digest="")),
    "no finish reasons": _each(lambda s: replace(s, finish="")),
    "no tokens": _each(lambda s: replace(s, usage=Usage())),
    "version for commit": _each(lambda s: replace(s, version=s.commit[:7], commit="")),
    "errors without type": _each(lambda s: replace(s, error="_OTHER" if s.error else "")),
    "errors without words": _each(lambda s: replace(s, error="_OTHER" if s.error else "", message="")),
    "8 runs before": _last_runs(8),
    "5 runs before": _last_runs(5),
    "new commit": _here(lambda s: replace(s, commit="feedbeef" * 5)),
    "new prompt": _here(lambda s: replace(s, config="v999" if s.config else "")),
    "new checkpoint": _here(lambda s: replace(s, answered_by="another" if s.answered_by else "")),
}
