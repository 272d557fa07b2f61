"""A day of a shop of six services: what each says a second, and what three failures add. Counts, and raw rows of a part.

Everything is drawn from a seed. Rates rise and fall with the hour; what comes in one second varies more than chance.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from flyball.distill.redact import RULES_VERSION
from flyball.model.histogram import buckets
from flyball.model.pattern import Shape
from flyball.model.window import SignalKind

SLOT_S = 5
ENVIRONMENT = "prod"
WORKSPACE = "default"
_BUSY = 8.0
"""Shape of the gamma by which the traffic of a slot varies: a fifth and more either way."""
_SPREAD = 0.3
"""Of the logarithm of durations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """A signal of a service: `rate` a second, between two seconds of the day."""

    service: str
    template: str
    rate: float
    severity: int = 9
    kind: str = "log"
    ms: float = 8.0
    version: str = "v1"
    begin_s: float = 0.0
    end_s: float = 1e9
    parent: str = ""
    """The service whose span of the same request calls this one."""

    @property
    def signal(self) -> int:
        """Its shape's id."""
        return _hashed(self.template)

    @property
    def shape(self) -> Shape:
        """What the distiller would have learnt."""
        kind = SignalKind(self.kind)
        return Shape(
            id=self.signal, template=self.template, rules=RULES_VERSION, example=self.text, kind=kind
        )

    @property
    def text(self) -> str:
        """A line of it."""
        return self.template.replace("<*>", "7")


def healthy() -> list[Says]:
    """The shop on a good day: some warnings, a few errors."""
    return [
        Says(service="storefront", template="GET <*> answered <*> in <*> ms", rate=120.0),
        Says(service="storefront", template="session <*> resumed", rate=30.0),
        Says(service="storefront", template="slow client <*> was cut off", rate=0.5, severity=13),
        Says(service="storefront", template="POST /order", rate=30.0, kind="span", ms=40.0),
        Says(service="checkout", template="checkout of cart <*> begins", rate=30.0),
        Says(service="checkout", template="order <*> placed with <*> items", rate=29.0),
        Says(service="checkout", template="card declined for cart <*>", rate=1.0, severity=13),
        Says(service="checkout", template="coupon <*> is unknown", rate=0.02, severity=17),
        Says(
            service="checkout",
            template="POST /checkout",
            rate=30.0,
            kind="span",
            ms=25.0,
            parent="storefront",
        ),
        Says(service="payments", template="payment <*> authorised by bank <*>", rate=29.0),
        Says(service="payments", template="bank <*> answered late, <*> ms", rate=0.3, severity=13),
        Says(service="payments", template="POST /charge", rate=30.0, kind="span", ms=12.0, parent="checkout"),
        Says(service="inventory", template="stock of article <*> is <*>", rate=80.0),
        Says(service="inventory", template="reservation <*> was released", rate=6.0),
        Says(service="inventory", template="GET /stock", rate=60.0, kind="span", ms=5.0),
        Says(service="search", template="query for <*> found <*> articles", rate=70.0),
        Says(service="search", template="index segment <*> merged in <*> ms", rate=0.8),
        Says(service="search", template="GET /search", rate=35.0, kind="span", ms=18.0),
        Says(service="mail", template="message <*> handed to relay <*>", rate=12.0),
        Says(service="mail", template="relay <*> deferred message <*>", rate=0.1, severity=13),
        Says(service="mail", template="heartbeat of worker <*>", rate=5.0),
    ]


def pool_exhausted() -> list[Says]:
    """After a deploy checkout runs out of connections, and storefront shows it."""
    pool = "QueuePool limit of size <*> overflow <*> reached, connection timed out, timeout <*>"
    seen = "checkout answered <*> to order <*>"
    failed = Says(
        service="checkout",
        template="POST /checkout",
        rate=6.0,
        severity=17,
        kind="span",
        ms=900.0,
        version="v2",
    )
    return [
        Says(service="checkout", template=pool, rate=6.0, severity=17, version="v2"),
        replace(failed, parent="storefront"),
        Says(service="storefront", template=seen, rate=6.0, severity=17),
    ]


