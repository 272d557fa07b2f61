"""A small shop told second by second: what its services say, as rows of the telemetry store.

Records have event times and arrive as exporters send them: logs once a second, spans every 1 to 5 s. One
insert holds the whole story; asking `as_of` a moment sees what had arrived by then. Seeded, no real clock.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa
from flyball.distill.catalog import Catalog
from flyball.distill.redact import RULES_VERSION
from flyball.model.change import Change, ChangeKind, VersionSource
from flyball.model.histogram import buckets
from flyball.model.pattern import Pattern, Shape, fingerprint
from flyball.model.sighting import VersionState
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry

BEGIN_S = (int(datetime.now(UTC).timestamp()) - 600) // 5 * 5 + 3.4
"""Ten minutes ago, always at the same place within a slot: the engine expires rows by its own clock."""
WORKSPACE = "default"


def shape(template: str) -> int:
    """A stable 64-bit id of a template."""
    return int.from_bytes(hashlib.blake2b(template.encode(), digest_size=8).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a process does: `rate` a second from `start_s` of its life on, or `once` at that second."""

    kind: str
    template: str
    severity: int = 9
    rate: float = 0.0
    start_s: float = 0.0
    once: bool = False
    ms: float = 8.0
    until_s: float = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One version of one service between two seconds of the story."""

    service: str
    version: str
    begin_s: float
    end_s: float
    says: Sequence[Says]


@dataclass(slots=True)
class Record:
    service: str
    version: str
    kind: str
    template: str
    severity: int
    time_s: float
    received_s: float
    ms: float
    trace: bytes


def records(processes: Sequence[Process], rng: np.random.Generator) -> list[Record]:
    """Every record of the story: requests come irregularly, more in one second than in the next."""
    out: list[Record] = []
    for process in processes:
        every = float(rng.uniform(1.0, 5.0))
        for say in process.says:
            for time_s in _times(process, say, rng):
                batch = 1.0 if say.kind == "log" else every
                sent = process.begin_s + (np.floor((time_s - process.begin_s) / batch) + 1) * batch
                out.append(
                    Record(
                        service=process.service,
                        version=process.version,
                        kind=say.kind,
                        template=say.template,
                        severity=say.severity,
                        time_s=BEGIN_S + time_s,
                        received_s=BEGIN_S + min(sent, process.end_s) + 0.05,
                        ms=float(say.ms * rng.lognormal(0.0, 0.3)),
                        trace=rng.bytes(16),
                    )
                )
    return out


def _times(process: Process, say: Says, rng: np.random.Generator) -> list[float]:
    if say.once:
        return [process.begin_s + say.start_s] if process.begin_s + say.start_s < process.end_s else []
    times: list[float] = []
    second = process.begin_s + say.start_s
    until = min(process.end_s, process.begin_s + say.until_s)
    while second < until:
        length = min(1.0, until - second)
        number = rng.poisson(say.rate * length * rng.gamma(8.0, 1.0 / 8.0))
        times += list(second + rng.uniform(0.0, length, number))
        second += 1.0
    return times


def tables(told: Sequence[Record]) -> dict[str, Any]:
    """The rows of counts, logs and spans."""
    counted: Counter[tuple[Any, ...]] = Counter()
    logs: list[dict[str, Any]] = []
    spans: list[dict[str, Any]] = []
    for r in told:
        received_ms = round(r.received_s * 1000)
        bucket = int(buckets(np.array([int(r.ms * 1e6)], dtype=np.uint64))[0]) if r.kind == "span" else 0
        severity = r.severity if r.kind == "log" or r.severity >= 17 else 0
        slot = int(r.time_s) // 5 * 5
        counted[(r.service, r.version, r.kind, shape(r.template), severity, bucket, slot, received_ms)] += 1
        row: dict[str, Any] = {
            "workspace": WORKSPACE,
            "service": r.service,
            "environment": "demo",
            "version": r.version,
            "shape": shape(r.template),
            "severity": severity,
            "time": round(r.time_s * 1000),
            "received": received_ms,
            "trace_id": r.trace,
        }
        if r.kind == "log":
            logs.append(row | {"body": r.template.replace("<*>", "7")})
        else:
            start_ns = int(r.time_s * 1e9)
            ends = {"start_time_unix_nano": start_ns, "end_time_unix_nano": start_ns + int(r.ms * 1e6)}
            spans.append(row | {"name": r.template} | ends)
    counts = [
        dict(
            zip(
                ("service", "version", "kind", "signal", "severity", "bucket", "time", "received"),
                key,
                strict=True,
            )
        )
        | {"workspace": WORKSPACE, "environment": "demo", "count": count}
        for key, count in counted.items()
    ]
    rows = {"counts": counts, "logs": logs, "spans": spans}
    return {name: _table(several) for name, several in rows.items() if several}


_TYPES: Mapping[str, pa.DataType] = {
    "shape": pa.uint64(),
    "signal": pa.uint64(),
    "severity": pa.uint8(),
    "bucket": pa.int16(),
    "count": pa.uint64(),
    "received": pa.timestamp("ms", "UTC"),
    "trace_id": pa.binary(16),
    "start_time_unix_nano": pa.uint64(),
    "end_time_unix_nano": pa.uint64(),
}


def _table(rows: Sequence[Mapping[str, Any]]) -> Any:
    names = list(rows[0])
    columns: dict[str, pa.Array] = {}
    for name in names:
        kind = _TYPES.get(name, pa.string())
        if name == "time":
            kind = pa.uint32() if "bucket" in names else pa.timestamp("ms", "UTC")
        columns[name] = pa.array([row[name] for row in rows], kind)
    return pa.table(columns)


class Clock:
    """Stands at one moment."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now_ns(self) -> int:
        return int(self.at.timestamp() * 1e9)

    def monotonic_s(self) -> float:
        return self.at.timestamp()


