"""The guard of a real process: rows of its log are its answers, after kill -9 too; its files; its commands."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from flyball.guard.log import rows, segments
from harness.server import FlyballProcess

pytestmark = pytest.mark.e2e


def _rows(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    found = [row for path in segments(folder / "guard" / "log") for row in rows(path)]
    return [row for row in found if row["kind"] in kinds]


def _call(number: int) -> dict[str, Any]:
    return {
        "tool_name": "Bash",
        "tool_input": {"command": f"ls /srv/{number}"},
        "context": {"session_id": f"s{number % 7}"},
        "decision_id": f"d{number}",
    }


def _flyball(server: FlyballProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FLYBALL_SERVER": server.url, "FLYBALL_DATA_FOLDER": str(server.folder)}
    command = [sys.executable, "-m", "flyball", "guard", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_rows_are_answers_after_kill_9(tmp_path: Path) -> None:
    server = FlyballProcess(tmp_path / "data")
    server.start()
    answered: list[str] = []
    begun = threading.Event()

    def agent(first: int) -> None:
        with httpx.Client(base_url=server.url) as client:
            for number in range(first, first + 100_000):
                try:
                    answer = client.post("/v1/guard/evaluate", json=_call(number))
                except httpx.TransportError:
                    return
                answered.append(answer.json()["decision_id"])
                begun.set()

    agents = [threading.Thread(target=agent, args=(first,)) for first in (0, 1_000_000)]
    for one in agents:
        one.start()
    assert begun.wait(20)
    threading.Event().wait(1.5)
    server.kill()
    for one in agents:
        one.join()
    written = [row["id"] for row in _rows(server.folder, "decision")]
    assert len(answered) > 100
    # each answer has its row; at most one call of each agent was written and its answer never arrived
    assert set(answered) <= set(written)
    assert len(written) - len(answered) <= len(agents)
    assert len(set(written)) == len(written)

    file = segments(server.folder / "guard" / "log")[-1]
    file.write_bytes(file.read_bytes() + b"0123 torn")
    server.start()
    try:
        # a call is known again by its id, and no other call may use it
        again = httpx.post(f"{server.url}/v1/guard/evaluate", json=_call(0))
        other = httpx.post(f"{server.url}/v1/guard/evaluate", json=_call(1) | {"decision_id": "d0"})
        assert (again.status_code, other.status_code) == (200, 409)
        assert [row["torn_bytes"] for row in _rows(server.folder, "repaired")] == [9]
        assert "internally consistent" in _flyball(server, "audit").stdout
    finally:
        server.stop()


def test_an_answer_is_one_packet(tmp_path: Path) -> None:
    server = FlyballProcess(tmp_path / "data")
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as wire:
            body = orjson.dumps(_call(1))
            head = (
                f"POST /v1/guard/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            wire.sendall(head.encode() + body)
            first = wire.recv(65_536)
        assert first.endswith(b"}")
    finally:
        server.stop()


def test_the_operators_commands(tmp_path: Path) -> None:
    server = FlyballProcess(
        tmp_path / "data", environment={"FLYBALL_GUARD_ANCHOR": str(tmp_path / "anchors")}
    )
    server.start()
    try:
        token = server.folder / "guard" / "operator.token"
        assert token.stat().st_mode & 0o777 == 0o600
        policy = tmp_path / "team.yaml"
        policy.write_text("mode: enforce\nchanges: {git.force-push: ask}\n")
        assert _flyball(server, "policies", "apply", str(policy)).returncode == 0
        push = {"tool_name": "Bash", "tool_input": {"command": "git push --force upstream main"}}
        asked = httpx.post(f"{server.url}/v1/guard/evaluate", json=push).json()["approval"]["id"]
        assert asked in _flyball(server, "approvals").stdout
        without = _flyball(server, "approve", asked, "--data", str(tmp_path))
        assert (without.returncode, "operator's token" in without.stderr) == (5, True)
        assert "approved" in _flyball(server, "approve", asked).stdout
        assert httpx.post(f"{server.url}/v1/guard/evaluate", json=push).json()["action"] == "allow"
        assert _flyball(server, "lockdown", "--reason", "fire").returncode == 0
        assert "lockdown" in _flyball(server, "status").stdout
        assert httpx.get(f"{server.url}/healthz").json()["guard"] == "lockdown"
        assert "locked down" in httpx.get(f"{server.url}/incidents").text
        assert _flyball(server, "resume").returncode == 0
        assert "git.force-push" in _flyball(server, "rules", "force").stdout
        assert "git push" in _flyball(server, "decisions", "--action", "stopped").stdout
    finally:
        server.stop()
    server.start()  # what was decided before is still in force
    try:
        assert "team: enforce" in _flyball(server, "status").stdout
    finally:
        server.stop()
    # the last rows were written after the last anchor: they are signed, and the anchor is among them
    anchored = _flyball(server, "audit", "--anchor", str(tmp_path / "anchors"))
    assert "untampered" in anchored.stdout
