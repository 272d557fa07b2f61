"""Changes: a commit, a checkpoint behind a name, a prompt or setting that is new in this run, and something got worse.

A change alone is no failure, and neither is it the cause because it came first. It is held when the runs before it were
well, this one is not, and what got worse is what such a change does: code errors come with commits, behaviour with models
and prompts, an upstream that is down with neither. Runs that had the same change and went well acquit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flyball.explain.agents.corpus import Corpus, Run
from flyball.explain.agents.match import (
    FAINT,
    LIKELY,
    OPEN,
    SHOWN,
    THRESHOLD,
    Match,
    error_of,
    fig,
    num,
    say,
)
from flyball.explain.agents.rules.endings import undone, usual_tools
from flyball.explain.agents.rules.tools import risen
from flyball.explain.agents.rules.usage import moved
from flyball.explain.agents.words import admits, external, limit, of_code
from flyball.explain.rule import quote
from flyball.model.run import Step, StepKind
from flyball.model.run_diagnosis import Measure, RuledOut, RunClaim, RunKind

OLD_RUNS_MIN = 3
"""Runs with the old value: fewer do not tell what it was like."""
WELL_MIN = 3
"""Runs with the new value that went well: then it is not what is wrong here."""
CHURN_MAX = 0.5
"""Where more of the runs before bring a value of their own, another one says nothing."""
FAILED_USUAL = 0.2
"""Where so many runs fail anyway, one more is no news."""
BOTH = 0.06
"""What a second change at the same time takes: whichever weighs more, the other is not ruled out."""
EXPLAINS = 0.8
"""A change that weighs as much explains the symptoms beside it."""

_CODE, _OUTSIDE, _PLAIN, _BEHAVIOUR, _BOUND = "code", "outside", "plain", "behaviour", "bound"
_GREW = {"tokens": "more tokens", "turns": "more turns", "tool": "slower tool"}
_TOKENS, _TURNS, _SLOW = _GREW.values()
_BY_WORDS = {
    _CODE: LIKELY,
    _PLAIN: SHOWN,
    _BEHAVIOUR: SHOWN,
    _TOKENS: LIKELY,
    _TURNS: LIKELY,
    _SLOW: FAINT,
    _OUTSIDE: FAINT,
    _BOUND: OPEN,
}
"""What another model or prompt does: it behaves differently, and code that cannot take that raises."""
_WEIGHT: dict[RunKind, dict[str, float]] = {
    RunKind.REGRESSION: {
        _CODE: SHOWN,
        _PLAIN: LIKELY,
        _BEHAVIOUR: OPEN,
        _TOKENS: LIKELY,
        _TURNS: FAINT,
        _SLOW: LIKELY,
        _OUTSIDE: FAINT,
        _BOUND: FAINT,
    },
    RunKind.MODEL_DRIFT: _BY_WORDS,
    RunKind.CONFIG_DRIFT: _BY_WORDS,
}
"""How directly what got worse tells of what changed."""
_CUT = frozenset({"content_filter", "refusal", "safety", "error", "recitation", "length", "max_tokens"})
CONDUCT = frozenset({RunKind.LOOP, RunKind.FALSE_COMPLETION, RunKind.SILENCE})
"""What an agent does by itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that this run has and those before the change do not."""

    kind: RunKind
    noun: str
    old: str
    new: str
    here: Step
    there: Step
    before: Sequence[Run]
    since: Sequence[Run]
    """Earlier runs that have the new value already."""


@dataclass(frozen=True, slots=True)
class Worse:
    """Something that got worse, and of which nature."""

    nature: str
    said: RunClaim


def changed(corpus: Corpus, seen: Callable[[Corpus], Sequence[Match]]) -> tuple[list[Match], list[RuledOut]]:
    """The changes that explain what got worse, and those that are acquitted. `seen` tells what a run shows itself.

    What got worse is held against the runs before the change alone: those since may be as bad.
    """
    found = list(changes(corpus))
    matches: list[Match] = []
    acquitted: list[RuledOut] = []
    for change in found:
        until = Corpus(corpus.run, tuple(change.before), corpus.shape)
        worse = list(worsened(until, seen(until)))
        why = _acquittal(corpus, change, worse)
        match = None if why else _match(corpus, change, worse, alone=len(found) == 1)
        if match and match.weight >= THRESHOLD:
            matches.append(match)
        else:
            why = why or say(
                f"{_told(change)}, which does not explain what got worse.", [change.there, change.here]
            )
            acquitted.append(RuledOut(kind=change.kind, why=why))
    return matches, acquitted


# -- what changed ----------------------------------------------------------------------------------------


def changes(corpus: Corpus) -> Iterator[Change]:
    """Every change of this run, at most one of each kind."""
    drift = _checkpoint(corpus)
    if drift:
        yield drift
    config = _change(corpus, RunKind.CONFIG_DRIFT, "prompt or configuration", _field("config"))
    if not config and not _same_checkpoint(corpus):
        config = _change(corpus, RunKind.CONFIG_DRIFT, "model that is asked for", _asked)
    if config:
        yield config
    has_commit = any(step.commit for step in corpus.run.steps)
    name, noun = ("commit", "commit") if has_commit else ("version", "version")
    commit = _change(corpus, RunKind.REGRESSION, noun, _field(name))
    if commit:
        yield commit


Read = Callable[[Step], str]


def _field(name: str) -> Read:
    return lambda step: str(getattr(step, name)) if step.kind is not StepKind.OTHER else ""


def _asked(step: Step) -> str:
    return step.model if step.kind is StepKind.MODEL else ""


def _same_checkpoint(corpus: Corpus) -> bool:
    """Whether what answers is what answered before: then another name for it changes nothing."""
    before = {step.answered_by for run in corpus.before for step in run.models}
    mine = {step.answered_by for step in corpus.run.models}
    return bool(mine) and "" not in mine and mine <= before


def _checkpoint(corpus: Corpus) -> Change | None:
    """Another checkpoint behind a name that the runs before asked for as well."""
    for model in sorted({step.model for step in corpus.run.steps if step.model and step.answered_by}):
        read: Read = lambda step, model=model: step.answered_by if step.model == model else ""  # noqa: E731
        found = _change(corpus, RunKind.MODEL_DRIFT, f"checkpoint behind {quote(model)}", read)
        if found:
            return found
    return None


def _change(corpus: Corpus, kind: RunKind, noun: str, read: Read) -> Change | None:
    """The newest value of this run, where enough runs before have another one."""
    has = [{value for step in run.steps if (value := read(step))} for run in corpus.before]
    mine = {value: step for step in reversed(corpus.run.steps) if (value := read(step))}
    first = {value: next((at for at, some in enumerate(has) if value in some), len(has)) for value in mine}
    if not mine:
        return None
    new = max(first, key=lambda value: (first[value], value))
    old_runs = [run for run, some in zip(corpus.before[: first[new]], has, strict=False) if some]
    old_values = [some for some in has[: first[new]] if some]
    if len(old_runs) < OLD_RUNS_MIN or _churns(old_values):
        return None
    there = next(step for step in reversed(old_runs[-1].steps) if read(step))
    since = [run for run, some in zip(corpus.before, has, strict=True) if new in some]
    return Change(kind, noun, read(there), new, mine[new], there, old_runs, since)


def _churns(values: Sequence[set[str]]) -> bool:
    """Whether nearly every run brings a value of its own."""
    turns = sum(not (one & other) for one, other in pairwise(values))
    return turns > CHURN_MAX * max(1, len(values) - 1)


# -- what got worse ------------------------------------------------------------------------------------


def worsened(corpus: Corpus, others: Sequence[Match]) -> Iterator[Worse]:
    """What is worse in this run than in those before it, the gravest first."""
    yield from _failures(corpus)
    vain = undone(corpus.run, corpus.before)
    if vain and not vain.error:
        text = f"{quote(vain.tool)} answered {quote(vain.result)}, and nothing made that good."
        yield Worse(_PLAIN, say(text, [vain]))
    last = corpus.run.last
    usual = {before.last.finish for before in corpus.before if before.last}
    if last and last.finish.lower() in _CUT and last.finish not in usual:
        yield Worse(_BEHAVIOUR, say(f"The last answer ended with {quote(last.finish)}.", [last]))
    conduct = [match for match in others if match.kind in CONDUCT]
    yield from (Worse(_BEHAVIOUR, match.cause) for match in conduct)
    loops = any(match.kind is RunKind.LOOP for match in conduct)
    for one in moved(corpus):
        if not (loops and one.what == "turns"):  # the loop is what takes them
            yield Worse(_GREW[one.what], one.said)


def _failures(corpus: Corpus) -> Iterator[Worse]:
    """Errors: the run's own, of a tool that fails more than before, and of calls that were not made good."""
    run = corpus.run
    usual = sum(one.failed for one in corpus.before)
    end = run.root or run.last
    if run.failed and end and usual <= FAILED_USUAL * len(corpus.before):
        yield Worse(_nature(_deepest(run, end)), say(f"The run ended with {error_of(end)}.", [end]))
    for one in risen(corpus):
        first = one.failed[0]
        failed, calls = fig(Measure.FAILED, one.calls, corpus), fig(Measure.STEPS, one.calls, corpus)
        text = (
            f"Of {num(calls)} calls of {quote(one.tool)}, {num(failed)} failed, first with {error_of(first)}."
        )
        yield Worse(_nature(first), say(text, [first], failed, calls))
    known = {corpus.error(step) for before in corpus.before for step in before.acts if step.error}
    usual_here = usual_tools(corpus.before)
    for step in _unrecovered(run):
        if corpus.error(step) not in known and not (_ended_well(run) and _beside(run, step, usual_here)):
            text = f"{quote(step.tool or step.model or step.name)} failed with {error_of(step)}, which no run before shows."
            yield Worse(_nature(step), say(text, [step]))


