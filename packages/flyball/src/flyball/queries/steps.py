"""The steps of runs as values (flyball.model.run), for whoever reasons about them: a page, a comparison, a diagnosis.

What several records tell of one step comes together here: what Claude Code's events add to its spans, what the guard
answered, and which agent a step belongs to. What a tool did in the services behind it is `other` spans of the same trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from flyball.errors import NotFound
from flyball.model.run import Decided, Step, StepKind, Usage
from flyball.queries.ports import Ports
from flyball.queries.run_asked import LONG_RUN
from flyball.queries.run_decisions import attach, decisions_of_runs
from flyball.queries.run_rows import AHEAD, Within, facts, find_run, moment_of, visible

STEPS_MAX = 2_000
"""Of one run; `other` spans only as far as agents' steps leave room."""
_PARTS_MAX = 4_000
"""Two for each step."""
HISTORY_STEPS_MAX = 20_000
"""Of all runs before one."""
RUNS_BEFORE_MAX = 200
_BACK = (timedelta(hours=1), timedelta(hours=12), timedelta(days=14))
"""How far back it is looked for runs before one, one after the other."""
_AGENTS_DEPTH_MAX = 64
"""How far up it is looked for the agent that a step belongs to."""
_ZERO = bytes(8)
_REQUESTED = "flyball.tool.requested"
"""The name of a part that tells of a tool which a model asked for (flyball.enrich.runs.names)."""
_HIDDEN = ("claude_code.tool.execution", "claude_code.tool.blocked_on_user")
"""Spans inside a tool's that say nothing more than it."""


async def steps_of_run(ports: Ports, run_id: str) -> tuple[Step, ...]:
    """All that happened in a run, in the order in which it began; at most STEPS_MAX.

    Raises:
        InputError: that is no run's id.
        NotFound: no step of it is kept.
    """
    row, within = await find_run(ports, run_id)
    steps = await steps_within(ports, row.run_id, within)
    if not steps:
        raise NotFound(f"no step of the run {row.run_id} is kept; steps are for 14 days")
    return steps


async def steps_within(ports: Ports, run_id: str, within: Within) -> tuple[Step, ...]:
    """The same of a run of which it is known where its rows lie; nothing where they are gone."""
    where, parameters = _between(ports, within)
    parameters["run_id"] = run_id
    steps = await _steps(
        ports, [*where, "run_id = toFixedString(unhex({run_id:String}), 16)"], parameters, STEPS_MAX
    )
    if not steps:
        return ()
    others = await _others(ports, run_id, steps, within)
    return tuple(sorted((*steps, *others), key=_begin))


def _between(ports: Ports, within: Within) -> tuple[list[str], dict[str, Any]]:
    where, parameters = visible(ports)
    where += ["received >= {first:DateTime64(3)}", "received <= {last:DateTime64(3)}"]
    return where, parameters | {"first": within.first, "last": within.last}


async def steps_before(ports: Ports, agent: str, before_ns: int, runs_max: int = 20) -> tuple[Step, ...]:
    """The steps of the runs of the same agent that began before that time, the last `runs_max`; without `other` spans."""
    found = await _runs_before(ports, agent, before_ns, max(1, min(runs_max, RUNS_BEFORE_MAX)))
    if not found:
        return ()
    first, last = min(row["began"] for row in found) - AHEAD, max(row["last_received"] for row in found)
    where, parameters = _between(ports, Within(first=first, last=last))
    parameters["runs"] = [row["run_id"].hex() for row in found]
    where.append("run_id IN (SELECT toFixedString(unhex(arrayJoin({runs:Array(String)})), 16))")
    return tuple(await _steps(ports, where, parameters, HISTORY_STEPS_MAX))


