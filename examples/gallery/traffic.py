"""Ordinary traffic: requests through the system with their spans and records, and the metrics beside them.

Faults of the stage bend it. Whoever calls what fails or waits, fails or waits too: symptoms spread by themselves.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from gallery import texts
from gallery.stream import FAILING_S, NORMAL_S, SAMPLE_S, Fault, Log, Point, Span, Stage
from gallery.system import Service

RATE = 0.8
"""Requests a second at the entry."""
TIMEOUT_MS = 2000.0
"""What a caller waits for."""
BUCKET_S = 5.0
_SHAPE = 6.0
"""Of the gamma distribution by which the rate varies from bucket to bucket: over-dispersed, as real traffic is."""
_LINES = (
    (9, 1.0, "{verb} request {uuid}"),
    (9, 1.0, "{noun} {n} {done} in {ms} ms"),
    (9, 0.9, "loaded {k} {noun}s for account {n}"),
    (9, 0.6, "cache {hit} key={noun}:{n}"),
    (9, 0.4, "{noun} {n} unchanged, nothing to {verb}"),
    (9, 1.0, "request_id={uuid} status=200 duration_ms={ms}"),
    (9, 1.0, "{done} {noun} id={n} items={k}"),
)
_RARE = (
    (13, 0.02, "slow response to client, {ms} ms"),
    (13, 0.03, "deprecated parameter {word} used by client {n}"),
    (13, 0.015, "retrying {noun} {n} once, optimistic version changed"),
    (17, 0.006, "could not parse {word} of {noun} {n}: unexpected value"),
)
_WORDS = {
    "verb": ("handling", "accepting", "processing", "serving", "update"),
    "done": ("handled", "stored", "completed", "resolved", "prepared"),
    "hit": ("hit", "lookup ok for"),
    "word": ("sort", "locale", "page_size", "since", "format"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A healthy record of a service, and the share of its operation's requests that write it."""

    severity: int
    share: float
    text: str
    operation: str


