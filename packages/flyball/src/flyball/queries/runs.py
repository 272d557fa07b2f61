"""Runs of agents in lists: the runs of a period, their conversations, and what they cost by day, agent, model or user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyball.errors import InputError
from flyball.queries.periods import period, row_limit
from flyball.queries.ports import Ports
from flyball.queries.run_rows import (
    LONG_RUN,
    SUMS,
    WHO,
    RunRow,
    Spent,
    moment_of,
    run_hex,
    run_row,
    runs_sql,
    spent_of,
    visible,
)

_RUNS_PERIOD = timedelta(hours=24)
_CONVERSATIONS_PERIOD = timedelta(days=7)
_COSTS_PERIOD = timedelta(days=30)
_AHEAD = timedelta(minutes=10)
"""A sender's clock may run a little ahead: an open end includes it."""
_SORTS = {
    "newest": "first_ns",
    "longest": "greatest(last_ns, first_ns) - first_ns",
    "costliest": "cost",
    "tokens": "all_input + all_output",
    "errors": "all_errors",
}
_BY = {
    "day": "toString(toDate(began))",
    "agent": "its_agent",
    "service": "its_service",
    "user": "its_user",
    "model": "model",
    "conversation": "its_conversation",
}
_TEXT_COLUMNS = ("name", "tool", "arguments", "result", "said", "message", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs in the order that was asked for; `cursor` continues behind the last, empty when there are no more."""

    runs: Sequence[RunRow]
    since: datetime
    until: datetime
    as_of: datetime
    cursor: str


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


async def list_runs(
    ports: Ports,
    *,
    agent: str | None = None,
    service: str | None = None,
    model: str | None = None,
    user: str | None = None,
    conversation: str | None = None,
    error: str | None = None,
    text: str | None = None,
    since: str | None = None,
    until: str | None = None,
    sort: str = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> Runs:
    """What agents did: one line a run, with its steps, errors, tokens and cost.

    Args:
        ports: the stores.
        agent: the agent's name.
        service: `service.name`.
        model: a model that was asked in the run.
        user: `user.id` as the app told it.
        conversation: `gen_ai.conversation.id`, or the session.
        error: true for runs in which a step failed, false for those in which none did.
        text: text that a step holds in its name, arguments, result, answer or error, letter case ignored.
        since: RFC 3339 or a duration ago; 24 h ago by default.
        until: RFC 3339 or a duration ago; now by default.
        sort: newest, longest, costliest, tokens or errors.
        cursor: where to continue, as the last answer said; with the same sort.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
    """
    limit = row_limit(limit)
    if sort not in _SORTS:
        raise InputError(f"sort is {', '.join(_SORTS)}, this is {sort[:64]!r}")
    asked = _Asked.of(ports, since, until, _RUNS_PERIOD)
    asked.runs_only()
    asked.filter(agent=agent, service=service, user=user, conversation=conversation)
    asked.error(error)
    if model:
        asked.having.append("countIf(model = {model:String}) > 0")
        asked.parameters["model"] = model
    if text:
        asked.text(text)
    asked.behind(cursor, _SORTS[sort])
    tail = f"ORDER BY {_SORTS[sort]} DESC, run_id DESC LIMIT {limit + 1}"
    found = (await ports.telemetry.select(asked.sql(tail), asked.parameters)).to_pylist()
    last = found[limit - 1] if len(found) > limit else None
    return Runs(
        runs=[run_row(row) for row in found[:limit]],
        since=asked.since,
        until=asked.until,
        as_of=ports.as_of(),
        cursor=f"{_sorted_by(last, sort)}-{last['run_id'].hex()}" if last else "",
    )


def _sorted_by(row: Mapping[str, Any], sort: str) -> int:
    return {
        "newest": lambda: row["first_ns"],
        "longest": lambda: max(row["last_ns"] - row["first_ns"], 0),
        "costliest": lambda: row["cost"],
        "tokens": lambda: row["all_input"] + row["all_output"],
        "errors": lambda: row["all_errors"],
    }[sort]()


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
    asked = _Asked.of(ports, since, until, _CONVERSATIONS_PERIOD)
    asked.runs_only()
    asked.filter(agent=agent, user=user)
    asked.having.append("its_conversation != ''")
    sql = (
        "SELECT its_conversation AS conversation, argMin(its_agent, first_ns) AS agent, max(its_user) AS user,"
        f" argMin(its_service, first_ns) AS service, count() AS runs, {_OUTER}, min(first_ns) AS begin_ns,"
        " max(last_ns) AS end_ns, min(began) AS counted"
        f" FROM ({asked.sql()}) GROUP BY its_conversation"
        f" ORDER BY end_ns DESC, conversation LIMIT {limit + 1}"
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
    asked = _Asked.of(ports, since, until, _COSTS_PERIOD)
    asked.filter(agent=agent, service=service, user=user)
    group = "run_id, model" if by == "model" else "run_id"
    if by == "model":
        # who it was is told by rows of other models, too: the run decides, not its part
        asked.chosen_runs()
    inner = (
        f"SELECT {group}, {WHO}, {SUMS} FROM {{db}}.agent_runs WHERE {' AND '.join(asked.where)}"
        f" GROUP BY {group} HAVING {' AND '.join(asked.having)}"
    )
    order = "key DESC" if by == "day" else "cost DESC, input + output DESC, key"
    sql = (
        f"SELECT {_BY[by]} AS key, uniqExact(run_id) AS runs, {_OUTER} FROM ({inner})"
        f" GROUP BY key ORDER BY {order} LIMIT {limit + 1}"
    )
    found = (await ports.telemetry.select(sql, asked.parameters)).to_pylist()
    whole = f"SELECT '' AS key, uniqExact(run_id) AS runs, {_OUTER} FROM ({inner})"
    (total,) = (await ports.telemetry.select(whole, asked.parameters)).to_pylist()
    costs = [_cost(row) for row in found[:limit] if by != "model" or row["key"]]
    return Costs(
        by=by,
        costs=costs[::-1] if by == "day" else costs,
        total=_cost(total),
        since=asked.since,
        until=asked.until,
        as_of=ports.as_of(),
        more=len(found) > limit,
    )


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


@dataclass(slots=True, kw_only=True)
class _Asked:
    """Which runs: conditions on rows, conditions on runs, and what is bound in them."""

    where: list[str]
    having: list[str]
    parameters: dict[str, Any]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, ports: Ports, since: str | None, until: str | None, default: timedelta) -> _Asked:
        start, end = period(since, until, ports.now(), default=default, ahead=_AHEAD)
        where, parameters = visible(ports)
        where += ["time >= {from:DateTime64(3)}", "time < {until:DateTime64(3)}"]
        parameters |= {"from": start - LONG_RUN, "since": start, "until": end}
        return cls(
            where=where,
            having=["began >= {since:DateTime64(3)}"],
            parameters=parameters,
            since=start,
            until=end,
        )

    def runs_only(self) -> None:
        """Leave out runs of which only the parts are there."""
        self.having.append("all_steps > 0")

    def filter(self, **wanted: str | None) -> None:
        """Runs that are of all of these."""
        for name, value in wanted.items():
            if value:
                self.having.append(f"its_{name} = {{{name}:String}}")
                self.parameters[name] = value

    def error(self, wanted: str | None) -> None:
        """Runs in which a step failed, or in which none did."""
        if wanted not in (None, "", "true", "false"):
            raise InputError(f"error is true or false, this is {wanted[:64]!r}")
        if wanted:
            self.having.append(f"all_errors {'>' if wanted == 'true' else '='} 0")

    def text(self, wanted: str) -> None:
        """Runs of which a step holds this text."""
        found = " OR ".join(
            f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in _TEXT_COLUMNS
        )
        self.where.append(
            "run_id IN (SELECT run_id FROM {db}.agent_steps WHERE workspace = {workspace:String}"
            f" AND received >= {{from:DateTime64(3)}} AND ({found}))"
        )
        self.parameters["text"] = wanted

    def behind(self, cursor: str | None, sorted_by: str) -> None:
        """Runs behind the one that an answer ended with."""
        if not cursor:
            return
        value, _, run_id = cursor.partition("-")
        if not value.isdecimal() or int(value) >= 1 << 64:
            raise InputError(f"the cursor is none of ours: {cursor[:64]!r}")
        self.having.append(f"({sorted_by}, run_id) < ({{value:UInt64}}, unhex({{last:String}}))")
        self.parameters |= {"value": int(value), "last": run_hex(run_id)}

    def chosen_runs(self) -> None:
        """Choose whole runs first, where what is grouped later is less than a run."""
        chosen = f"SELECT run_id FROM ({self.sql()})"
        self.where.append(f"run_id IN ({chosen})")
        self.having = ["1"]

    def sql(self, tail: str = "") -> str:
        """SELECT of these runs, a row each."""
        return runs_sql(" AND ".join(self.where), " AND ".join(self.having), tail)
