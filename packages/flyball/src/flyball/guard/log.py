"""The decision log: rows that are only ever appended, each chained to the one before it, signed at checkpoints.

    line = hash, a space, the row as JSON, a newline
    hash = SHA-256 of (the hash before it, as 32 bytes, and the row's bytes), in hex

A row is written (to the system, not to the disk) before its answer is given: a killed process loses none. It is on the
disk within `SYNC_SECONDS`: a machine that loses its power may lose that much. A checkpoint is a row that signs the hash
before it with the log's key; the same signature goes outside as an anchor (flyball.guard.anchor). Files are cut at
`SEGMENT_BYTES`; the oldest go when there are more than `bytes_max`, and a signed row says so.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flyball.errors import StoreError

SYNC_SECONDS = 1.0
"""Rows are forced to the disk at least this often."""
SEGMENT_BYTES = 64 * 1024 * 1024
LOG_BYTES_MAX = 2_000_000_000
"""What is kept of the log; older files go, never the one that is written."""
CHECKPOINT_ROWS = 4096
"""At the latest after so many rows there is a checkpoint; with `checkpoint()` each second there are more."""
GENESIS = bytes(32)
_HASH_CHARS = 64

Sign = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The end of the log: its last row's number and hash, signed."""

    number: int
    hash: str
    mac: str


