"""What is counted of spans. The engine states figures by these, and the checker counts again from what a sentence cites.

A measure of runs looks at whole runs: a cited span stands for the run it is of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median

from flyball.explain.agents.corpus import Corpus, Run, call_of, fails, outcome_of
from flyball.model.run import Step
from flyball.model.run_diagnosis import Figure, Measure

_GUARDED = frozenset({"block", "ask", "modify"})


def figure(measure: Measure, steps: Sequence[Step], corpus: Corpus) -> Figure:
    """A figure of these steps."""
    spans = tuple(dict.fromkeys(step.span_id for step in steps))
    return Figure(measure=measure, spans=spans, value=measured(measure, spans, corpus))


def measured(measure: Measure, spans: Sequence[str], corpus: Corpus) -> float:
    """The value of a measure over spans; those that are nowhere count nothing."""
    found = [corpus.spans[one] for one in spans if one in corpus.spans]
    steps = [step for _, step in found]
    if measure in _OF_STEPS:
        return round(_OF_STEPS[measure](steps), 3)
    runs = list({run.id: run for run, _ in found}.values())
    return round(_OF_RUNS[measure](runs, steps), 3)


def guarded(step: Step) -> bool:
    """Whether the guard did, or in audit would have, anything but let it through."""
    return any(one.action in _GUARDED or one.would in _GUARDED for one in step.decided)


def outputs(steps: Iterable[Step]) -> list[float]:
    """Output tokens of each call, where told."""
    return [float(one.usage.output) for one in steps if one.usage.output is not None]


def _alike(steps: Sequence[Step]) -> float:
    calls = {call_of(step) for step in steps}
    tools = {step.tool for step in steps}
    said = {step.said for step in steps}
    same = len(calls) == 1 and None not in calls
    same = same or (calls == {None} and len(tools) == 1 and "" not in tools)
    same = same or (calls == {None} and len(said) == 1 and "" not in said)
    return float(len(steps)) if same else 0.0


def _seconds(steps: Sequence[Step]) -> float:
    if not steps:
        return 0.0
    return (max(max(one.end_ns, one.begin_ns) for one in steps) - min(one.begin_ns for one in steps)) / 1e9


def _gap_s(steps: Sequence[Step]) -> float:
    """The longest time between two of these steps in which none of them ran."""
    longest, until = 0, None
    for step in sorted(steps, key=lambda one: one.begin_ns):
        if until is not None:
            longest = max(longest, step.begin_ns - until)
        until = max(until or 0, step.end_ns, step.begin_ns)
    return longest / 1e9


def _inputs(steps: Sequence[Step]) -> float:
    told = [float(one.usage.input) for one in steps if one.usage.input is not None]
    return fmean(told) if told else 0.0


def _middle(values: Sequence[float]) -> float:
    return float(median(values)) if values else 0.0


def _calls(runs: Sequence[Run], steps: Sequence[Step]) -> list[Step]:
    """The calls, in these runs, of the tools that the cited steps are of."""
    tools = {step.tool for step in steps if step.tool}
    return [one for run in runs for one in run.tools if one.tool in tools]


def repeats(run: Run) -> int:
    """How often the most frequent call of a run is made; what a model says where no tool is called."""
    if run.tools:
        keys = [call_of(step) or step.tool for step in run.tools]
    else:
        keys = [step.said for step in run.models if step.said]
    return max(Counter(keys).values(), default=0)


_OF_STEPS: dict[Measure, Callable[[Sequence[Step]], float]] = {
    Measure.STEPS: lambda steps: float(len(steps)),
    Measure.FAILED: lambda steps: float(sum(fails(one) for one in steps)),
    Measure.ALIKE: _alike,
    Measure.ANSWERS: lambda steps: float(len({outcome_of(one) for one in steps})),
    Measure.INPUT_TOKENS: _inputs,
    Measure.OUTPUT_TOKENS: lambda steps: _middle(outputs(steps)),
    Measure.SECONDS: _seconds,
    Measure.GAP_S: _gap_s,
    Measure.GUARDED: lambda steps: float(sum(guarded(one) for one in steps)),
}

_OF_RUNS: dict[Measure, Callable[[Sequence[Run], Sequence[Step]], float]] = {
    Measure.RUNS: lambda runs, _: float(len(runs)),
    Measure.RUNS_FAILED: lambda runs, _: float(sum(run.failed for run in runs)),
    Measure.RUN_STEPS: lambda runs, _: _middle([float(len(run.acts)) for run in runs]),
    Measure.RUN_INPUT: lambda runs, _: _middle([fmean(run.inputs) for run in runs if run.inputs]),
    Measure.RUN_OUTPUT: lambda runs, _: _middle(
        [_middle(told) for run in runs if (told := outputs(run.models))]
    ),
    Measure.RUN_TOKENS: lambda runs, _: _middle([run.tokens for run in runs if run.inputs]),
    Measure.RUN_SECONDS: lambda runs, _: _middle([run.seconds for run in runs]),
    Measure.RUN_ALL_FAILED: lambda runs, _: float(sum(fails(s) for run in runs for s in run.tools)),
    Measure.RUN_CALL_MS: lambda runs, steps: _middle([step.ms for step in _calls(runs, steps)]),
    Measure.RUN_CALLS: lambda runs, steps: float(len(_calls(runs, steps))),
    Measure.RUN_CALLS_FAILED: lambda runs, steps: float(sum(fails(s) for s in _calls(runs, steps))),
    Measure.RUN_REPEATS: lambda runs, _: float(max((repeats(run) for run in runs), default=0)),
    Measure.RUN_ANSWERED: lambda runs, _: float(sum(run.answered for run in runs)),
}
