"""The compiled core's walk over log requests, bound by ctypes: payloads -> Arrow columns, no object a record.

The core counts what is there, Python decodes what it has not met before (attributes, bodies that are no strings) and
allocates the columns, the core fills them. Threads run meanwhile: it lets go of the interpreter. Sources:
packages/flyball/native (otlp_columns.c, attributes.c); what it must say is what otlp_decode says without it.
"""

from __future__ import annotations

import ctypes
import functools
import secrets
from collections.abc import Callable, Sequence
from ctypes import Structure, byref, c_bool, c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flyball import native
from flyball.model.export import Signal
from flyball.receivers.otlp_attributes import Redact, decode_attributes, redacted

TYPES = ("", "int", "double", "bool", "bytes", "json", "empty")
"""What an AnyValue is (flyball.model.anyvalue), numbered as the core numbers them."""
_KNOWN_BYTES_MAX = 64 * 1024 * 1024
"""Attributes remembered between batches, about 400,000 of 40 bytes. Over it they start anew with the next batch."""
_INTEGER_CHARS_MAX = 20
_COLUMN_MAX = 2**31 - 1
"""Arrow's offsets are of 32 bits. A batch has 48 MB, and no value grows twentyfold as text."""

DecodeBodies = Callable[[Sequence[bytes]], tuple[pa.Array, Sequence[str]]]
"""Serialised AnyValues -> texts and types."""