async def _runs_before(ports: Ports, agent: str, before_ns: int, limit: int) -> list[Mapping[str, Any]]:
    """The last runs of an agent, looked for in the hour before, then farther back."""
    where, parameters = visible(ports)
    where += ["time >= {from:DateTime64(3)}", "time < {until:DateTime64(3)}"]
    having = "its_agent = {agent:String} AND first_ns < {before_ns:UInt64} AND began >= {since:DateTime64(3)}"
    sql = (
        f"SELECT run_id, {facts('its_agent', 'began', 'first_ns', 'last_received')} FROM {{db}}.agent_runs"
        f" WHERE {' AND '.join(where)} GROUP BY run_id HAVING {having} ORDER BY first_ns DESC LIMIT {limit}"
    )
    until = moment_of(before_ns, ports.now())
    rows: list[Mapping[str, Any]] = []
    for back in _BACK:
        bound = {"agent": agent, "before_ns": before_ns, "until": until + AHEAD, "since": until - back}
        rows = (
            await ports.telemetry.select(sql, parameters | bound | {"from": until - back - LONG_RUN})
        ).to_pylist()
        if len(rows) == limit:
            break
    return rows


async def _steps(ports: Ports, where: Sequence[str], parameters: Mapping[str, Any], limit: int) -> list[Step]:
    """The steps that meet a condition, each made whole."""
    sql = (
        f"SELECT * EXCEPT (workspace, received) FROM {{db}}.agent_steps WHERE {' AND '.join(where)}"
        f" ORDER BY begin_ns, span_id LIMIT {limit + _PARTS_MAX} BY part"
    )
    rows = (await ports.telemetry.select(sql, parameters)).to_pylist()
    steps = _once(_step(row) for row in rows if not row["part"])[:limit]
    steps = _completed(steps, _once(_step(row) for row in rows if row["part"]))
    steps = _of_agents(steps)
    return sorted(attach(steps, await decisions_of_runs(ports, steps)), key=_begin)


def _begin(step: Step) -> tuple[int, str]:
    return step.begin_ns, step.span_id


def _once(steps: Iterable[Step]) -> list[Step]:
    """A span that was sent again is the same step."""
    return list({(step.run_id, step.span_id): step for step in steps}.values())


def _step(row: Mapping[str, Any]) -> Step:
    cost = row["cost_nusd"]
    decided = orjson.loads(row["decided"]) if row["decided"] else ()
    names = (
        *("name", "service", "environment", "version", "agent", "conversation", "user", "begin_ns", "end_ns"),
        *("error", "message", "provider", "model", "answered_by", "first_chunk_ms", "finish", "tool"),
        *("tool_call_id", "digest", "arguments", "result", "said", "config", "commit", "branch", "dirty"),
    )
    return Step(
        **{name: row[name] for name in names},
        run_id=row["run_id"].hex(),
        span_id=row["span_id"].hex(),
        parent_id="" if row["parent_id"] == _ZERO else row["parent_id"].hex(),
        kind=StepKind(row["kind"]),
        usage=Usage(
            **{name: row[name] for name in ("input", "output", "cache_read", "cache_write", "reasoning")}
        ),
        cost_usd=None if cost is None else cost / 1e9,
        decided=tuple(
            Decided(decision_id=d["id"], action=d["action"], would=d["would"], rules=tuple(d["rules"]))
            for d in decided
        ),
    )


def _completed(steps: Sequence[Step], parts: Sequence[Step]) -> list[Step]:
    """Steps with what other records tell of them."""
    if not parts:
        return list(steps)
    of_tool: dict[tuple[str, str], list[Step]] = {}
    costs: dict[Any, list[Step]] = {}
    telling = {part.run_id for part in parts if part.kind is StepKind.MODEL}
    for part in sorted(parts, key=_begin):
        if part.kind is StepKind.TOOL:
            of_tool.setdefault((part.run_id, part.tool_call_id), []).append(part)
        else:
            costs.setdefault(_call(part), []).append(part)
    whole: list[Step] = []
    for step in sorted(steps, key=lambda one: (one.end_ns, one.span_id)):
        if step.kind is StepKind.TOOL and step.tool_call_id:
            for part in of_tool.get((step.run_id, step.tool_call_id), ()):
                step = _with_part(step, part)  # noqa: PLW2901 - it grows
        elif step.kind is StepKind.MODEL and step.run_id in telling:
            # the sender tells what its calls cost: one of which it did not is not known
            told = costs.get(_call(step))
            step = replace(step, cost_usd=told.pop(0).cost_usd if told else None)  # noqa: PLW2901
        whole.append(step)
    return [*whole, *_asked_alone(whole, of_tool)]