@dataclass(slots=True)
class DecisionLog:
    """The log in `folder`; `sign` makes the signature of checkpoints, `now_ms` tells the time.

    Not for several threads; what `syncing` gives may run in another one.
    """

    folder: Path
    sign: Sign
    now_ms: Callable[[], int]
    snapshot: Callable[[], Iterable[tuple[str, Mapping[str, Any]]]] = tuple
    """The rows that a file begins with (kind, fields), so that the files before it are not needed to go on."""
    bytes_max: int = LOG_BYTES_MAX
    segment_bytes: int = SEGMENT_BYTES
    number: int = 0
    hash: bytes = GENESIS
    repaired_bytes: int = 0
    _file: int = -1
    _size: int = 0
    _unsigned: int = 0
    _dirty: bool = False
    _segments: list[Path] = field(default_factory=list[Path])

    def open(self) -> None:
        """Find the end of the log; a torn last line is cut off, and a row says so.

        Raises:
            StoreError: the folder or the file cannot be used.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._segments = segments(self.folder)
            torn = 0
            if self._segments:
                torn = self._continue(self._segments[-1])
            else:
                self._begin()
        except OSError as error:
            raise StoreError(f"the decision log {self.folder} cannot be used: {error.strerror}") from error
        if torn:
            self.repaired_bytes = torn
            self.append("repaired", {"torn_bytes": torn})

    def append(self, kind: str, row: Mapping[str, Any]) -> int:
        """Write one row; its number.

        Raises:
            StoreError: it could not be written whole; what was written of it is cut off again.
        """
        number = self.number + 1
        body = orjson.dumps(
            {"n": number, "t": self.now_ms(), "kind": kind, **row}, option=orjson.OPT_NON_STR_KEYS
        )
        digest = hashlib.sha256(self.hash + body).digest()
        line = b"%s %s\n" % (digest.hex().encode(), body)
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(0, "no space left")  # noqa: TRY301 - the same repair for both
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise StoreError(f"the decision log cannot be written: {error.strerror}") from error
        self._size += len(line)
        self.number, self.hash, self._dirty = number, digest, True
        self._unsigned += 1
        if self._unsigned > CHECKPOINT_ROWS and kind != "checkpoint":
            self.checkpoint()
        return number

    def checkpoint(self) -> Head | None:
        """Sign what is there, if anything is unsigned; begin a new file where the old one is full."""
        if not self._unsigned:
            return None
        before = Head(number=self.number, hash=self.hash.hex(), mac=self._mac())
        self.append("checkpoint", {"of": before.number, "head": before.hash, "mac": before.mac})
        self._unsigned = 0
        if self._size >= self.segment_bytes:
            self._begin()
            for kind, row in self.snapshot():
                self.append(kind, row)
            self._cut()
        return before

    def head(self) -> Head:
        """The end of the log, signed."""
        return Head(number=self.number, hash=self.hash.hex(), mac=self._mac())

    def syncing(self) -> Callable[[], None] | None:
        """What forces to the disk all that is written by now, for another thread to run; None where all is there.

        It holds the file open by itself, so that a new one may be begun in the meantime, and raises StoreError.
        """
        if not self._dirty:
            return None
        self._dirty = False
        handle = os.dup(self._file)

        def sync() -> None:
            try:
                os.fdatasync(handle)
            except OSError as error:
                self._dirty = True
                raise StoreError(
                    f"the decision log cannot be forced to the disk: {error.strerror}"
                ) from error
            finally:
                os.close(handle)

        return sync

    def sync(self) -> None:
        """Force what was written to the disk.

        Raises:
            StoreError: the disk refuses.
        """
        if (sync := self.syncing()) is not None:
            sync()

    def close(self) -> None:
        """Sign, force to the disk, close."""
        if self._file >= 0:
            self.checkpoint()
            self.sync()
            os.close(self._file)
            self._file = -1

    def _mac(self) -> str:
        return self.sign("checkpoint", str(self.number), self.hash.hex())

    def _begin(self) -> None:
        if self._file >= 0:
            self.sync()
            os.close(self._file)
        path = self.folder / f"{self.number + 1:020d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._size = 0
        self._segments.append(path)

    def _continue(self, path: Path) -> int:
        """Go on at the end of this file; how many torn bytes were cut off."""
        self.number = int(path.stem) - 1
        size, last = _last_line(path)
        whole = path.stat().st_size
        if last:
            self.hash = bytes.fromhex(last[:_HASH_CHARS].decode())
            self.number = int(orjson.loads(last[_HASH_CHARS + 1 :])["n"])
        elif len(self._segments) > 1:
            # a file that was begun and never written: the chain goes on from the one before
            _, before = _last_line(self._segments[-2])
            self.hash = bytes.fromhex(before[:_HASH_CHARS].decode())
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        if whole > size:
            os.ftruncate(self._file, size)
        self._size, self._unsigned = size, 1
        return whole - size

    def _cut(self) -> None:
        """Remove the oldest files over the bound; the row that says so is signed."""
        sizes = {path: path.stat().st_size for path in self._segments if path.exists()}
        total = sum(sizes.values())
        while total > self.bytes_max and len(self._segments) > 1:
            oldest = self._segments.pop(0)
            through, head = int(self._segments[0].stem) - 1, _last_line(oldest)[1][:_HASH_CHARS].decode()
            mac = self.sign("cut", str(through), head)
            self.append("cut", {"through": through, "head": head, "mac": mac})
            oldest.unlink(missing_ok=True)
            total -= sizes.get(oldest, 0)


def segments(folder: Path) -> list[Path]:
    """The files of a log, the oldest first."""
    return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdigit())


def rows(path: Path, *, kinds: frozenset[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of one file that can be read, without a look at the chain; of these kinds where given."""
    marks = None if kinds is None else [b'"kind":"%s"' % kind.encode() for kind in kinds]
    with path.open("rb") as file:
        for line in file:
            # `kind` comes third: the first 120 bytes hold it
            if marks is not None and not any(mark in line[:160] for mark in marks):
                continue
            try:
                yield orjson.loads(line[_HASH_CHARS + 1 :])
            except orjson.JSONDecodeError:
                continue


_TAIL_BYTES = 64 * 1024


def _last_line(path: Path) -> tuple[int, bytes]:
    """Where the last whole line ends, and the line without its newline; (0, b"") where there is none."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        tail, at = b"", end
        while at > 0:
            at = max(at - _TAIL_BYTES, 0)
            file.seek(at)
            tail = file.read(end - at)
            last = tail.rfind(b"\n")
            if last >= 0 and (tail.rfind(b"\n", 0, last) >= 0 or at == 0):
                begin = tail.rfind(b"\n", 0, last) + 1
                return at + last + 1, tail[begin:last]
    return 0, b""