class Run(NamedTuple):
    """Records of one scope, one behind the other: whose they are, each part as its bytes."""

    export: int
    rows: int
    resource: bytes
    resource_schema: bytes
    scope: bytes
    scope_schema: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The records of the first `exports` payloads; the one behind these, if any, is unusual: ask protobuf."""

    exports: int
    rows: int
    runs: Sequence[Run]
    columns: dict[str, pa.Array]
    dropped_attributes: int


class _Bytes(Structure):
    _fields_ = (("at", c_void_p), ("size", c_size_t))

    def copy(self) -> bytes:
        return ctypes.string_at(self.at, self.size) if self.size else b""


class _Run(Structure):
    _fields_ = (
        ("rows", c_uint64),
        ("export", c_uint64),
        ("resource", _Bytes),
        ("resource_schema", _Bytes),
        ("scope", _Bytes),
        ("scope_schema", _Bytes),
    )


class _Odd(Structure):
    _fields_ = (("row", c_uint64), ("value", _Bytes))


_SIZES = [
    "exports",
    "rows",
    "runs",
    "odds",
    "dropped_attributes",
    "severity_texts",
    "bodies",
    "body_types",
    "event_names",
    "attributes",
    "keys",
    "values",
    "typed",
    "typed_keys",
    "typed_types",
]


class _Sizes(Structure):
    _fields_ = tuple((name, c_uint64) for name in _SIZES)


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "flyball_otlp_check": (c_int64, (c_char_p, c_size_t, c_int)),
    "flyball_attributes_new": (c_void_p, (c_uint64, c_uint64)),
    "flyball_attributes_free": (None, (c_void_p,)),
    "flyball_attributes_bytes": (c_uint64, (c_void_p,)),
    "flyball_attributes_fresh": (None, (c_void_p, c_void_p, c_void_p)),
    "flyball_attributes_decode_fresh": (None, (c_void_p, c_void_p)),
    "flyball_attributes_learn": (c_bool, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_char_p)),
    "flyball_logs_new": (c_void_p, (c_void_p,)),
    "flyball_logs_free": (None, (c_void_p,)),
    "flyball_logs_walk": (c_int64, (c_void_p, c_void_p, c_void_p, c_size_t)),
    "flyball_logs_sizes": (None, (c_void_p, c_void_p)),
    "flyball_logs_runs": (c_void_p, (c_void_p,)),
    "flyball_logs_odds": (c_void_p, (c_void_p,)),
    "flyball_logs_fill": (c_bool, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_char_p, c_void_p)),
}


@functools.cache
def core() -> ctypes.CDLL | None:
    """The compiled core with its functions declared; None without it."""
    library = native.library()
    if library is not None:
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    return library


def check(library: ctypes.CDLL, signal: Signal, payload: bytes) -> int:
    """The number of records in a request; -1: ask protobuf (malformed, rare, or a signal not known here)."""
    if signal is Signal.METRICS:
        return -1
    return library.flyball_otlp_check(payload, len(payload), signal is Signal.TRACES)


class LogWalk:
    """Walks log requests; between batches it holds the attributes met before, up to a bound."""

    def __init__(self, library: ctypes.CDLL, redact: Redact, decode_bodies: DecodeBodies) -> None:
        self._core = library
        self._redact = redact
        self._decode_bodies = decode_bodies
        self._known = 0

    def __del__(self) -> None:
        """Give the memory back."""
        self._forget()

    def walk(self, payloads: Sequence[bytes]) -> Walked:
        """The columns of the payloads' records, up to the first payload that is unusual.

        Raises:
            MemoryError: there is none left.
            DecodeError: a payload does not parse, which `check` tells beforehand.
        """
        if self._known and self._core.flyball_attributes_bytes(self._known) > _KNOWN_BYTES_MAX:
            self._forget()
        if not self._known:
            seed = secrets.randbits(64), secrets.randbits(64)
            self._known = _there(self._core.flyball_attributes_new(*seed))
        logs = _there(self._core.flyball_logs_new(self._known))
        try:
            return self._walk(logs, payloads)
        except BaseException:
            self._forget()  # it may hold what could not be decoded
            raise
        finally:
            self._core.flyball_logs_free(logs)

    def _walk(self, logs: int, payloads: Sequence[bytes]) -> Walked:
        pointers = (c_char_p * len(payloads))(*payloads)
        lengths = (c_size_t * len(payloads))(*map(len, payloads))
        if self._core.flyball_logs_walk(logs, pointers, lengths, len(payloads)) < 0:
            raise MemoryError("no memory to walk log records")
        self._learn()
        sizes = _Sizes()
        self._core.flyball_logs_sizes(logs, byref(sizes))
        odd_texts, odd_types = self._odd_bodies(logs, sizes.odds)
        sizes.bodies += _bytes_of(odd_texts)
        sizes.body_types += sum(map(len, odd_types))
        if max(getattr(sizes, name) for name in _SIZES) > _COLUMN_MAX:
            raise MemoryError(f"a column of a batch has at most {_COLUMN_MAX} bytes")
        buffers = {name: pa.allocate_buffer(size) for name, size in _buffer_sizes(sizes).items()}
        into = (c_void_p * len(buffers))(*(buffer.address for buffer in buffers.values()))
        if not self._core.flyball_logs_fill(
            logs, pointers, lengths, *_addresses(odd_texts), _type_codes(odd_types), into
        ):
            raise RuntimeError("log requests changed between two walks")
        return Walked(
            exports=sizes.exports,
            rows=sizes.rows,
            runs=self._runs(logs, sizes.runs),
            columns=_columns(sizes, buffers),
            dropped_attributes=sizes.dropped_attributes,
        )

    def _learn(self) -> None:
        """Decode the attributes that were not met before."""
        number, size = c_uint64(), c_uint64()
        self._core.flyball_attributes_fresh(self._known, byref(number), byref(size))
        if not number.value:
            return
        if size.value > _COLUMN_MAX:
            raise MemoryError(f"the attributes of a batch have at most {_COLUMN_MAX} bytes")
        keys, texts, types = self._fresh(number.value, size.value)
        json = np.flatnonzero(types == TYPES.index("json")).tolist()
        texts = redacted(self._redact, keys, texts, json)
        if not self._core.flyball_attributes_learn(
            self._known, *_addresses(keys), *_addresses(texts), types.tobytes()
        ):
            raise MemoryError("no memory for attributes")

    def _fresh(self, number: int, size: int) -> tuple[pa.Array, pa.Array, npt.NDArray[np.uint8]]:
        """Keys, texts and types of the attributes that were not met before; few are left to protobuf."""
        ends = 4 * (number + 1)
        rooms = (ends, size, ends, size, ends, size + _INTEGER_CHARS_MAX * number, number)
        buffers = [pa.allocate_buffer(room) for room in rooms]
        into = (c_void_p * len(buffers))(*(buffer.address for buffer in buffers))
        self._core.flyball_attributes_decode_fresh(self._known, into)
        raws = pa.Array.from_buffers(pa.binary(), number, [None, *buffers[0:2]])
        keys = pa.Array.from_buffers(pa.string(), number, [None, *buffers[2:4]])
        texts = pa.Array.from_buffers(pa.string(), number, [None, *buffers[4:6]])
        types = np.frombuffer(buffers[6], np.uint8).copy()
        odd = types == len(TYPES)
        if odd.any():
            odd_keys, odd_texts, odd_types = decode_attributes(raws.filter(odd).to_pylist())
            keys = pc.replace_with_mask(keys, odd, pa.array(odd_keys, pa.string()))
            texts = pc.replace_with_mask(texts, odd, pa.array(odd_texts, pa.string()))
            types[odd] = [TYPES.index(type_) for type_ in odd_types]
        return keys, texts, types

    def _odd_bodies(self, logs: int, number: int) -> tuple[pa.Array, Sequence[str]]:
        if not number:
            return pa.array([], pa.string()), ()
        odds = (_Odd * number).from_address(self._core.flyball_logs_odds(logs))
        return self._decode_bodies([odd.value.copy() for odd in odds])

    def _runs(self, logs: int, number: int) -> Sequence[Run]:
        if not number:
            return ()
        return [
            Run(
                export=run.export,
                rows=run.rows,
                resource=run.resource.copy(),
                resource_schema=run.resource_schema.copy(),
                scope=run.scope.copy(),
                scope_schema=run.scope_schema.copy(),
            )
            for run in (_Run * number).from_address(self._core.flyball_logs_runs(logs))
        ]

    def _forget(self) -> None:
        self._core.flyball_attributes_free(self._known)
        self._known = 0


def _there(pointer: int | None) -> int:
    if not pointer:
        raise MemoryError("no memory for the walk over log records")
    return pointer


def _addresses(texts: pa.Array) -> tuple[int, int]:
    """Where the offsets and the data of a string array are."""
    _, ends, data = texts.buffers()
    return (ends.address + 4 * texts.offset) if ends else _NO_ENDS.address, data.address if data else 0


_NO_ENDS = pa.py_buffer(bytes(4))


def _bytes_of(texts: pa.Array) -> int:
    return pc.sum(pc.binary_length(texts)).as_py() or 0


def _type_codes(types: Sequence[str]) -> bytes:
    return bytes(map(TYPES.index, types))


def _buffer_sizes(sizes: Any) -> dict[str, int]:
    """The bytes of each buffer, in the order of the core's `Columns`."""
    rows, ends = sizes.rows, 4 * (sizes.rows + 1)
    attribute_ends, typed_ends = 4 * (sizes.attributes + 1), 4 * (sizes.typed + 1)
    return {
        "time_unix_nano": 8 * rows,
        "observed_time_unix_nano": 8 * rows,
        "severity_number": rows,
        "severity_text_ends": ends,
        "severity_text": sizes.severity_texts,
        "body_ends": ends,
        "body": sizes.bodies,
        "body_type_ends": ends,
        "body_type": sizes.body_types,
        "trace_id": 16 * rows,
        "span_id": 8 * rows,
        "flags": 4 * rows,
        "dropped_attributes_count": 4 * rows,
        "event_name_ends": ends,
        "event_name": sizes.event_names,
        "attributes_ends": ends,
        "key_ends": attribute_ends,
        "key": sizes.keys,
        "value_ends": attribute_ends,
        "value": sizes.values,
        "attribute_types_ends": ends,
        "typed_key_ends": typed_ends,
        "typed_key": sizes.typed_keys,
        "typed_type_ends": typed_ends,
        "typed_type": sizes.typed_types,
    }


