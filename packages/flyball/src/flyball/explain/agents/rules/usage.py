"""Token bloat: each model call reads more than it did, though the task is not longer.

A longer task has more calls, and each reads what came before: that is no bloat. So a run is held against what the
runs before would have read in as many calls: their first call, and what each further call added. Also here: whether
turns and the time of tools grew, which alone are no failure but show that a change did something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from flyball.compare.outlier import predictive_p
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.match import LIKELY, RUNS_MIN, SHOWN, Match, fig, named, num, say
from flyball.explain.agents.measures import outputs
from flyball.model.run_diagnosis import Measure, RunClaim, RunKind

P_MAX = 0.003
"""With the least growth below, and beyond all runs before: fewer than one run in a thousand looks so by chance."""
RATIO_MIN = 1.6
"""Least growth that is told: below it the bill differs less than between two tasks."""
SURE_RATIO = 2.0
"""From here on nobody calls it another task."""
WRITTEN_RATIO_MIN = 3.0
WRITTEN_CALLS_MIN = 3
"""The same of what is written, and calls that show it: answers differ more than what is read."""
MOVED_RATIO_MIN = 1.3
"""Least growth of tokens a call that is told beside a change."""
TURNS_RATIO_MIN = 2.0
"""The same of turns: tasks differ by as much."""
SLOW_RATIO_MIN = 3.0
SLOW_CALLS_MIN = 3
"""Least growth of a tool's time, and calls that show it: networks vary by half from hour to hour."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Something that grew: `tokens` a call, `turns`, or the time of a `tool`; and what is said of it."""

    what: str
    said: RunClaim


def bloat(corpus: Corpus) -> list[Match]:
    """Tokens that grew beyond what the length of the task explains."""
    ratio, p = _read(corpus)
    if p > P_MAX or ratio < RATIO_MIN:
        return _written(corpus)
    first, last = corpus.run.models[0], max(corpus.run.models, key=lambda one: one.usage.input or 0)
    claim = _input_claim(corpus)
    grown = (
        "what it reads from its first call on: prompt, tools, files"
        if _base(corpus)
        else "what each call adds: answers of tools that are kept whole"
    )
    return [
        Match(
            kind=RunKind.TOKEN_BLOAT,
            weight=SHOWN if ratio >= SURE_RATIO else LIKELY,
            cause=claim,
            said=(
                say(
                    f"The largest call of {named(last)} read {last.usage.input or 0} tokens, the first {first.usage.input or 0}.",
                    [first, last],
                    fig(Measure.INPUT_TOKENS, [first], corpus),
                    fig(Measure.INPUT_TOKENS, [last], corpus),
                ),
            ),
            fix=say(f"Cut {grown}; then hold the tokens of a call of {named(first)} to a bound.", [first]),
            tags=("tokens", "context" if not _base(corpus) else "prompt"),
        )
    ]


def _written(corpus: Corpus) -> list[Match]:
    """A model that writes several times as much in each call; one long answer at the end is a long answer."""
    calls = [one for one in corpus.run.models if one.usage.output is not None]
    told = [run for run in corpus.before if outputs(run.models)]
    before = [median(outputs(run.models)) for run in told]
    ratio, p = _against(before, median(outputs(calls))) if calls else (1.0, 1.0)
    if p > P_MAX or ratio < WRITTEN_RATIO_MIN or len(calls) < WRITTEN_CALLS_MIN:
        return []
    heads = corpus.heads(told)
    now, then = fig(Measure.OUTPUT_TOKENS, calls, corpus), fig(Measure.RUN_OUTPUT, heads, corpus)
    text = f"A model call wrote {num(now)} tokens (median); in the runs before it was {num(then)}."
    return [
        Match(
            kind=RunKind.TOKEN_BLOAT,
            weight=LIKELY,
            cause=say(text, calls[:1], now, then),
            fix=say(
                f"Bound what a call of {named(calls[0])} may write, or how long it may reason.", calls[:1]
            ),
            tags=("tokens", "output"),
        )
    ]


