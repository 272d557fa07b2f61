"""What runs came to: one row a run, summed of the rows that batches brought. The SQL that lists, costs and pages share.

A run is worth what its sender said that its calls cost, where it said so of calls that are spans, too; else what the
calls came to by their prices. Money is billionths of a US dollar until it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.errors import InputError, NotFound
from flyball.queries.ports import Ports

MODELS_MAX = 6
"""Models named of one run."""
_RUN_DIGITS = 32
AHEAD = timedelta(minutes=10)
"""A sender's clock may run that far ahead, and its records still count at their own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Tokens and money; None where nobody told. `priced_calls` of all calls have a known price, `unpriced_calls` none."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    priced_calls: int
    unpriced_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run on a line. What was not told is empty."""

    run_id: str
    name: str
    agent: str
    service: str
    environment: str
    version: str
    user: str
    conversation: str
    models: tuple[str, ...]
    config: str
    began: datetime
    ms: float
    steps: int
    model_calls: int
    tool_calls: int
    errors: int
    spent: Spent


_FACTS = {
    "its_agent": "argMinIf(agent, begin_ns, agent != '')",
    "its_user": "max(user)",
    "its_conversation": "max(conversation)",
    "its_service": "argMin(service, begin_ns)",
    "its_environment": "argMin(environment, begin_ns)",
    "its_version": "argMin(version, begin_ns)",
    "its_name": "max(name)",
    "its_config": "max(config)",
    "models": f"arraySort(groupUniqArrayIf({MODELS_MAX})(model, model != ''))",
    "began": "min(time)",
    "last": "max(time)",
    "last_received": "max(received)",
    "first_ns": "min(begin_ns)",
    "last_ns": "max(end_ns)",
    "all_steps": "sum(steps)",
    "all_calls": "sum(model_calls)",
    "all_tools": "sum(tool_calls)",
    "all_errors": "sum(errors)",
    "all_input": "sum(input)",
    "all_output": "sum(output)",
    "all_told": "sum(told)",
    "cost": "if(all_told > 0, sum(told_nusd), sum(cost_nusd))",
    "all_priced": "if(all_told > 0, if(all_calls > 0, least(all_told, all_calls), all_told), sum(priced))",
    "all_unpriced": "greatest(all_calls, all_priced) - all_priced",
}
"""What is known of a run, or of a run and model, from its rows; a later one may use those before it."""
SPENT = ("all_input", "all_output", "all_calls", "all_told", "cost", "all_priced", "all_unpriced")
SUMS = ("all_steps", "all_tools", "all_errors", *SPENT)


def facts(*names: str) -> str:
    """These facts as columns. Only what is asked for is computed: text of 100,000 runs costs more than their sums."""
    return ", ".join(f"{expression} AS {name}" for name, expression in _FACTS.items() if name in names)


def runs_sql(where: str, tail: str = "") -> str:
    """SELECT of all that is known of each run, of the rows that meet `where`."""
    return f"SELECT run_id, {facts(*_FACTS)} FROM {{db}}.agent_runs WHERE {where} GROUP BY run_id {tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Between which batches all rows of a run lie: what reads them opens these hours alone.

    A record counts at its own time if that is no more than ten minutes ahead of its receiving (flyball.enrich.resource).
    """

    first: datetime
    last: datetime


async def find_run(ports: Ports, run_id: str) -> tuple[RunRow, Within]:
    """The run on a line, and where its rows lie.

    Raises:
        InputError: that is no run's id.
        NotFound: there is no such run.
    """
    where, parameters = visible(ports)
    parameters["run_id"] = run_hex(run_id)
    where.append("run_id = toFixedString(unhex({run_id:String}), 16)")
    found = (await ports.telemetry.select(runs_sql(" AND ".join(where)), parameters)).to_pylist()
    if not found:
        raise NotFound(f"there is no run {run_id[:64]}; list_runs lists them")
    return run_row(found[0]), Within(first=found[0]["began"] - AHEAD, last=found[0]["last_received"])


def run_row(row: Mapping[str, Any]) -> RunRow:
    """A row of `runs_sql`."""
    return RunRow(
        run_id=row["run_id"].hex(),
        name=row["its_name"],
        agent=row["its_agent"],
        service=row["its_service"],
        environment=row["its_environment"],
        version=row["its_version"],
        user=row["its_user"],
        conversation=row["its_conversation"],
        models=tuple(row["models"]),
        config=row["its_config"],
        began=moment_of(row["first_ns"], row["began"]),
        ms=max(row["last_ns"] - row["first_ns"], 0) / 1e6,
        steps=row["all_steps"],
        model_calls=row["all_calls"],
        tool_calls=row["all_tools"],
        errors=row["all_errors"],
        spent=spent_of(row),
    )


def spent_of(row: Mapping[str, Any]) -> Spent:
    """The sums of a row: no call of a model reads or writes nothing, so a sum of 0 is one that nobody told."""
    return Spent(
        input_tokens=row["all_input"] or None,
        output_tokens=row["all_output"] or None,
        cost_usd=row["cost"] / 1e9 if row["all_priced"] else None,
        priced_calls=row["all_priced"],
        unpriced_calls=row["all_unpriced"],
    )


def moment_of(time_ns: int, counted: datetime) -> datetime:
    """The sender's own time; where that is no time at all, the one that the record counts at."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return counted


def visible(ports: Ports) -> tuple[list[str], dict[str, Any]]:
    """What every query of runs says."""
    return ["workspace = {workspace:String}", "received <= {as_of:DateTime64(3)}"], {
        "workspace": ports.workspace
    }


def run_hex(run_id: str) -> str:
    """The id, if it is one.

    Raises:
        InputError: it is none.
    """
    try:
        if len(run_id) == _RUN_DIGITS and bytes.fromhex(run_id):
            return run_id.lower()
    except ValueError:
        pass
    raise InputError(f"a run's id has 32 hexadecimal digits, as list_runs gives it, this is {run_id[:64]!r}")