class Patterns:
    """Every shape is its own pattern: what of the catalog the queries ask."""

    def __init__(self, templates: Mapping[int, str], aliases: Mapping[int, int] | None = None) -> None:
        self._templates = templates
        self._aliases = aliases or {}

    def pattern(self, signal: int) -> Pattern | None:
        root = self._aliases.get(signal, signal)
        if root not in self._templates:
            return None
        return Pattern(fingerprint=fingerprint(root), template=self._templates[root], shapes=(root,))

    def shapes(self) -> list[Shape]:
        return [Shape(id=i, template=t, rules=RULES_VERSION, example=t) for i, t in self._templates.items()]


@dataclass
class State:
    """Changes, versions and evidence in memory: the ports that queries ask."""

    changes_: list[Change] = field(default_factory=list[Change])
    versions_: list[VersionState] = field(default_factory=list[VersionState])
    evidence_: dict[str, Any] = field(default_factory=dict[str, Any])

    async def incidents(self, *_: Any, **__: Any) -> list[Any]:
        return []

    async def change(self, change_id: str) -> Change | None:
        return next((c for c in self.changes_ if c.id == change_id), None)

    async def changes(
        self,
        workspace: str,
        *,
        service: str | None = None,
        environment: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Collection[ChangeKind] | None = None,
        limit: int = 100,
    ) -> list[Change]:
        found = [
            c
            for c in self.changes_
            if c.workspace == workspace
            and service in {None, c.service}
            and environment in {None, c.environment}
            and (since is None or c.time >= since)
            and (until is None or c.time <= until)
            and (kinds is None or c.kind in kinds)
        ]
        return sorted(found, key=lambda c: c.time, reverse=True)[:limit]

    async def versions(self, workspace: str) -> list[VersionState]:
        return [v for v in self.versions_ if v.workspace == workspace]

    async def put_evidence(self, items: Any) -> None:
        for item in items:
            self.evidence_.setdefault(item.id, item)

    async def evidence(self, evidence_id: str) -> Any:
        return self.evidence_.get(evidence_id)


def at(second: float) -> datetime:
    """A second of the story as a time."""
    return datetime.fromtimestamp(BEGIN_S + second, UTC)


def deploy(version: str, previous: str, second: float, *, service: str = "checkout") -> Change:
    """An announced deploy."""
    return Change(
        id=f"chg_{version}",
        workspace=WORKSPACE,
        service=service,
        environment="demo",
        version=version,
        previous_version=previous,
        kind=ChangeKind.DEPLOY,
        time=at(second),
        announced=True,
        seen=None,
    )


async def tell(
    telemetry: ChdbTelemetry, told: Sequence[Record], changes: Sequence[Change], *, now_s: float
) -> tuple[Ports, State]:
    """Store the story and the ports to ask it through; now is that second."""
    await telemetry.migrate()
    await telemetry.insert(tables(told), received_ms=round(at(now_s).timestamp() * 1000))
    firsts: dict[tuple[str, str], float] = {}
    for r in told:
        key = (r.service, r.version)
        firsts[key] = min(firsts.get(key, r.received_s), r.received_s)
    state = State(changes_=list(changes), versions_=[_version(key, first) for key, first in firsts.items()])
    templates = {shape(r.template): r.template for r in told}
    ports = Ports(
        telemetry=telemetry,
        changes=cast("Any", state),
        evidence=cast("Any", state),
        incidents=cast("Any", state),
        memory=cast("Any", state),
        catalog=cast("Catalog", Patterns(templates)),
        clock=Clock(at(now_s)),
    )
    return ports, state


def _version(key: tuple[str, str], first_s: float) -> VersionState:
    return VersionState(
        workspace=WORKSPACE,
        service=key[0],
        environment="demo",
        version=key[1],
        version_source=VersionSource.SERVICE_VERSION,
        first_seen_ns=int(first_s * 1e9),
        last_seen_ns=int(first_s * 1e9),
        current=True,
    )
