"""A data folder that older rules filled: after the upgrade nothing is new that was there, and old links work."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from flyball.distill.redact import RULES_VERSION
from harness.otlp import PROTOBUF, logs_request, spans_request
from harness.server import FlyballProcess, running

pytestmark = pytest.mark.e2e

LINES = (
    "login user=alice accepted",
    "login user=bob accepted",
    "waiting for lock in cart",
    "waiting for disk in cart",
    "order 5 placed",
    "connecting with password=hunter2 as shop",
)
NAMES = ("POST /checkout", "GET /carts/{cart}", "GET /carts/7/lines")
NEVER_SEEN = "disk quota exceeded on volume 3"
SECONDS = 90
"""The older server's records are from the SECONDS before the last SECONDS, today's from the last ones."""


def send(server: FlyballProcess, lines: Sequence[str], *, back_s: float) -> None:
    """Each line every 3 s, from `back_s` ago for SECONDS; and the spans, now."""
    start = time.time_ns() - int(back_s * 1e9)
    with httpx.Client(base_url=server.otlp_url, headers=PROTOBUF) as client:
        for second in range(0, SECONDS, 3):
            request = logs_request(lines, time_ns=start + second * 1_000_000_000)
            client.post("/v1/logs", content=request.SerializeToString()).raise_for_status()
        client.post("/v1/traces", content=spans_request(NAMES).SerializeToString()).raise_for_status()
    server.settled()


def ask(server: FlyballProcess, path: str, **arguments: Any) -> Any:
    answer = httpx.get(f"{server.url}/api/v1/{path}", params=arguments, timeout=30)
    answer.raise_for_status()
    return answer.json()


def patterns(server: FlyballProcess) -> dict[str, str]:
    """Fingerprint -> template of what was counted."""
    return {row["fingerprint"]: row["template"] for row in ask(server, "patterns", limit=1000)["patterns"]}


def test_a_change_of_our_rules_makes_nothing_new(tmp_path: Path) -> None:
    harness = str(Path(__file__).resolve().parents[1])
    server = FlyballProcess(tmp_path / "data", environment={"PYTHONPATH": harness})
    server.module = "harness.older_rules"
    server.start()
    send(server, LINES, back_s=2 * SECONDS)
    before = patterns(server)
    assert server.stop() == 0
    assert {"login user=alice accepted", "login user=bob accepted", "waiting for <*> in cart"} <= set(
        before.values()
    )
    assert "POST <*>" in before.values()

    with running(tmp_path / "data") as server:
        loaded = {name: ask(server, "logs", pattern=name, limit=1000)["records"] for name in before}
        split = datetime.fromtimestamp(time.time_ns() / 1e9 - SECONDS, UTC).isoformat()
        send(server, [*LINES, NEVER_SEEN], back_s=SECONDS)
        after = patterns(server)

        new = {name: template for name, template in after.items() if name not in before}
        assert list(new.values()) == ["disk quota exceeded on volume <*>"], "only what nobody had said"
        found = ask(server, "whats-new", service="shop", since=split)["findings"]
        assert [f["fingerprint"] for f in found if f["kind"] == "new"] == list(new), found

        logs = [name for name in before if loaded[name]]
        assert len(logs) == 5
        for name in logs:
            records = ask(server, "logs", pattern=name, limit=1000)["records"]
            assert len(records) >= 2 * len(loaded[name]), "old rows and new ones under the old fingerprint"
            assert {record["fingerprint"] for record in records} <= set(before)
        today = set(after.values())
        assert {"login user=<*> accepted", "connecting with password=<*> as shop"} <= today

    with sqlite3.connect(tmp_path / "data" / "state.db") as state:
        stored = state.execute("SELECT rules, example FROM shapes").fetchall()
    state.close()
    assert any(rules == RULES_VERSION for rules, _ in stored)
    assert not [example for _, example in stored if "hunter2" in example], "examples are redacted again"
