"""Runs of agents in a list: a line each, filtered, in the order that was asked for, from a cursor on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.errors import InputError
from flyball.queries.periods import row_limit
from flyball.queries.ports import Ports
from flyball.queries.run_asked import Asked
from flyball.queries.run_rows import RunRow, run_row, runs_sql, visible

_PERIOD = timedelta(hours=24)
_SORTS = {
    "newest": ("toUnixTimestamp64Milli(began)", ("began",)),
    "longest": ("greatest(last_ns, first_ns) - first_ns", ("first_ns", "last_ns")),
    "costliest": ("cost", ("all_told", "cost")),
    "tokens": ("all_input + all_output", ("all_input", "all_output")),
    "errors": ("all_errors", ("all_errors",)),
}
"""By what a list is sorted, and the facts that it takes."""
_NEAR = timedelta(hours=1)
_FARTHER = 6
"""The newest runs are looked for in the last hour, then in six, and so on: most lists end in the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Runs in the order that was asked for; `cursor` continues behind the last, empty when there are no more."""

    runs: Sequence[RunRow]
    since: datetime
    until: datetime
    as_of: datetime
    cursor: str


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
    asked = Asked.of(ports, since, until, _PERIOD)
    asked.of_all(agent=agent, service=service, user=user, conversation=conversation)
    asked.of_error(error)
    asked.of_model(model)
    asked.of_text(text)
    asked.behind(cursor, _SORTS[sort][0])
    chosen = await _chosen(ports, asked, sort, limit + 1)
    last = chosen[limit - 1] if len(chosen) > limit else None
    return Runs(
        runs=await _whole(ports, chosen[:limit]),
        since=asked.since,
        until=asked.until,
        as_of=ports.as_of(),
        cursor=f"{last['sorted']}-{last['run_id'].hex()}" if last else "",
    )


async def _chosen(ports: Ports, asked: Asked, sort: str, limit: int) -> list[Mapping[str, Any]]:
    """The first runs in this order: their ids, and where their rows lie."""
    by, needed = _SORTS[sort]
    near = _NEAR if sort == "newest" else asked.until - asked.since
    top = min(asked.until, ports.now())
    if sort == "newest" and "value" in asked.parameters:
        top = min(top, datetime.fromtimestamp(asked.parameters["value"] / 1000, UTC))
    while True:
        start = max(asked.since, top - near)
        sql = asked.sql("last", *needed)
        found = await ports.telemetry.select(
            f"SELECT run_id, began, last, {by} AS sorted FROM ({sql}) ORDER BY sorted DESC, run_id DESC LIMIT {limit}",
            asked.from_on(start).parameters,
        )
        if found.num_rows == limit or start == asked.since:
            return found.to_pylist()
        near *= _FARTHER


async def _whole(ports: Ports, chosen: Sequence[Mapping[str, Any]]) -> list[RunRow]:
    """All that is known of these runs, in their order."""
    if not chosen:
        return []
    where, parameters = visible(ports)
    where += ["run_id IN (SELECT toFixedString(unhex(arrayJoin({runs:Array(String)})), 16))"]
    where += ["time >= {first:DateTime64(3)}", "time <= {last:DateTime64(3)}"]
    parameters |= {
        "runs": [row["run_id"].hex() for row in chosen],
        "first": min(row["began"] for row in chosen),
        "last": max(row["last"] for row in chosen),
    }
    found = await ports.telemetry.select(runs_sql(" AND ".join(where)), parameters)
    rows = {row["run_id"]: run_row(row) for row in found.to_pylist()}
    return [rows[row["run_id"]] for row in chosen]
