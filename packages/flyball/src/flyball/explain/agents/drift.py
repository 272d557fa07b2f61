"""Drift: what an agent's later runs do that its earlier ones did not. Findings over many runs, each citing spans.

What it is told (another checkpoint behind a name, another prompt or commit) is a fact and said at once. What it does
(fails, takes longer, reads more, loops, says done falsely, goes silent) is judged by `compare`: with a p, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flyball.compare.agents import Judged, Moved, RunNumbers, judge_agents
from flyball.explain.agents.corpus import Corpus, Run, fails
from flyball.explain.agents.match import Match, fig, num, say
from flyball.explain.agents.rules.endings import budget, false_completion, silence
from flyball.explain.agents.rules.loops import loops
from flyball.explain.agents.rules.poison import poisoned
from flyball.explain.rule import quote
from flyball.model.run import Step, StepKind
from flyball.model.run_diagnosis import Drift, Measure, RunKind

VALUES_MAX = 5
"""New values of one attribute that are told."""
CITED_RUNS_MAX = 20
"""Runs that one behaviour is told of."""
_BEHAVIOURS: tuple[tuple[RunKind, Callable[[Corpus], list[Match]]], ...] = (
    (RunKind.LOOP, loops),
    (RunKind.FALSE_COMPLETION, false_completion),
    (RunKind.SILENCE, silence),
    (RunKind.BUDGET, budget),
    (RunKind.POISONED_INPUT, poisoned),
)
_TOLD: tuple[tuple[RunKind, str, Callable[[Step], tuple[str, str]]], ...] = (
    (
        RunKind.MODEL_DRIFT,
        "checkpoint behind the name",
        lambda s: (s.model, s.answered_by if s.model else ""),
    ),
    (RunKind.CONFIG_DRIFT, "prompt or configuration", lambda s: ("", s.config)),
    (RunKind.REGRESSION, "commit", lambda s: ("", s.commit or s.version)),
)
_MEASURES: dict[str, tuple[RunKind, Measure | None, str]] = {
    "runs failed": (RunKind.REGRESSION, Measure.RUNS_FAILED, "Runs that ended in an error"),
    "calls of tools failed": (RunKind.TOOL_ERRORS, None, "Failed calls of tools"),
    "seconds": (RunKind.REGRESSION, Measure.RUN_SECONDS, "Seconds of a run (median)"),
    "calls": (RunKind.CONFIG_DRIFT, Measure.RUN_STEPS, "Calls of a run (median)"),
    "tokens": (RunKind.TOKEN_BLOAT, Measure.RUN_TOKENS, "Tokens of a run (median)"),
}
"""What a measure that got worse is a sign of, and how it is said."""


def drifts(corpus: Corpus, after: Sequence[Run]) -> tuple[Drift, ...]:
    """What the runs `after` show that those before (`corpus.before`) do not. The corpus holds the spans of both."""
    before = [run for run in corpus.before if run not in after]
    if not before or not after:
        return ()
    found = [
        *_told(before, after),
        *_measured(corpus, before, after),
        *_behaved(corpus, before, after),
    ]
    return tuple(found)


def numbers_of(run: Run) -> RunNumbers:
    """A run in numbers, for `compare`."""
    return RunNumbers(
        failed=run.failed,
        seconds=run.seconds,
        calls=len(run.acts),
        tool_calls=len(run.tools),
        tool_calls_failed=sum(fails(step) for step in run.tools),
        tokens=run.tokens if run.inputs else None,
    )


def _told(before: Sequence[Run], after: Sequence[Run]) -> Iterator[Drift]:
    for kind, noun, read in _TOLD:
        old: dict[str, dict[str, Step]] = {}
        for step in (s for run in before for s in run.steps if s.kind is not StepKind.OTHER):
            name, value = read(step)
            if value:
                old.setdefault(name, {})[value] = step
        new: dict[tuple[str, str], Step] = {}
        for step in (s for run in after for s in run.steps if s.kind is not StepKind.OTHER):
            name, value = read(step)
            if value and name in old and value not in old[name]:
                new.setdefault((name, value), step)
        for (name, value), step in list(new.items())[:VALUES_MAX]:
            last_value, last = list(old[name].items())[-1]
            of = f" {quote(name)}" if name else ""
            text = f"The {noun}{of} changed from {quote(last_value)} to {quote(value)}."
            yield Drift(kind=kind, claim=say(text, [last, step]), p=None)


def _measured(corpus: Corpus, before: Sequence[Run], after: Sequence[Run]) -> Iterator[Drift]:
    for judged in judge_agents([numbers_of(run) for run in before], [numbers_of(run) for run in after]):
        if judged.outcome is Moved.WORSE:
            yield _grown(corpus, judged, before, after)


def _grown(corpus: Corpus, judged: Judged, before: Sequence[Run], after: Sequence[Run]) -> Drift:
    kind, measure, noun = _MEASURES[judged.measure]
    old, new = corpus.heads(before), corpus.heads(after)
    if measure is None:
        old = [run.tools[0] for run in before if run.tools]
        new = [run.tools[0] for run in after if run.tools]
        measure = Measure.RUN_ALL_FAILED
    then, now = fig(measure, old, corpus), fig(measure, new, corpus)
    runs = (fig(Measure.RUNS, old, corpus), fig(Measure.RUNS, new, corpus))
    text = f"{noun}: {num(then)} in {num(runs[0])} runs before, {num(now)} in {num(runs[1])} runs after."
    return Drift(kind=kind, claim=say(text, [*old[:1], *new[:1]], then, now, *runs), p=judged.p)


def _behaved(corpus: Corpus, before: Sequence[Run], after: Sequence[Run]) -> Iterator[Drift]:
    """Behaviours that several later runs show and earlier ones do not. One run is told by its own diagnosis."""
    for kind, rule in _BEHAVIOURS:
        shows = [run for run in after if rule(_alone(corpus, run, before))]
        did = [run for run in before if rule(_alone(corpus, run, [one for one in before if one is not run]))]
        if len(shows) < 2 or len(shows) * len(before) <= 2 * len(did) * len(after):  # noqa: PLR2004 - see above
            continue
        heads = corpus.heads(shows)[:CITED_RUNS_MAX]
        some, of = fig(Measure.RUNS, heads, corpus), fig(Measure.RUNS, corpus.heads(after), corpus)
        yield Drift(
            kind=kind, claim=say(f"{num(some)} of {num(of)} runs: {kind.value}.", heads[:1], some, of), p=None
        )


def _alone(corpus: Corpus, run: Run, before: Sequence[Run]) -> Corpus:
    return Corpus(run, tuple(before), corpus.shape)
