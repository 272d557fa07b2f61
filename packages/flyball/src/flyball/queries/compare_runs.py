"""Two runs side by side: what differs of them, and their steps aligned."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flyball.model.run import Step, StepKind
from flyball.queries.ports import Ports
from flyball.queries.run import run_of
from flyball.queries.run_rows import RunRow
from flyball.queries.steps import steps_of_run

ALIGNED_MAX = 500
"""Steps of each run that are aligned: alignment takes their product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """One thing that is not the same: its value in the first run and in the second, None where it is not known."""

    what: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two steps that stand in the same place, or one that the other run has not.

    `change` is same, differs (same tool or model, other arguments, error or model behind it), only first or only second.
    """

    change: str
    kind: str
    name: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Both runs on a line, what differs, and their steps."""

    first: RunRow
    second: RunRow
    differences: Sequence[Differs]
    steps: Sequence[Pair]
    limits: Sequence[str]
    as_of: datetime


async def compare_runs(ports: Ports, *, first: str, second: str) -> Compared:
    """What differs between two runs: tools, models, tokens, cost, errors, config, and where their steps part.

    Args:
        ports: the stores.
        first: the id of a run, as list_runs gives it.
        second: the id of the other.

    Raises:
        InputError: one is no run's id.
        NotFound: there is no such run, or its steps are no longer kept.
    """
    rows = [await run_of(ports, run_id) for run_id in (first, second)]
    sides = [_own(await steps_of_run(ports, row.run_id)) for row in rows]
    cut = [side[:ALIGNED_MAX] for side in sides]
    limits = [f"only the first {ALIGNED_MAX} steps of each are aligned"] if cut != sides else []
    return Compared(
        first=rows[0],
        second=rows[1],
        differences=[*_differences(*rows), *_of_steps(*sides)],
        steps=_aligned(*cut),
        limits=limits,
        as_of=ports.as_of(),
    )


def _own(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.kind is not StepKind.OTHER]


def _differences(first: RunRow, second: RunRow) -> Iterator[Differs]:
    spent = ("input_tokens", "output_tokens", "cost_usd", "unpriced_calls")
    plain = (
        "agent",
        "service",
        "environment",
        "version",
        "config",
        "models",
        "model_calls",
        "tool_calls",
        "errors",
    )
    for names, one, other in (
        (plain, first, second),
        (spent, first.spent, second.spent),
        (("ms",), first, second),
    ):
        for name in names:
            values = getattr(one, name), getattr(other, name)
            if values[0] != values[1]:
                yield Differs(what=name, first=values[0], second=values[1])


def _of_steps(first: Sequence[Step], second: Sequence[Step]) -> Iterator[Differs]:
    """What only the steps tell."""
    for what, told in (("tool", _tools), ("error", _errors), ("commit", _commits)):
        counts = Counter(told(first)), Counter(told(second))
        for name in sorted(counts[0].keys() | counts[1].keys()):
            if counts[0][name] != counts[1][name]:
                yield Differs(what=f"{what} {name}", first=counts[0][name], second=counts[1][name])


def _tools(steps: Sequence[Step]) -> list[str]:
    return [step.tool for step in steps if step.tool]


def _errors(steps: Sequence[Step]) -> list[str]:
    return [f"{step.error} of {step.name}" for step in steps if step.error]


def _commits(steps: Sequence[Step]) -> set[str]:
    return {step.commit for step in steps if step.commit}


def _aligned(first: Sequence[Step], second: Sequence[Step]) -> list[Pair]:
    """The longest runs of the same tools, models and agents stand side by side."""
    keys = [
        [(step.kind.value, step.tool or step.model or step.agent) for step in side]
        for side in (first, second)
    ]
    pairs: list[Pair] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += [_pair(one, other) for one, other in zip(first[a:b], second[c:d], strict=True)]
        else:
            pairs += [_alone("only first", step) for step in first[a:b]]
            pairs += [_alone("only second", step) for step in second[c:d]]
    return pairs


def _pair(one: Step, other: Step) -> Pair:
    same = all(getattr(one, name) == getattr(other, name) for name in ("error", "answered_by", "config"))
    same = same and (one.digest == other.digest or not (one.digest and other.digest))
    return Pair(
        change="same" if same else "differs",
        kind=one.kind.value,
        name=one.name,
        first=_told(one),
        second=_told(other),
    )


def _alone(change: str, step: Step) -> Pair:
    told = _told(step)
    return Pair(
        change=change,
        kind=step.kind.value,
        name=step.name,
        first=told if change == "only first" else "",
        second=told if change == "only second" else "",
    )


_TOLD_CHARS_MAX = 200


def _told(step: Step) -> str:
    """A step in a few words: what it was given, how it ended."""
    ended = f"{step.error} {step.message}".strip() or step.finish
    return " · ".join(part for part in (step.arguments or step.said, ended) if part)[:_TOLD_CHARS_MAX]
