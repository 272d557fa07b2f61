"""`flyball up` as its users run it: every door takes telemetry, stopping drains, a restart remembers."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import httpx
import pytest
from harness.otlp import PROTOBUF, logs_request, spans_request
from harness.server import FlyballProcess, running

pytestmark = pytest.mark.e2e


def test_stopping_stores_what_is_pending_and_a_restart_has_it(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        server.post_logs(
            logs_request(["last words"], service="drained").SerializeToString()
        ).raise_for_status()
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
        server.start()
        assert [r["body"] for r in server.log_records("drained", 1)] == [{"stringValue": "last words"}]
        patterns = httpx.get(f"{server.url}/api/v1/patterns", params={"service": "drained"}).json()
        assert [p["template"] for p in patterns["patterns"]] == ["last words"]


def test_the_main_port_takes_otlp_too_and_spans_come_back_as_a_trace(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        content = spans_request(["GET /cart", "GET /cart"], duration_ms=25).SerializeToString()
        httpx.post(f"{server.url}/v1/traces", content=content, headers=PROTOBUF).raise_for_status()
        server.settled()
        trace = httpx.get(f"{server.url}/api/v1/traces/{1:032x}").json()
        assert [span["name"] for span in trace["spans"]] == ["GET /cart"]
        assert httpx.get(f"{server.url}/api/v1/traces/{99:032x}").status_code == 404


def test_health_says_how_much_smaller_what_is_kept_is(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        assert httpx.get(f"{server.url}/healthz").json()["reduction"]["kept"] is None
        request = logs_request([f"order {number} placed by customer {number}" for number in range(5_000)])
        server.post_logs(request.SerializeToString()).raise_for_status()
        server.settled()
        found = httpx.get(f"{server.url}/healthz").json()["reduction"]
        assert (found["records_in"], found["patterns"]) == (5_000, 1)
        assert found["bytes_in"] == request.ByteSize()
        assert 0 < found["bytes_kept"] < found["bytes_in"] / 50
        assert found["kept"] == pytest.approx(found["bytes_kept"] / found["bytes_in"], abs=1e-6)


def test_files_and_standard_input_are_received(tmp_path: Path) -> None:
    log = tmp_path / "checkout.log"
    log.write_text("ERROR payment 17 declined\nINFO order 18 placed\n")
    server = FlyballProcess(tmp_path / "data", "--file", str(log), "--stdin", "--service", "checkout")
    with subprocess.Popen(["sh", "-c", "echo WARN stock low; sleep 60"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        try:
            server.start(stdin=writer.stdout.fileno())
            found = {r["body"]["stringValue"]: r["severity"] for r in server.log_records("checkout", 3)}
            assert found == {"ERROR payment 17 declined": 17, "INFO order 18 placed": 9, "WARN stock low": 13}
            assert server.stop() == 0
            with log.open("a") as file:
                file.write("INFO order 19 placed\n")
            server.start(stdin=subprocess.DEVNULL)
            assert len(server.log_records("checkout", 4)) == 4
            time.sleep(1.5)
            assert len(server.log_records("checkout", 4)) == 4, "the file's earlier lines were read twice"
        finally:
            server.stop()
            writer.kill()


def test_a_new_version_in_telemetry_is_a_change_and_joins_its_announcement(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:

        def changes() -> list[dict[str, object]]:
            return httpx.get(f"{server.url}/api/v1/changes").json()["changes"]

        server.post_logs(logs_request(["hello"], version="v1").SerializeToString()).raise_for_status()
        server.settled()
        announced = httpx.post(
            f"{server.url}/api/v1/changes", json={"service": "shop", "version": "v2", "commit": "9f2c1"}
        )
        assert announced.status_code == 201
        server.post_logs(logs_request(["hello again"], version="v2").SerializeToString()).raise_for_status()
        server.settled()
        deadline = time.monotonic() + 5
        while changes()[0]["seen"] is None and time.monotonic() < deadline:
            time.sleep(0.1)
        found = changes()
        assert [(c["version"], c["previous_version"], c["announced"]) for c in found] == [
            ("v2", "v1", True),
            ("v1", "", False),
        ]
        assert (found[0]["id"], found[0]["commit"]) == (announced.json()["id"], "9f2c1")
        assert found[0]["seen"] is not None
