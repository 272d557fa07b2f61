"""What every query of an observation is scoped and bounded by: where, which two windows, as of which batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flyball_sdk import semconv

from flyball.model.anyvalue import plain
from flyball.queries.cohorts import bound
from flyball.queries.ports import Ports

EARLY = timedelta(minutes=10)
"""Events lie at most so far after their receipt (flyball.enrich.resource): older batches hold none of a window."""
SOURCES_MAX = 20_000
"""Sources that are no plain service: databases, pods, nodes."""

WHERE = (
    "workspace = {workspace:String} AND environment IN {environments:Array(String)}"
    " AND received <= {as_of:DateTime64(3, 'UTC')} AND received >= {oldest:DateTime64(3, 'UTC')}"
    " AND time >= {begin:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}"
    " AND NOT arrayExists((a, b) -> toUnixTimestamp(time) >= a AND toUnixTimestamp(time) < b,"
    " {wrong_from:Array(UInt32)}, {wrong_to:Array(UInt32)})"
)
ASKED = (
    "(empty({services:Array(String)}) OR service IN {services:Array(String)} OR service = {nobody:String})"
)
"""Rows of the services asked for, and of what names no service."""
NOW = "time >= {onset:DateTime64(3, 'UTC')} AS now"
"""Whether a row is of the incident's window, not of the normal one."""
ENTITY = "transform(origin, {origins:Array(UInt64)}, {entities:Array(String)}, concat('service/', service)) AS entity"
_KUBERNETES = (
    "(position(scope, 'k8seventsreceiver') > 0 OR position(scope, 'k8sobjectsreceiver') > 0)"
    " AND hour >= toStartOfHour({oldest:DateTime64(3, 'UTC')})"
)
NOT_KUBERNETES = f"origin NOT IN (SELECT origin FROM {{db}}.origins WHERE {_KUBERNETES})"
"""What the Collector says of the cluster is no log of a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where and when: the normal window is `begin` to `onset`, the incident's `onset` to `until`.

    `wrong` are times before the onset that were not normal either: nothing is read of them. `named` tells which sources are no plain service, as origin ids and entities. `limits` gathers what an answer has
    to say of what it could not see.
    """

    ports: Ports
    environment: str
    begin: datetime
    onset: datetime
    until: datetime
    as_of: datetime
    services: tuple[str, ...] = ()
    wrong: tuple[tuple[datetime, datetime], ...] = ()
    named: Mapping[int, str] = field(default_factory=dict[int, str])
    limits: list[str] = field(default_factory=list[str])

    async def rows(self, sql: str, rows_max: int, what: str, **more: Any) -> list[dict[str, Any]]:
        """The rows of a query, at most `rows_max`: where there are more, the limits say of what."""
        parameters = self._parameters() | more
        found = (await self.ports.telemetry.select(f"{sql} LIMIT {rows_max + 1}", parameters)).to_pylist()
        if len(found) > rows_max:
            self.limits.append(f"There are more than {rows_max} {what}; the rest was not read.")
        return found[:rows_max]

    def _parameters(self) -> dict[str, Any]:
        return {
            "workspace": self.ports.workspace,
            "environments": [self.environment],
            "services": list(self.services),
            "nobody": semconv.UNKNOWN_SERVICE,
            "begin": bound(self.begin),
            "onset": bound(self.onset),
            "until": bound(self.until),
            "oldest": bound(self.begin - EARLY),
            "as_of": bound(self.as_of),
            "wrong_from": [int(begin.timestamp()) for begin, _ in self.wrong],
            "wrong_to": [int(min(end, self.onset).timestamp()) for _, end in self.wrong],
            "origins": list(self.named) or [0],
            "entities": list(self.named.values()) or [""],
        }

    @property
    def cluster(self) -> dict[str, Any]:
        """Parameters of a query of the cluster: what it says often names no environment."""
        return {"environments": [self.environment, ""]}


def texts(attributes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Attributes in OTLP/JSON as text."""
    pairs = ((str(one.get("key", "")), plain(one.get("value", {}))) for one in attributes)
    return {key: str(value) for key, value in pairs if isinstance(value, str | int | float)}
