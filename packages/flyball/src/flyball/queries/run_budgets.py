"""Budgets of tokens and of US dollars: what each session, agent or user took within the window, as telemetry tells.

The guard's policies say the limits (`counts: tokens | usd`). What is measured here is what the guard enforces: it asks
before each tool call, and is told anew every few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyball_sdk.guard.budget import key_for
from flyball_sdk.guard.policy import MEASURED, Budget

from flyball.queries.periods import row_limit
from flyball.queries.ports import Ports
from flyball.queries.run_asked import LONG_RUN
from flyball.queries.run_rows import facts, visible

WHO_MAX = 1_000
"""Sessions, agents or users of one budget, those that took most."""
_COLUMNS = {"session": "its_conversation", "agent": "its_agent", "user": "its_user"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """What somebody took of a budget. `action` is what meets the next tool call when it is over: alert shows it here."""

    policy: str
    budget: str
    counts: str
    per: str
    who: str
    used: float
    limit: float
    over: bool
    action: str
    window_s: float
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBudgets:
    """Who took how much, those over their limit first."""

    budgets: Sequence[BudgetUse]
    as_of: datetime


async def run_budgets(ports: Ports, *, limit: int = 100) -> RunBudgets:
    """What agents, users and sessions took of their budgets of tokens and US dollars; set in the guard's policies.

    Args:
        ports: the stores.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: no such limit.
    """
    found = sorted(
        await measured(ports), key=lambda one: (not one.over, -(one.used / one.limit if one.limit else 1.0))
    )
    return RunBudgets(budgets=found[: row_limit(limit)], as_of=ports.as_of())


async def measured(ports: Ports) -> list[BudgetUse]:
    """The use of every budget in force that telemetry measures."""
    if ports.wall is None:
        return []
    return [
        use
        for policy in ports.wall.policies.in_force
        for budget in policy.budgets
        if budget.counts in MEASURED
        for use in await _uses(ports, policy.name, budget)
    ]


async def _uses(ports: Ports, policy: str, budget: Budget) -> list[BudgetUse]:
    who = _COLUMNS[budget.per]
    begin = ports.now() - timedelta(seconds=budget.window_s)
    where, parameters = visible(ports)
    where.append("time >= {from:DateTime64(3)}")
    parameters |= {"from": begin - LONG_RUN, "begin": begin}
    inside = "time >= {begin:DateTime64(3)}"
    inner = (
        f"SELECT run_id, {facts(who)}, sumIf(input + output, {inside}) AS tokens,"
        f" if(sumIf(told, {inside}) > 0, sumIf(told_nusd, {inside}), sumIf(cost_nusd, {inside})) / 1e9 AS usd"
        f" FROM {{db}}.agent_runs WHERE {' AND '.join(where)} GROUP BY run_id"
    )
    sql = (
        f"SELECT {who} AS who, sum({budget.counts}) AS used FROM ({inner}) WHERE who != ''"
        f" GROUP BY who HAVING used > 0 ORDER BY used DESC, who LIMIT {WHO_MAX}"
    )
    rows = (await ports.telemetry.select(sql, parameters)).to_pylist()
    return [_use(policy, budget, row) for row in rows]


def _use(policy: str, budget: Budget, row: Mapping[str, Any]) -> BudgetUse:
    return BudgetUse(
        policy=policy,
        budget=budget.id,
        counts=budget.counts,
        per=budget.per,
        who=row["who"],
        used=float(row["used"]),
        limit=budget.limit,
        over=row["used"] >= budget.limit,
        action=budget.action,
        window_s=budget.window_s,
        key=key_for(policy, budget, row["who"]),
    )
