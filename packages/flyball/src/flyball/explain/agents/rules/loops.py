"""Loop: the same call again and again, and nothing new comes of it.

A retry that succeeds in the end, a poll whose answer changes, and a habit that the runs before have as well are no
loops. Which call is equal to which is told by its digest; names do not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from flyball.compare.sequences import longest_cycle
from flyball.explain.agents.corpus import Corpus, Run, call_of, outcome_of
from flyball.explain.agents.match import LIKELY, OPEN, SHOWN, SURE, Match, error_of, fig, named, num, say
from flyball.explain.agents.measures import repeats
from flyball.explain.agents.words import limit
from flyball.model.run import Step
from flyball.model.run_diagnosis import Measure, RunClaim, RunKind

TIMES_MIN = 4
"""The guard asks about the fourth equal call in a row; clients retry three times at most by default."""
BLIND_TIMES_MIN = 8
"""The same where arguments are not known: a tool is often called a few times in a row."""
SCATTERED_MIN = 6
"""Equal calls that are not in a row, when they are most of all calls."""
USUAL_FACTOR = 1.5
"""So much longer than the longest stretch of any run before: an agent that polls, polls."""
UNSEEN_TIMES_MIN = 15
"""The same where answers were not captured and the run ended well: polls are that long as well."""
NEWS_SHARE = 0.5
"""When so many of the repeats answered differently, each brought something new."""


def loops(corpus: Corpus) -> list[Match]:
    """The loop of a run, if there is one."""
    for read, least in ((_told, TIMES_MIN), (_blind, BLIND_TIMES_MIN), (_talk, TIMES_MIN)):
        calls = read(corpus.run)
        repeated = _repeated(calls, least)
        if not repeated or _usual(corpus, repeated) or _got_on(calls, repeated):
            continue
        if not _unseen(corpus.run, repeated, known=read is not _blind):
            return [_match(corpus, repeated, known=read is not _blind)]
    return []


Calls = Sequence[tuple[str, Step]]


def _told(run: Run) -> Calls:
    return [(key, step) for step in run.tools if (key := call_of(step)) is not None]


def _blind(run: Run) -> Calls:
    return [(step.tool, step) for step in run.tools if call_of(step) is None and step.tool]


def _talk(run: Run) -> Calls:
    """A model that says the same again, of runs in which no tool is called."""
    return [(step.said, step) for step in run.models if step.said] if not run.tools else []


def _repeated(calls: Calls, least: int) -> list[Step]:
    """The equal calls of the loop: those of one place of its cycle."""
    keys = [key for key, _ in calls]
    cycle = longest_cycle(keys)
    if cycle and cycle.times >= least:
        return [calls[at][1] for at in range(cycle.begin, cycle.end, cycle.period)]
    key, times = max(Counter(keys).items(), key=lambda one: (one[1], one[0]), default=("", 0))
    if times >= max(SCATTERED_MIN, least) and 2 * times >= len(keys):
        return [step for one, step in calls if one == key]
    return []


def _usual(corpus: Corpus, repeated: Sequence[Step]) -> bool:
    """Whether a run before repeats itself nearly as often."""
    most = max((repeats(run) for run in corpus.before), default=0)
    return len(repeated) < USUAL_FACTOR * most


def _got_on(calls: Calls, repeated: Sequence[Step]) -> bool:
    """Whether the repeats brought something: the last equal call succeeded where the others failed, or each was news."""
    outcomes = [outcome_of(step) for step in repeated]
    mine = next(key for key, step in calls if step is repeated[0])
    last = next(step for key, step in reversed(calls) if key == mine)
    told = any(step.result or step.error for step in repeated)
    if told and not last.error and outcome_of(last) not in outcomes[:-1]:
        return True
    return told and len(set(outcomes)) > NEWS_SHARE * len(outcomes)


def _unseen(run: Run, repeated: Sequence[Step], *, known: bool) -> bool:
    """Whether too little was captured to call it a loop: a poll or a walk through pages looks the same from outside."""
    answers = {outcome_of(step) for step in repeated if step.result or step.error or step.said}
    if not known:
        return len(answers) > 1 or (not answers and run.answered)
    return not answers and run.answered and len(repeated) < UNSEEN_TIMES_MIN


def _match(corpus: Corpus, repeated: Sequence[Step], *, known: bool) -> Match:
    run, first = corpus.run, repeated[0]
    alike = fig(Measure.ALIKE, repeated, corpus)
    root = run.root
    ended = bool(root and limit(f"{root.error} {root.message}"))
    weight = (SURE if ended else SHOWN if run.failed or not run.answered else LIKELY) if known else OPEN
    return Match(
        kind=RunKind.LOOP,
        weight=weight,
        cause=say(f"The agent made the same call of {named(first)} {num(alike)} times.", repeated[:1], alike),
        said=tuple(_story(corpus, repeated)),
        fix=say(
            f"End a run when a call of {named(first)} is made again without a new answer, and let the answer tell the agent"
            " what to do instead.",
            repeated[:1],
        ),
        tags=(
            "loop",
            *(("failing calls",) if first.error else ()),
            *(("stopped by a limit",) if ended else ()),
        ),
    )


def _story(corpus: Corpus, repeated: Sequence[Step]) -> Iterator[RunClaim]:
    first = repeated[:1]
    answers, lasted = fig(Measure.ANSWERS, repeated, corpus), fig(Measure.SECONDS, repeated, corpus)
    ways = "the same answer each time" if answers.value == 1 else f"{num(answers)} different answers"
    yield say(f"It took {num(lasted)} seconds and gave {ways}.", first, answers, lasted)
    failed = fig(Measure.FAILED, repeated, corpus)
    if failed.value:
        yield say(
            f"Of these calls {num(failed)} failed, first with {error_of(_failed(repeated))}.",
            [_failed(repeated)],
            failed,
        )
    if corpus.before:
        heads = corpus.heads(corpus.before)
        runs, most = fig(Measure.RUNS, heads, corpus), fig(Measure.RUN_REPEATS, heads, corpus)
        yield say(
            f"In the {num(runs)} runs before no call came more than {num(most)} times.", heads[:1], runs, most
        )


def _failed(repeated: Sequence[Step]) -> Step:
    return next(step for step in repeated if step.error)
