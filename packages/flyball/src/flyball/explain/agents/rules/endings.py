"""How a run ends: stopped by a bound, said to be done and not, or silent.

Which tools matter is not read from their names: a tool that nearly every run before calls, with success, is what these
runs are for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flyball.compare.outlier import predictive_p
from flyball.explain.agents.corpus import Corpus, Run
from flyball.explain.agents.match import (
    HINTED,
    LIKELY,
    OPEN,
    RUNS_MIN,
    SHOWN,
    SURE,
    Match,
    error_of,
    fig,
    named,
    num,
    say,
)
from flyball.explain.agents.words import LENGTHS, admits, claims_done, in_vain, limit, stopped
from flyball.explain.rule import quote
from flyball.model.run import Step, StepKind
from flyball.model.run_diagnosis import Measure, RunClaim, RunKind

USUAL = 0.9
"""Share of the runs before in which something is usual."""
ENDS_WITH = 0.6
"""A tool that so many runs end with is what they are for; one that all happen to call may be a way of looking."""
NEAR_THE_END = 2
"""Calls at the end of a run: an act, and a look at it."""
ABSENT_RUNS_MIN = 8
"""Runs that all call a tool, before its absence says something: one in nine would be chance."""
TAIL_P_MAX = 0.001
FAILURES_MAX = 2
"""More failures of the tool are its own story."""
BEHIND = 0.84
"""Such a completion is false as well, and why the tool fails comes first."""
_BUDGET_RULES = "budget."


# -- a bound ---------------------------------------------------------------------------------------------


def budget(corpus: Corpus) -> list[Match]:
    """A run that a bound ended: of turns, tokens, money or the guard's."""
    found = _bounded(corpus.run)
    usual = sum(_bounded(run) is not None for run in corpus.before)
    if found is None or (corpus.before and usual > (1 - USUAL) * len(corpus.before) + 1):
        return []
    step, weight = found
    mine, heads = corpus.heads([corpus.run]), corpus.heads(corpus.before)
    said: list[RunClaim] = []
    steps = fig(Measure.RUN_STEPS, mine, corpus)
    if heads:
        then = fig(Measure.RUN_STEPS, heads, corpus)
        runs = fig(Measure.RUNS, heads, corpus)
        text = f"It had made {num(steps)} calls; the {num(runs)} runs before made {num(then)} (median)."
        said.append(say(text, mine, steps, then, runs))
    return [
        Match(
            kind=RunKind.BUDGET,
            weight=weight,
            cause=_bound_claim(step),
            said=tuple(said),
            fix=say(
                f"Raise the bound that {named(step)} met if the task is worth it, or split the task.", [step]
            ),
            tags=("budget", "guard" if _by_guard(step) else "limit"),
        )
    ]


def _bounded(run: Run) -> tuple[Step, float] | None:
    """The step that names the bound, where the run ended by it."""
    last, root = run.last, run.root
    ends = [one for one in (root, *(step for step in run.steps if step.kind is StepKind.AGENT), last) if one]
    for step in ends:
        if step.error and limit(f"{step.error} {step.message}"):
            return step, SURE
    if last and _by_guard(last):
        return last, SURE
    blocked = next((step for step in reversed(run.tools) if _by_guard(step)), None)
    if blocked and not any(not one.error for one in run.tools if one.begin_ns > blocked.begin_ns):
        return blocked, SHOWN
    if last and last.kind is StepKind.MODEL and last.finish.lower() in LENGTHS:
        return last, SHOWN
    return None


def _by_guard(step: Step) -> bool:
    return any(
        one.action in {"block", "ask"} and any(r.startswith(_BUDGET_RULES) for r in one.rules)
        for one in step.decided
    )


def _bound_claim(step: Step) -> RunClaim:
    if _by_guard(step):
        rule = next(r for one in step.decided for r in one.rules if r.startswith(_BUDGET_RULES))
        return say(f"The guard's rule {quote(rule)} stopped {named(step)}: the budget is used up.", [step])
    if step.error:
        return say(f"A bound ended the run: {named(step)} gave {error_of(step)}.", [step])
    return say(
        f"The last answer was cut at its bound: {named(step)} ended with {quote(step.finish)}.", [step]
    )


# -- said to be done ----------------------------------------------------------------------------------