def disk_full() -> list[Says]:
    """Inventory cannot write; nobody changed anything."""
    template = "cannot write segment <*>: No space left on device"
    return [Says(service="inventory", template=template, rate=4.0, severity=17)]


def certificate_expired() -> list[Says]:
    """The mail relay's certificate ran out."""
    template = "cannot send message <*> to relay <*>: certificate verify failed: certificate has expired"
    return [Says(service="mail", template=template, rate=3.0, severity=17)]


def between(said: Sequence[Says], begin_s: float, end_s: float) -> list[Says]:
    """The same from one second of the day to another."""
    return [replace(one, begin_s=begin_s, end_s=end_s) for one in said]


def deployed(said: Sequence[Says], service: str, moments: Sequence[float]) -> list[Says]:
    """With the service's signals under another version from each moment on: v2, v3, ..."""
    edges = [0.0, *moments, 1e9]
    out = [one for one in said if one.service != service]
    for number, (begin, end) in enumerate(itertools.pairwise(edges), 1):
        out += [
            replace(one, version=f"v{number}", begin_s=begin, end_s=end)
            for one in said
            if one.service == service
        ]
    return out


def scaled(said: Sequence[Says], lines_a_second: float) -> list[Says]:
    """With so many log lines a second on average; spans grow alike."""
    factor = lines_a_second / sum(one.rate for one in said if one.kind == "log")
    return [replace(one, rate=one.rate * factor) for one in said]


def counts(
    said: Sequence[Says], begin_s: int, step_s: int, rng: np.random.Generator
) -> list[tuple[Says, int, int]]:
    """How often each signal came in each slot from `begin_s` on: (signal, slot's second, count)."""
    slots = np.arange(begin_s, begin_s + step_s, SLOT_S)
    busy = (1.0 + 0.5 * np.sin(2 * np.pi * (slots / 86_400 - 0.375))) * rng.gamma(
        _BUSY, 1 / _BUSY, len(slots)
    ) ** 0.5
    out: list[tuple[Says, int, int]] = []
    for one in said:
        seconds = np.clip(np.minimum(slots + SLOT_S, one.end_s) - np.maximum(slots, one.begin_s), 0, SLOT_S)
        if not seconds.any():
            continue
        numbers = rng.poisson(one.rate * seconds * busy * rng.gamma(_BUSY * 4, 1 / (_BUSY * 4), len(slots)))
        out += [(one, int(slot), int(n)) for slot, n in zip(slots, numbers, strict=True) if n]
    return out


def count_table(
    counted: Sequence[tuple[Says, int, int]], epoch_s: int, received_ms: int, rng: np.random.Generator
) -> pa.Table:
    """Rows of `counts`; spans by the bucket of their duration."""
    rows = [row for entry in counted for row in _rows(*entry, rng)]
    says = [row[0] for row in rows]
    return pa.table(
        {
            "workspace": pa.array([WORKSPACE] * len(rows)),
            "service": pa.array([one.service for one in says]),
            "environment": pa.array([ENVIRONMENT] * len(rows)),
            "version": pa.array([one.version for one in says]),
            "kind": pa.array([one.kind for one in says]),
            "signal": pa.array([one.signal for one in says], pa.uint64()),
            "severity": pa.array([_severity(one) for one in says], pa.uint8()),
            "bucket": pa.array([row[2] for row in rows], pa.int16()),
            "time": pa.array([epoch_s + row[1] for row in rows], pa.uint32()),
            "received": pa.array([received_ms] * len(rows), pa.timestamp("ms", "UTC")),
            "count": pa.array([row[3] for row in rows], pa.uint64()),
        }
    )


def _rows(
    one: Says, slot: int, number: int, rng: np.random.Generator
) -> Iterator[tuple[Says, int, int, int]]:
    if one.kind == "log":
        yield one, slot, 0, number
        return
    drawn = buckets((one.ms * rng.lognormal(0.0, _SPREAD, number) * 1e6).astype(np.uint64))
    for bucket, count in zip(*np.unique(drawn, return_counts=True), strict=True):
        yield one, slot, int(bucket), int(count)


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _severity(one: Says) -> int:
    return one.severity if one.kind == "log" or one.severity >= 17 else 0


