"""The compiled scanner (`native/scan.c`): texts in, a code for each; what the codes stand for beside them.

A code is the index of an entry, and an entry is a key (see `mask`) with its shape and the severity it states.
Texts that the core leaves to the interpreter are `odd`: several lines, JSON that is not flat, control characters, long
ones. Secrets are removed before a text becomes a key, and what is left of the text is said beside the codes.
"""

from __future__ import annotations

import ctypes
import functools
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flyball import native

ENTRIES_MAX = 1 << 18
"""Keys remembered; then all are forgotten and met anew. With their texts about 100 MB."""

BLANK, ODD = -1, -2
"""Codes of a blank line and of a text that the core leaves to the interpreter."""
NO_ENTRY = -1
BEST = 2
"""The widest instructions there are; 0 for none, 1 for AVX2, 2 for AVX-512."""

_NEW = np.dtype([("id", np.uint64), ("row", np.int64), ("at", np.int64), ("size", np.int64)])
_ODD = np.dtype([("row", np.int64), ("entry", np.int64)])
_REDACTED = np.dtype([("row", np.int64), ("at", np.int64), ("size", np.int64)])
_NONE = np.empty(0, np.int64)
_FIELDS = 15  # of flyball_scanner_look


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one call found.

    `shapes` (uint64, 0 for one that is not said yet) and `severities` (uint8) belong to the entries; `odd` are the
    rows with code ODD and `odd_entries` the entries that wait for their shape (or NO_ENTRY); `frames` are rows that
    are stack frames; `new` are ids of shapes not met before, the row of their first text, and their template;
    `redacted` are rows whose texts held secrets, ascending, and what is left of those texts.
    """

    shapes: NDArray[np.uint64]
    severities: NDArray[np.uint8]
    odd: NDArray[np.int64]
    odd_entries: NDArray[np.int64]
    frames: NDArray[np.int64]
    new: list[tuple[int, int, str]]
    redacted: list[tuple[int, str]]


class Scanner:
    """Holds bounded memory of keys and the ids of known shapes; not to be shared between threads.

    Raises:
        MemoryError: there is none left (from any method).
    """

    def __init__(self, *, other: int, shapes_max: int, known: Iterable[int] = (), level: int = BEST) -> None:
        self._core = _core()
        seeds = secrets.randbits(64), secrets.randbits(64)
        self._held = self._core.flyball_scanner_new(*seeds, other, shapes_max, level)
        if not self._held:
            raise MemoryError
        self._fields = np.empty(_FIELDS, np.uint64)  # what the core leaves, and where it finds this room
        self._fields_at = self._fields.ctypes.data
        self._entries: tuple[list[int], NDArray[np.uint64], NDArray[np.uint8]] | None = None
        self._columns: list[NDArray[Any]] = []
        self._pointers = (ctypes.c_void_p * 0)()
        self.know(known)

    def __del__(self) -> None:
        if getattr(self, "_held", None):
            self._core.flyball_scanner_free(self._held)

    @property
    def held(self) -> int:
        """The core's own object, for its other parts."""
        return self._held

    @property
    def shapes(self) -> NDArray[np.uint64]:
        """Of each entry its shape, good until the next call; 0 for one that is not said yet."""
        return self._look(texts=False).shapes

    @property
    def is_full(self) -> bool:
        """Whether it is time to `forget`."""
        return len(self._look(texts=False).shapes) >= ENTRIES_MAX

    def know(self, shapes: Iterable[int]) -> None:
        """These shapes are not new."""
        ids = np.fromiter(shapes, np.uint64)
        if self._core.flyball_scanner_know(self._held, ids.ctypes.data, len(ids)) < 0:
            raise MemoryError

    def texts(self, texts: pa.Array) -> tuple[NDArray[np.int32], Found]:
        """The code of each text (string, without nulls)."""
        codes = np.empty(len(texts), np.int32)
        _valid, offsets, data = (texts if len(texts) else pa.array([""])).buffers()
        at = offsets.address + 4 * texts.offset
        address = data.address if data is not None else at
        if self._core.flyball_scan_texts(self._held, address, at, len(texts), codes.ctypes.data) < 0:
            raise MemoryError
        return codes, self._look()

    def logs(self, payload: bytes, rows_max: int) -> tuple[NDArray[np.int32], Found]:
        """The codes of the bodies in an OTLP request with logs, at most `rows_max`, scanned where they lie.

        Raises:
            ValueError: the request is one that only a whole parser can judge.
        """
        if not self._columns or rows_max > len(self._columns[0]):  # this room serves all calls
            self._columns = [np.empty(rows_max, kind) for kind in (np.int32, np.uint64, np.uint8, np.uint32)]
            self._pointers = (ctypes.c_void_p * 4)(*(column.ctypes.data for column in self._columns))
        rows = self._core.flyball_scan_logs(self._held, payload, len(payload), self._pointers, rows_max)
        if rows == -1:
            raise ValueError("not a request that the core walks")
        if rows < 0:
            raise MemoryError
        return self._columns[0][:rows].copy(), self._look()

    def lines(
        self, address: int, size: int, begins: NDArray[np.uint32], codes: NDArray[np.int32]
    ) -> tuple[int, Found]:
        """The codes of the first lines of some bytes, which end with a newline.

        What is new is left to `settle`, what is left of lines with secrets to `tally`.

        Args:
            address: where the bytes are.
            size: how many, under 4 GiB.
            begins: filled with where each line begins, and where the next one would.
            codes: filled with the codes; at most so many lines, and one less than `begins` has room for, are read.
        """
        rows_max = min(len(codes), len(begins) - 1)
        begin, code = begins.ctypes.data, codes.ctypes.data
        rows = self._core.flyball_scan_lines(self._held, address, size, begin, code, rows_max)
        if rows < 0:
            raise MemoryError
        return rows, self._look(texts=False)

    def settle(self, entry: int, shape: int, severity: int) -> None:
        """An entry that waited has this shape and states this severity."""
        self._core.flyball_scanner_settle(self._held, entry, shape, severity)

    def tally(self, address: int, begins: NDArray[np.uint32], codes: NDArray[np.int32], at: int) -> int:
        """Count the first lines of the last call under their entries, negative codes not.

        `at` is where the first stands in the stream. Returns from how many of them secrets were removed.
        """
        arrays = begins.ctypes.data, codes.ctypes.data
        redacted = self._core.flyball_tally(self._held, address, *arrays, len(codes), at)
        if redacted < 0:
            raise MemoryError
        return redacted

    def forget(self) -> None:
        """Forget all keys and what was counted; known shapes stay known."""
        self._core.flyball_scanner_forget(self._held)

    def _look(self, *, texts: bool = True) -> Found:
        self._core.flyball_scanner_look(self._held, self._fields_at)
        fields = self._fields.tolist()
        news, new_size, arena, arena_size, odds, odd_size, *others = fields[3:]
        frames, frames_size, redacted, redacted_size, plain, plain_size = others
        if self._entries is None or self._entries[0] != fields[:3]:  # most calls meet no new key
            ids, severities, entries = fields[:3]
            views = _view(ids, entries, np.dtype(np.uint64)), _view(severities, entries, np.dtype(np.uint8))
            self._entries = fields[:3], *views
        _place, shapes, stated = self._entries
        odd = _view(odds, odd_size, _ODD).copy() if odd_size else None
        new: list[tuple[int, int, str]] = []
        if texts and new_size:
            templates = ctypes.string_at(arena, arena_size) if arena_size else b""
            rows = _view(news, new_size, _NEW).tolist()
            new = [(shape, row, templates[at : at + size].decode()) for shape, row, at, size in rows]
        left: list[tuple[int, str]] = []
        if texts and redacted_size:
            whole = ctypes.string_at(plain, plain_size)
            rows = _view(redacted, redacted_size, _REDACTED).tolist()
            left = [(row, whole[at : at + size].decode()) for row, at, size in rows]
        return Found(
            shapes=shapes,
            severities=stated,
            odd=_NONE if odd is None else odd["row"],
            odd_entries=_NONE if odd is None else odd["entry"],
            frames=_view(frames, frames_size, np.dtype(np.int64)).copy() if frames_size else _NONE,
            new=new,
            redacted=left,
        )


