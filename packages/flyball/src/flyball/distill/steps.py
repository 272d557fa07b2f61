"""Steps become patterns, as log lines do: what tools fail with, and in which order they are called.

An error's pattern is its type and its message as the masks leave it. A run's path is its calls with equal neighbours as
one, `search x3 > fetch > write`; its n-grams are counted within a bound. Pure: steps in, counts out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flyball.compare.sequences import grams, run_lengths
from flyball.distill.mask import key, mask
from flyball.model.run import Step, StepKind

PATH_CALLS_MAX = 40
"""Places of a path; what comes after is one ellipsis."""
GRAM_SIZE = 3
PATTERNS_MAX = 1_000
"""Different patterns that are counted of one asking; beyond it only those met before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPattern:
    """Failures that are one: of what, with which template, how often, and a span to open."""

    name: str
    template: str
    count: int
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Runs that call the same tools in the same order: the path, how many runs, and one of them."""

    path: str
    count: int
    run_id: str


def error_template(step: Step) -> str:
    """What a failed step says without its values; empty where it did not fail."""
    if not step.error:
        return ""
    message = mask(key(step.message)) if step.message else ""
    return f"{step.error}: {message}" if message else step.error


def error_patterns(steps: Iterable[Step]) -> tuple[StepPattern, ...]:
    """The failures of steps as patterns, the most frequent first."""
    counted: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for step in sorted(steps, key=lambda one: (one.begin_ns, one.span_id)):
        template = error_template(step)
        about = (step.tool or step.name, template)
        if template and (about in counted or len(counted) < PATTERNS_MAX):
            counted[about] += 1
            first.setdefault(about, step.span_id)
    return tuple(
        StepPattern(name=name, template=template, count=count, span_id=first[name, template])
        for (name, template), count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    )


def paths(runs: Iterable[Sequence[Step]]) -> tuple[Path, ...]:
    """The paths of runs, the most frequent first."""
    counted: Counter[str] = Counter()
    example: dict[str, str] = {}
    for run in runs:
        path = path_of(run)
        if run and (path in counted or len(counted) < PATTERNS_MAX):
            counted[path] += 1
            example.setdefault(path, run[0].run_id)
    return tuple(
        Path(path=path, count=count, run_id=example[path])
        for path, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    )


def path_of(run: Iterable[Step]) -> str:
    """The tools that a run calls, in order, equal neighbours as one."""
    lengths = run_lengths(_tools(run))
    told = [name if times == 1 else f"{name} x{times}" for name, times in lengths[:PATH_CALLS_MAX]]
    return " > ".join([*told, *(["…"] if len(lengths) > PATH_CALLS_MAX else [])])


def tool_grams(runs: Iterable[Sequence[Step]], size: int = GRAM_SIZE) -> Counter[tuple[str, ...]]:
    """How often each sequence of so many calls comes, over all runs."""
    counted: Counter[tuple[str, ...]] = Counter()
    for run in runs:
        for gram, times in grams(_tools(run), size).items():
            named = tuple(str(one) for one in gram)
            if named in counted or len(counted) < PATTERNS_MAX:
                counted[named] += times
    return counted


def _tools(run: Iterable[Step]) -> list[str]:
    """Tools in the order of their calls; a call that two libraries tell of counts once."""
    calls = sorted((s for s in run if s.kind is StepKind.TOOL), key=lambda one: (one.begin_ns, one.span_id))
    by_id = {step.span_id: step for step in calls}
    outer = [s for s in calls if not (s.parent_id in by_id and by_id[s.parent_id].tool == s.tool)]
    return [step.tool or step.name for step in outer]