def false_completion(corpus: Corpus) -> list[Match]:
    """The agent ends as if it were done, and what it was to do failed, changed nothing, or was never tried."""
    run = corpus.run
    if run.failed or not run.last or not run.answer or admits(run.answer):  # unread words say nothing
        return []
    broken = undone(run, corpus.before)
    usual = usual_tools(corpus.before)
    if broken:
        return [_broken_match(corpus, broken, essential=broken.tool in usual)]
    acts = acts_of(corpus.before)
    missing = sorted(tool for tool in acts if usual[tool] >= 1.0 and not run.of(tool))
    if missing and len(corpus.before) >= ABSENT_RUNS_MIN and claims_done(run.answer):
        return [_absent_match(corpus, missing[0])]
    return []


def acts_of(before: Sequence[Run]) -> set[str]:
    """Of the usual tools those that runs are for: most runs end with it, or nearly all call it just once.

    Ways of looking are called as often as needed, and one that fails is looked around.
    """
    ends = Counter(run.tools[-1].tool for run in before if run.tools)
    return {
        tool
        for tool in usual_tools(before)
        if ends[tool] >= ENDS_WITH * len(before)
        or sum(len(run.of(tool)) == 1 for run in before) >= USUAL * len(before)
    }


def usual_tools(before: Sequence[Run]) -> dict[str, float]:
    """Tools that nearly every run calls, in the end with success, and the share of runs that do."""
    if len(before) < RUNS_MIN:
        return {}
    tools = {step.tool for run in before for step in run.tools if step.tool}
    shares: dict[str, float] = {}
    for tool in tools:
        calls = [run.of(tool) for run in before]
        share = sum(bool(some) and not _in_vain(some[-1]) for some in calls) / len(before)
        if share >= USUAL:
            shares[tool] = share
    return shares


def _in_vain(step: Step) -> bool:
    blocked = any(one.action == "block" for one in step.decided)
    return bool(step.error) or blocked or in_vain(step.result)


def undone(run: Run, before: Sequence[Run]) -> Step | None:
    """The last call of a tool, in vain and never made good: of an act, of a usual tool near the end, or the very last."""
    if not run.tools:
        return None
    usual, acts = usual_tools(before), acts_of(before)
    lasts = {step.tool: step for step in run.tools}
    near = run.tools[-NEAR_THE_END:]
    found = [
        step
        for step in lasts.values()
        if _in_vain(step)
        and (step is run.tools[-1] or step.tool in acts or (step.tool in usual and step in near))
    ]
    return max(found, key=lambda step: (step.tool in acts, step.begin_ns, step.span_id), default=None)


def _broken_match(corpus: Corpus, step: Step, *, essential: bool) -> Match:
    run = corpus.run
    failures = sum(_in_vain(one) for one in run.of(step.tool))
    if claims_done(run.answer):
        weight = SHOWN if failures <= FAILURES_MAX else BEHIND
    else:
        weight = HINTED if essential else 0.0
    what = f"failed with {error_of(step)}" if step.error else f"answered {quote(step.result)}"
    said: list[RunClaim] = [
        say(f"The last call of {named(step)} {what}, and no later call of it made that good.", [step])
    ]
    said += _usually(corpus, step)
    end = run.last or step
    return Match(
        kind=RunKind.FALSE_COMPLETION,
        weight=weight,
        cause=_done_claim(end, step, run),
        said=tuple(said),
        fix=say(
            f"Let the run end as done only when the last call of {named(step)} succeeded, checked outside the model.",
            [step],
        ),
        tags=("false completion", "failed call" if step.error else "no effect"),
    )


def _done_claim(end: Step, step: Step, run: Run) -> RunClaim:
    speaker = end if end.said else run.root or end
    quoted = quote(speaker.said) if speaker.said else ""
    told = f"said {quoted}" if quoted else "ended as if it were done"
    return say(f"The agent {told} although {named(step)} did not do it.", [speaker, step])


def _usually(corpus: Corpus, step: Step) -> list[RunClaim]:
    cited = [run.of(step.tool)[0] for run in corpus.before if run.of(step.tool)]
    if not cited:
        return []
    bad, of = fig(Measure.RUN_CALLS_FAILED, cited, corpus), fig(Measure.RUN_CALLS, cited, corpus)
    return [say(f"In the runs before, {num(bad)} of {num(of)} calls of it failed.", cited[:1], bad, of)]


