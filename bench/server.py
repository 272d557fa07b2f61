"""The whole server under load: a real `flyball up`, everything that it does counted from /proc.

What it can reach is bounded by counting alone (T3) and by the store's insert alone, one after the other:
1 / (1/T3 + 1/insert). Both are measured beside it, and so is the server without the compiled core. CPU is utime + stime of the process with all its threads, from the first request to the moment when /healthz
says that nothing is pending any more; the senders are another process and do not count.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
from flyball import native
from flyball.cli.up import ENGINE_MALLOC

from bench.distill import holds
from bench.otlp import t3_rate
from bench.otlp_load import RECORDS

TARGET = 100_000
"""Records per CPU-second that the server shall reach over HTTP."""
SHARE = 0.7
"""Of what T3 and the store's bare insert allow together."""
WARM_UP = 40
CLOSED = {"http": 600, "grpc": 300}
"""Requests of the closed loop: enough of them that the store merges, too."""
STEADY_RATE = 20
"""Requests a second of the steady load: 20,000 records/s."""
STEADY = {"http": 160, "grpc": 100}
PURE = 100
"""Requests of the closed loop without the compiled core."""
_CEILING_REQUESTS = 100
_CEILING_ROUNDS = 3
_START_SECONDS_MAX = 60
_SETTLE_SECONDS_MAX = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load of one protocol: records, CPU seconds of the server until all was stored, ms until each ack."""

    records: int
    cpu_s: float
    wall_s: float
    ack_ms: tuple[float, ...]
    refused: int

    @property
    def rate(self) -> float:
        """Records per CPU-second."""
        return self.records / self.cpu_s

    @property
    def acks(self) -> str:
        """The ack latency as p50, p99 and maximum in ms."""
        cuts = statistics.quantiles(self.ack_ms, n=100)
        return f"p50 {cuts[49]:6.1f}  p99 {cuts[98]:6.1f}  max {max(self.ack_ms):6.1f} ms"


def run() -> None:
    """Measure everything and print the table."""
    ceiling = _child("bench.ceiling", "1000000", str(_CEILING_REQUESTS), str(_CEILING_ROUNDS))
    rows, insert_s, stages = ceiling["rows"], ceiling["insert_s"], ceiling["stages_s"]
    print(
        f"server: log records of about 260 B with 5 attributes, {RECORDS:,} a request; CPU of the whole process"
    )
    print(
        f"  {'store alone, same rows':<34}{rows / insert_s:>10,.0f} rows/CPU-s   {1e6 * insert_s / rows:.2f} us a row"
    )
    told = ", ".join(f"{name} {1e6 * spent / rows:.2f}" for name, spent in stages.items())
    print(f"  {'':<34}{'':>10} (stages before it, us a row: {told})")
    pure = _without_core()
    with _server() as server:
        for number, protocol in enumerate(("http", "grpc"), start=1):
            first = number * 100_000
            server.load(protocol, first, WARM_UP)
            closed = server.load(protocol, first + 10_000, CLOSED[protocol])
            _print_closed(protocol, closed, rows / insert_s)
            if protocol == "http":
                _print_share(closed.rate, pure.rate, rows / insert_s)
            steady = server.load(protocol, first + 20_000, STEADY[protocol], STEADY_RATE)
            steady_rate = f"{STEADY_RATE * RECORDS:,} records/s"
            print(f"  {f'{protocol}, steady {steady_rate}':<34}{steady.rate:>10,.0f} records/CPU-s")
            print(f"  {'':<34}ack {steady.acks}")
            print(f"  {'':<34}peak memory so far {server.peak_bytes / 1e6:,.0f} MB")


def _print_closed(protocol: str, load: Load, ceiling: float) -> None:
    short = "" if protocol != "http" or load.rate >= TARGET else f"  BELOW the target of {TARGET:,}"
    sent = "zstd" if protocol == "http" else "uncompressed"
    print(
        f"  {f'{protocol} ({sent}), 4 senders, closed loop':<34}{load.rate:>10,.0f} records/CPU-s"
        f"   {load.rate / ceiling:.2f} of the store alone{short}"
    )
    print(f"  {'':<34}ack {load.acks}" + (f"  ({load.refused} times told to wait)" if load.refused else ""))
    print(f"  {'':<34}{load.records / load.wall_s:,.0f} records/s of wall time until stored")


def _print_share(rate: float, before: float, ceiling: float) -> None:
    print(
        f"  {'the same without the compiled core':<34}{before:>10,.0f} records/CPU-s   {rate / before:.1f} times"
    )
    if native.library() is None:
        return
    counting = t3_rate()
    bound = 1 / (1 / counting + 1 / ceiling)
    print(
        f"  {'what T3 and the store allow':<34}{bound:>10,.0f} records/CPU-s"
        f"   1 / (1 / {counting:,.0f} + 1 / {ceiling:,.0f})"
    )
    said = f"target >= {SHARE:g}: {holds(rate / bound >= SHARE)}"
    print(f"  {'reached of that':<34}{rate / bound:>10.2f}   {said}")


def _without_core() -> Load:
    with _server({"FLYBALL_PURE": "1"}) as server:
        server.load("http", 10_000, WARM_UP)
        return server.load("http", 20_000, PURE)


class _Server:
    """A running `flyball up` on free ports."""

    def __init__(self, process: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
        self._process = process
        self._ports = ports
        self._health = httpx.Client(base_url=f"http://127.0.0.1:{ports['web']}", timeout=10)

    def wait_until_up(self) -> None:
        """Return when the server answers."""
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                self._health.get("/healthz")
                return
            time.sleep(0.1)
        raise RuntimeError("flyball up did not come up")

    def load(self, protocol: str, first: int, number: int, rate: float = 0.0) -> Load:
        """Send requests and wait until all are stored."""
        stored, duplicates = self._stored()
        arguments = [protocol, str(self._ports[protocol]), str(first), str(number)]
        command = [sys.executable, "-m", "bench.sender", *arguments, *([str(rate)] if rate else [])]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
            if sender.stdin is None or sender.stdout is None or sender.stdout.readline() != "ready\n":
                raise RuntimeError("the sender did not get ready")
            cpu_s, begun = self._cpu_s(), time.monotonic()
            sender.stdin.write("go\n")
            sender.stdin.flush()
            report = json.loads(sender.stdout.readline())
        self._settle(stored + number * RECORDS, duplicates)
        return Load(
            records=number * RECORDS,
            cpu_s=self._cpu_s() - cpu_s,
            wall_s=time.monotonic() - begun,
            ack_ms=tuple(report["ack_ms"]),
            refused=report["refused"],
        )

    def _settle(self, expected: int, duplicates: int) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS_MAX
        while time.monotonic() < deadline:
            time.sleep(0.1)
            if not self._health.get("/healthz").json()["pending_bytes"]:
                break
        if self._stored() != (expected, duplicates):
            raise AssertionError(f"stored and duplicates are {self._stored()}, not {(expected, duplicates)}")

    def _stored(self) -> tuple[int, int]:
        health = self._health.get("/healthz").json()
        return health["edges"].get("store", {}).get("logs", 0), health["duplicates"]

    def _cpu_s(self) -> float:
        # proc(5): fields 14 and 15, counted behind the name in parentheses
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def peak_bytes(self) -> int:
        """The largest resident set so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) * 1024


@contextlib.contextmanager
def _server(settings: Mapping[str, str] = MappingProxyType({})) -> Generator[_Server]:
    ports: dict[str, int] = dict(zip(("web", "http", "grpc"), _free_ports(3), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "flyball",
            "up",
            "--data",
            f"{folder}/data",
            "--port",
            str(ports["web"]),
        ]
        command += ["--otlp-http-port", str(ports["http"]), "--otlp-grpc-port", str(ports["grpc"])]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | settings) as process:
            try:
                server = _Server(process, ports)
                server.wait_until_up()
                yield server
            finally:
                process.terminate()


def _free_ports(number: int) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return iter([opened.getsockname()[1] for opened in sockets])


def _child(module: str, *arguments: str) -> dict[str, typing.Any]:
    environment = {"JE_MALLOC_CONF": ENGINE_MALLOC, **os.environ}  # as the server has it
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, env=environment)
    return json.loads(done.stdout)
