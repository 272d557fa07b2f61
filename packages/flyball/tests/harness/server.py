"""A real `flyball up` as a child process, on free ports and a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx

START_SECONDS_MAX = 40


def free_ports(number: int) -> list[int]:
    """Ports nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


class FlyballProcess:
    """One server; `start` again after `kill` continues on the same folder and ports."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port, self.otlp_http_port, self.otlp_grpc_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.otlp_url = f"http://127.0.0.1:{self.otlp_http_port}"
        self.log = folder.parent.parent / f"{folder.parent.name}-{folder.name}.log"
        self.module = "flyball"
        self._options = options
        self._environment = os.environ | (environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, stdin: int | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", self.module, "up", "--data", str(self.folder)]
        command += ["--port", str(self.port), "--otlp-http-port", str(self.otlp_http_port)]
        command += ["--otlp-grpc-port", str(self.otlp_grpc_port), *self._options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=stdin or subprocess.DEVNULL, env=self._environment
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(
                    f"flyball ended with {self._process.returncode}:\n{self.log.read_text()}"
                )
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz").status_code in {200, 503}:
                    return self._process
            time.sleep(0.05)
        raise AssertionError(f"flyball did not come up:\n{self.log.read_text()}")

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill -9: nothing is flushed, nothing is said."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        if self._process is None or self._process.poll() is not None:
            return -1
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=60)

    def post_logs(self, content: bytes, **headers: str) -> httpx.Response:
        """POST an OTLP logs request in protobuf; `content_encoding="gzip"` is a header."""
        named = {"content-type": "application/x-protobuf"} | {
            n.replace("_", "-"): v for n, v in headers.items()
        }
        return httpx.post(f"{self.otlp_url}/v1/logs", content=content, headers=named, timeout=60)

    def log_records(self, service: str, number: int) -> list[dict[str, Any]]:
        """The service's records, as soon as there are `number`."""
        deadline = time.monotonic() + 20
        found: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            query = {"service": service, "limit": 1000}
            found = httpx.get(f"{self.url}/api/v1/logs", params=query, timeout=30).json()["records"]
            if len(found) >= number:
                break
            time.sleep(0.1)
        return found

    def settled(self, *, beyond_ms: int = 0) -> None:
        """Wait until everything acknowledged is visible."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            state = httpx.get(f"{self.url}/healthz").json()
            if state["pending_bytes"] == 0 and state["committed_ms"] > beyond_ms:
                return
            time.sleep(0.05)
        raise AssertionError("what was acknowledged does not become visible")


@contextlib.contextmanager
def running(
    folder: Path, *options: str, environment: dict[str, str] | None = None
) -> Generator[FlyballProcess]:
    """A started server that is ended however the test ends."""
    server = FlyballProcess(folder, *options, environment=environment)
    try:
        server.start()
        yield server
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            server.stop()
        with contextlib.suppress(AssertionError):
            server.kill()
