"""A full disk: what is acknowledged stays, what cannot be kept is refused with the reason, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness.otlp import PROTOBUF, logs_request
from harness.server import running

pytestmark = pytest.mark.e2e


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a disk of 200 MB can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte on the disk."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue
    return path


def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    with running(small_disk / "data", environment={"FLYBALL_FREE_BYTES_MIN": "0"}) as server:
        acknowledged = 0

        def send(number: int) -> httpx.Response:
            payload = logs_request([f"order {number}-{i} placed" for i in range(100)]).SerializeToString()
            return httpx.post(f"{server.otlp_url}/v1/logs", content=payload, headers=PROTOBUF, timeout=30)

        for number in range(5):
            send(number).raise_for_status()
            acknowledged += 100
        server.settled()
        filler = fill(small_disk)
        refused = None
        for number in range(5, 400):
            answer = send(number)
            if answer.status_code != 200:
                refused = answer
                break
            acknowledged += 100
        assert refused is not None
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        health = httpx.get(f"{server.url}/healthz")
        assert health.status_code in {200, 503}
        read = httpx.get(f"{server.url}/api/v1/logs", params={"limit": 1})
        assert read.status_code == 200, "reading goes on"
        assert httpx.get(f"{server.url}/pipeline").status_code == 200
        filler.unlink()
        deadline = time.monotonic() + 30
        while send(1_000).status_code != 200:
            assert time.monotonic() < deadline, "there is room again and nothing is taken"
            time.sleep(0.5)
        acknowledged += 100
        server.settled()
        counted = httpx.get(f"{server.url}/api/v1/patterns", params={"kind": "log"}).json()["records"]
        assert counted == acknowledged
        stages = {s["name"]: s for s in httpx.get(f"{server.url}/pipeline.json").json()["stages"]}
        assert stages["store"]["went"] == {"logs": acknowledged}
        assert stages["otlp_http"]["failed"]["refused: Overloaded"] >= 1


def test_below_the_floor_of_free_space_nothing_is_received(small_disk: Path) -> None:
    with running(small_disk / "data", environment={"FLYBALL_FREE_BYTES_MIN": "500000000"}) as server:
        payload = logs_request(["x"]).SerializeToString()
        answer = httpx.post(f"{server.otlp_url}/v1/logs", content=payload, headers=PROTOBUF)
        assert answer.status_code == 429
        assert b"500 MB are kept free" in answer.content
