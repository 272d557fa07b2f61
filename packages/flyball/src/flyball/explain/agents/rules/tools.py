"""Tool-error rise: one tool fails in this run as it never did before.

The share of failed calls is held against the runs before by the beta-binomial: given so many failures of so many
calls, so many more of so few. Failures of one run come together, so the calls before count as what they tell: divided
by how much more they vary between runs than chance would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.compare.special import beta_binomial_sf
from flyball.explain.agents.corpus import Corpus, Run, call_of, fails
from flyball.explain.agents.match import HINTED, OPEN, RUNS_MIN, SHOWN, Match, error_of, fig, named, num, say
from flyball.explain.agents.words import external
from flyball.model.run import Step
from flyball.model.run_diagnosis import Measure, RunKind

P_MAX = 0.01
"""A run calls few tools: one in a hundred runs may look so by chance, before the two conditions below."""
FAILED_MIN = 3
"""Fewer failures are a bad moment: clients try three times."""
SHARE_MIN = 0.4
"""A tool that mostly works is slow, not down."""
BLIND_FAILED_MIN = 4
"""Failures that tell without any run before."""
_PRIOR = 0.5
"""Jeffreys' prior: half a failure, half a success."""


@dataclass(frozen=True, slots=True)
class Risen:
    """A tool of which more calls failed than before: these, of all its calls here."""

    tool: str
    failed: Sequence[Step]
    calls: Sequence[Step]
    p: float


def risen(corpus: Corpus) -> list[Risen]:
    """Every such tool, the most failures first."""
    found: list[Risen] = []
    for tool in sorted({step.tool for step in corpus.run.tools if step.tool}):
        calls = corpus.run.of(tool)
        failed = [step for step in calls if fails(step)]
        if len(failed) < FAILED_MIN or len(failed) < SHARE_MIN * len(calls):
            continue
        if _retried(failed, calls):
            continue
        before = [run for run in corpus.before if run.of(tool)]
        p = _p(tool, before, len(failed), len(calls))
        if p <= P_MAX or (len(before) < RUNS_MIN and len(failed) >= BLIND_FAILED_MIN):
            found.append(Risen(tool, failed, calls, p))
    return sorted(found, key=lambda one: (-len(one.failed), one.tool))


def tool_errors(corpus: Corpus) -> list[Match]:
    """The tool that fails."""
    found = risen(corpus)
    if not found:
        return []
    top = found[0]
    first = top.failed[0]
    failed, calls = fig(Measure.FAILED, top.calls, corpus), fig(Measure.STEPS, top.calls, corpus)
    said = [say(f"The first of them gave {error_of(first)}.", [first])]
    before = [run for run in corpus.before if run.of(top.tool)]
    if before:
        cited = [run.of(top.tool)[0] for run in before]
        of, bad = fig(Measure.RUN_CALLS, cited, corpus), fig(Measure.RUN_CALLS_FAILED, cited, corpus)
        said.append(
            say(f"In the runs before, {num(bad)} of {num(of)} calls of it failed.", cited[:1], of, bad)
        )
    weight = SHOWN if top.p <= P_MAX else OPEN
    different = {call_of(step) for step in top.failed}
    if None not in different and len(different) == 1:
        weight = HINTED  # one call made again and again: it may be that call, not the tool
    blames = "outside" if external(f"{first.error} {first.message}") else "inside"
    where = (
        "what stands behind it and the way there"
        if blames == "outside"
        else "what it is given and its own log"
    )
    return [
        Match(
            kind=RunKind.TOOL_ERRORS,
            weight=weight,
            cause=say(
                f"The tool {named(first)} failed in {num(failed)} of {num(calls)} calls.",
                top.failed[:1],
                failed,
                calls,
            ),
            said=tuple(said),
            fix=say(f"Look at {where}: {named(first)} first failed with {error_of(first)}.", [first]),
            tags=("tool errors", blames),
        )
    ]


def _retried(failed: Sequence[Step], calls: Sequence[Step]) -> bool:
    """Whether one call alone failed, and was made again until it succeeded: that is a retry."""
    keys = {call_of(step) for step in failed}
    return (
        len(keys) == 1 and None not in keys and any(not fails(s) and call_of(s) in keys for s in calls[-1:])
    )


def _p(tool: str, before: Sequence[Run], failed: int, calls: int) -> float:
    """P of at least so many failures, by the runs before."""
    if len(before) < RUNS_MIN:
        return 1.0
    pairs = [(sum(fails(s) for s in run.of(tool)), len(run.of(tool))) for run in before]
    bad, total = sum(x for x, _ in pairs), sum(n for _, n in pairs)
    share = bad / total
    spread = share * (1.0 - share)
    chi = sum((x - n * share) ** 2 / (n * spread) for x, n in pairs) if spread else 0.0
    over = max(1.0, chi / (len(pairs) - 1))
    return beta_binomial_sf(failed, calls, bad / over + _PRIOR, (total - bad) / over + _PRIOR)
