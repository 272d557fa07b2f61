"""What the guard answered: the last decisions from memory, those before them from the telemetry store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from flyball.errors import InputError, NotFound
from flyball.queries.ports import Ports

_LIMIT_MAX = 1_000
_ACTIONS = ("allow", "modify", "ask", "block", "stopped")
_COLUMNS = (
    *("n", "session", "agent", "user", "environment", "client", "tool", "action", "would", "mode", "status"),
    *(
        "severity",
        "reason",
        "rules",
        "mac",
        "policies",
        "approval",
        "ms",
        "trace_id",
        "span_id",
        "tool_call_id",
    ),
)
_LATEST = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardDecisions:
    """Decisions as the log has them, newest first: `t` in milliseconds, what is empty left out."""

    decisions: Sequence[Mapping[str, Any]]
    as_of: datetime


async def guard_decisions(
    ports: Ports,
    *,
    action: str | None = None,
    rule: str | None = None,
    session: str | None = None,
    agent: str | None = None,
    limit: int = 50,
) -> GuardDecisions:
    """What the guard answered to tool calls of agents, newest first: blocked, asked, or would have been.

    Args:
        ports: the stores.
        action: allow, modify, ask or block; or stopped, for all that was or would have been asked or blocked.
        rule: the id of a rule that spoke.
        session: the session of the agent.
        agent: the name of the agent.
        limit: most decisions to list, at most 1000.
    """
    if ports.wall is None:
        raise NotFound("this server has no guard")
    if action is not None and action not in _ACTIONS:
        raise InputError(f"action is {', '.join(_ACTIONS)}, this is {action[:64]!r}")
    if not 1 <= limit <= _LIMIT_MAX:
        raise InputError(f"limit is from 1 to {_LIMIT_MAX}, this is {limit}")
    wanted = {"action": action, "rule": rule, "session": session, "agent": agent}
    kept = list(ports.wall.statistics.decisions)
    found = [row for row in reversed(kept) if _is_wanted(row, **wanted)][:limit]
    if len(found) < limit:
        before = kept[0]["n"] if kept else _LATEST
        found = [*found, *await older_decisions(ports, before=before, limit=limit - len(found), **wanted)]
    return GuardDecisions(decisions=found, as_of=ports.now())


def _is_wanted(
    row: Mapping[str, Any], *, action: str | None, rule: str | None, session: str | None, agent: str | None
) -> bool:
    if row.get("canary") or (rule is not None and rule not in row.get("rules", ())):
        return False
    if session not in (None, row.get("session", "")) or agent not in (None, row.get("agent", "")):
        return False
    if action == "stopped":
        return row["would"] != "allow" or row["action"] != "allow"
    return action in (None, row["action"])


async def older_decisions(
    ports: Ports, *, before: int, limit: int, **asked: str | None
) -> list[dict[str, Any]]:
    """Decisions with a smaller number than `before`, newest first, from the store alone; filters as `guard_decisions` has."""
    wanted = {name: asked.get(name) for name in ("action", "rule", "session", "agent")}
    conditions = ["workspace = {workspace:String}", "n < {before:UInt64}", "NOT canary"]
    if wanted["action"] == "stopped":
        conditions.append("(action != 'allow' OR would != 'allow')")
    elif wanted["action"] is not None:
        conditions.append("action = {action:String}")
    if wanted["rule"] is not None:
        conditions.append("has(rules, {rule:String})")
    conditions += [f"{name} = {{{name}:String}}" for name in ("session", "agent") if wanted[name] is not None]
    given = {name: value for name, value in wanted.items() if value is not None}
    rows = await ports.telemetry.select(
        f"SELECT {', '.join(_COLUMNS)}, decision_id, call, effects, toUnixTimestamp64Milli(time) AS t"
        f" FROM {{db}}.guard_decisions FINAL WHERE {' AND '.join(conditions)} ORDER BY n DESC LIMIT {{limit:UInt32}}",
        {"workspace": ports.workspace, "before": before, "limit": limit, **given},
    )
    return [_row(row) for row in rows.to_pylist()]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """As the log has it: what is empty is left out."""
    kept = {name: row[name] for name in _COLUMNS if row[name] or name in ("n", "ms", "action", "would")}
    effects = orjson.loads(row["effects"])
    return {
        **kept,
        "t": row["t"],
        "id": row["decision_id"],
        "call": orjson.loads(row["call"]),
        **({"effects": effects} if effects else {}),
    }