def moved(corpus: Corpus) -> list[Moved]:
    """What grew, to be held against a change: tokens a call, turns, the time that a tool takes."""
    found: list[Moved] = []
    ratio, p = _read(corpus)
    if p <= P_MAX and ratio >= MOVED_RATIO_MIN:
        found.append(Moved("tokens", _input_claim(corpus)))
    heads, mine = corpus.heads(corpus.before), corpus.heads([corpus.run])
    ratio, p = _against([float(len(run.acts)) for run in corpus.before], float(len(corpus.run.acts)))
    if p <= P_MAX and ratio >= TURNS_RATIO_MIN:
        now, then = fig(Measure.RUN_STEPS, mine, corpus), fig(Measure.RUN_STEPS, heads, corpus)
        text = f"The run took {num(now)} calls, the runs before {num(then)} (median)."
        found.append(Moved("turns", say(text, mine, now, then)))
    return found + _slower(corpus)


def _slower(corpus: Corpus) -> list[Moved]:
    """Tools of which the calls take longer, all of them: one slow call is a bad moment."""
    found: list[Moved] = []
    for tool in sorted({step.tool for step in corpus.run.tools if step.tool}):
        calls = corpus.run.of(tool)
        before = [median(s.ms for s in some) for run in corpus.before if (some := run.of(tool))]
        ratio, p = _against(before, median(step.ms for step in calls))
        if len(calls) >= SLOW_CALLS_MIN and p <= P_MAX and ratio >= SLOW_RATIO_MIN:
            cited = [run.of(tool)[0] for run in corpus.before if run.of(tool)]
            now, then = fig(Measure.RUN_CALL_MS, calls[:1], corpus), fig(Measure.RUN_CALL_MS, cited, corpus)
            text = (
                f"A call of {named(calls[0])} took {num(now)} ms, in the runs before {num(then)} ms (median)."
            )
            found.append(Moved("tool", say(text, calls[:1], now, then)))
    return found


def _input_claim(corpus: Corpus) -> RunClaim:
    calls = [one for one in corpus.run.models if one.usage.input is not None]
    now = fig(Measure.INPUT_TOKENS, calls, corpus)
    told = [run for run in corpus.before if run.inputs]
    then = fig(Measure.RUN_INPUT, corpus.heads(told), corpus)
    runs = fig(Measure.RUNS, corpus.heads(told), corpus)
    return say(
        f"A model call read {num(now)} tokens on average; in the {num(runs)} runs before it was {num(then)} (median).",
        calls[:1], now, then, runs,
    )  # fmt: skip


def _against(before: Sequence[float], value: float) -> tuple[float, float]:
    """How much more than the median of before, and the chance of that."""
    told = [one for one in before if one > 0]
    if len(told) < RUNS_MIN or value <= 0:
        return 1.0, 1.0
    return value / median(told), predictive_p(told, value)


def _read(corpus: Corpus) -> tuple[float, float]:
    """How many more tokens a call read than the runs before would have in as many calls, and the chance of that."""
    mine = corpus.run.inputs
    others = [run.inputs for run in corpus.before if run.inputs]
    if len(others) < RUNS_MIN or not mine:
        return 1.0, 1.0
    calls = len(mine)
    expected = [one[0] + max(0.0, _slope(one)) * (calls - 1) / 2 for one in others]
    # runs of one call say nothing of growth: the growth of the others is what a longer one may add
    slopes = [max(0.0, _slope(one)) for one in others if len(one) > 1]
    usual = median(slopes) * (calls - 1) / 2 if slopes else 0.0
    expected = [one if len(told) > 1 else one + usual for one, told in zip(expected, others, strict=True)]
    value = fmean(mine)
    ceiling = max(expected)
    return value / median(expected), predictive_p(expected, value) if value > ceiling else 1.0


def _slope(inputs: Sequence[float]) -> float:
    """What a further call added, on average."""
    return (inputs[-1] - inputs[0]) / (len(inputs) - 1) if len(inputs) > 1 else 0.0


def _base(corpus: Corpus) -> bool:
    """Whether it is the first call that grew, not what came after."""
    firsts = [run.inputs[0] for run in corpus.before if run.inputs]
    ratio, p = _against(firsts, corpus.run.inputs[0])
    return p <= P_MAX and ratio >= MOVED_RATIO_MIN
