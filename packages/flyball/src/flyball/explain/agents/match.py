"""Match: a kind that the spans show, how directly, in which sentences, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.explain.agents.check import CITED_MAX
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.measures import figure
from flyball.explain.rule import quote
from flyball.model.run import Step
from flyball.model.run_diagnosis import Figure, Measure, RunClaim, RunKind

SURE = 0.95
"""The telemetry itself says so: an error that names the limit, a guard's decision on the act that a tool dictated."""
SHOWN = 0.9
"""A change and what came with it, or a behaviour that has one name."""
LIKELY = 0.86
"""The same with one part weaker: only tokens moved, or what was said is not in words that are known."""
OPEN = 0.75
"""Two explanations remain, and this is the better one. Below the line at which a language model may go on."""
HINTED = 0.6
"""The symptom alone, where something else explains it as well."""
FAINT = 0.4
"""What such a cause does not do: below the threshold alone."""
THRESHOLD = 0.5
"""Least weight of a verdict."""
RUNS_MIN = 5
"""Runs before it that are needed to call anything usual."""
CITED_HERE_MAX = CITED_MAX // 2
"""Spans of the run that one sentence cites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One kind that is held."""

    kind: RunKind
    weight: float
    cause: RunClaim
    said: tuple[RunClaim, ...] = ()
    fix: RunClaim
    tags: tuple[str, ...] = ()


def num(one: Figure) -> str:
    """A figure as sentences write it: whole, or to one place where it is small."""
    whole = round(one.value)
    return str(whole) if one.value == whole or one.value >= 10 else f"{one.value:.1f}"  # noqa: PLR2004


def say(text: str, steps: Sequence[Step], *figures: Figure) -> RunClaim:
    """A sentence on these steps and those of its figures."""
    spans = (*(step.span_id for step in steps), *(span for one in figures for span in one.spans))
    return RunClaim(text=text, spans=tuple(dict.fromkeys(spans)), figures=figures)


def fig(measure: Measure, steps: Sequence[Step], corpus: Corpus) -> Figure:
    """A figure over the first of these steps, as many as one sentence may cite."""
    return figure(measure, steps[:CITED_HERE_MAX], corpus)


def named(step: Step) -> str:
    """What a step calls, in a sentence."""
    return quote(step.tool or step.name or step.model)


def error_of(step: Step) -> str:
    """Its error and what came with it, in a sentence; of one that only its answer tells of, the answer."""
    if not step.error:
        return quote(step.result)
    return quote(step.error) if not step.message else f"{quote(step.error)} with {quote(step.message)}"
