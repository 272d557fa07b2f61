"""What the guard answered in runs of agents: its decisions, each on the step that it was asked for.

A decision belongs to a step by the ids of trace and span, or by the id of the tool call within the session; to a run by
the trace, or by the session while the run went on. The last decisions are in memory, those before in the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flyball.model.run import Decided, Step
from flyball.queries.ports import Ports
from flyball.queries.run_rows import moment_of

DECISIONS_MAX = 4_000
"""Of the runs that are asked about together."""
_MARGIN_MS = 60_000
"""The clocks of the agent and of the guard may differ by it."""
_LATE_MS = 2_000
"""A call that was blocked leaves no step that a run's end would wait for."""
_COLUMNS = (
    "n, toUnixTimestamp64Milli(time) AS t, decision_id AS id, session, tool, action, would, rules, reason, trace_id,"
    " span_id, tool_call_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A decision with what it is joined by."""

    decided: Decided
    time_ms: int
    session: str
    tool: str
    reason: str
    trace_id: str
    span_id: str
    tool_call_id: str


async def decisions_of_runs(ports: Ports, steps: Sequence[Step]) -> list[Answered]:
    """The decisions that belong to the runs of these steps, in their order."""
    if ports.wall is None or not steps:
        return []
    runs = sorted({step.run_id for step in steps})
    sessions = sorted({step.conversation for step in steps if step.conversation})
    begin = min(step.begin_ns for step in steps) // 1_000_000 - _MARGIN_MS
    end = max(step.end_ns for step in steps) // 1_000_000 + _MARGIN_MS
    epoch = ports.now()
    # not FINAL: a row that is there twice has the same number twice
    rows = await ports.telemetry.select(
        f"SELECT {_COLUMNS} FROM {{db}}.guard_decisions WHERE workspace = {{workspace:String}} AND NOT canary"
        " AND time >= {begin:DateTime64(3)} AND time <= {end:DateTime64(3)}"
        " AND (trace_id IN {runs:Array(String)} OR session IN {sessions:Array(String)})"
        f" ORDER BY n LIMIT {DECISIONS_MAX}",
        {
            "workspace": ports.workspace,
            "begin": moment_of(max(begin, 0) * 1_000_000, epoch),
            "end": moment_of(end * 1_000_000, epoch),
            "runs": runs,
            "sessions": sessions or [""],
        },
    )
    found: dict[int, Mapping[str, Any]] = {row["n"]: row for row in rows.to_pylist()}
    for row in ports.wall.statistics.decisions:
        its = row.get("trace_id") in runs or (row.get("session") and row["session"] in sessions)
        if its and not row.get("canary") and begin <= row["t"] <= end and len(found) < DECISIONS_MAX:
            found[row["n"]] = row
    return [_answered(found[n]) for n in sorted(found)]


def _answered(row: Mapping[str, Any]) -> Answered:
    texts = ("session", "tool", "reason", "trace_id", "span_id", "tool_call_id")
    return Answered(
        decided=Decided(
            decision_id=row["id"],
            action=row["action"],
            would=row["would"],
            rules=tuple(row.get("rules") or ()),
            reason=row.get("reason") or "",
        ),
        time_ms=row["t"],
        **{name: row.get(name) or "" for name in texts},
    )


def attach(steps: Sequence[Step], answered: Sequence[Answered]) -> list[Step]:
    """The steps with the decisions that they were asked for; one that a step told itself is not told again."""
    spans = {(step.run_id, step.span_id) for step in steps}
    calls: dict[str, list[Step]] = {}
    for step in steps:
        if step.tool_call_id:
            calls.setdefault(step.tool_call_id, []).append(step)
    by_step: dict[tuple[str, str], list[Decided]] = {}
    for one in answered:
        key = (one.trace_id, one.span_id)
        if key not in spans:
            same = (step for step in calls.get(one.tool_call_id, ()) if _is_of(one, step))
            key = next(((step.run_id, step.span_id) for step in same), key)
        by_step.setdefault(key, []).append(one.decided)
    return [_with(step, by_step.get((step.run_id, step.span_id), ())) for step in steps]


def _is_of(one: Answered, step: Step) -> bool:
    return one.trace_id == step.run_id or (bool(one.session) and one.session == step.conversation)


def loose(steps: Sequence[Step], answered: Sequence[Answered]) -> list[Answered]:
    """The decisions of one run that no step of it was made of: calls that were blocked, calls that were not told."""
    told = {decided.decision_id for step in steps for decided in step.decided}
    run_id = steps[0].run_id
    begin, end = min(s.begin_ns for s in steps) // 1_000_000, max(s.end_ns for s in steps) // 1_000_000
    return [
        one
        for one in answered
        if one.decided.decision_id not in told
        and (one.trace_id == run_id or (not one.trace_id and begin <= one.time_ms <= end + _LATE_MS))
    ]


def _with(step: Step, decided: Sequence[Decided]) -> Step:
    """What the guard has on record of a decision says more than the span that tells of it."""
    if not decided:
        return step
    known = {one.decision_id: one for one in (*step.decided, *decided)}
    return replace(step, decided=tuple(known.values()))


def when(one: Answered, now: datetime) -> datetime:
    """The moment of a decision."""
    return moment_of(one.time_ms * 1_000_000, now)
