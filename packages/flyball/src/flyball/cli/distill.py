"""`flyball distill`: the patterns of log files, without a server.

Streams: whatever the files' size, memory holds one chunk, the shapes and their counts. Patterns are settled
at the end of input, so a line's fingerprint is that of its final pattern.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import IO, Annotated, Any, Protocol, cast

import numpy as np
import orjson
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from flyball.distill.catalog import Catalog
from flyball.distill.lines import LineReader, Records
from flyball.distill.parse import time_ns
from flyball.distill.shapes import Distiller
from flyball.errors import InputError
from flyball.model.severity import Severity

CHUNK_BYTES = 4 * 1024 * 1024
"""Read at a time: large enough for the vectorised path, small enough that memory stays low."""

ROWS_MAX = 50
"""Patterns in the table that a person reads; `--json` has all."""

ASSIGN_IDS = 1 << 20
"""Ids resolved at a time when the assignment is written."""

_EXIT_ERROR = 2
_EXIT_INTERRUPTED = 130
_EXIT_BROKEN_PIPE = 141
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
    except KeyboardInterrupt:
        raise typer.Exit(_EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # What reads us has gone; point stdout elsewhere, or the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_EXIT_BROKEN_PIPE) from None
    except (InputError, OSError, EOFError) as error:
        sys.stderr.write(f"flyball distill: {_sentence(error)}\n")
        raise typer.Exit(_EXIT_ERROR) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _run(files: list[str], *, as_json: bool, assign: Path | None) -> None:
    size = _check(files, assign)
    started = perf_counter()
    with contextlib.ExitStack() as stack:
        spool = stack.enter_context(tempfile.TemporaryFile()) if assign else None
        count = _Count(spool)
        advance = stack.enter_context(_progress(size))
        for name in files:
            _read(name, count, advance)
        elapsed_s = perf_counter() - started
        rows = count.rows()
        if assign and spool:
            _write_assignment(assign, spool, count.catalog)
    kept = _write_json(rows) if as_json else _write_table(rows)
    sys.stdout.flush()
    sys.stderr.write(count.summary(len(rows), kept, elapsed_s) + "\n")


def _check(files: list[str], assign: Path | None) -> int:
    """Refuse what cannot be read before anything is; returns the bytes to come (0 when unknown)."""
    size = 0
    for name in files:
        if name == _STDIN:
            continue
        path = Path(name)
        if path.is_dir():
            raise InputError(f"{name}: is a directory, name the files in it")
        with path.open("rb"):
            size += path.stat().st_size
        if assign and assign.exists() and assign.samefile(path):
            raise InputError(f"{name}: --assign would overwrite its own input")
    if assign and not assign.parent.is_dir():
        raise InputError(f"{assign}: the folder {assign.parent} does not exist")
    return 0 if _STDIN in files else size


@contextlib.contextmanager
def _progress(size: int) -> Generator[Callable[[int], None]]:
    """A bar on stderr when that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    columns = (TextColumn("distilling"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=size or None)
        yield lambda read: progress.advance(task, read)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _read(name: str, count: _Count, advance: Callable[[int], None]) -> None:
    """All records of one file; a trace does not go on in the next file."""
    with contextlib.ExitStack() as stack:
        raw = sys.stdin.buffer if name == _STDIN else stack.enter_context(Path(name).open("rb"))
        buffered = cast("Any", raw)
        stream: _Readable = raw
        if buffered.peek(2)[:2] == _GZIP_MAGIC:
            stream = stack.enter_context(gzip.open(raw))
        reader = LineReader()
        before = 0
        while chunk := stream.read(CHUNK_BYTES):
            count.bytes_in += len(chunk)
            count.take(reader.feed(chunk))
            if name != _STDIN:
                at = raw.tell()
                advance(at - before)
                before = at
            else:
                advance(len(chunk))
        count.take(reader.flush())
        count.cut += reader.cut


@dataclass(slots=True)
class _Tally:
    """What is known of one shape."""

    count: int = 0
    severity: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def join(self, other: _Tally) -> None:
        self.count += other.count
        self.severity = max(self.severity, other.severity)
        self.saw(other.first_ns)
        self.saw(other.last_ns)

    def saw(self, time: int | None) -> None:
        if time is not None:
            self.first_ns = time if self.first_ns is None else min(self.first_ns, time)
            self.last_ns = time if self.last_ns is None else max(self.last_ns, time)


class _Count:
    """Counts shapes while the input streams by, patterns when it has ended."""

    def __init__(self, spool: IO[bytes] | None) -> None:
        self.catalog = Catalog()
        self.lines = self.records = self.redacted = self.bytes_in = self.cut = 0
        self._spool = spool
        self._distiller = Distiller()
        self._tallies: dict[int, _Tally] = {}
        self._shapes = 0

    def take(self, records: Records) -> None:
        """Count one batch of records and spool the shape of each line."""
        self.lines += len(records.of_line)
        if not len(records.of_line):
            return
        distilled = self._distiller.distill(records.texts, np.zeros(len(records.texts), np.uint8))
        self.records += len(distilled.shapes)
        self.redacted += distilled.redacted
        for shape in self._distiller.drain_new():
            self._shapes += 1
            self.catalog.add([shape], self._shapes)  # age is the order of the first record
        self._tally(distilled.shapes, distilled.severity, records)
        if self._spool is not None:
            shapes = np.append(distilled.shapes, np.uint64(0))  # NO_RECORD (-1) picks this 0
            self._spool.write(shapes[records.of_line].tobytes())

    def _tally(self, shapes: NDArray[np.uint64], severity: NDArray[np.uint8], records: Records) -> None:
        ids, firsts, codes, counts = np.unique(
            shapes, return_index=True, return_inverse=True, return_counts=True
        )
        lasts = np.empty(len(ids), np.int64)
        lasts[codes] = np.arange(len(codes))
        worst = np.zeros(len(ids), np.uint8)
        np.maximum.at(worst, codes, severity)
        for at, shape in enumerate(ids.tolist()):
            tally = self._tallies.setdefault(shape, _Tally())
            tally.count += int(counts[at])
            tally.severity = max(tally.severity, int(worst[at]))
            for row in (int(firsts[at]), int(lasts[at])):
                tally.saw(time_ns(records.texts[row].as_py()))

    def rows(self) -> list[dict[str, Any]]:
        """One row per pattern, the most frequent first; aliases are resolved now."""
        patterns: dict[str, _Tally] = {}
        for shape, tally in self._tallies.items():
            patterns.setdefault(self.catalog.fingerprint_of(shape), _Tally()).join(tally)
        rows: list[dict[str, Any]] = []
        for pattern in self.catalog.patterns():
            tally = patterns[pattern.fingerprint]
            rows.append(
                {
                    "fingerprint": pattern.fingerprint,
                    "template": pattern.template,
                    "count": tally.count,
                    "severity": Severity(tally.severity).name if tally.severity else None,
                    "first_seen": _rfc3339(tally.first_ns),
                    "last_seen": _rfc3339(tally.last_ns),
                    "example": self.catalog.example(pattern.fingerprint),
                }
            )
        return sorted(rows, key=lambda row: -row["count"])

    def summary(self, patterns: int, bytes_kept: int, elapsed_s: float) -> str:
        """One line: what came in, what was kept, what was not told apart or cut."""
        return (
            f"lines {self.lines:,} | records {self.records:,} | patterns {patterns:,} | bytes in {self.bytes_in:,}"
            f" | bytes kept {bytes_kept:,} | {self.lines / max(elapsed_s, 1e-9):,.0f} lines/s"
            f" | redacted {self.redacted:,} | other {self._distiller.other:,} | cut {self.cut:,}"
        )


def _rfc3339(time: int | None) -> str | None:
    if time is None:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace(
        "+00:00", "Z"
    )


def _write_assignment(path: Path, spool: IO[bytes], catalog: Catalog) -> None:
    """One line per input line, in input order; memory holds ASSIGN_IDS of them."""
    spool.seek(0)
    with path.open("wb") as out:
        while block := spool.read(ASSIGN_IDS * 8):
            ids, codes = np.unique(np.frombuffer(block, np.uint64), return_inverse=True)
            names = [f"{catalog.fingerprint_of(shape)}\n" if shape else "-\n" for shape in ids.tolist()]
            # fixed width, so that numpy copies; the padding of "-" goes
            out.write(np.array(names, "S17")[codes].tobytes().replace(b"\0", b""))


def _write_json(rows: list[dict[str, Any]]) -> int:
    kept = 0
    for row in rows:
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        kept += len(line)
        sys.stdout.buffer.write(line)
    return kept


def _write_table(rows: list[dict[str, Any]]) -> int:
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
