"""`diagnose_run`: spans of a run and of the runs before it in, what happened out. Pure: no I/O, no clock, no model.

Each rule says what it sees; here is settled which of it is the cause. An act that a text dictated is, whatever else is
seen. A change explains the symptoms that such a change makes; what it does not explain stands by itself. Names and
frameworks do not count, and neither does the order in which spans came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from flyball.explain.agents.check import grounded_run
from flyball.explain.agents.corpus import Corpus, Run, Shape
from flyball.explain.agents.match import LIKELY, RUNS_MIN, THRESHOLD, Match, say
from flyball.explain.agents.rules.changes import CONDUCT, EXPLAINS, changed, worsened
from flyball.explain.agents.rules.endings import budget, false_completion, silence
from flyball.explain.agents.rules.loops import loops
from flyball.explain.agents.rules.poison import poisoned
from flyball.explain.agents.rules.tools import tool_errors
from flyball.explain.agents.rules.usage import bloat
from flyball.model.run import Step
from flyball.model.run_diagnosis import RuledOut, RunDiagnosis, RunKind

GOES_ON_BELOW = 0.85
"""Confidence below which a language model, where there is one, may look further."""
STILL_FACTOR = 3.0
"""A run that was heard within so many times its longest pause may still be running."""
STILL_S_MIN = 30.0

RULES: tuple[tuple[RunKind, str, Callable[[Corpus], list[Match]]], ...] = (
    (RunKind.POISONED_INPUT, "no answer of a tool dictates an act that was tried", poisoned),
    (RunKind.LOOP, "no call is repeated without a new answer", loops),
    (RunKind.TOOL_ERRORS, "no tool fails more than before", tool_errors),
    (RunKind.TOKEN_BLOAT, "a model call reads no more than the length of the task explains", bloat),
    (RunKind.BUDGET, "no bound ended it", budget),
    (RunKind.FALSE_COMPLETION, "nothing that it calls done is left undone", false_completion),
    (RunKind.SILENCE, "it ended as its runs end", silence),
)
"""What is looked for in the run itself, and what is said where it is not found."""
_CHANGES = frozenset({RunKind.REGRESSION, RunKind.MODEL_DRIFT, RunKind.CONFIG_DRIFT})
_ENDS = {RunKind.LOOP, RunKind.TOKEN_BLOAT, RunKind.TOOL_ERRORS}


def plain_shape(message: str) -> str:
    """An error message with each word that holds a digit as one: for who has no masks at hand."""
    return " ".join("<*>" if any(c.isdigit() for c in word) else word for word in message.split())


def diagnose_run(
    steps: Iterable[Step],
    history: Iterable[Step] = (),
    *,
    shape: Shape = plain_shape,
    now_ns: int | None = None,
) -> RunDiagnosis:
    """What happened in the run of `steps`, held against the runs of the same agent before it.

    Args:
        steps: all steps of one run, in any order.
        history: steps of earlier runs of the same agent.
        shape: an error message without its values, as distill masks it.
        now_ns: when this is asked: a run that was heard just now may still be running.
    """
    return explained(Corpus.of(steps, history, shape), now_ns)


def explained(corpus: Corpus, now_ns: int | None = None) -> RunDiagnosis:
    """The same of a corpus that is at hand."""
    run = corpus.run
    if not run.steps:
        return _blind(corpus, "no step of this run was read")
    found = seen(corpus)
    if now_ns is not None and _still(corpus, now_ns):
        found = [match for match in found if match.kind is not RunKind.SILENCE]
    changes, acquitted = changed(corpus, seen)
    held = ranked([one for one in (*changes, *found) if one.weight >= THRESHOLD])
    ruled_out = (*acquitted, *_not_found(corpus, {one.kind for one in (*changes, *found)}))
    if held:
        return grounded_run(_verdict(corpus, held, ruled_out), corpus)
    return grounded_run(_quiet(corpus, ruled_out, now_ns), corpus)


def seen(corpus: Corpus) -> list[Match]:
    """What the run shows by itself, beside the runs before it."""
    return [match for _, _, rule in RULES for match in rule(corpus)]


def ranked(matches: Sequence[Match]) -> list[Match]:
    """The cause first. Poison, then a change that explains what is seen, then what made the run end as it did."""
    own = max((one.weight for one in matches if one.kind in CONDUCT), default=0.0)

    def key(match: Match) -> tuple[int, float, str]:
        if match.kind is RunKind.POISONED_INPUT:
            place = 0
        elif match.kind in _CHANGES:
            # what an agent does by itself, a commit explains only where it weighs as much
            by_itself = match.kind is RunKind.REGRESSION and own > match.weight
            place = 1 if match.weight >= EXPLAINS and not by_itself else 4
        elif match.kind in _ENDS and match.weight >= LIKELY:
            place = 2  # a run that loops, bloats or meets failures may reach a bound: that is how it ends, not why
        else:
            place = 3
        return (place, -match.weight, match.kind)

    return sorted(matches, key=key)


def _verdict(corpus: Corpus, held: Sequence[Match], ruled_out: Sequence[RuledOut]) -> RunDiagnosis:
    top = held[0]
    return RunDiagnosis(
        run_id=corpus.run.id,
        kind=top.kind,
        confidence=round(top.weight, 3),
        root_cause=top.cause,
        explanation=top.said,
        fix=top.fix,
        tags=top.tags,
        others=tuple(dict.fromkeys(one.kind for one in held[1:] if one.kind is not top.kind)),
        ruled_out=tuple(ruled_out),
        missing=tuple(_missing(corpus)),
        left_out=corpus.left_out,
    )


def _quiet(corpus: Corpus, ruled_out: Sequence[RuledOut], now_ns: int | None) -> RunDiagnosis:
    """Nothing is wrong; or something is, of a kind that no rule knows."""
    worse = list(worsened(corpus, ()))
    still = now_ns is not None and _still(corpus, now_ns)
    missing = [*_missing(corpus), *(["it may still be running"] if still else [])]
    trouble = corpus.run.failed
    known = len(corpus.before) >= RUNS_MIN
    kind = RunKind.INCONCLUSIVE if trouble or still else RunKind.NOTHING_WRONG
    return RunDiagnosis(
        run_id=corpus.run.id,
        kind=kind,
        confidence=0.0 if kind is RunKind.INCONCLUSIVE else LIKELY if known else THRESHOLD,
        explanation=tuple(one.said for one in worse[:3]) if trouble else (),
        tags=("failed",) if trouble else (),
        ruled_out=tuple(ruled_out),
        missing=tuple(missing),
        left_out=corpus.left_out,
    )


def _not_found(corpus: Corpus, found: set[RunKind]) -> list[RuledOut]:
    cited = [step for step in (corpus.run.root, corpus.run.last) if step] or [corpus.run.steps[0]]
    return [
        RuledOut(kind=kind, why=say(f"{text[0].upper()}{text[1:]}.", cited))
        for kind, text, _ in RULES
        if kind not in found
    ]


def _missing(corpus: Corpus) -> list[str]:
    """What would have told more."""
    run = corpus.run
    told = {
        f"only {len(corpus.before)} runs before are known": len(corpus.before) < RUNS_MIN,
        "what tools were called with and answered was not captured": bool(run.tools)
        and not any(one.arguments or one.digest or one.result for one in run.tools),
        "what the model said was not captured": bool(run.models) and not run.answer,
        "tokens were not told": bool(run.models) and not run.inputs,
        "no commit or version is told": not any(one.commit or one.version for one in run.steps),
        f"{corpus.left_out} steps were not read": corpus.left_out > 0,
    }
    return [text for text, is_so in told.items() if is_so]


def _still(corpus: Corpus, now_ns: int) -> bool:
    run = corpus.run
    if run.root and run.root.end_ns > run.root.begin_ns:
        return False
    ends = max(max(one.end_ns, one.begin_ns) for one in run.steps)
    return (now_ns - ends) / 1e9 < max(STILL_S_MIN, STILL_FACTOR * _pause_s((*corpus.before, run)))


def _pause_s(runs: Sequence[Run]) -> float:
    """The longest call or pause between calls of these runs."""
    spans = [one.ms / 1e3 for run in runs for one in run.acts]
    return max(spans, default=0.0)


def _blind(corpus: Corpus, why: str) -> RunDiagnosis:
    return RunDiagnosis(run_id=corpus.run.id, kind=RunKind.INCONCLUSIVE, confidence=0.0, missing=(why,))
