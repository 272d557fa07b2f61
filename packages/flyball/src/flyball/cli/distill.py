"""`flyball distill`: the patterns of log files, without a server.

Streams: whatever the files' size, memory holds one chunk, the shapes and their counts (`distill_count`).
"""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator
from importlib.abc import MetaPathFinder
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast

import orjson
import typer

from flyball.errors import InputError
from flyball.model.severity import Severity

if TYPE_CHECKING:
    from flyball.cli.distill_count import Count

CHUNK_BYTES = 4 * 1024 * 1024
"""Read at a time: large enough for the vectorised path, small enough that memory stays low."""

ROWS_MAX = 50
"""Patterns in the table that a person reads; `--json` has all."""

_STDIN = "-"
_GZIP_MAGIC = b"\x1f\x8b"


def distill(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...|-", help="Log files (gzip too), or - for stdin.")
    ],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object per pattern, the most frequent first.")
    ] = False,
    assign: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write one line per input line: its pattern's fingerprint."),
    ] = None,
) -> None:
    """Show the patterns of log files: what was said, how often, how severe. Needs no server."""
    try:
        _run(files, as_json=json, assign=assign)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise InputError(f"{place}{error.strerror or error}") from error


def _run(files: list[str], *, as_json: bool, assign: Path | None) -> None:
    size = _check(files, assign)
    # Arrow takes half a second to load: only this command waits for it.
    from flyball.cli.distill_count import Count, write_assignment  # noqa: PLC0415

    started = perf_counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_without_pandas())
        spool = stack.enter_context(tempfile.TemporaryFile()) if assign else None
        count = Count(spool)
        advance = stack.enter_context(_progress(size))
        for name in files:
            try:
                _read(name, count, advance)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise InputError(f"{name}: {error}") from error
        elapsed_s = perf_counter() - started
        rows = count.rows()
        if assign and spool:
            write_assignment(assign, spool, count.settled)
    kept = _write_json(rows) if as_json else _write_table(rows)
    sys.stdout.flush()
    sys.stderr.write(count.summary(len(rows), kept, elapsed_s) + "\n")


class _NoPandas(MetaPathFinder):
    """Finds that there is no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


@contextlib.contextmanager
def _without_pandas() -> Generator[None]:
    """Arrow loads pandas where it finds it, which takes longer than a million lines, and nothing here needs it."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _check(files: list[str], assign: Path | None) -> int:
    """Refuse what cannot be read before anything is; returns the bytes to come (0 when unknown)."""
    size = 0
    for name in files:
        if name == _STDIN:
            continue
        path = Path(name)
        if path.is_dir():
            raise InputError(f"{name}: is a directory, name the files in it")
        status = path.stat()
        if not os.access(path, os.R_OK):
            raise InputError(f"{name}: no permission to read it")
        size += status.st_size
        if assign and assign.exists() and assign.samefile(path):
            raise InputError(f"{name}: --assign would overwrite its own input")
    if assign and (assign.is_dir() or not assign.parent.is_dir()):
        raise InputError(f"{assign}: --assign needs the name of a file in a folder that exists")
    return 0 if _STDIN in files else size


@contextlib.contextmanager
def _progress(size: int) -> Generator[Callable[[int], None]]:
    """A bar on stderr when that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = (TextColumn("distilling"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=size or None)
        yield lambda read: progress.advance(task, read)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _read(name: str, count: Count, advance: Callable[[int], None]) -> None:
    """All lines of one file."""
    with contextlib.ExitStack() as stack:
        raw = sys.stdin.buffer if name == _STDIN else stack.enter_context(Path(name).open("rb"))
        stream: _Readable = raw
        if cast("Any", raw).peek(2)[:2] == _GZIP_MAGIC:
            stream = stack.enter_context(gzip.open(raw))
        before = 0
        while chunk := stream.read(CHUNK_BYTES):
            count.feed(chunk)
            at = before + len(chunk) if name == _STDIN else raw.tell()
            advance(at - before)
            before = at
        count.end_file()


def _write_json(rows: list[dict[str, Any]]) -> int:
    kept = 0
    for row in rows:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        kept += len(line)
        sys.stdout.buffer.write(line)
    return kept


def _write_table(rows: list[dict[str, Any]]) -> int:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    table = Table(box=None, pad_edge=False)
    for name, justify in (("count", "right"), ("", "left"), ("fingerprint", "left"), ("template", "left")):
        table.add_column(name, justify=cast("Any", justify), overflow="fold")
    for row in rows[:ROWS_MAX]:
        severity = Severity[row["severity"] or "UNSPECIFIED"]
        template = Text(_printable(row["template"]))
        table.add_row(f"{row['count']:,}", severity.glyph, row["fingerprint"], template)
    console.print(table)
    if len(rows) > ROWS_MAX:
        console.print(f"and {len(rows) - ROWS_MAX:,} more; --json has all")
    return sum(len(orjson.dumps(row)) for row in rows)


def _printable(text: str) -> str:
    """Without control characters: a log line must not steer the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