def _columns(sizes: Any, buffers: dict[str, pa.Buffer]) -> dict[str, pa.Array]:
    """The columns of the table `logs` over the buffers."""

    def plain(name: str, type_: Any) -> pa.Array:
        return pa.Array.from_buffers(type_, sizes.rows, [None, buffers[name]])

    def texts(name: str, number: int) -> pa.Array:
        return pa.Array.from_buffers(pa.string(), number, [None, buffers[f"{name}_ends"], buffers[name]])

    def pairs(name: str, keys: pa.Array, values: pa.Array) -> pa.Array:
        ends = pa.Array.from_buffers(pa.int32(), sizes.rows + 1, [None, buffers[f"{name}_ends"]])
        return pa.MapArray.from_arrays(ends, keys, values)

    return {
        "time_unix_nano": plain("time_unix_nano", pa.uint64()),
        "observed_time_unix_nano": plain("observed_time_unix_nano", pa.uint64()),
        "severity_number": plain("severity_number", pa.uint8()),
        "severity_text": texts("severity_text", sizes.rows),
        "body": texts("body", sizes.rows),
        "body_type": texts("body_type", sizes.rows),
        "trace_id": plain("trace_id", pa.binary(16)),
        "span_id": plain("span_id", pa.binary(8)),
        "flags": plain("flags", pa.uint32()),
        "dropped_attributes_count": plain("dropped_attributes_count", pa.uint32()),
        "event_name": texts("event_name", sizes.rows),
        "attributes": pairs("attributes", texts("key", sizes.attributes), texts("value", sizes.attributes)),
        "attribute_types": pairs(
            "attribute_types", texts("typed_key", sizes.typed), texts("typed_type", sizes.typed)
        ),
    }