def _asked_alone(steps: Sequence[Step], parts: Mapping[tuple[str, str], Sequence[Step]]) -> list[Step]:
    """Tools that a model asked for and of which no span tells: steps at the moment when they were asked for."""
    spans = {(step.run_id, step.tool_call_id) for step in steps if step.kind is StepKind.TOOL}
    unnamed = {
        (step.run_id, step.tool) for step in steps if step.kind is StepKind.TOOL and not step.tool_call_id
    }
    return [
        replace(part, name=part.tool)
        for key, told in parts.items()
        for part in told
        if part.name == _REQUESTED
        and part.tool
        and key not in spans
        and (part.run_id, part.tool) not in unnamed
    ]


def _call(step: Step) -> tuple[Any, ...]:
    """What a call and the event about it have in common; there is no id."""
    return step.run_id, step.model, step.usage.input, step.usage.output


def _with_part(step: Step, part: Step) -> Step:
    if part.name == _REQUESTED:
        return replace(step, digest=step.digest or part.digest)
    if part.digest:
        step = replace(step, arguments=part.arguments, digest=part.digest)
    return replace(step, error=step.error or part.error, message=step.message or part.message)


def _of_agents(steps: Sequence[Step]) -> list[Step]:
    """Each step with the agent that it belongs to: its own, else that of the nearest step above it."""
    known = {(step.run_id, step.span_id): step for step in steps}
    return [step if step.agent else replace(step, agent=_agent_above(step, known)) for step in steps]


def _agent_above(step: Step, known: Mapping[tuple[str, str], Step]) -> str:
    above = known.get((step.run_id, step.parent_id))
    for _ in range(_AGENTS_DEPTH_MAX):
        if above is None or above.agent:
            break
        above = known.get((step.run_id, above.parent_id))
    return above.agent if above else ""


async def _others(ports: Ports, run_id: str, steps: Sequence[Step], within: Within) -> list[Step]:
    """What else the trace holds."""
    room = STEPS_MAX - len(steps)
    if room <= 0:
        return []
    where, parameters = _between(ports, within)
    parameters |= {"run_id": run_id, "hidden": list(_HIDDEN)}
    sql = (
        "SELECT service, environment, version, span_id, parent_span_id, name, status_code, status_message,"
        " start_time_unix_nano AS begin_ns, end_time_unix_nano AS end_ns FROM {db}.spans"
        f" WHERE {' AND '.join(where)} AND trace_id = toFixedString(unhex({{run_id:String}}), 16)"
        f" AND name NOT IN {{hidden:Array(String)}} ORDER BY begin_ns LIMIT {STEPS_MAX}"
    )
    known = {step.span_id for step in steps}
    found = (await ports.telemetry.select(sql, parameters)).to_pylist()
    others = _once(_other(run_id, row) for row in found)
    return [step for step in others if step.span_id not in known][:room]


def _other(run_id: str, row: Mapping[str, Any]) -> Step:
    failed = row["status_code"] == 2  # noqa: PLR2004 - STATUS_CODE_ERROR
    return Step(
        run_id=run_id,
        span_id=row["span_id"].hex(),
        parent_id=row["parent_span_id"],
        kind=StepKind.OTHER,
        name=row["name"],
        service=row["service"],
        environment=row["environment"],
        version=row["version"],
        begin_ns=row["begin_ns"],
        end_ns=max(row["end_ns"], row["begin_ns"]),
        error="_OTHER" if failed else "",
        message=row["status_message"] if failed else "",
    )
