"""One run of an agent, opened: its steps as a tree over time, what the guard answered, costs, errors, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flyball.model.annotation import Annotation
from flyball.model.run import Step, StepKind, Usage
from flyball.queries.ports import Ports
from flyball.queries.run_decisions import Answered, decisions_of_runs, loose
from flyball.queries.run_rows import RunRow, find_run
from flyball.queries.steps import STEPS_MAX, steps_within

DEPTH_MAX = 40
"""Deeper steps stand as deep as this."""
DECISION = "decision"
"""The kind of a node that is an answer of the guard and no step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step, or an answer of the guard (kind `decision`), `depth` steps below the run.

    `at_ms` is when it began, after the run did. The cost of an agent is the cost of the steps below it. An answer has its
    action in `name`, its rules in `rules`, what it would have been in `would` and the reason in `message`.
    """

    span_id: str
    depth: int
    kind: str
    name: str
    at_ms: float
    ms: float
    agent: str = ""
    service: str = ""
    error: str = ""
    message: str = ""
    model: str = ""
    answered_by: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    first_chunk_ms: float | None = None
    finish: str = ""
    tool_call_id: str = ""
    arguments: str = ""
    result: str = ""
    said: str = ""
    would: str = ""
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with its nodes in the order of the tree: each stands below the one that it belongs to."""

    run: RunRow
    commit: str
    branch: str
    dirty: bool | None
    nodes: Sequence[Node]
    annotations: Sequence[Annotation]
    more: bool
    limits: Sequence[str]
    as_of: datetime


async def get_run(ports: Ports, *, run_id: str) -> RunView:
    """What an agent did in one run: every step with its time, arguments, error, tokens, cost, and the guard's answers.

    Args:
        ports: the stores.
        run_id: 32 hexadecimal digits, as list_runs gives it; it is the trace's id where there is a trace.

    Raises:
        InputError: that is no run's id.
        NotFound: there is no such run.
    """
    row, within = await find_run(ports, run_id)
    steps = await steps_within(ports, row.run_id, within)
    answered = await decisions_of_runs(ports, steps)
    head = next((step for step in steps if step.commit or step.branch), None)
    nodes = _nodes(steps, loose(steps, answered) if steps else ())
    store = ports.annotations
    return RunView(
        run=row,
        commit=head.commit if head else "",
        branch=head.branch if head else "",
        dirty=head.dirty if head else None,
        nodes=nodes,
        annotations=await store.annotations(ports.workspace, row.run_id) if store else (),
        more=len(steps) >= STEPS_MAX,
        limits=_limits(row, steps),
        as_of=ports.as_of(),
    )


async def run_of(ports: Ports, run_id: str) -> RunRow:
    """The run on a line.

    Raises:
        InputError: that is no run's id.
        NotFound: there is no such run.
    """
    row, _ = await find_run(ports, run_id)
    return row


def _limits(row: RunRow, steps: Sequence[Step]) -> list[str]:
    limits: list[str] = []
    if not steps:
        limits.append("its steps are gone, they are kept for 14 days; what it came to remains")
    if len(steps) >= STEPS_MAX:
        limits.append(f"only the first {STEPS_MAX} of its steps are shown")
    if row.spent.unpriced_calls:
        limits.append(
            f"of {row.spent.unpriced_calls} calls of a model no price is known: the cost is without them"
        )
    return limits


def _nodes(steps: Sequence[Step], beside: Sequence[Answered]) -> list[Node]:
    """The tree, depth first; answers of the guard stand below their step, those of no step below the run's root."""
    if not steps:
        return []
    known = {step.span_id for step in steps}
    below: dict[str, list[Step]] = {}
    for step in steps:
        at = step.parent_id if step.parent_id in known and step.parent_id != step.span_id else ""
        below.setdefault(at, []).append(step)
    begin_ns = min(step.begin_ns for step in steps)
    costs = _costs(steps)
    nodes: list[Node] = []
    seen: set[str] = set()
    waiting = [(step, 0) for step in reversed(below.get("", []))]
    while waiting:
        step, depth = waiting.pop()
        if step.span_id in seen:
            continue
        seen.add(step.span_id)
        nodes.append(_node(step, depth, begin_ns, costs.get(step.span_id)))
        nodes += _answers(step, depth + 1, begin_ns)
        waiting += [(child, min(depth + 1, DEPTH_MAX)) for child in reversed(below.get(step.span_id, []))]
    # steps that stand below each other in a circle have no place in a tree, and are not lost
    nodes += [_node(step, 0, begin_ns, step.cost_usd) for step in steps if step.span_id not in seen]
    return [*nodes, *(_beside(one, begin_ns) for one in beside)]


def _costs(steps: Sequence[Step]) -> dict[str, float]:
    """What each step cost with all below it, where anything of it is known."""
    parent = {step.span_id: step.parent_id for step in steps}
    costs: dict[str, float] = {}
    for step in steps:
        if step.cost_usd is None:
            continue
        at, climbed = step.span_id, 0
        while at in parent and climbed <= DEPTH_MAX:
            costs[at] = costs.get(at, 0.0) + step.cost_usd
            at, climbed = parent[at], climbed + 1
    return costs


def _node(step: Step, depth: int, begin_ns: int, cost_usd: float | None) -> Node:
    model = step.kind is StepKind.MODEL
    return Node(
        span_id=step.span_id,
        depth=depth,
        kind=step.kind.value,
        name=step.name,
        at_ms=(step.begin_ns - begin_ns) / 1e6,
        ms=step.ms,
        agent=step.agent,
        service=step.service,
        error=step.error,
        message=step.message,
        model=step.model,
        answered_by=step.answered_by,
        usage=step.usage if model else None,
        cost_usd=cost_usd if step.kind in (StepKind.AGENT, StepKind.MODEL) else None,
        first_chunk_ms=step.first_chunk_ms,
        finish=step.finish,
        tool_call_id=step.tool_call_id,
        arguments=step.arguments,
        result=step.result,
        said=step.said,
    )


def _answers(step: Step, depth: int, begin_ns: int) -> list[Node]:
    return [
        Node(
            span_id=one.decision_id,
            depth=depth,
            kind=DECISION,
            name=one.action,
            at_ms=(step.begin_ns - begin_ns) / 1e6,
            ms=0.0,
            message=one.reason,
            would=one.would,
            rules=one.rules,
        )
        for one in step.decided
    ]


def _beside(one: Answered, begin_ns: int) -> Node:
    return Node(
        span_id=one.decided.decision_id,
        depth=1,
        kind=DECISION,
        name=one.decided.action,
        at_ms=max(one.time_ms - begin_ns / 1e6, 0.0),
        ms=0.0,
        message=" ".join(part for part in (one.tool, one.reason) if part),
        tool_call_id=one.tool_call_id,
        would=one.decided.would,
        rules=one.decided.rules,
    )