def _absent_match(corpus: Corpus, tool: str) -> Match:
    run = corpus.run
    end = run.last or run.steps[-1]
    speaker = end if end.said else run.root or end
    cited = [one.of(tool)[0] for one in corpus.before if one.of(tool)]
    runs = fig(Measure.RUNS, cited, corpus)
    return Match(
        kind=RunKind.FALSE_COMPLETION,
        weight=LIKELY,
        cause=say(
            f"The agent said {quote(speaker.said)} and never called {named(cited[-1])}.", [speaker, cited[-1]]
        ),
        said=(say(f"All {num(runs)} runs before called it.", cited[:1], runs),),
        fix=say(
            f"Let the run end as done only when {named(cited[-1])} was called with success.", [cited[-1]]
        ),
        tags=("false completion", "never tried"),
    )


# -- silent ---------------------------------------------------------------------------------------------


def silence(corpus: Corpus) -> list[Match]:
    """The agent goes silent: its run has no end, or ends without a word where it always had one."""
    run, before = corpus.run, corpus.before
    if not run.steps or run.answered or (run.root and run.root.said):
        return []
    root = run.root
    if root and root.error and not stopped(f"{root.error} {root.message}"):
        return []
    if root and root.error and limit(f"{root.error} {root.message}"):
        return []
    answered = sum(one.answered or bool(one.root and one.root.said) for one in before)
    known = len(before) >= RUNS_MIN
    if known and answered < USUAL * len(before):
        return []
    rooted = sum(one.root is not None for one in before)
    endless = root is None and (rooted >= USUAL * len(before) if before else _orphans(run))
    endless = endless or (root is not None and root.end_ns <= root.begin_ns)
    hung = _hung(corpus)
    if not (known or endless or hung):
        return []
    weight = SHOWN if known and (endless or hung or run.last) else OPEN
    return [_silent(corpus, endless=endless, weight=weight)]


def _orphans(run: Run) -> bool:
    """Whether steps tell of a parent that never came: a span is sent when it ends."""
    return any(step.parent_id and step.parent_id not in run.by_span for step in run.steps)


def _tail_s(run: Run) -> float:
    """Seconds from the last call's end to the agent's."""
    if not run.root or not run.last:
        return 0.0
    return max(0.0, (run.root.end_ns - max(run.last.end_ns, run.last.begin_ns)) / 1e9)


def _hung(corpus: Corpus) -> bool:
    root = corpus.run.root
    if root and root.error and stopped(f"{root.error} {root.message}"):
        return True
    before = [_tail_s(run) + 0.1 for run in corpus.before if run.root]
    return predictive_p(before, _tail_s(corpus.run) + 0.1) <= TAIL_P_MAX


def _silent(corpus: Corpus, *, endless: bool, weight: float) -> Match:
    run = corpus.run
    last = run.last or run.steps[-1]
    root = run.root
    if root and root.error:
        cause = say(
            f"After {named(last)} nothing came any more, until the run gave {error_of(root)}.", [last, root]
        )
    elif endless:
        cause = say(f"After {named(last)} nothing came any more: the run has no end.", [last])
    else:
        cause = say(f"The run ended after {named(last)} without an answer.", [last])
    said: list[RunClaim] = []
    if corpus.before:
        heads = corpus.heads(corpus.before)
        runs, spoke = fig(Measure.RUNS, heads, corpus), fig(Measure.RUN_ANSWERED, heads, corpus)
        said.append(
            say(
                f"Of the {num(runs)} runs before, {num(spoke)} ended with a model's answer.",
                heads[:1],
                runs,
                spoke,
            )
        )
    if root and _tail_s(run) >= 1.0:
        tail = fig(Measure.SECONDS, [root], corpus)
        said.append(say(f"The run lasted {num(tail)} seconds.", [root], tail))
    return Match(
        kind=RunKind.SILENCE,
        weight=weight,
        cause=cause,
        said=tuple(said),
        fix=say(
            f"Give {named(last)} a deadline, and look at the process that ran it: its log, exit and memory at that time.",
            [last],
        ),
        tags=("silence", "no end" if endless else "no answer"),
    )
