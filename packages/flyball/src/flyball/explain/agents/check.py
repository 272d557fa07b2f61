"""The checker of what is said of a run: stands outside the engine, has the spans alone, and trusts nobody.

A sentence holds when every span it cites is there, every figure it states comes out again when it is measured on the
spans that the figure cites, every number of its text is one of these figures, and every name in backticks stands in a
cited span. What fails is dropped; a verdict that lost its root cause is inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.measures import measured
from flyball.explain.exhibit import clip
from flyball.model.run import Step
from flyball.model.run_diagnosis import Figure, RunClaim, RunDiagnosis, RunKind

CITED_MAX = 400
"""Spans of one sentence: the runs before (corpus.RUNS_MAX), and as many of the run."""
_QUOTED = re.compile(r"`([^`]*)`")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w]|\.\d)")
_QUOTED_CHARS_MIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFault:
    """What is wrong with one sentence."""

    claim: RunClaim
    unresolved: tuple[str, ...]
    unsupported: tuple[str, ...]


def check_run(diagnosis: RunDiagnosis, corpus: Corpus) -> list[RunFault]:
    """The faults of every sentence; none when all hold."""
    found = (run_fault(claim, corpus) for claim in diagnosis.sentences())
    return [one for one in found if one is not None]


def run_fault(claim: RunClaim, corpus: Corpus) -> RunFault | None:
    """What is wrong with a sentence, None when it holds. A sentence without a span does not."""
    cited = (*claim.spans, *(span for one in claim.figures for span in one.spans))
    unresolved = [span for span in dict.fromkeys(cited) if span not in corpus.spans]
    if not claim.spans:
        unresolved.append("no span cited")
    if len(claim.spans) > CITED_MAX:
        unresolved.append(f"more than {CITED_MAX} spans cited")
    wrong = [f"{one.measure}: {one.value:g}" for one in claim.figures if not _holds(claim, one, corpus)]
    values = [one.value for one in claim.figures]
    plain = _QUOTED.sub(" ", claim.text)
    wrong += [number for number in _NUMBER.findall(plain) if not _stated(number, values)]
    whole = held_text(corpus.spans[span][1] for span in claim.spans if span in corpus.spans)
    wrong += [one for one in _QUOTED.findall(claim.text) if not _stands(one, whole)]
    if not unresolved and not wrong:
        return None
    return RunFault(claim=claim, unresolved=tuple(unresolved), unsupported=tuple(wrong))


def grounded_run(diagnosis: RunDiagnosis, corpus: Corpus) -> RunDiagnosis:
    """The diagnosis without the sentences that do not hold. What is shown goes through here, whoever wrote it."""
    wrong = {one.claim for one in check_run(diagnosis, corpus)}
    if not wrong:
        return diagnosis
    kept = replace(
        diagnosis,
        explanation=tuple(one for one in diagnosis.explanation if one not in wrong),
        fix=None if diagnosis.fix in wrong else diagnosis.fix,
        ruled_out=tuple(one for one in diagnosis.ruled_out if one.why not in wrong),
    )
    if diagnosis.root_cause not in wrong:
        return kept
    missing = (*kept.missing, "the spans do not hold what was said of the cause")
    return replace(
        kept, kind=RunKind.INCONCLUSIVE, confidence=0.0, root_cause=None, fix=None, missing=missing, tags=()
    )


def held_text(steps: Iterable[Step]) -> str:
    """All that steps hold, one value a line, that sentences can be held against."""
    return "\n".join(value for step in steps for value in _values(step))


def _values(step: Step) -> list[str]:
    told = [
        step.run_id,
        step.span_id,
        str(step.kind),
        step.name,
        step.service,
        step.environment,
        step.version,
        step.agent,
        step.error,
        step.message,
        step.provider,
        step.model,
        step.answered_by,
        step.finish,
        step.tool,
        step.arguments,
        step.result,
        step.said,
        step.config,
        step.commit,
        step.branch,
        *(text for one in step.decided for text in (one.decision_id, one.action, one.would, *one.rules)),
    ]
    return [clip(value.replace("`", "'"), 10_000) for value in told if value]


def _holds(claim: RunClaim, stated: Figure, corpus: Corpus) -> bool:
    """Whether a figure comes out again, of spans that the sentence cites."""
    return (
        set(stated.spans) <= set(claim.spans)
        and measured(stated.measure, stated.spans, corpus) == stated.value
    )


def _stated(number: str, values: Iterable[float]) -> bool:
    places = len(number.partition(".")[2])
    return any(round(value, places) == float(number) for value in values)


def _stands(quoted: str, whole: str) -> bool:
    """Whether a quote stands in the spans, whole or cut by an ellipsis at its end."""
    stem = quoted.removesuffix("…").strip()
    if len(stem) < _QUOTED_CHARS_MIN:
        return False
    if stem != quoted.strip():
        return stem in whole
    begin = r"(?<!\w)" if stem[0].isalnum() else ""
    end = r"(?!\w)" if stem[-1].isalnum() else ""
    return re.search(begin + re.escape(stem) + end, whole) is not None
