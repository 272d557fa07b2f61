"""Start the shop, deploy releases of checkout, stop: `python examples/shop/run.py [--otlp URL]`.

Reads one command a line from standard input and writes one JSON object a line to standard output:

    deploy RELEASE [VERSION]   run the code of releases/RELEASE.py as service.version VERSION (default: RELEASE)
    stop                       as does the end of the input

The five services and the load are processes of their own. A deploy starts the new checkout beside the old one
on the same listening socket, waits until it serves, then lets the old one finish: no request is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import IO, Self

HERE = Path(__file__).resolve().parent
SERVICES = ("auth", "inventory", "payments", "checkout", "storefront")
READY_MAX_S = 20.0
STOP_MAX_S = 6.0
BACKLOG = 128
EXPORT_EVERY_MS = "500"
EXPORT_METRICS_EVERY_MS = "5000"


class ShopFailed(Exception):
    """A process of the shop did not come up."""


class Shop:
    """The processes of the shop. Use it as a context manager: leaving stops every one of them."""

    def __init__(self, otlp: str, environment: str = "demo") -> None:
        self._otlp = otlp
        self._environment = environment
        self._listeners = {name: socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) for name in SERVICES}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving: list[subprocess.Popen[bytes]] = []

    @property
    def addresses(self) -> Mapping[str, str]:
        """Service -> host:port."""
        return {name: f"127.0.0.1:{listener.getsockname()[1]}" for name, listener in self._listeners.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, release: str = "v1") -> None:
        """Start all services at once, then the load."""
        for name in SERVICES:
            self._processes[name] = self._service(name, release)
        for process in self._processes.values():
            _await_ready(process)
        self._processes["load"] = self._spawn("shop.load", {})
        _await_ready(self._processes["load"])

    def deploy(self, release: str, version: str) -> None:
        """Put another release of checkout in place of the one that runs."""
        if not (HERE / "releases" / f"{release}.py").is_file():
            raise ShopFailed(f"there is no release {release!r}, only {', '.join(releases())}")
        fresh = self._service("checkout", release, version)
        old, self._processes["checkout"] = self._processes["checkout"], fresh
        self._leaving.append(old)
        _await_ready(fresh)
        old.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Stop the load first, then the services; kill what has not gone after STOP_MAX_S."""
        load = self._processes.pop("load", None)
        for batch in ([load] if load else [], [*self._processes.values(), *self._leaving]):
            for process in batch:
                process.terminate()
            until = time.monotonic() + STOP_MAX_S
            for process in batch:
                _reap(process, until)
        self._processes.clear()
        for listener in self._listeners.values():
            listener.close()

    def _service(self, name: str, release: str, version: str = "") -> subprocess.Popen[bytes]:
        version = (version or release) if name == "checkout" else "v1"
        resource = {
            "service.version": version,
            "service.instance.id": str(uuid.uuid4()),
            "deployment.environment.name": self._environment,
        }
        listener = self._listeners[name].fileno()
        environment = {
            "SHOP_VERSION": version,
            "SHOP_RELEASE": release,
            "SHOP_LISTENER": str(listener),
            "OTEL_SERVICE_NAME": name,
            "OTEL_RESOURCE_ATTRIBUTES": ",".join(f"{key}={value}" for key, value in resource.items()),
        }
        return self._spawn(f"shop.services.{name}", environment, listener)

    def _spawn(self, module: str, more: Mapping[str, str], *descriptors: int) -> subprocess.Popen[bytes]:
        otel = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._otlp,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_BLRP_SCHEDULE_DELAY": EXPORT_EVERY_MS,
            "OTEL_BSP_SCHEDULE_DELAY": EXPORT_EVERY_MS,
            "OTEL_METRIC_EXPORT_INTERVAL": EXPORT_METRICS_EVERY_MS,
        }
        shop = {"SHOP_ADDRESSES": json.dumps(self.addresses), "PYTHONPATH": str(HERE.parent)}
        loopback = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        return subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,  # held open, never written to: the leash (leash.py)
            stdout=subprocess.PIPE,
            env={**inherited, **otel, **shop, **loopback, **more},
            pass_fds=descriptors,
        )


def releases() -> Mapping[str, str]:
    """Release -> the id that git gives its code."""
    return {path.stem: _blob_id(path.read_bytes()) for path in sorted((HERE / "releases").glob("v*.py"))}


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    """Wait for the line `ready`; raises ShopFailed when the process ends or is too slow."""
    with selectors.DefaultSelector() as selector:
        out = process.stdout
        assert out is not None  # noqa: S101 - it is a pipe
        selector.register(out, selectors.EVENT_READ)
        line = out.readline() if selector.select(READY_MAX_S) else b""
    if line != b"ready\n":
        service = process.args[-1]  # type: ignore[index]  # the command is a list
        raise ShopFailed(f"{service} did not get ready within {READY_MAX_S:.0f} s")


def _reap(process: subprocess.Popen[bytes], until: float) -> None:
    try:
        process.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _obey(shop: Shop, commands: IO[str]) -> None:
    """Carry out commands until `stop` or the end of the input."""
    for line in commands:
        match line.split():
            case []:
                continue
            case ["stop"]:
                return
            case ["deploy", release, *version] if len(version) <= 1:
                started = time.monotonic()
                shop.deploy(release, version[0] if version else release)
                _say(event="deployed", release=release, seconds=round(time.monotonic() - started, 2))
            case _:
                raise ShopFailed(f"unknown command {line.strip()!r}; say: deploy RELEASE [VERSION], or stop")


def _say(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def main() -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--otlp", default="http://127.0.0.1:4318", help="where telemetry goes (OTLP/HTTP)")
    parser.add_argument("--environment", default="demo", help="deployment.environment.name")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        with Shop(arguments.otlp, arguments.environment) as shop:
            shop.start()
            _say(
                event="ready",
                seconds=round(time.monotonic() - started, 2),
                addresses=shop.addresses,
                releases=releases(),
            )
            _obey(shop, sys.stdin)
    except KeyboardInterrupt:
        return 0
    except ShopFailed as error:
        sys.stderr.write(f"shop: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
