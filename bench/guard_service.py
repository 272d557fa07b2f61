"""What the wall costs as a service: POST /v1/guard/evaluate at a steady rate, the server on one core, this on another.

Open loop: a call is due at its time whether or not the ones before it were answered, and its latency counts from then.
Every call is another one, made from a seed. At the end the log must hold a row for each answer.

    python -m bench.guard_service [--rate 2000] [--seconds 60] [--connections 32] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import cast

import httpx
import orjson
import uvloop
from flyball.guard.log import rows, segments

_START_SECONDS_MAX = 60
_WARM_SECONDS = 3
_DRAIN_SECONDS_MAX = 10

_PROGRAMS = (
    *(
        "ls -la {d}",
        "cat {d}/{f}",
        "grep -rn {w} {d}",
        "git diff {w}",
        "git commit -am '{w} {n}'",
        "git status",
    ),
    *(
        "python -m pytest {d}/test_{w}.py -k {w}",
        "sed -n {n},{m}p {d}/{f}",
        "find {d} -name '*.{w}'",
        "npm run {w}",
    ),
    *("cd {d} && make {w}", "head -n {n} {d}/{f} | sort | uniq -c", "mkdir -p {d}/{w} && cp {d}/{f} {d}/{w}"),
    *(
        "rm -f {d}/{f}",
        "docker build -t {w}:{n} {d}",
        "kubectl get pods -n {w}",
        "curl -s http://127.0.0.1:{n}/{w}",
    ),
    *("for f in {d}/*.py; do wc -l $f; done", 'if [ -f {d}/{f} ]; then echo "{w}"; fi', "rm -rf {d}/{w}"),
    *("git push origin {w}-{n}", "terraform plan -out {w}.tfplan", "psql -c 'select {n} from {w} limit {m}'"),
    *(
        "git push --force origin {w}",
        "echo {w} > {d}/{f}",
        "tar czf {w}.tgz {d}",
        "sudo systemctl status {w}",
    ),
)
_WORDS = [
    "orders",
    "cart",
    "users",
    "index",
    "main",
    "api",
    "web",
    "worker",
    "queue",
    "cache",
    "auth",
    "search",
    "build",
    "deploy",
    "test",
    "report",
    "sync",
]


def command(chance: random.Random, number: int) -> str:
    """A command as an agent writes them, none twice."""
    word = f"{chance.choice(_WORDS)}{number}"
    places = {
        "d": f"src/{chance.choice(_WORDS)}",
        "f": f"{word}.py",
        "w": word,
        "n": number,
        "m": number + 40,
    }
    return chance.choice(_PROGRAMS).format(**places) + f" # {number}"


def request(chance: random.Random, number: int, seed: int) -> bytes:
    """The bytes of one call on the wire."""
    body = orjson.dumps(
        {
            "tool_name": "Bash",
            "tool_input": {"command": command(chance, number), "description": f"step {number}"},
            "context": {
                "session_id": f"session-{seed}-{number % 200}",
                "agent_name": f"agent-{number % 20}",
                "client": "bench",
                "tool_call_id": f"call-{number}",
            },
            "decision_id": f"bench-{seed}-{number}",
        }
    )
    head = f"POST /v1/guard/evaluate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One kept connection: a call at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def ask(self, wire: bytes, due: float) -> None:
        """Send a call that was due at that time."""
        self._due = due
        if self._transport is not None:
            self._transport.write(wire)

    def data_received(self, data: bytes) -> None:
        """Take in a piece of an answer."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        if len(body) < length:
            return
        self._received = b""
        self._load.answered(self, self._due, ok=head.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it."""
        self._load.lost += 1
        del exc


class Load:
    """Calls at a rate over kept connections."""

    def __init__(self, wires: list[bytes], rate: float) -> None:
        self._wires = wires
        self._rate = rate
        self._free: deque[Connection] = deque()
        self._late: deque[tuple[bytes, float]] = deque()
        self.latencies: list[float] = []
        self.failed = 0
        self.lost = 0

    async def run(self, port: int, connections: int) -> float:
        """Make every call; the seconds it took."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", port)
            self._free.append(connection)
        begun = time.perf_counter() + 0.05
        for number, wire in enumerate(self._wires):
            due = begun + number / self._rate
            while (left := due - time.perf_counter()) > 0:  # noqa: ASYNC110 - an open loop keeps its times
                # the loop's timer is a millisecond coarse: the last one is waited for turn by turn
                await asyncio.sleep(left - 0.001 if left > 0.002 else 0)
            if self._free:
                self._free.popleft().ask(wire, due)
            else:
                self._late.append((wire, due))
                await asyncio.sleep(0)  # let answers in
        ended = time.perf_counter()
        while len(self.latencies) + self.failed < len(self._wires):
            if time.perf_counter() - ended > _DRAIN_SECONDS_MAX:
                break
            await asyncio.sleep(0.001)
        return time.perf_counter() - begun

    def answered(self, connection: Connection, due: float, *, ok: bool) -> None:
        """An answer came; the connection takes the next call that waits."""
        if ok:
            self.latencies.append(time.perf_counter() - due)
        else:
            self.failed += 1
        if self._late:
            connection.ask(*self._late.popleft())
        else:
            self._free.append(connection)