def _view(address: int, number: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array on the core's memory, good until the next call."""
    if not number:
        return np.empty(0, dtype)
    held: Any = (ctypes.c_char * (number * dtype.itemsize)).from_address(address)
    return np.frombuffer(held, dtype)


@functools.cache
def _core() -> ctypes.CDLL:
    core = native.library()
    if core is None:
        raise RuntimeError("the compiled core is not there")
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in (
        ("scanner_new", pointer, [ctypes.c_uint64] * 4 + [ctypes.c_int]),
        ("scanner_free", None, [pointer]),
        ("scanner_know", ctypes.c_int, [pointer, pointer, number]),
        ("scanner_forget", None, [pointer]),
        ("scanner_look", None, [pointer, pointer]),
        ("scanner_settle", None, [pointer, number, ctypes.c_uint64, ctypes.c_uint8]),
        ("scan_texts", number, [pointer, pointer, pointer, number, pointer]),
        ("scan_logs", number, [pointer, ctypes.c_char_p, number, pointer, number]),
        ("scan_lines", number, [pointer, pointer, number, pointer, pointer, number]),
        ("tally", number, [pointer, pointer, pointer, pointer, number, ctypes.c_uint64]),
    ):
        function = getattr(core, f"flyball_{name}")
        function.restype, function.argtypes = result, arguments
    return core
