"""A made-up system: services that call each other, their pods and nodes, databases, a queue, an outside address.

Everything that has a name gets it from the seed, so nothing that judges the telemetry can know one.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LANGUAGES = ("python", "java", "go", "node")
_NOUNS = (
    *("basket", "ledger", "roster", "parcel", "voucher", "tariff", "invoice", "claims", "ticket", "seat"),
    *("quote", "profile", "booking", "courier", "stock", "loyalty", "notice", "media", "search", "refund"),
    *("tax", "fraud", "identity", "shipment", "pricing", "catalog", "session", "report", "menu", "fare"),
)
_SUFFIXES = ("", "-api", "-service", "-svc", "-backend")
_ENTRIES = ("web", "gateway", "storefront", "bff", "edge-api", "portal")
_SPACES = ("prod", "live", "shop", "platform", "apps", "core", "payments", "eu-prod")
_UPSTREAMS = ("api.maps", "rates", "sms", "geo", "kyc", "cards", "mail")
_HASH = "bcdf2456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One workload. `calls` are names of services, `database` one of a database, each empty where there is none."""

    name: str
    language: str
    version: str
    port: int
    noun: str
    operations: tuple[str, ...]
    replica_set: str
    pods: tuple[str, ...]
    nodes: tuple[str, ...]
    calls: tuple[str, ...]
    database: str
    memory_mi: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database and who asks it what."""

    name: str
    engine: str
    host: str
    user: str
    table: str
    connections_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """All of it. The first service is the entry; `upstream` is an address outside, `topic` one that is consumed."""

    namespace: str
    nodes: tuple[str, ...]
    services: dict[str, Service]
    databases: dict[str, Database]
    upstream: str
    topic: str
    registry: str

    @property
    def entry(self) -> Service:
        """What the customers call."""
        return next(iter(self.services.values()))

    @property
    def consumer(self) -> Service:
        """What reads the topic."""
        return list(self.services.values())[-1]

    def callers(self, name: str) -> list[Service]:
        """Who calls a service."""
        return [service for service in self.services.values() if name in service.calls]

    def users(self, database: str) -> list[Service]:
        """Who asks a database."""
        return [service for service in self.services.values() if service.database == database]


def build(draw: Random) -> System:
    """A system of one entry, some services in the middle and some at the bottom."""
    nouns = draw.sample(_NOUNS, 9)
    names = [draw.choice(_ENTRIES), *(noun + draw.choice(_SUFFIXES) for noun in nouns[1:])]
    middle, bottom = names[1:4], names[4 : draw.randint(7, 9)]
    nodes = tuple(_node(draw, number) for number in range(draw.randint(3, 5)))
    databases = {
        one.name: one for one in (_database(draw, nouns[4], "postgresql"), _database(draw, nouns[5]))
    }
    calls = {names[0]: middle, **{name: draw.sample(bottom, draw.randint(1, 2)) for name in middle}}
    for name in bottom:  # nobody stands alone
        if not any(name in called for called in calls.values()):
            calls[draw.choice(middle)].append(name)
    keepers = dict(zip(bottom, [*databases, *draw.choices([*databases, ""], k=9)], strict=False))
    services = [
        _service(draw, name, noun, nodes, calls=tuple(calls.get(name, ())), database=keepers.get(name, ""))
        for name, noun in zip(names, nouns, strict=False)
        if name == names[0] or name in middle or name in bottom
    ]
    return System(
        namespace=draw.choice(_SPACES),
        nodes=nodes,
        services={service.name: service for service in services},
        databases=databases,
        upstream=f"{draw.choice(_UPSTREAMS)}.{draw.choice(('example.com', 'example.net', 'example.org'))}",
        topic=f"{draw.choice(nouns)}.{draw.choice(('events', 'created', 'changed', 'commands'))}",
        registry=f"registry.{draw.choice(('example.com', 'example.net'))}/{draw.choice(_SPACES)}",
    )


def token(draw: Random, length: int) -> str:
    """A hash as controllers put it behind names."""
    return "".join(draw.choices(_HASH, k=length))


def pod_names(draw: Random, replica_set: str, count: int) -> tuple[str, ...]:
    """Pods of a replica set."""
    return tuple(f"{replica_set}-{token(draw, 5)}" for _ in range(count))


def _node(draw: Random, number: int) -> str:
    return draw.choice(
        (
            f"ip-10-0-{draw.randint(1, 250)}-{draw.randint(1, 250)}.ec2.internal",
            f"worker-{token(draw, 3)}-{number}",
            f"gke-pool-{token(draw, 4)}-{token(draw, 4)}",
        )
    )


def _database(draw: Random, noun: str, engine: str = "") -> Database:
    engine = engine or draw.choice(("postgresql", "mysql"))
    name = f"{noun}{draw.choice(('-db', '-store', '-main'))}"
    return Database(
        name=name,
        engine=engine,
        host=f"{name}.{draw.choice(('internal', 'db.svc', 'rds.example.net'))}",
        user=f"{noun}_{draw.choice(('app', 'rw', 'user'))}",
        table=f"{noun}_{draw.choice(('items', 'entries', 'lines', 'history'))}",
        connections_max=draw.choice((60, 100, 150, 200)),
    )


def _service(
    draw: Random, name: str, noun: str, nodes: tuple[str, ...], *, calls: tuple[str, ...], database: str
) -> Service:
    replica_set = f"{name}-{token(draw, 9)}"
    count = draw.randint(2, 3)
    verbs = draw.sample((f"GET /{noun}s", f"POST /{noun}s", f"GET /{noun}s/:id", f"PUT /{noun}s/:id"), 2)
    return Service(
        name=name,
        language=draw.choice(LANGUAGES),
        version=f"{draw.randint(1, 9)}.{draw.randint(0, 30)}.{draw.randint(0, 9)}",
        port=draw.choice((8080, 8000, 3000, 9000, 50051, 8443)),
        noun=noun,
        operations=tuple(verbs),
        replica_set=replica_set,
        pods=pod_names(draw, replica_set, count),
        nodes=tuple(draw.choice(nodes) for _ in range(count)),
        calls=calls,
        database=database,
        memory_mi=draw.choice((256, 384, 512, 1024)),
    )
