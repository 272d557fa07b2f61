"""Follow log files: from where reading stopped last, through rotation and truncation.

How far a file is read travels with the export it was read into and is stored once that is durable, so a restart
continues there. A file is known by its device and inode: a renamed one is read to its end, the new one of the
same name from its start.
"""

from __future__ import annotations

import asyncio
import glob
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from flyball_sdk import semconv

from flyball.component.context import ReceiverContext
from flyball.component.ports import LineReader
from flyball.errors import ConfigurationError
from flyball.model.export import Export, Signal
from flyball.receivers.lines_request import lines_request
from flyball.receivers.stdin import emit_when_there_is_room

_CHUNK_BYTES = 1024 * 1024
_POLL_S = 0.5
_QUIET_POLLS = 4
"""After this many polls without a byte the last record is taken as complete."""
_FILES_MAX = 1_000


@dataclass(frozen=True, kw_only=True)
class File:
    """Follow log files by path or glob, through rotation and truncation; a restart continues where reading stopped."""

    paths: list[str] = field(default_factory=list[str])
    """Paths or globs, for example /var/log/checkout/*.log; at most 1000 files."""
    service: str = ""
    """`service.name` of the lines; the file's name without its ending if empty."""
    environment: str = ""
    """`deployment.environment.name` of the lines."""
    from_start: bool = True
    """Whether a file that was never read is read from its start, or only what comes from now on."""

    async def run(self, ctx: ReceiverContext) -> None:
        """Follow until cancelled.

        Raises:
            ConfigurationError: no path is given.
        """
        if not self.paths:
            raise ConfigurationError(
                "receivers.file.paths is empty, for example paths: [/var/log/checkout/*.log]"
            )
        followed: dict[str, _Followed] = {}
        stored = dict(await ctx.cursors.cursors())
        ctx.ready()
        try:
            while True:
                await self._discover(ctx, followed, stored)
                busy = [await self._read(ctx, one) for one in list(followed.values())]
                for key in [key for key, one in followed.items() if one.finished]:
                    followed.pop(key).file.close()
                if not any(busy):
                    await asyncio.sleep(_POLL_S)
        finally:
            for one in followed.values():
                one.file.close()

    async def _discover(
        self, ctx: ReceiverContext, followed: dict[str, _Followed], stored: dict[str, str]
    ) -> None:
        matches = sorted({match for path in self.paths for match in glob.glob(path)})  # noqa: PTH207 - absolute globs
        if not matches and not followed:
            ctx.health.trouble = f"no file matches {', '.join(self.paths)}"
        for path in matches[:_FILES_MAX]:
            try:
                status = os.stat(path)  # noqa: PTH116
                key = f"file:{status.st_dev}:{status.st_ino}"
                if key in followed or not stat.S_ISREG(status.st_mode):
                    continue
                file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115, ASYNC230 - held open while followed
            except OSError as error:
                ctx.health.trouble = f"{path} cannot be read: {error.strerror}"
                ctx.count("dropped: file that cannot be read", 1)
                continue
            position = int(stored.get(key, "0" if self.from_start else str(status.st_size)))
            file.seek(position if position <= status.st_size else 0)
            followed[key] = _Followed(
                key=key, path=path, file=file, reader=ctx.line_reader(), read=file.tell()
            )

    async def _read(self, ctx: ReceiverContext, one: _Followed) -> bool:
        """Read what is new; whether there was anything."""
        if os.fstat(one.file.fileno()).st_size < one.read:
            ctx.count("truncated", 1)
            one.file.seek(0)
            one.read = 0
        chunk = await asyncio.to_thread(one.file.read, _CHUNK_BYTES)
        if chunk:
            one.read += len(chunk)
            one.quiet = 0
            records = one.reader.feed(chunk)
        else:
            one.quiet += 1
            if one.quiet < _QUIET_POLLS:
                return False
            one.finished = not _is_still(one)
            records = one.reader.flush(end=one.finished)
        await self._emit(ctx, one, records.texts.to_pylist())
        return bool(chunk)

    async def _emit(self, ctx: ReceiverContext, one: _Followed, texts: list[str]) -> None:
        if one.reader.cut > one.cut:
            ctx.count("dropped: end of a line over 1 MiB", one.reader.cut - one.cut)
            one.cut = one.reader.cut
        if not texts:
            return
        now_ns = ctx.clock.now_ns()
        payload = lines_request(
            texts,
            observed_ns=now_ns,
            service=self.service or Path(one.path).name.partition(".")[0],
            environment=self.environment,
            attributes={semconv.LOG_FILE_PATH: one.path},
        )
        export = Export(
            signal=Signal.LOGS, payload=payload, received_ns=now_ns, cursors={one.key: str(one.position)}
        )
        await emit_when_there_is_room(ctx, export)
        ctx.count("received: logs", len(texts))


@dataclass(slots=True, kw_only=True)
class _Followed:
    """One open file; `read` is the offset after the last byte read."""

    key: str
    path: str
    file: BinaryIO
    reader: LineReader
    read: int = 0
    quiet: int = 0
    cut: int = 0
    finished: bool = False

    @property
    def position(self) -> int:
        """Where a restart has to begin: what the reader still keeps back is read again."""
        return self.read - self.reader.held_bytes


def _is_still(one: _Followed) -> bool:
    """Whether the path still leads to this file (it has not been rotated away)."""
    try:
        status = os.stat(one.path)  # noqa: PTH116
    except OSError:
        return False
    return f"file:{status.st_dev}:{status.st_ino}" == one.key
