"""The life of one service: start, say so, serve, drain.

run.py hands each process a listening socket, so that all start at once and a new release takes over without a
gap. leash.py ends the process when run.py is gone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from shop import leash
from shop.telemetry import Telemetry
from shop.web import Routes, Server, Upstream

DRAIN_MAX_S = 3.0
ACCEPT_POLL_S = 0.05

_log = logging.getLogger("shop.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What run.py tells a service through its environment."""

    name: str
    version: str
    release: str
    listener: int
    addresses: dict[str, str]

    @classmethod
    def read(cls) -> Settings:
        """From `SHOP_*`; a missing one is an error at start."""
        return cls(
            name=os.environ["OTEL_SERVICE_NAME"],
            version=os.environ["SHOP_VERSION"],
            release=os.environ["SHOP_RELEASE"],
            listener=int(os.environ["SHOP_LISTENER"]),
            addresses=json.loads(os.environ["SHOP_ADDRESSES"]),
        )

    def upstream(self, service: str, *, size_max: int, wait_max_s: float = 5.0) -> Upstream:
        """A pool of connections to another service."""
        return Upstream(service, self.addresses[service], size_max=size_max, wait_max_s=wait_max_s)


def run(build: Callable[[Settings], Routes]) -> None:
    """Serve the routes that `build` makes until SIGTERM or until the parent is gone."""
    started = time.perf_counter()
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; run.py decides
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    leash.hold(lambda: os._exit(1))
    settings = Settings.read()
    telemetry = Telemetry()
    _log.info("%s %s starting with Python %s", settings.name, settings.version, sys.version.split()[0])
    server = Server(socket.socket(fileno=settings.listener), build(settings))
    threading.Thread(target=server.serve_forever, args=(ACCEPT_POLL_S,), daemon=True).start()
    _log.info("listening on %s, ready after %.0f ms", *_ready(settings, started))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stop.wait()
    unfinished = server.drain(DRAIN_MAX_S)
    _log.info("stopped with %d requests unfinished", unfinished)
    telemetry.shutdown()


def _ready(settings: Settings, started: float) -> tuple[str, float]:
    return settings.addresses[settings.name], (time.perf_counter() - started) * 1000
