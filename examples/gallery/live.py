"""Send scenarios to a `flyball up` that is started for them, and hold what it counted against what was sent."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from flyball.cli.demo_children import Server
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.stream import FAILING_S, Change, Stream

SETTLE_S = 60.0
"""Longest wait for what was acknowledged to be visible."""
SENDABLE = ("deploy", "rollback")
"""Kinds of changes that the API takes today; the others stay with the loader."""
_TABLES = {"/v1/logs": "logs", "/v1/traces": "traces", "/v1/metrics": "metrics"}
_HEADERS = {"content-type": "application/x-protobuf"}


def report(names: Sequence[str], seed: int) -> int:
    """Send each scenario to one server of its own; 1 when one was not counted as it was sent."""
    wrong = 0
    _say("Live diagnosis comes with incidents: this checks that everything sent is accepted and counted.\n")
    for name in names:
        stream, _ = play(name, seed)
        with tempfile.TemporaryDirectory() as folder:
            sent, counted = checked(stream, Path(folder))
        wrong += sent != counted
        outcome = "the same counted" if sent == counted else f"counted {dict(counted)}"
        _say(f"| {name} | sent {dict(sent)} | {outcome} |")
    return 1 if wrong else 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is a command


def checked(stream: Stream, folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Send a stream to a fresh server: what was sent, and what the server counted, of each kind."""
    server = Server.start(folder)
    with httpx.Client(base_url=server.address, timeout=30) as client:
        try:
            server.await_ready(client)
            sent = send(stream, server.otlp, client)
            return sent, _counted(client, sum(sent.values()) - sent["changes"])
        finally:
            server.stop()


def send(stream: Stream, otlp: str, client: httpx.Client) -> Counter[str]:
    """Send a stream so that it ends now. Changes first: a pipeline announces what telemetry then shows."""
    clock = Clock(onset_ns=time.time_ns() - int(FAILING_S * 1e9))
    sent: Counter[str] = Counter()
    for change in stream.records:
        if isinstance(change, Change) and change.kind in SENDABLE:
            at = datetime.fromtimestamp(clock.ns(change.time) / 1e9, UTC).isoformat()
            told = {
                "service": change.service,
                "version": change.version,
                "kind": change.kind,
                "commit": change.commit,
            }
            client.post("/api/v1/changes", json={**told, "time": at}).raise_for_status()
            sent["changes"] += 1
    for path, request, count in exports(stream, clock):
        answer = httpx.post(otlp + path, content=request.SerializeToString(), headers=_HEADERS, timeout=30)
        answer.raise_for_status()
        sent[_TABLES[path]] += count
    return sent


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
