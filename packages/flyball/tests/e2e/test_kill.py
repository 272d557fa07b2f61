"""kill -9 during ingest: no acknowledged record is lost and none is counted twice, over HTTP and gRPC."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import pytest
from harness.otlp import PROTOBUF, logs_request
from harness.server import FlyballProcess

KILLS = 10
RECORDS = 20

# The engine takes one folder per process: what the server left is counted by a process of its own.
_COUNT = """
import asyncio, sys
from pathlib import Path
from flyball.stores.telemetry_chdb import ChdbTelemetry
async def main():
    store = ChdbTelemetry(Path(sys.argv[1]) / "telemetry")
    await store.migrate()
    rows = await store.select(
        "SELECT attributes['id'] AS id, count() AS n FROM {db}.logs WHERE received <= {as_of:DateTime64(3)} GROUP BY id"
    )
    counted = await store.select("SELECT sum(count) AS n FROM {db}.counts WHERE received <= {as_of:DateTime64(3)}")
    print(counted["n"][0].as_py())
    for row in rows.to_pylist():
        print(row["id"], row["n"])
    await store.close()
asyncio.run(main())
"""


class Sender:
    """Sends one request after the other and repeats the same bytes until they are acknowledged."""

    def __init__(self, name: str, send: Callable[[bytes], None], stop: threading.Event) -> None:
        self.name = name
        self.acknowledged: set[str] = set()
        self.retried = 0
        self._send = send
        self._stop = stop
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            ids = [f"{self.name}-{number}-{record}" for record in range(RECORDS)]
            number += 1
            bodies = [f"order {i} placed" for i in range(RECORDS)]
            payload = logs_request(bodies, attributes=[{"id": i} for i in ids]).SerializeToString()
            while True:
                try:
                    self._send(payload)
                except (httpx.HTTPError, grpc.RpcError):
                    self.retried += 1
                    time.sleep(0.05)
                else:
                    self.acknowledged.update(ids)
                    break

    def join(self) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@pytest.mark.e2e
def test_no_acknowledged_record_is_lost_or_counted_twice(tmp_path: Path) -> None:
    server = FlyballProcess(tmp_path / "data")
    server.start()
    stop = threading.Event()
    client = httpx.Client(timeout=5)
    channel = grpc.insecure_channel(
        f"127.0.0.1:{server.otlp_grpc_port}", options=[("grpc.max_reconnect_backoff_ms", 100)]
    )
    export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")

    def over_http(payload: bytes) -> None:
        client.post(f"{server.otlp_url}/v1/logs", content=payload, headers=PROTOBUF).raise_for_status()

    def over_grpc(payload: bytes) -> None:
        export(payload, timeout=5)

    senders = [Sender("http", over_http, stop), Sender("grpc", over_grpc, stop)]
    try:
        moments = random.Random(20261121)  # noqa: S311 - the same moments in every run
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.3, 2.0))
            server.kill()
            server.start()
        time.sleep(0.5)
        stop.set()
        for sender in senders:
            sender.join()
        server.settled()
        assert server.stop() == 0
    finally:
        stop.set()
        with contextlib.suppress(AssertionError):
            server.kill()
        channel.close()
        client.close()

    counted = subprocess.run(
        [sys.executable, "-c", _COUNT, str(server.folder)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = dict(line.rsplit(" ", 1) for line in counted[1:])
    acknowledged = set[str]().union(*(sender.acknowledged for sender in senders))
    assert len(acknowledged) > 1_000
    assert all(sender.retried for sender in senders), "no kill met a request in flight"
    assert {i for i in acknowledged if i not in rows} == set(), "lost"
    assert {i: n for i, n in rows.items() if n != "1"} == {}, "counted twice"
    assert int(counted[0]) == len(rows), "counts and raw rows differ"
