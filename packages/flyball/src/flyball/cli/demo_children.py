"""The processes that `flyball demo` starts: a real `flyball up` and the shop.

Each is the head of a process group of its own (Ctrl-C reaches the demo alone, which then stops them in order)
and is held by a leash: its standard input ends when the demo ends, however that happens.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

import flyball
from flyball.errors import FlyballError

SERVER_READY_MAX_S = 30.0
SHOP_SAYS_MAX_S = 30.0
STOP_MAX_S = 15.0
AGENT_WORKS_MAX_S = 45.0
LOG_TAIL_LINES = 8
_POLL_S = 0.1


class DemoFailed(FlyballError):
    """A process of the demo did not do its part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One running process; `log` holds what it wrote to standard error, and to standard output if not `heard`."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], folder: Path, *, heard: bool) -> Self:
        """Start `python COMMAND...`; its log goes into `folder`, `heard` gives a pipe for standard output."""
        log = folder / f"{name}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if heard else stderr,
                stderr=stderr,
                text=True,
                process_group=0,
            )
        return cls(name=name, process=process, log=log)

    def failed(self, what: str) -> DemoFailed:
        """The error that says what went wrong, with the end of the log."""
        tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        printable = ["".join(char if char.isprintable() else "?" for char in line) for line in tail]
        return DemoFailed("\n  ".join([f"{self.name} {what}", *printable]))

    def stop(self, ask: Callable[[], object]) -> None:
        """Ask it to end and wait up to STOP_MAX_S seconds, then end its whole group."""
        try:
            ask()
            self.process.wait(STOP_MAX_S)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):  # as it should be: nothing of the group is left
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A `flyball up` on free loopback ports and a folder that goes with the demo."""

    child: Child
    address: str
    otlp: str

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start it; `await_ready` tells when it serves."""
        port, otlp_http, otlp_grpc = free_ports(3)
        options = {"--port": port, "--otlp-http-port": otlp_http, "--otlp-grpc-port": otlp_grpc}
        ports = [word for name, value in options.items() for word in (name, str(value))]
        command = ["-m", "flyball.cli.leash", "up", "--data", str(folder / "data"), *ports]
        return cls(
            child=Child.start("flyball", command, folder, heard=False),
            address=f"http://127.0.0.1:{port}",
            otlp=f"http://127.0.0.1:{otlp_http}",
        )

    def await_ready(self, client: httpx.Client) -> None:
        """Wait until it answers; raises DemoFailed when it ends or takes over SERVER_READY_MAX_S seconds."""
        until = time.monotonic() + SERVER_READY_MAX_S
        while time.monotonic() < until and self.alive:
            try:
                if client.get("/healthz").is_success:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(_POLL_S)
        raise self.child.failed("did not get ready")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.child.process.poll() is None

    def stop(self) -> None:
        """Let it drain."""
        self.child.stop(self.child.process.terminate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The shop of examples/shop, driven over its standard input and output (see its run.py)."""

    child: Child
    environment: str = "demo"

    @classmethod
    def start(cls, otlp: str, folder: Path) -> Self:
        """Start it; `opened` tells when it serves customers."""
        return cls(child=Child.start("shop", [str(shop_script()), "--otlp", otlp], folder, heard=True))

    def opened(self) -> Mapping[str, Any]:
        """Wait for `ready`; returns what the shop says of itself (its `releases` and their ids)."""
        return self._says("ready")

    def deploy(self, release: str, version: str) -> None:
        """Replace the running checkout by the code of `release`, called `version`."""
        assert self.child.process.stdin is not None  # noqa: S101 - it is a pipe
        self.child.process.stdin.write(f"deploy {release} {version}\n")
        self.child.process.stdin.flush()
        self._says("deployed")

    def stop(self) -> None:
        """Close it: the end of its input ends it."""
        assert self.child.process.stdin is not None  # noqa: S101 - it is a pipe
        self.child.stop(self.child.process.stdin.close)

    def _says(self, event: str) -> Mapping[str, Any]:
        out = self.child.process.stdout
        assert out is not None  # noqa: S101 - it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            line = out.readline() if selector.select(SHOP_SAYS_MAX_S) else ""
        said: Mapping[str, Any] = json.loads(line) if line else {}
        if said.get("event") != event:
            raise self.child.failed(f"did not say {event!r} within {SHOP_SAYS_MAX_S:.0f} s")
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployAgent:
    """The agent of examples/shop/deploy_agent.py: it works through its script and ends."""

    child: Child

    @classmethod
    def start(cls, otlp: str, server: str, folder: Path) -> Self:
        """Start it; `worked` waits for its end."""
        command = [str(shop_script().with_name("deploy_agent.py")), "--otlp", otlp, "--server", server]
        command += ["--folder", str(folder)]
        return cls(child=Child.start("deploy-agent", command, folder, heard=True))

    def worked(self) -> Sequence[str]:
        """Wait until it is done; the ids of the decisions that stopped it, in their order."""
        out = self.child.process.stdout
        assert out is not None  # noqa: S101 - it is a pipe
        blocked: list[str] = []
        until = time.monotonic() + AGENT_WORKS_MAX_S
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while selector.select(max(0.0, until - time.monotonic())) and (line := out.readline()):
                said: Mapping[str, Any] = json.loads(line)
                blocked += said.get("blocked", [])
                if said.get("event") == "done":
                    return blocked
        raise self.child.failed(f"was not done within {AGENT_WORKS_MAX_S:.0f} s")

    def stop(self) -> None:
        """End it, if it has not ended by itself."""
        self.child.stop(self.child.process.terminate)


def guard_policy(folder: Path) -> None:
    """Let the server that starts on this folder enforce its rules for the agent."""
    policies = folder / "data" / "guard" / "policies"
    policies.mkdir(parents=True, mode=0o700)
    policy = policies / "deploy-agent.yaml"
    policy.write_text(
        "# Every rule of the catalogue, enforced for the agent of the demo.\nmode: enforce\nagents: [deploy-agent]\n"
    )
    policy.chmod(0o600)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def shop_script() -> Path:
    """run.py of the shop: inside the installed wheel, or else in the source checkout (docs/decisions/0004)."""
    package = Path(flyball.__file__).resolve().parent
    for examples in (package / "_examples", package / "../../../../examples"):
        script = examples / "shop" / "run.py"
        if script.is_file():
            return script.resolve()
    raise DemoFailed("the shop's files are missing from this installation; reinstall flyball")
