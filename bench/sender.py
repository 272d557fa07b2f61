"""Send prepared OTLP log requests and time each acknowledgement; a process of its own, so that its work does not count.

    python -m bench.sender PROTOCOL PORT FIRST NUMBER [RATE]

PROTOCOL is http (zstd) or grpc (uncompressed, as the SDKs send by default). FIRST and NUMBER choose the
requests. Without RATE four senders send one request after the other (a closed loop); with RATE (requests/s)
each request has its moment, and a late one is timed from that moment on, so that a stall is not hidden.
Says `ready` when the requests are made, begins at a line on standard input, prints one JSON object.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import orjson
import zstandard

from bench.otlp_load import request

SENDERS = 4
_HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "zstd"}
_RETRIES_MAX = 200
_RETRY_S = 0.05

Send = Callable[[bytes], bool]
"""Sends one request; whether it was acknowledged (not told to come again later)."""


def main() -> None:
    """Prepare, wait for the word, send, report."""
    protocol, port, first, number, *rate = sys.argv[1:]
    payloads = [request(int(first) + position) for position in range(int(number))]
    if protocol == "http":
        compressor = zstandard.ZstdCompressor()
        payloads = [compressor.compress(payload) for payload in payloads]
    print("ready", flush=True)
    sys.stdin.readline()
    load = _Load(payloads, float(rate[0]) if rate else 0.0)
    load.run(over_http if protocol == "http" else over_grpc, int(port))
    sys.stdout.buffer.write(orjson.dumps({"ack_ms": load.ack_ms, "refused": load.refused}) + b"\n")


class _Load:
    """The requests still to send, and what became of the others."""

    def __init__(self, payloads: list[bytes], rate: float) -> None:
        self.ack_ms: list[float] = []
        self.refused = 0
        self._rate = rate
        self._todo = iter(enumerate(payloads))
        self._lock = threading.Lock()

    def run(self, connect: Callable[[int], Send], port: int) -> None:
        """Send everything; returns when the last request is acknowledged."""
        start = time.perf_counter() + 0.1
        threads = [
            threading.Thread(target=self._work, args=(connect(port), start), daemon=True)
            for _ in range(SENDERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, send: Send, start: float) -> None:
        for due, payload in self._next(start):
            for _ in range(_RETRIES_MAX):
                if send(payload):
                    break
                self.refused += 1
                time.sleep(_RETRY_S)
            else:
                raise RuntimeError(f"refused {_RETRIES_MAX} times")
            self.ack_ms.append((time.perf_counter() - due) * 1000)

    def _next(self, start: float) -> Iterator[tuple[float, bytes]]:
        """Each request with the moment from which its acknowledgement is timed."""
        while True:
            with self._lock:
                position, payload = next(self._todo, (-1, b""))
            if position < 0:
                return
            if self._rate:
                due = start + position / self._rate
                time.sleep(max(0.0, due - time.perf_counter()))
            else:
                due = time.perf_counter()
            yield due, payload


def over_http(port: int) -> Send:
    """One keep-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(payload: bytes) -> bool:
        connection.request("POST", "/v1/logs", payload, _HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in {200, 429}:
            raise RuntimeError(f"the server answered {answer.status}")
        return answer.status == 200

    return send


def over_grpc(port: int) -> Send:
    """One channel; its own connection, not the pool that channels of one process share."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
    export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")

    def send(payload: bytes) -> bool:
        try:
            export(payload, timeout=60)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return False
        return True

    return send


if __name__ == "__main__":
    main()
