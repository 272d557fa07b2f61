"""What the hook adds to a tool call inside the real Claude Code: python -m bench.hook [--calls N] [--rounds N].

Sessions with the command hook, the HTTP hook, a hook that does nothing and without any go by turns; each makes N calls of a tool that does
nothing, asked for by a scripted model on loopback. A call's time is from the model's last byte of the request to the
client's next request, seen by the model: process start, guard and all included. The guard answers at once (scripted, the
same for both), so that what is measured is the hook. Printed: median and p95 of each, and what they add.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Generator
from pathlib import Path

from harness.agents import Agent, Cli, clis
from harness.scripted_model import Tool, scripted_model

CALLS = 60
ROUNDS = 5
TARGETS_MS: dict[str, float | None] = {"empty": None, "command": 12.0, "http": 3.0}


def run(calls: int = CALLS, rounds: int = ROUNDS) -> None:
    """Measure with each Claude Code that is installed in build/agents."""
    for cli in clis():
        if cli.client == "claude-code":
            _measure(cli, calls, rounds)


def _measure(cli: Cli, calls: int, rounds: int) -> None:
    taken: dict[str, list[float]] = {"none": [], "empty": [], "command": [], "http": []}
    with _guard() as port, scripted_model() as model, tempfile.TemporaryDirectory() as root:
        agents = {kind: Agent(cli, Path(root, kind), model) for kind in taken}
        agents["command"].install(port)
        agents["http"].install(port, via="http", fail="open")
        _install_empty(agents["empty"])
        script = [Tool("Read", {"file_path": "/dev/null", "offset": n + 1, "limit": 1}) for n in range(calls)]
        for _ in range(rounds):
            for kind, agent in agents.items():
                model.times.clear()
                agent.run(*script)
                gaps = [
                    later - sent for (_, sent), (later, _) in zip(model.times, model.times[1:], strict=False)
                ]
                taken[kind] += [1000 * gap for gap in gaps[-calls:]][1:]
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    print(f"hook: {cli}, {rounds} sessions of {calls} calls each, by turns")
    base = statistics.median(taken["none"]), _p95(taken["none"])
    print(f"  without      median {base[0]:6.1f} ms   p95 {base[1]:6.1f} ms   ({len(taken['none'])} calls)")
    for kind, target in TARGETS_MS.items():
        median, p95 = statistics.median(taken[kind]), _p95(taken[kind])
        added = median - base[0]
        word = (
            "" if target is None else f"target <= {target:g} ms: {'holds' if added <= target else 'MISSED'}"
        )
        tenth = _p10(taken[kind]) - _p10(taken["none"])
        print(
            f"  {kind:<12} median {median:6.1f} ms   p95 {p95:6.1f} ms   adds {added:5.1f} ms"
            f" (p95 {p95 - base[1]:5.1f}, least disturbed tenth {tenth:5.1f})   {word}"
        )


def _install_empty(agent: Agent) -> None:
    """A hook that does nothing: what the client's own machinery takes, below which no hook can be."""
    file = agent.place.settings_file("user")
    file.parent.mkdir(parents=True)
    file.write_text(
        json.dumps({"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "exit 0"}]}]}})
    )


@contextlib.contextmanager
def _guard() -> Generator[int]:
    """The port of a guard that allows everything, in one packet and a tenth of a millisecond."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=_answer, args=[server.accept()[0]], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def _answer(wire: socket.socket) -> None:
    """Every request of one connection: the hook process opens one a call, Claude Code keeps its own."""
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while part := wire.recv(65536):
        received += part
        head, blank, body = received.partition(b"\r\n\r\n")
        length = next(
            (int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0
        )
        if blank and len(body) >= length:
            received = body[length:]
            said = _PASSED if b"as=process" in head else b"{}" if b"/hook/" in head else _ALLOWED
            wire.sendall(_HEAD % len(said) + said)
    wire.close()


_PASSED = b"0\n\n"
_ALLOWED = b'{"action": "allow", "mode": "enforce", "decision_id": "d", "evaluation_status": "complete"}'
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def _p10(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.1)]


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.hook")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    began = time.monotonic()
    run(given.calls, given.rounds)
    print(f"took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