def _ended_well(run: Run) -> bool:
    return not run.failed and run.answered and not admits(run.answer)


def _beside(run: Run, step: Step, usual: Mapping[str, float]) -> bool:
    """Whether a failure is beside the point: one of a tool that is not always needed, and not of code."""
    alone = sum(bool(one.error) for one in run.of(step.tool)) == 1
    return alone and step.tool not in usual and not of_code(f"{step.error} {step.message}")


def _deepest(run: Run, end: Step) -> Step:
    """The failure that ended it: the last failed call, where there is one, tells more than the agent's own error."""
    failed = [step for step in run.acts if step.error]
    if not failed or of_code(f"{end.error} {end.message}") or limit(f"{end.error} {end.message}"):
        return end
    return failed[-1]


def _nature(step: Step) -> str:
    text = f"{step.error} {step.message}" if step.error else step.result
    if limit(text):
        return _BOUND
    if of_code(text):
        return _CODE
    return _OUTSIDE if external(text) else _PLAIN


def _unrecovered(run: Run) -> list[Step]:
    """The last calls of tools, and a last model call, that failed and were not made good."""
    lasts = {(step.kind, step.tool or step.model): step for step in run.acts}
    return [step for step in lasts.values() if step.error]


def _well(run: Run) -> bool:
    """Whether a run before went well: no error at its end, no call left failed."""
    return not run.failed and not _unrecovered(run)


