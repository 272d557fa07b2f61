r"""Lines: a byte stream becomes records, in bounded memory, the same records however the stream is cut.

A line ends at `\n` and nowhere else. A `\r` before it stays in the text (masks see white space); a lone `\r`,
as progress bars write it, ends nothing. Bytes that are no UTF-8 become U+FFFD. A line over `line_bytes_max` is
cut there, and counted. A stack trace is one record with the line that it belongs to (`traces`), a private key
one from its first line to its last (redaction knows it as a whole only); blank lines are no records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball.distill.traces import FRAME_RE2, LINE_CHARS_MAX, LOOK_BACK, Lines, spans

LINE_BYTES_MAX = 1024 * 1024
"""A longer line is cut; no one reads a megabyte, and it must not fill the memory."""

KEY_LINES_MAX = 256
"""A private key of 16,384 bits has 200 lines."""
KEY_MARK = "PRIVATE KEY-----"
"""What every line has with which a private key begins."""
_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?!.*-----END )")
_KEY_GOES_ON = re.compile(r"\s*(?:[A-Za-z0-9+/=]{0,128}|(?:Proc-Type|DEK-Info): .{0,128})\s*$")
_KEY_END = re.compile(r"\s*-----END [A-Z0-9 ]*PRIVATE KEY-----")
_BLANK = r"^\s*$"
NO_RECORD = -1
"""Stands in `Records.of_line` for a blank line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of some consecutive lines.

    `texts` (string) has one text per record, a trace's lines joined by newlines; `of_line` (int64) has for each
    line of the input the index of its record, or NO_RECORD for a blank line.
    """

    texts: pa.Array
    of_line: NDArray[np.int64]


class LineReader:
    """Takes chunks of bytes, gives records; keeps back the last few lines, which may go on.

    `lines` counts complete lines, `cut` those that were over `line_bytes_max`; `held_bytes` are the bytes of the
    stream that no record given out has used: a restart begins that far back.
    """

    def __init__(self, *, line_bytes_max: int = LINE_BYTES_MAX) -> None:
        self.line_bytes_max = line_bytes_max
        self.lines = 0
        self.cut = 0
        self._held = pa.array([], pa.string())
        self._sizes = np.empty(0, np.int64)  # of the held lines, in the stream
        self._tail = bytearray()
        self._tail_dropped = 0  # bytes of the unfinished line that were cut off
        self._block_dropped = 0  # the same of the block's first line
        self._skipping = False

    @property
    def held_bytes(self) -> int:
        """Bytes fed and not yet given out."""
        return int(self._sizes.sum()) + len(self._tail) + self._tail_dropped

    def feed(self, chunk: bytes) -> Records:
        """Take the next bytes of the stream; returns the records that are complete now (perhaps none)."""
        block = self._complete(chunk)
        return _nothing() if block is None else self._read(block, final=False)

    def flush(self, *, end: bool = True) -> Records:
        """The records kept back: at the end of the stream, or (`end=False`) when no more came for a while.

        Without `end` an unfinished line stays; what was given out cannot be continued any more.
        """
        block = None
        if end and (self._tail or self._skipping):
            block, self._tail, self._skipping = bytes(self._tail), bytearray(), False
            self._block_dropped, self._tail_dropped = self._tail_dropped, 0
        return self._read(block, final=True)

    def _complete(self, chunk: bytes) -> bytes | None:
        """The complete lines up to now, without their last newline; None when there is none."""
        if self._skipping:
            end = chunk.find(b"\n")
            if end < 0:
                self._tail_dropped += len(chunk)
                return None
            self._tail_dropped += end
            chunk, self._skipping = chunk[end:], False
        end = chunk.rfind(b"\n")
        if end < 0:
            self._tail += chunk
            self._bound_tail()
            return None
        block = bytes(self._tail) + chunk[:end]
        self._block_dropped, self._tail_dropped = self._tail_dropped, 0
        self._tail = bytearray(chunk[end + 1 :])
        self._bound_tail()
        return block

    def _bound_tail(self) -> None:
        if len(self._tail) > self.line_bytes_max:
            self._tail_dropped += len(self._tail) - self.line_bytes_max
            del self._tail[self.line_bytes_max :]
            self._skipping = True
            self.cut += 1

    def _read(self, block: bytes | None, *, final: bool) -> Records:
        """The records of the lines held and those of the block, but for the last lines unless `final`."""
        lines, sizes = self._held, self._sizes
        if block is not None:
            new, new_sizes = self._split(block)
            self.lines += len(new)
            lines = pa.concat_arrays([lines, new]) if len(lines) else new
            sizes = np.concatenate((sizes, new_sizes))
        if not len(lines):
            return _nothing()
        blocks = _joined(lines, self.line_bytes_max)
        until = len(lines) if final else settled(len(lines), blocks)
        self._held, self._sizes = pa.concat_arrays([lines.slice(until)]), sizes[until:]
        return _records(lines.slice(0, until), [some for some in blocks if some[1] <= until])

    def _split(self, block: bytes) -> tuple[pa.Array, NDArray[np.int64]]:
        """The lines of a block, and the bytes each took in the stream, newline included."""
        lines = pc.split_pattern(pa.array([block], pa.binary()), b"\n").values
        sizes = pc.binary_length(lines).to_numpy().astype(np.int64) + 1
        if sizes.max(initial=0) > self.line_bytes_max + 1:
            whole = lines.to_pylist()
            self.cut += sum(len(line) > self.line_bytes_max for line in whole)
            lines = pa.array([line[: self.line_bytes_max] for line in whole], pa.binary())
        sizes[0] += self._block_dropped
        self._block_dropped = 0
        try:
            return lines.cast(pa.string()), sizes
        except pa.ArrowInvalid:  # not UTF-8 somewhere
            return pa.array(
                [line.decode("utf-8", "replace") for line in lines.to_pylist()], pa.string()
            ), sizes


def _joined(lines: pa.Array, bytes_max: int) -> list[tuple[int, int]]:
    frames = np.flatnonzero(
        pc.match_substring_regex(lines, FRAME_RE2).to_numpy(zero_copy_only=False)
    ).tolist()
    whole = lines.buffers()[2]
    keys: list[int] = []
    if whole is not None and KEY_MARK.encode() in memoryview(whole).tobytes():
        keys = np.flatnonzero(pc.match_substring(lines, KEY_MARK).to_numpy(zero_copy_only=False)).tolist()
    if not frames and not keys:
        return []
    read = Lines(
        text=lambda at: lines[at].as_py()[:LINE_CHARS_MAX],
        size=lambda at: len(lines[at].as_py()),
        total=len(lines),
    )
    return joined(read, frames, keys, bytes_max)


def joined(lines: Lines, frames: list[int], keys: list[int], bytes_max: int) -> list[tuple[int, int]]:
    """The lines that are one record, as (first, after last), ascending: private keys, and traces beside them.

    Args:
        lines: the lines.
        frames: those that FRAME_RE2 matches, ascending.
        keys: those that contain KEY_MARK, ascending.
        bytes_max: no trace grows over this.
    """
    of_keys = _keys(lines, keys)
    traces = spans(lines, frames, bytes_max)
    if not of_keys:
        return traces
    apart = [
        (first, after)
        for first, after in traces
        if not any(first < end and begin < after for begin, end in of_keys)
    ]
    return sorted(of_keys + apart)


def _keys(lines: Lines, candidates: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first in candidates:
        if (found and first < found[-1][1]) or not _KEY_BEGIN.search(lines.text(first)):
            continue
        after = first + 1
        while after < min(lines.total, first + KEY_LINES_MAX) and _KEY_GOES_ON.match(lines.text(after)):
            after += 1
        if after < lines.total and _KEY_END.match(lines.text(after)):
            after += 1
        if after - first > 1:
            found.append((first, after))
    return found


def settled(total: int, joined: list[tuple[int, int]]) -> int:
    """How many of the lines no later line can change: all but the last few, and no part of what may go on."""
    until = max(total - LOOK_BACK - 1, 0)
    for first, after in reversed(joined):
        if after <= until:
            break
        until = min(until, first)
    return until


def _records(lines: pa.Array, blocks: list[tuple[int, int]]) -> Records:
    blank = pc.match_substring_regex(lines, _BLANK).to_numpy(zero_copy_only=False)
    begins = ~blank
    for first, after in blocks:
        begins[first + 1 : after] = False
    of_line = np.cumsum(begins) - 1
    texts = lines if begins.all() else lines.filter(pa.array(begins))
    if blocks:
        whole = np.zeros(len(texts), np.bool_)
        whole[[of_line[first] for first, _after in blocks]] = True
        joined = ["\n".join(lines.slice(first, after - first).to_pylist()) for first, after in blocks]
        texts = pc.replace_with_mask(texts, pa.array(whole), pa.array(joined, pa.string()))
    return Records(texts=texts, of_line=np.where(blank, NO_RECORD, of_line))


def _nothing() -> Records:
    return Records(texts=pa.array([], pa.string()), of_line=np.empty(0, np.int64))
