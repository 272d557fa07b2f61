"""The one stream of telemetry that a scenario yields, and the stage on which it is played.

Times are seconds from the onset: the normal window lies before 0, the failing one after it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flyball.model.cause import Cause
from gallery.kube import Manifests, manifests
from gallery.system import Service, System
from gallery.texts import Peer

NORMAL_S, FAILING_S = 600.0, 240.0
SAMPLE_S = 15.0
"""Seconds between two samples of a metric."""
_EPOCH = datetime(2027, 1, 4, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log record of a service or a database, in a span where it was written in one."""

    time: float
    source: str
    body: str
    severity: int = 9
    pod: str = ""
    version: str = ""
    trace: str = ""
    span: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span of a service. `parent` is empty for a root; `kind` is `server` or `client`."""

    time: float
    trace: str
    id: str
    parent: str
    source: str
    pod: str
    version: str
    name: str
    kind: str
    duration_ms: float
    error: bool
    attributes: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A sample of a metric, by its OpenTelemetry or exporter's name. `source` is `kind/name`."""

    time: float
    source: str
    name: str
    value: float
    unit: str = "1"
    attributes: Mapping[str, str | int] = field(default_factory=dict[str, str | int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of Kubernetes on an object."""

    time: float
    kind: str
    name: str
    reason: str
    message: str
    type: str
    count: int
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object of Kubernetes as it was read: `resource` is its plural."""

    time: float
    resource: str
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change as a pipeline announces it."""

    time: float
    service: str
    version: str
    kind: str
    commit: str


Record = Log | Span | Point | Event | Object | Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a diagnosis should say: one of the causes (none: nothing), of one of the objects, with these words.

    A word may be several, parted by `|`, of which one must occur in the first step.
    """

    causes: tuple[Cause, ...] = ()
    objects: tuple[str, ...] = ()
    step: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Everything that happened, in time, and when the onset was."""

    onset: datetime
    system: System
    records: tuple[Record, ...]

    def at(self, record: Record) -> datetime:
        """The moment of a record."""
        return self.onset + timedelta(seconds=record.time)

    def failing(self, record: Record) -> bool:
        """Whether a record belongs to the failing window: changes do, wherever they lie."""
        return record.time >= 0 or isinstance(record, Change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to requests from `start` on: in a service, on its way to `callee`, or in a database it asks.

    `says` is the error line; `fails` without `says` is silent. `extra_ms` is added to what it takes (bounds of a
    uniform draw). `repeats` is how often a query is sent; `retries` how often a failed call is sent again.
    `unreachable` is how a client loses its callee: refused, dns, timeout, connect, certificate, limited, gateway;
    `peer` the address that it asks instead.
    """

    where: str
    callee: str = ""
    share: float = 1.0
    says: Callable[[Random], str] | None = None
    severity: int = 17
    fails: bool = False
    extra_ms: tuple[float, float] = (0.0, 0.0)
    repeats: int = 1
    retries: int = 0
    unreachable: str = ""
    peer: Peer | None = None
    silences: bool = False
    growing: bool = False
    operation: str = ""
    start: float = 0.0
    until: float = FAILING_S


Bend = Callable[[float, float], float]
"""Time since the onset and the usual value in, the value out."""


@dataclass(slots=True)
class Stage:
    """Where a scenario is played: it draws from `draw`, and changes what would otherwise go on as usual."""

    draw: Random
    system: System
    records: list[Record] = field(default_factory=list[Record])
    faults: list[Fault] = field(default_factory=list[Fault])
    bends: dict[tuple[str, str], Bend] = field(default_factory=dict[tuple[str, str], Bend])
    versions: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])
    objects: Manifests = field(default_factory=Manifests)
    before: Manifests = field(default_factory=Manifests)
    upstream_user: str = ""

    @staticmethod
    def of(draw: Random, system: System) -> Stage:
        """A stage on which nothing has happened yet."""
        usual = manifests(draw, system)
        return Stage(draw, system, objects=copy.deepcopy(usual), before=usual)

    def victim(self, *, database: str = "", leaf: bool = False, language: str = "") -> Service:
        """A service that others call; one that asks a database of an engine (`any`), or calls nobody."""
        found = [
            service
            for service in list(self.system.services.values())[1:]
            if (not leaf or not service.calls)
            and (not language or service.language == language)
            and (not database or (service.database and database in {"any", self.engine(service)}))
        ]
        return self.draw.choice(found or list(self.system.services.values())[1:])

    def engine(self, service: Service) -> str:
        """The engine of a service's database."""
        return self.system.databases[service.database].engine if service.database else ""

    def fault(self, where: str, **of: Any) -> None:
        """Let requests fail or wait from the onset on."""
        self.faults.append(Fault(where=where, **of))

    def lost(self, service: Service, how: str, *, share: float = 1.0, until: float = FAILING_S) -> None:
        """Let every caller lose a service."""
        for caller in self.system.callers(service.name):
            self.fault(
                caller.name, callee=service.name, unreachable=how, share=share, fails=True, until=until
            )

    def log(self, time: float, source: str, body: str, severity: int = 17, pod: str = "") -> None:
        """Let a service or database write a record outside of requests."""
        self.records.append(Log(time=time, source=source, body=body, severity=severity, pod=pod))

    def event(
        self, time: float, kind: str, name: str, reason: str, message: str, *, normal: bool = False,
        count: int = 1, node: str = "",
    ) -> None:  # fmt: skip
        """Let Kubernetes tell something of an object."""
        of_type = "Normal" if normal else "Warning"
        self.records.append(
            Event(
                time=time, kind=kind, name=name, reason=reason, message=message, type=of_type, count=count, node=node
            )
        )  # fmt: skip

    def point(self, time: float, source: str, name: str, value: float, **attributes: str | int) -> None:
        """A sample of a metric that only this scenario has."""
        self.records.append(Point(time=time, source=source, name=name, value=value, attributes=attributes))

    def bend(self, source: str, name: str, bend: Bend) -> None:
        """Let a usual metric of a source become another one from the onset on."""
        self.bends[source, name] = bend

    def change(self, time: float, service: str, *, kind: str = "deploy", version: str = "") -> str:
        """Announce a change; returns its version. A deploy's version runs from then on."""
        draw = self.draw
        version = version or f"{draw.randint(10, 19)}.{draw.randint(0, 30)}.{draw.randint(0, 9)}"
        commit = f"{draw.randrange(16**7):07x}"
        self.records.append(Change(time=time, service=service, version=version, kind=kind, commit=commit))
        if kind == "deploy":
            self.versions[service] = (time, version)
        return version

    def soon(self, low: float = 1.0, high: float = 25.0) -> float:
        """A moment soon after the onset."""
        return round(self.draw.uniform(low, high), 3)


def onset_of(draw: Random) -> datetime:
    """When it begins: some minute of some year."""
    return _EPOCH + timedelta(minutes=draw.randrange(1_000_000), seconds=draw.randrange(60))
