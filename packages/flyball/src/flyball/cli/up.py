"""`flyball up`: the whole server in this process, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from flyball import __version__

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_FREED_BYTES_MAX = 512 * 1024 * 1024
"""Freed memory that glibc keeps at the end of a heap."""
_MMAP_BYTES_MIN = 32 * 1024 * 1024
"""A smaller block comes from a heap; glibc takes no larger threshold."""
ENGINE_MALLOC = "dirty_decay_ms:60000,muzzy_decay_ms:60000"
"""The engine's allocator keeps freed memory for a minute of batches; it would be 5 s."""


def up(
    *,
    data: Annotated[Path | None, typer.Option(help="The one folder that holds all data")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback a token is needed")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Web, REST, MCP [4320]")] = None,
    otlp_http_port: Annotated[int | None, typer.Option(help="OTLP/HTTP [4318]")] = None,
    otlp_grpc_port: Annotated[int | None, typer.Option(help="OTLP/gRPC [4317]")] = None,
    file: Annotated[
        list[str] | None, typer.Option(help="Follow this log file (a glob may match several)")
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Receive lines from standard input")] = False,
    service: Annotated[
        str | None, typer.Option(help="The service that --file and --stdin lines are of")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with settings and receivers")] = None,
) -> None:
    """Start Flyball: one process, one data folder, no account and no key."""
    # gRPC's core logs past us; what matters comes as our own errors
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # read when the engine is loaded
    os.environ.setdefault("JE_MALLOC_CONF", ENGINE_MALLOC)
    import uvloop  # noqa: PLC0415 - `flyball --help` stays quick

    from flyball import app  # noqa: PLC0415
    from flyball.settings import load  # noqa: PLC0415

    receivers = _receivers(file or [], stdin=stdin, service=service)
    settings = load(
        config,
        data_folder=data,
        host=host,
        port=port,
        otlp_http_port=otlp_http_port,
        otlp_grpc_port=otlp_grpc_port,
        receivers=receivers or None,
    )
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s flyball %(levelname)s %(message)s"
    )
    for noisy in ("httpx", "alembic", "mcp", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

    def ready() -> None:
        # what is there by now stays: a full collection would go through all of it, and calls wait some 100 ms for that
        gc.collect()
        gc.freeze()
        typer.echo(
            f"flyball {__version__} is up; Ctrl-C stops it\n"
            f"  page, REST, MCP  http://{settings.host}:{settings.port}\n"
            f"  OTLP/HTTP        http://{settings.host}:{settings.otlp_http_port}\n"
            f"  OTLP/gRPC        {settings.host}:{settings.otlp_grpc_port}\n"
            f"  data             {settings.data_folder} (raw rows for {settings.raw_hours} h,"
            f" at most {settings.disk_bytes_max / 1e9:.0f} GB)",
            err=True,
        )

    tune_process()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await app.run(settings, ready, stop)

    uvloop.run(serve())


def tune_process() -> None:
    """Set what holds for the whole process and only pays in one that receives all day.

    Decoding a batch holds the interpreter for whole switch intervals while acknowledgements wait for theirs: with
    0.5 ms instead of 5 ms, and columns made 8,192 rows at a time, the ack p99 under full load fell from 150 ms to
    50 ms.

    Allocators give what a batch frees back to the system, which the next batch asks for a second later, and threads
    do not share what they keep: that took a fifth of the server's time, and a seventh again before Arrow and all
    threads came to one heap (docs/decisions/0008). Source: mallopt(3).
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    sys.setswitchinterval(0.0005)
    pa.set_memory_pool(pa.system_memory_pool())
    with contextlib.suppress(AttributeError):  # another C library than glibc
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_TRIM_THRESHOLD, _FREED_BYTES_MAX)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES_MIN)


def _receivers(files: list[str], *, stdin: bool, service: str | None) -> dict[str, dict[str, object]]:
    named: dict[str, object] = {"service": service} if service else {}
    receivers: dict[str, dict[str, object]] = {}
    if files:
        receivers["file"] = {"paths": files, **named}
    if stdin:
        receivers["stdin"] = named
    return receivers
