"""Send scenarios to one `flyball up`, each in an environment of its own, and ask it what is wrong there.

Everything goes the way of a user: OTLP, changes over the API, a question over the API. What the server counted is held
against what was sent, what it says against what the loader's signals lead to. Then it is waited for the incidents that
the server opens unasked.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from flyball.cli.demo_children import Server
from flyball.explain.engine import diagnose
from flyball.model.change import ChangeKind
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.signals import signals
from gallery.stream import FAILING_S, Change, Stream

SETTLE_S = 60.0
"""Longest wait for what was acknowledged to be visible."""
OPENS_S = 300.0
"""Longest wait for incidents: what fails nobody is found by the second look of a minute each."""
_TABLES = {"/v1/logs": "logs", "/v1/traces": "traces", "/v1/metrics": "metrics"}
_HEADERS = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a diagnosis says, as far as live and loader have to agree."""

    cause: str
    object: str
    first_step: str
    inconclusive: bool

    def __str__(self) -> str:
        """In few words."""
        return "quiet" if self.inconclusive else f"{self.cause} of {self.object}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One scenario that was sent: where and when it lies, and what the loader's signals lead to."""

    name: str
    environment: str
    onset: datetime
    loaded: Said
    faulty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One scenario that was asked about; `seconds` is how long the answer took.

    `opened` is the incident that the server opened by itself; None where it was not waited for.
    """

    played: Played
    live: Said
    limits: Sequence[str]
    seconds: float
    opened: str | None = None

    @property
    def same(self) -> bool:
        """Whether live and loader agree."""
        return self.live == self.played.loaded


def report(names: Sequence[str], seed: int) -> int:
    """Send the scenarios to one server and print what both say; 1 when they differ or something was not counted."""
    with tempfile.TemporaryDirectory() as folder:
        told, sent, counted = asked(names, seed, Path(folder), opens_s=OPENS_S)
    print(table(told, sent, counted))  # noqa: T201 - this is a command
    return 0 if sent == counted and all(one.same for one in told) else 1


def table(told: Sequence[Told], sent: Counter[str], counted: Counter[str]) -> str:
    """What both say of each scenario, what limits the answers had, and what was counted of what was sent."""
    head = ("scenario", "loader", "live", "same", "seconds", "opened by itself")
    lines = [_row(head), _row(["---"] * len(head))]
    for one in told:
        same = "yes" if one.same else "no"
        said = (one.played.name, one.played.loaded, one.live, same, f"{one.seconds:.2f}", one.opened or "-")
        lines.append(_row(said))
        lines += [f"  limit: {limit}" for limit in one.limits]
    outcome = "the same counted" if sent == counted else f"counted {dict(counted)}"
    lines += ["", f"same {sum(one.same for one in told)} of {len(told)}; sent {dict(sent)}; {outcome}"]
    if any(one.opened for one in told):
        faulty = [one for one in told if one.played.faulty]
        right = sum(one.opened == str(one.played.loaded) for one in faulty)
        false = sum(one.opened not in {None, "none"} for one in told if not one.played.faulty)
        lines.append(
            f"incidents: {right} of {len(faulty)} failures with the loader's cause,"
            f" {sum(one.opened != 'none' for one in faulty)} in all, {false} false"
        )
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def asked(
    names: Iterable[str], seed: int, folder: Path, *, opens_s: float = 0.0
) -> tuple[list[Told], Counter[str], Counter[str]]:
    """Send the scenarios to a fresh server and ask it: what it said, what was sent, what it counted of each kind.

    With `opens_s` it is waited so long for the incidents that the server opens by itself.
    """
    server = Server.start(folder)
    with httpx.Client(base_url=server.address, timeout=30) as client:
        try:
            server.await_ready(client)
            sent: Counter[str] = Counter()
            held: list[Played] = []
            for number, name in enumerate(names, 1):
                stream, expected = play(name, seed)
                environment = f"{stream.system.namespace}-{number}"
                onset_ms = time.time_ns() // 1_000_000 - int(FAILING_S * 1000)
                onset = datetime.fromtimestamp(onset_ms / 1000, UTC)
                sent += send(stream, server.otlp, client, Clock(onset_ns=onset_ms * 1_000_000), environment)
                loaded = _loaded(replace(stream, onset=onset))
                faulty = bool(expected.causes)
                held.append(
                    Played(name=name, environment=environment, onset=onset, loaded=loaded, faulty=faulty)
                )
            counted = _counted(client, sent.total() - sent["changes"])
            told = [_asked(client, one) for one in held]
            return _opened(client, told, opens_s) if opens_s else told, sent, counted
        finally:
            server.stop()


def send(stream: Stream, otlp: str, client: httpx.Client, clock: Clock, environment: str) -> Counter[str]:
    """Send a stream. Changes first: a pipeline announces what telemetry then shows."""
    sent: Counter[str] = Counter()
    for change in stream.records:
        if isinstance(change, Change):
            client.post("/api/v1/changes", json=_announced(change, clock, environment)).raise_for_status()
            sent["changes"] += 1
    for path, request, count in exports(stream, clock, environment):
        answer = httpx.post(otlp + path, content=request.SerializeToString(), headers=_HEADERS, timeout=30)
        answer.raise_for_status()
        sent[_TABLES[path]] += count
    return sent


def _announced(change: Change, clock: Clock, environment: str) -> dict[str, str]:
    at = datetime.fromtimestamp(clock.ns(change.time) / 1e9, UTC).isoformat()
    known_by = "version" if ChangeKind(change.kind).of_code else "what"
    told = {"service": change.service, "kind": change.kind, known_by: change.version}
    return {**told, "environment": environment, "commit": change.commit, "time": at}


def _loaded(stream: Stream) -> Said:
    found = diagnose(*signals(stream))
    return Said(
        cause=found.cause.value if found.cause else "",
        object=found.object,
        first_step=found.first_step.text if found.first_step else "",
        inconclusive=found.inconclusive,
    )


def _asked(client: httpx.Client, played: Played) -> Told:
    until = played.onset + timedelta(seconds=FAILING_S)
    times = {"since": played.onset.isoformat(), "until": until.isoformat()}
    begin = time.monotonic()
    answer = client.get("/api/v1/diagnosis", params={"environment": played.environment, **times})
    seconds = time.monotonic() - begin
    view: dict[str, Any] = answer.raise_for_status().json()
    step = view["first_step"]
    live = Said(
        cause=view["cause"] or "",
        object=view["object"],
        first_step=step["text"] if step else "",
        inconclusive=view["inconclusive"],
    )
    return Told(played=played, live=live, limits=view["limits"], seconds=seconds)


def _opened(client: httpx.Client, told: Sequence[Told], opens_s: float) -> list[Told]:
    """With the incidents that were opened: waited for until each failure has one, then a last time."""
    until = time.monotonic() + opens_s
    faulty = {one.played.environment for one in told if one.played.faulty}
    while True:
        answer = client.get("/api/v1/incidents", params={"limit": 1000})
        found: dict[str, str] = {}
        for incident in answer.raise_for_status().json()["incidents"]:
            if _is_silence(client, incident):
                continue
            said = f"{incident['cause']} of {incident['object']}" if incident["cause"] else "inconclusive"
            found.setdefault(incident["environment"], said)
        if faulty <= found.keys() or time.monotonic() > until:
            return [replace(one, opened=found.get(one.played.environment, "none")) for one in told]
        time.sleep(5.0)


def _is_silence(client: httpx.Client, incident: dict[str, Any]) -> bool:
    """Whether it is only that a stream ended: its services say nothing since."""
    if incident["cause"]:
        return False
    shown = client.get(f"/api/v1/incidents/{incident['id']}").raise_for_status().json()
    return {finding["kind"] for finding in shown["findings"]} == {"silence"}


def _counted(client: httpx.Client, records: int) -> Counter[str]:
    """What the server stored, as soon as it is as much as was sent, or SETTLE_S later; announced changes too."""
    until = time.monotonic() + SETTLE_S
    while True:
        store = client.get("/healthz").json()["edges"].get("store", {})
        found = Counter({table: int(store.get(table, 0)) for table in _TABLES.values()})
        if found.total() >= records or time.monotonic() > until:
            break
        time.sleep(0.2)
    changes = client.get("/api/v1/changes", params={"since": "1h", "limit": 1000}).json()["changes"]
    found["changes"] = sum(bool(change["announced"]) for change in changes)
    return found
