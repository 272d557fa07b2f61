"""What runs came to: one row a run, summed of the rows that batches brought. The SQL that lists, costs and pages share.

A run is worth what its sender said that its calls cost, where it said so of calls that are spans, too; else what the
calls came to by their prices. Money is billionths of a US dollar until it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball.errors import InputError
from flyball.queries.ports import Ports

MODELS_MAX = 6
"""Models named of one run."""
LONG_RUN = timedelta(hours=1)
"""How long before a period is looked, so that a run which began before it is known to have."""
_RUN_DIGITS = 32


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


SUMS = """
    sum(steps) AS all_steps, sum(model_calls) AS all_calls, sum(tool_calls) AS all_tools, sum(errors) AS all_errors,
    sum(input) AS all_input, sum(output) AS all_output, sum(told) AS all_told,
    if(all_told > 0, sum(told_nusd), sum(cost_nusd)) AS cost,
    if(all_told > 0, if(all_calls > 0, least(all_told, all_calls), all_told), sum(priced)) AS all_priced,
    greatest(all_calls, all_priced) - all_priced AS all_unpriced
"""
"""Of the rows of one run (and model)."""

WHO = """
    argMinIf(agent, begin_ns, agent != '') AS its_agent, max(user) AS its_user, max(conversation) AS its_conversation,
    argMin(service, begin_ns) AS its_service, min(begin_ns) AS first_ns, max(end_ns) AS last_ns, min(time) AS began
"""

_RUN = f"""
    run_id, {WHO}, max(name) AS its_name, max(config) AS its_config,
    argMin(environment, begin_ns) AS its_environment, argMin(version, begin_ns) AS its_version,
    arraySort(groupUniqArrayIf({MODELS_MAX})(model, model != '')) AS models, {SUMS}
"""


def runs_sql(where: str, having: str = "", tail: str = "") -> str:
    """SELECT of one row a run, of the rows that meet `where`."""
    return (
        f"SELECT {_RUN} FROM {{db}}.agent_runs WHERE {where} GROUP BY run_id"
        f"{' HAVING ' + having if having else ''} {tail}"
    )


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