# -- what is said ----------------------------------------------------------------------------------------


def _acquittal(corpus: Corpus, change: Change, worse: Sequence[Worse]) -> RunClaim | None:
    """Why a change is not it; None where it may be."""
    cited = [change.there, change.here]
    told = _told(change)
    if not worse:
        return say(f"{told}, and nothing got worse.", cited)
    well = [run for run in change.since if _well(run)]
    if len(well) >= WELL_MIN:
        runs = fig(Measure.RUNS, corpus.heads(well), corpus)
        return say(f"{told}, and {num(runs)} runs with it went well.", cited, runs)
    return None


def _told(change: Change) -> str:
    return f"The {change.noun} changed from {quote(change.old)} to {quote(change.new)}"


def _match(corpus: Corpus, change: Change, worse: Sequence[Worse], *, alone: bool) -> Match:
    weights = _WEIGHT[change.kind]
    top = max(worse, key=lambda one: weights[one.nature])
    weight = weights[top.nature]
    cited = [change.there, change.here]
    told = _told(change)
    heads = corpus.heads(change.before)
    runs, bad = fig(Measure.RUNS, heads, corpus), fig(Measure.RUNS_FAILED, heads, corpus)
    said = [top.said, *(one.said for one in worse if one is not top)][:3]
    before = say(
        f"Of the {num(runs)} runs before the change, {num(bad)} ended in an error.", heads[:1], runs, bad
    )
    fix = {
        RunKind.REGRESSION: f"Go back to {quote(change.old)}, or read what {quote(change.new)} changed where this fails.",
        RunKind.MODEL_DRIFT: f"Pin the checkpoint {quote(change.old)} by its full name, and try {quote(change.new)} on known tasks first.",
        RunKind.CONFIG_DRIFT: f"Go back to {quote(change.old)}, and try {quote(change.new)} on known tasks before it serves.",
    }[change.kind]
    return Match(
        kind=change.kind,
        weight=weight if alone else round(weight - BOTH, 3),
        cause=say(f"{told}, and with it the run got worse.", [*cited, *_steps(corpus, top.said)]),
        said=(*said, before),
        fix=say(fix, cited),
        tags=(str(change.kind), top.nature),
    )


def _steps(corpus: Corpus, claim: RunClaim) -> list[Step]:
    """A few of the steps that show what got worse."""
    return [corpus.spans[span][1] for span in claim.spans[:2]]