@dataclass(slots=True)
class Traffic:
    """Plays a stage's requests. `served` holds what they took, by service, sample and whether they went well."""

    stage: Stage
    lines: dict[str, list[Line]] = field(default_factory=dict[str, list[Line]])
    asks: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    base_ms: dict[str, float] = field(default_factory=dict[str, float])
    served: dict[tuple[str, int, bool], list[float]] = field(
        default_factory=lambda: defaultdict[tuple[str, int, bool], list[float]](list)
    )

    def play(self) -> None:
        """All requests of both windows, and all metrics."""
        draw = self.stage.draw
        for service in self.stage.system.services.values():
            self.lines[service.name] = list(self._drawn(service))
            self.base_ms[service.name] = draw.uniform(4.0, 25.0)
            self._route(service)
        bucket = -NORMAL_S
        while bucket < FAILING_S:
            mean = RATE * BUCKET_S * draw.gammavariate(_SHAPE, 1 / _SHAPE)
            for _ in range(_poisson(draw.random(), mean)):
                entry = self.stage.system.entry
                at = min(bucket + draw.uniform(0, BUCKET_S), FAILING_S - 5.0)
                self.serve(entry, draw.choice(entry.operations), at, f"{draw.getrandbits(128):032x}", "")
            bucket += BUCKET_S
        self.stage.records.extend(self._durations())

    def serve(
        self, service: Service, operation: str, at: float, trace: str, parent: str
    ) -> tuple[bool, float]:
        """One request at a service: whether it went well, and how long it took in ms."""
        draw = self.stage.draw
        span, pod = f"{draw.getrandbits(64):016x}", draw.choice(service.pods)
        version = self._version(service, at)
        took = self.base_ms[service.name] * draw.lognormvariate(0, 0.35)
        ok, here = True, list(self._faults(service.name, "", operation, at))
        said: list[tuple[int, str]] = []
        for fault in here:
            took += _extra(draw.uniform(*fault.extra_ms), fault, at)
            ok = ok and not fault.fails
            if fault.says:
                said.append((fault.severity, fault.says(draw)))
        if service.database and (ok or said):
            fine, ms = self._query(service, at + took / 1000, trace, span, pod, version, operation, said)
            ok, took = ok and fine, took + ms
        for called in self.asks[service.name, operation] if ok else ():
            fine, ms = self._call(
                service, called, at + took / 1000, trace, span, pod, version, said, operation
            )
            ok, took = ok and fine, took + ms
            if not ok:
                break
        quiet = any(fault.silences for fault in here)
        self._write(service, operation, at, took, trace, span, pod, version, said, ok=ok, quiet=quiet)
        status = 200 if ok else 500
        self.stage.records.append(
            Span(
                time=at, trace=trace, id=span, parent=parent, source=service.name, pod=pod, version=version,
                name=operation, kind="server", duration_ms=took, error=not ok,
                attributes={"http.response.status_code": status, "http.request.method": operation.split(maxsplit=1)[0]},
            )
        )  # fmt: skip
        self.served[service.name, math.floor((at + took / 1000) / SAMPLE_S), ok].append(took)
        return ok, took

    def _call(
        self, service: Service, called: str, at: float, trace: str, parent: str, pod: str, version: str,
        said: list[tuple[int, str]], operation: str,
    ) -> tuple[bool, float]:  # fmt: skip
        """A call to another service, tried again where a fault says so."""
        draw, callee = self.stage.draw, self.stage.system.services[called]
        faults = list(self._faults(service.name, called, operation, at))
        tries = 1 + max((fault.retries for fault in faults), default=0)
        total, ok = 0.0, False
        asked = draw.choice(callee.operations)
        peer = next((fault.peer for fault in faults if fault.peer), None)
        ip = f"10.96.{draw.randint(0, 9)}.{draw.randint(2, 250)}"
        peer = peer or texts.Peer(called, callee.port, ip, "/" + asked.split("/")[1])
        while tries and not ok:
            tries -= 1
            span, way = f"{draw.getrandbits(64):016x}", draw.uniform(0.4, 1.6)
            way += sum(draw.uniform(*fault.extra_ms) for fault in faults)
            gone = next((fault.unreachable for fault in faults if fault.unreachable), "")
            if gone:
                ok, ms = (
                    False,
                    {"connect": TIMEOUT_MS, "dns": 40.0, "timeout": TIMEOUT_MS}.get(gone, 3.0) + way,
                )
                said.append((17, texts.lost(draw, gone, service.language, peer)))
            else:
                ok, ms = self.serve(callee, asked, at + (total + way / 2) / 1000, trace, span)
                ms += way
                if ms > TIMEOUT_MS:
                    ok, ms = False, TIMEOUT_MS + way
                    said.append((17, texts.lost(draw, "timeout", service.language, peer)))
                elif not ok:
                    said.append((17, texts.failed(draw, service.language, peer, 500)))
            self.stage.records.append(
                Span(
                    time=at + total / 1000, trace=trace, id=span, parent=parent, source=service.name, pod=pod,
                    version=version, name=asked.split()[0], kind="client", duration_ms=ms, error=not ok,
                    attributes={"server.address": peer.host, "server.port": peer.port},
                )
            )  # fmt: skip
            total += ms + (
                draw.uniform(20, 120) if tries and not ok else 0.0
            )  # the pause before the next try
        return ok, total

    def _query(
        self, service: Service, at: float, trace: str, parent: str, pod: str, version: str, operation: str,
        said: list[tuple[int, str]],
    ) -> tuple[bool, float]:  # fmt: skip
        """What a service asks its database."""
        draw, database = self.stage.draw, self.stage.system.databases[service.database]
        faults = [
            *self._faults(f"database/{database.name}", "", operation, at),
            *self._faults(service.name, f"database/{database.name}", operation, at),
        ]
        total, ok = 0.0, True
        for _ in range(max((fault.repeats for fault in faults), default=1)):
            ms = draw.lognormvariate(0.8, 0.4) + sum(
                _extra(draw.uniform(*fault.extra_ms), fault, at) for fault in faults
            )
            ok = not any(fault.fails for fault in faults)
            self.stage.records.append(
                Span(
                    time=at + total / 1000, trace=trace, id=f"{draw.getrandbits(64):016x}", parent=parent,
                    source=service.name, pod=pod, version=version, name=f"SELECT {database.table}", kind="client",
                    duration_ms=ms, error=not ok,
                    attributes={
                        "db.system.name": database.engine, "db.namespace": database.name,
                        "server.address": database.host,
                        "db.query.text": f"SELECT * FROM {database.table} WHERE account_id = ?",
                    },
                )
            )  # fmt: skip
            total += ms
        said += [(fault.severity, fault.says(draw)) for fault in faults if fault.says]
        return ok, total

    def _write(
        self, service: Service, operation: str, at: float, took: float, trace: str, span: str, pod: str,
        version: str, said: list[tuple[int, str]], *, ok: bool, quiet: bool,
    ) -> None:  # fmt: skip
        """The records of a request; its last line only where it went well."""
        draw = self.stage.draw
        mine = [line for line in self.lines[service.name] if line.operation == operation]
        usual = [line for line in mine if draw.random() < line.share]
        if not ok:
            usual = usual[:1] if mine[0] in usual else []
        elif quiet:
            usual = [line for line in usual if line is not mine[-1]]
        records = [(line.severity, _filled(self.stage, line.text, took)) for line in usual] + said
        for position, (severity, body) in enumerate(records):
            when = at + took / 1000 * (position + 1) / (len(records) + 1)
            self.stage.records.append(
                Log(
                    time=when, source=service.name, body=body, severity=severity, pod=pod, version=version,
                    trace=trace, span=span,
                )
            )  # fmt: skip

    def _faults(self, where: str, callee: str, operation: str, at: float) -> Iterator[Fault]:
        for fault in self.stage.faults:
            if (
                (fault.where, fault.callee) == (where, callee)
                and fault.start <= at < fault.until
                and fault.operation in {"", operation}
                and self.stage.draw.random() < fault.share
            ):
                yield fault

    def _version(self, service: Service, at: float) -> str:
        since, version = self.stage.versions.get(service.name, (math.inf, ""))
        return version if at >= since else service.version

    def _route(self, service: Service) -> None:
        """Which services each operation calls: not all of them, yet each is called by one."""
        first, second = service.operations
        calls = self.stage.draw.sample(service.calls, len(service.calls))
        cut = (len(calls) + 1) // 2
        self.asks[service.name, first] = calls[:cut]
        self.asks[service.name, second] = calls[cut:] or [c for c in calls if self.stage.draw.random() < 0.5]

    def _drawn(self, service: Service) -> Iterator[Line]:
        """What a service writes: two to four lines for each operation, the last of them always, and rare ones."""
        draw = self.stage.draw
        pool = draw.sample(_LINES, len(_LINES))
        for operation in service.operations:
            always = [line for line in pool if line[1] == 1.0]
            chosen = [*draw.sample(pool, draw.randint(1, 2)), draw.choice(_RARE)]
            last = next(line for line in always if line not in chosen)
            for severity, share, text in (*chosen, last):
                words = {name: draw.choice(found) for name, found in _WORDS.items()} | {"noun": service.noun}
                for name, word in words.items():
                    text = text.replace("{" + name + "}", word)  # noqa: PLW2901 - word by word
                yield Line(severity, share, text, operation)

    def _durations(self) -> Iterator[Point]:
        """`http.server.request.duration` as count and mean of each sample, apart by outcome."""
        for (service, sample, ok), taken in sorted(self.served.items()):
            at = min((sample + 1) * SAMPLE_S, FAILING_S) - 0.001
            status = 200 if ok else 500
            attributes: dict[str, str | int] = {"http.response.status_code": status, "count": len(taken)}
            mean = sum(taken) / len(taken) / 1000
            name = "http.server.request.duration"
            yield Point(
                time=at, source=f"service/{service}", name=name, value=mean, unit="s", attributes=attributes
            )


def _extra(ms: float, fault: Fault, at: float) -> float:
    """What a fault adds; what grows begins at nothing and reaches its whole in the middle of the window."""
    return ms * min(1.0, (at - fault.start) / (FAILING_S / 2)) if fault.growing else ms


def _poisson(uniform: float, mean: float) -> int:
    """A Poisson number by inversion."""
    count, term = 0, math.exp(-mean)
    total = term
    while total < uniform and count < 200:
        count += 1
        term *= mean / count
        total += term
    return count


def _filled(stage: Stage, text: str, took: float) -> str:
    """A line's text with its numbers."""
    draw = stage.draw
    while "{n}" in text:
        text = text.replace("{n}", str(1000 + int(draw.random() * 99000)), 1)
    if "{k}" in text:
        text = text.replace("{k}", str(1 + int(draw.random() * 40)))
    if "{uuid}" in text:
        digits = f"{draw.getrandbits(128):032x}"
        uuid = "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:]))
        text = text.replace("{uuid}", uuid)
    return text.replace("{ms}", f"{took:.0f}")
