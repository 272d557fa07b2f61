"""Which runs a question is about: its period, its filters, and the facts of runs that these need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flyball.errors import InputError
from flyball.queries.periods import period
from flyball.queries.ports import Ports
from flyball.queries.run_rows import AHEAD, facts, run_hex, visible

LONG_RUN = timedelta(hours=1)
"""How long before a period is looked, so that a run which began before it is known to have."""
_TEXT_COLUMNS = ("name", "tool", "arguments", "result", "said", "message", "error")


@dataclass(slots=True, kw_only=True)
class Asked:
    """Conditions on rows, conditions on runs (with the facts that these are about), and what is bound in them."""

    where: list[str]
    having: list[str]
    needed: set[str]
    parameters: dict[str, Any]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, ports: Ports, since: str | None, until: str | None, default: timedelta) -> Asked:
        """The runs that began in this period.

        Raises:
            InputError: it cannot be read.
        """
        start, end = period(since, until, ports.now(), default=default, ahead=AHEAD)
        where, parameters = visible(ports)
        where += ["time >= {from:DateTime64(3)}", "time < {until:DateTime64(3)}"]
        parameters |= {"from": start - LONG_RUN, "since": start, "until": end}
        return cls(
            where=where,
            having=["began >= {since:DateTime64(3)}", "all_steps > 0"],
            needed={"began", "all_steps"},
            parameters=parameters,
            since=start,
            until=end,
        )

    def from_on(self, start: datetime) -> Asked:
        """The same, of the runs that began from then on."""
        return replace(self, parameters=self.parameters | {"from": start - LONG_RUN, "since": start})

    def of_all(self, **wanted: str | None) -> None:
        """Runs whose agent, service, user, conversation is this."""
        for name, value in wanted.items():
            if value:
                self.having.append(f"its_{name} = {{{name}:String}}")
                self.needed.add(f"its_{name}")
                self.parameters[name] = value

    def of_error(self, wanted: str | None) -> None:
        """Runs in which a step failed, or in which none did.

        Raises:
            InputError: it is neither true nor false.
        """
        if wanted not in (None, "", "true", "false"):
            raise InputError(f"error is true or false, this is {wanted[:64]!r}")
        if wanted:
            self.having.append(f"all_errors {'>' if wanted == 'true' else '='} 0")
            self.needed.add("all_errors")

    def of_model(self, wanted: str | None) -> None:
        """Runs that asked this model."""
        if wanted:
            self.having.append("countIf(model = {model:String}) > 0")
            self.parameters["model"] = wanted

    def of_text(self, wanted: str | None) -> None:
        """Runs of which a step holds this text."""
        if not wanted:
            return
        found = " OR ".join(
            f"positionCaseInsensitiveUTF8({name}, {{text:String}}) > 0" for name in _TEXT_COLUMNS
        )
        # a row counts at a time that is at most as far ahead of its receiving
        self.where.append(
            "run_id IN (SELECT run_id FROM {db}.agent_steps WHERE workspace = {workspace:String}"
            f" AND received >= {{from:DateTime64(3)}} - INTERVAL {AHEAD.seconds} SECOND AND ({found}))"
        )
        self.parameters["text"] = wanted

    def behind(self, cursor: str | None, sorted_by: str) -> None:
        """Runs behind the one that an answer ended with.

        Raises:
            InputError: no answer ended so.
        """
        if not cursor:
            return
        value, _, run_id = cursor.partition("-")
        if not value.isdecimal() or len(value) > len(str(1 << 63)):
            raise InputError(f"the cursor is none of ours: {cursor[:64]!r}")
        self.having.append(
            f"({sorted_by}, run_id) < ({{value:UInt64}}, toFixedString(unhex({{last_run:String}}), 16))"
        )
        self.parameters |= {"value": int(value), "last_run": run_hex(run_id)}

    def sql(self, *wanted: str, group: str = "run_id") -> str:
        """SELECT of these runs, a row each (or each of their models), with the facts that are wanted."""
        columns = facts(*self.needed, *wanted)
        where, having = " AND ".join(self.where), " AND ".join(self.having)
        return (
            f"SELECT {group}, {columns} FROM {{db}}.agent_runs WHERE {where} GROUP BY {group} HAVING {having}"
        )