def raw_tables(
    counted: Sequence[tuple[Says, int, int]], epoch_s: int, received_ms: int, rng: np.random.Generator
) -> dict[str, pa.Table]:
    """The records of these counts, spans with the call above them where they have one."""
    tables: dict[str, pa.Table] = {}
    requests = _requests(rng)
    for kind, name in (("log", "logs"), ("span", "spans")):
        parts = [
            _raw(one, epoch_s + slot, n, received_ms, rng, requests)
            for one, slot, n in counted
            if one.kind == kind
        ]
        if parts:
            tables[name] = pa.concat_tables(parts)
    return tables


_PARENT_SERVICES = ("storefront", "checkout", "payments")
_REQUESTS = 200


def _requests(rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Trace ids, and each service's span id of each: a batch's requests."""
    traces = rng.integers(1, 256, (_REQUESTS, 16), dtype=np.uint8)
    return traces, {name: rng.integers(1, 256, (_REQUESTS, 8), dtype=np.uint8) for name in _PARENT_SERVICES}


def _raw(
    one: Says,
    second: int,
    number: int,
    received_ms: int,
    rng: np.random.Generator,
    requests: tuple[np.ndarray, dict[str, np.ndarray]],
) -> pa.Table:
    times = np.sort(second * 1000 + rng.integers(0, SLOT_S * 1000, number))
    columns: dict[str, pa.Array] = {
        "workspace": pa.array([WORKSPACE] * number),
        "service": pa.array([one.service] * number),
        "environment": pa.array([ENVIRONMENT] * number),
        "version": pa.array([one.version] * number),
        "shape": pa.array(np.full(number, one.signal, np.uint64)),
        "origin": pa.array(np.full(number, _hashed(one.service), np.uint64)),
        "severity": pa.array(np.full(number, _severity(one), np.uint8)),
        "time": pa.array(times, pa.timestamp("ms", "UTC")),
        "received": pa.array(np.full(number, received_ms), pa.timestamp("ms", "UTC")),
    }
    if one.kind == "log":
        nanoseconds = pa.array((times * 1_000_000).astype(np.uint64))
        return pa.table(columns | {"time_unix_nano": nanoseconds, "body": pa.array([one.text] * number)})
    return pa.table(columns | _span(one, times, rng, requests))


def _span(
    one: Says, times: np.ndarray, rng: np.random.Generator, requests: tuple[np.ndarray, dict[str, np.ndarray]]
) -> dict[str, pa.Array]:
    """The columns of spans alone: of the first requests of a slot trace and parent are known."""
    number = len(times)
    traces, ids = requests
    trace = rng.integers(1, 256, (number, 16), dtype=np.uint8)
    own = rng.integers(1, 256, (number, 8), dtype=np.uint8)
    parents = [""] * number
    known = min(number, _REQUESTS) if one.service in ids and one.severity < 17 else 0
    trace[:known] = traces[:known]
    own[:known] = ids[one.service][:known] if known else own[:0]
    if one.parent and known:
        parents[:known] = [bytes(it).hex() for it in ids[one.parent][:known]]
    begin = (times * 1_000_000).astype(np.uint64)
    length = (one.ms * rng.lognormal(0.0, _SPREAD, number) * 1e6).astype(np.uint64)
    return {
        "name": pa.array([one.template] * number),
        "kind": pa.array(np.full(number, 2, np.uint8)),
        "status_code": pa.array(np.full(number, 2 if one.severity >= 17 else 0, np.uint8)),
        "start_time_unix_nano": pa.array(begin),
        "end_time_unix_nano": pa.array(begin + length),
        "trace_id": pa.array([bytes(it) for it in trace], pa.binary(16)),
        "span_id": pa.array([bytes(it) for it in own], pa.binary(8)),
        "parent_span_id": pa.array(parents),
    }
