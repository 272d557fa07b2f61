"""Segment files of the write-ahead log: framing, checksums, recovery. Knows bytes, not batches.

    entry   = length u32 | crc32 u32 | number u64 | meta length u16 | meta | payload
    meta    = JSON: signal, workspace, received_ns, digest, cursors

Little-endian; the checksum covers everything after itself. A torn entry at the end of a segment was never
acknowledged and is cut off; a broken one in the middle is skipped up to the next whole entry, and counted.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import zstandard

from flyball.model.export import Export, Signal

_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<QH")
ENTRY_BYTES_MAX = 256 * 1024 * 1024
"""No entry is longer; a length beyond it is damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One export in the log, under its number."""

    number: int
    export: Export
    digest: bytes

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.export.payload) + 512


def encode(entry: Entry, compressor: zstandard.ZstdCompressor) -> bytes:
    """The entry as bytes of a segment."""
    export = entry.export
    meta = orjson.dumps(
        {
            "signal": export.signal,
            "workspace": export.workspace,
            "received_ns": export.received_ns,
            "digest": entry.digest.hex(),
            "cursors": dict(export.cursors),
        }
    )
    packed = export.packed or compressor.compress(export.payload)
    rest = _HEAD.pack(entry.number, len(meta)) + meta + packed
    return _FRAME.pack(len(rest), zlib.crc32(rest)) + rest


def _decode(rest: bytes) -> Entry:
    number, meta_length = _HEAD.unpack_from(rest)
    start = _HEAD.size + meta_length
    meta = orjson.loads(rest[_HEAD.size : start])
    payload = zstandard.ZstdDecompressor().decompress(rest[start:], max_output_size=ENTRY_BYTES_MAX)
    return Entry(
        number=number,
        digest=bytes.fromhex(meta["digest"]),
        export=Export(
            signal=Signal(meta["signal"]),
            workspace=meta["workspace"],
            received_ns=meta["received_ns"],
            payload=payload,
            cursors=meta["cursors"],
        ),
    )


@dataclass(slots=True)
class Damage:
    """What recovery could not read."""

    torn_bytes: int = 0
    skipped_bytes: int = 0


def read_segment(path: Path, damage: Damage) -> Iterator[Entry]:
    """The whole entries of one segment, in order; `damage` counts the rest."""
    data = path.read_bytes()
    position = 0
    while position < len(data):
        entry, end = _entry_at(data, position)
        if entry is not None:
            yield entry
            position = end
            continue
        position, lost = _next_whole(data, position)
        if position == len(data):
            damage.torn_bytes += lost
        else:
            damage.skipped_bytes += lost


def _entry_at(data: bytes, position: int) -> tuple[Entry | None, int]:
    start = position + _FRAME.size
    if start > len(data):
        return None, position
    length, checksum = _FRAME.unpack_from(data, position)
    end = start + length
    if not _HEAD.size <= length <= ENTRY_BYTES_MAX or end > len(data):
        return None, position
    rest = data[start:end]
    if zlib.crc32(rest) != checksum:
        return None, position
    return _decode(rest), end


def _next_whole(data: bytes, position: int) -> tuple[int, int]:
    """The position of the next whole entry after a broken one (or the end), and the bytes in between."""
    start = position
    while (position := data.find(b'{"signal":', position + 1)) != -1:
        frame = position - _HEAD.size - _FRAME.size
        if frame > start and _entry_at(data, frame)[0] is not None:
            return frame, frame - start
    return len(data), len(data) - start


def sync_folder(folder: Path) -> None:
    """Make the creation, renaming or deletion of a file in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
