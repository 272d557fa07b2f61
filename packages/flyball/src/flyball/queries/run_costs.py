"""What runs cost, by day, agent, service, user, model or conversation; and conversations, which are runs that share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyball.errors import InputError
from flyball.queries.periods import row_limit
from flyball.queries.ports import Ports
from flyball.queries.run_asked import Asked
from flyball.queries.run_rows import SUMS, Spent, moment_of, spent_of

_CONVERSATIONS_PERIOD = timedelta(days=7)
_COSTS_PERIOD = timedelta(days=30)
_BY = {
    "day": ("toString(toDate(began))", "began"),
    "agent": ("its_agent", "its_agent"),
    "service": ("its_service", "its_service"),
    "user": ("its_user", "its_user"),
    "model": ("model", "began"),
    "conversation": ("its_conversation", "its_conversation"),
}
"""By what is summed, and the fact that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The runs that share a conversation, summed."""

    conversation: str
    agent: str
    user: str
    service: str
    runs: int
    began: datetime
    last: datetime
    steps: int
    errors: int
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Conversations, the one that was active last first; `more` tells that there are others."""

    conversations: Sequence[Conversation]
    since: datetime
    until: datetime
    as_of: datetime
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the runs of one day, agent, service, user, model or conversation came to."""

    key: str
    runs: int
    model_calls: int
    tool_calls: int
    errors: int
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs by one thing: days in their order, all else the costliest first. `total` is of all, listed or not."""

    by: str
    costs: Sequence[Cost]
    total: Cost
    since: datetime
    until: datetime
    as_of: datetime
    more: bool


async def list_conversations(
    ports: Ports,
    *,
    agent: str | None = None,
    user: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 50,
) -> Conversations:
    """Conversations with agents: the runs that share a conversation's id, summed.

    Args:
        ports: the stores.
        agent: the agent's name.
        user: `user.id` as the app told it.
        since: RFC 3339 or a duration ago; 7 days ago by default.
        until: RFC 3339 or a duration ago; now by default.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
    """
    limit = row_limit(limit)
    asked = Asked.of(ports, since, until, _CONVERSATIONS_PERIOD)
    asked.of_all(agent=agent, user=user)
    asked.having.append("its_conversation != ''")
    inner = asked.sql(
        "its_conversation", "its_agent", "its_user", "its_service", "first_ns", "last_ns", *SUMS
    )
    sql = (
        "SELECT its_conversation AS conversation, argMin(its_agent, first_ns) AS agent, max(its_user) AS user,"
        f" argMin(its_service, first_ns) AS service, count() AS runs, {_OUTER}, min(first_ns) AS begin_ns,"
        " max(last_ns) AS end_ns, min(began) AS counted"
        f" FROM ({inner}) GROUP BY its_conversation ORDER BY end_ns DESC, conversation LIMIT {limit + 1}"
    )
    found = (await ports.telemetry.select(sql, asked.parameters)).to_pylist()
    return Conversations(
        conversations=[
            Conversation(
                conversation=row["conversation"],
                agent=row["agent"],
                user=row["user"],
                service=row["service"],
                runs=row["runs"],
                began=moment_of(row["begin_ns"], row["counted"]),
                last=moment_of(row["end_ns"], row["counted"]),
                steps=row["steps"],
                errors=row["errors"],
                spent=_spent(row),
            )
            for row in found[:limit]
        ],
        since=asked.since,
        until=asked.until,
        as_of=ports.as_of(),
        more=len(found) > limit,
    )


async def run_costs(
    ports: Ports,
    *,
    by: str = "day",
    agent: str | None = None,
    service: str | None = None,
    user: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
) -> Costs:
    """What runs cost and how many tokens they took, by day, agent, service, user, model or conversation.

    Args:
        ports: the stores.
        by: day, agent, service, user, model or conversation.
        agent: the agent's name.
        service: `service.name`.
        user: `user.id` as the app told it.
        since: RFC 3339 or a duration ago; 30 days ago by default.
        until: RFC 3339 or a duration ago; now by default.
        limit: at most this many, 1 to 1000; of days the last ones.

    Raises:
        InputError: a filter that cannot be read.
    """
    limit = row_limit(limit)
    if by not in _BY:
        raise InputError(f"by is {', '.join(_BY)}, this is {by[:64]!r}")
    asked = Asked.of(ports, since, until, _COSTS_PERIOD)
    asked.of_all(agent=agent, service=service, user=user)
    key, needed = _BY[by]
    order = "key DESC" if by == "day" else "cost DESC, input + output DESC, key"
    runs = "uniqExact(run_id)" if by == "model" else "count()"
    # one more row is the sum of all: every run is looked at once
    sql = (
        f"SELECT {key} AS key, 1 - grouping(key) AS listed, {runs} AS runs, {_OUTER}"
        f" FROM ({_inner(asked, by, needed)}) GROUP BY GROUPING SETS ((key), ())"
        f" ORDER BY listed, {order} LIMIT {limit + 2}"
    )
    found = (await ports.telemetry.select(sql, asked.parameters)).to_pylist()
    total = next((row for row in found if not row["listed"]), _NOTHING)
    listed = [row for row in found if row["listed"] and (by != "model" or row["key"])]
    costs = [_cost(row) for row in listed[:limit]]
    return Costs(
        by=by,
        costs=costs[::-1] if by == "day" else costs,
        total=_cost({**total, "key": ""}),
        since=asked.since,
        until=asked.until,
        as_of=ports.as_of(),
        more=len(listed) > limit,
    )


def _inner(asked: Asked, by: str, needed: str) -> str:
    """A row a run; by model a row a run and model, of the runs that were asked for."""
    if by != "model":
        return asked.sql(needed, *SUMS)
    if len(asked.needed) > len(("began", "all_steps")):
        # who it was is told by rows of other models, too: the run decides, not its part
        asked.where.append(f"run_id IN (SELECT run_id FROM ({asked.sql()}))")
        asked.having = [one for one in asked.having if "its_" not in one]
        asked.needed = {"began", "all_steps"}
    return asked.sql(*SUMS, group="run_id, model")


_OUTER = (
    "sum(all_steps) AS steps, sum(all_calls) AS model_calls, sum(all_tools) AS tool_calls, sum(all_errors) AS errors,"
    " sum(all_input) AS input, sum(all_output) AS output, sum(cost) AS cost, sum(all_priced) AS priced,"
    " sum(all_unpriced) AS unpriced"
)
"""Sums of sums."""


def _cost(row: Mapping[str, Any]) -> Cost:
    return Cost(
        key=row["key"],
        runs=row["runs"],
        model_calls=row["model_calls"],
        tool_calls=row["tool_calls"],
        errors=row["errors"],
        spent=_spent(row),
    )


def _spent(row: Mapping[str, Any]) -> Spent:
    return spent_of(
        {
            "all_input": row["input"],
            "all_output": row["output"],
            "cost": row["cost"],
            "all_priced": row["priced"],
            "all_unpriced": row["unpriced"],
        }
    )


_NOTHING = dict.fromkeys(
    ("runs", "model_calls", "tool_calls", "errors", "input", "output", "cost", "priced", "unpriced"), 0
)