def cpu_seconds(pid: int) -> float:
    """What a process used so far, in user and system (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def server(folder: Path, core: int) -> Generator[tuple[int, int]]:
    """A server on that core; its port and its process."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        port, otlp, grpc = (one.getsockname()[1] for one in opened)
    arguments = [sys.executable, "-m", "flyball", "up", "--data", str(folder), "--port", str(port)]
    arguments += ["--otlp-http-port", str(otlp), "--otlp-grpc-port", str(grpc)]
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/healthz").is_success:
                    break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def main() -> None:
    """Run the load and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.guard_service", description=__doc__)
    parser.add_argument("--rate", type=float, default=2_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    total = int(given.rate * given.seconds)
    chance = random.Random(given.seed)
    warm = [request(chance, number, given.seed) for number in range(-int(given.rate * _WARM_SECONDS), 0)]
    wires = [request(chance, number, given.seed) for number in range(total)]
    print(f"load average before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with server(data, cores[0]) as (port, pid):
            warming = Load(warm, given.rate)
            uvloop.run(warming.run(port, given.connections))
            load, used = Load(wires, given.rate), cpu_seconds(pid)
            seconds = uvloop.run(load.run(port, given.connections))
            used = cpu_seconds(pid) - used
            inside = httpx.get(f"http://127.0.0.1:{port}/api/v1/guard/status").json()
        kinds = [row["kind"] for path in segments(data / "guard" / "log") for row in rows(path)]
    answers = len(load.latencies) + len(warming.latencies)
    _print(load, seconds, given, inside)
    print(
        f"the server took {used / len(load.latencies) * 1e6:.0f} us of CPU a call, {used / seconds:.0%} of a core"
    )
    print(f"log: {kinds.count('decision') + kinds.count('replay'):,} rows of {answers:,} answers")
    unanswered = len(wires) - len(load.latencies) - load.failed
    if unanswered:
        print(
            f"{unanswered:,} calls had no answer {_DRAIN_SECONDS_MAX} s after the last was due: the rate was not held"
        )
    elif kinds.count("decision") != answers or load.failed:
        sys.exit("rows in the log and answers differ")


def _print(
    load: Load, seconds: float, given: argparse.Namespace, inside: dict[str, dict[str, float]]
) -> None:
    ordered = sorted(load.latencies)

    def quantile(share: float) -> float:
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1_000

    print(
        f"{len(ordered):,} calls over {given.connections} connections in {seconds:.1f} s:"
        f" {len(ordered) / seconds:,.0f}/s (asked for {given.rate:,.0f}/s), {load.failed} failed"
    )
    print(f"latency p50 {quantile(0.5):.3f} ms, p95 {quantile(0.95):.3f} ms, p99 {quantile(0.99):.3f} ms")
    within = inside["latency_ms"]
    print(
        f"within the server p50 {within['p50']:.3f} ms, p95 {within['p95']:.3f} ms, p99 {within['p99']:.3f} ms"
    )


if __name__ == "__main__":
    main()
