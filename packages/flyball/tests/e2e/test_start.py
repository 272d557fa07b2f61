"""Starting where something is in the way: one line that says what, and damage that costs only what it hit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness.otlp import logs_request
from harness.server import FlyballProcess, running

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("start") / "data") as process:
        yield process


def up(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flyball", "up", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("flyball: ")
    return lines[0]


def test_a_second_process_on_the_folder_gets_one_line(server: FlyballProcess) -> None:
    assert f"in use by process {server.pid}" in one_line(up("--data", str(server.folder), "--port", "59999"))


@pytest.mark.parametrize("option", ["--port", "--otlp-http-port", "--otlp-grpc-port"])
def test_a_port_in_use_gets_one_line(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        others = {"--port": "59997", "--otlp-http-port": "59998", "--otlp-grpc-port": "59996"} | {
            option: port
        }
        line = one_line(up("--data", str(tmp_path), *(text for pair in others.items() for text in pair)))
    assert port in line


def test_beyond_loopback_a_token_is_needed(tmp_path: Path) -> None:
    assert "token" in one_line(up("--data", str(tmp_path), "--host", "0.0.0.0"))  # noqa: S104 - it must refuse


def test_a_folder_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be used" in one_line(up("--data", str(tmp_path / "file" / "data")))


def test_a_state_file_that_is_no_database_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    assert "state.db cannot be used" in one_line(up("--data", str(tmp_path), "--port", "59995"))


def test_damage_in_the_log_is_skipped_and_counted(tmp_path: Path) -> None:
    with running(tmp_path / "data") as damaged:
        damaged.post_logs(logs_request(["kept"], service="kept").SerializeToString()).raise_for_status()
        damaged.settled()
        damaged.kill()
        segment = max((damaged.folder / "wal").glob("*.log"))
        with segment.open("ab") as file:
            file.write(os.urandom(5000))
        damaged.start()
        assert len(damaged.log_records("kept", 1)) == 1
        assert httpx.get(f"{damaged.url}/healthz").json()["edges"]["wal"]["dropped: damaged bytes"] == 5000


def test_a_damaged_data_file_is_one_clear_error_and_the_rest_is_served(tmp_path: Path) -> None:
    with running(tmp_path / "data") as damaged:
        for service in ("first", "second"):
            damaged.post_logs(
                logs_request(["x"] * 50, service=service).SerializeToString()
            ).raise_for_status()
            damaged.settled()
            time.sleep(1.2)
        damaged.stop()
        store = damaged.folder / "telemetry"
        damage = [
            file for file in store.rglob("*.bin") if "_" in file.parent.name and file.stat().st_size > 100
        ]
        assert damage
        for file in damage:
            file.write_bytes(os.urandom(file.stat().st_size))
        damaged.start()
        for path in ("/api/v1/logs?service=first", "/api/v1/patterns", "/api/v1/whats-new?since=5m"):
            answer = httpx.get(f"{damaged.url}{path}")
            assert answer.status_code in {200, 503}, path
            if answer.status_code == 503:
                assert "the telemetry store failed" in answer.json()["error"]
        damaged.post_logs(logs_request(["y"], service="third").SerializeToString()).raise_for_status()
        damaged.settled()
        assert damaged.stop() == 0
