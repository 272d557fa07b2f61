"""Who calls whom, learnt from spans: a span whose parent is another service's is a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball.queries.cohorts import bound
from flyball.queries.ports import Ports

SECONDS = 300
"""Calls of so long are read."""
SPANS_MAX = 200_000
"""Spans joined with their parents; of more, whole traces are left out."""
KEPT_S = 60.0
"""So long an answer holds."""
_CALLS_MAX = 5_000

_SPANS = (
    "workspace = {workspace:String} AND environment = {environment:String} AND received <= {as_of:DateTime64(3, 'UTC')}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC')"
)
_COUNT_SQL = f"SELECT count() AS number FROM {{db}}.spans WHERE {_SPANS}"
_CALLS_SQL = (
    "SELECT caller.service AS caller, callee.service AS callee FROM"
    f" (SELECT service, trace_id, parent_span_id FROM {{db}}.spans WHERE {_SPANS}"
    " AND parent_span_id != '' AND cityHash64(trace_id) % {part:UInt32} = 0) AS callee"
    f" INNER JOIN (SELECT service, trace_id, lower(hex(span_id)) AS id FROM {{db}}.spans WHERE {_SPANS}"
    " AND cityHash64(trace_id) % {part:UInt32} = 0) AS caller"
    " ON callee.trace_id = caller.trace_id AND callee.parent_span_id = caller.id"
    f" WHERE caller.service != callee.service GROUP BY caller, callee ORDER BY count() DESC LIMIT {_CALLS_MAX}"
)


@dataclass(slots=True)
class Topology:
    """Service -> the services it calls, for each environment; asked anew when the answer is KEPT_S old."""

    ports: Ports
    _kept: dict[str, tuple[float, Mapping[str, frozenset[str]]]] = field(
        default_factory=dict[str, tuple[float, Mapping[str, frozenset[str]]]]
    )

    async def calls(self, environment: str) -> Mapping[str, frozenset[str]]:
        """The calls of the last SECONDS in that environment, and what was known of them before."""
        now = self.ports.clock.monotonic_s()
        asked, known = self._kept.get(environment, (-KEPT_S, {}))
        if now - asked < KEPT_S:
            return known
        found: dict[str, set[str]] = {caller: set(callees) for caller, callees in known.items()}
        for row in await self._rows(environment):
            found.setdefault(row["caller"], set()).add(row["callee"])
        calls = {caller: frozenset(callees) for caller, callees in found.items()}
        self._kept[environment] = (now, calls)
        return calls

    async def _rows(self, environment: str) -> list[dict[str, str]]:
        as_of = self.ports.as_of()
        parameters = {
            "workspace": self.ports.workspace,
            "environment": environment,
            "as_of": bound(as_of),
            "begin": max(int(as_of.timestamp()) - SECONDS, 0),
        }
        count = (await self.ports.telemetry.select(_COUNT_SQL, parameters)).to_pylist()[0]["number"]
        part = {"part": max(-(-count // SPANS_MAX), 1)}
        return (await self.ports.telemetry.select(_CALLS_SQL, parameters | part)).to_pylist()
