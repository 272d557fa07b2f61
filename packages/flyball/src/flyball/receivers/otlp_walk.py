"""Serialised log records -> columns, without a Python object a record.

All records of a chunk are walked in step: a round reads the next field of each, with numpy. Exporters write the
fields of a record in one order, so most rounds meet one kind of field. What they seldom write ends the walk, and
the caller parses the chunk record by record: a body that is no string, an unknown field, a length of five bytes.
Sources: https://protobuf.dev/programming-guides/encoding/, opentelemetry-proto logs.proto (the field numbers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flyball.model.anyvalue import EMPTY

Ints = npt.NDArray[np.int64]

# a tag is the field's number and, in its lowest three bits, how it is written
_FIXED = {
    0x09: ("time_unix_nano", np.dtype("<u8")),
    0x59: ("observed_time_unix_nano", np.dtype("<u8")),
    0x45: ("flags", np.dtype("<u4")),
}
_ONE_BYTE = {0x10: "severity_number", 0x38: "dropped_attributes_count"}
_SLICES = {0x1A: "severity_text", 0x2A: "body", 0x4A: "trace_id", 0x52: "span_id", 0x62: "event_name"}
_ATTRIBUTE = 0x32
_STRING_VALUE = 0x0A
"""The tag of AnyValue.string_value."""
_MORE = 0x80
"""Set in each byte of a varint but the last."""
_LENGTH_BYTES_MAX = 4
_ROUNDS_MAX = 160
"""More fields than a record has with as many attributes as are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The columns of a chunk; row i has `attribute_counts[i]` of `attributes`, each a serialised KeyValue."""

    columns: dict[str, pa.Array]
    attributes: pa.Array
    attribute_counts: Ints


class _UnusualError(Exception):
    """A record is not written the way exporters write it."""


def walk(records: pa.Array) -> Walked | None:
    """The columns of records (binary, each one a LogRecord that is known to parse), None when one is unusual."""
    try:
        return _Walk(records).run()
    except (_UnusualError, IndexError):
        return None


class _Walk:
    def __init__(self, records: pa.Array) -> None:
        _, offsets, data = records.buffers()
        rows = len(records)
        self._bytes = data
        self._data = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        bounds = np.frombuffer(offsets, np.int32)[: rows + 1].astype(np.int64)
        self._begin, self._end = bounds[:-1], bounds[1:]
        self._numbers = {name: np.zeros(rows, dtype) for name, dtype in _FIXED.values()}
        self._numbers |= {name: np.zeros(rows, np.dtype("u1")) for name in _ONE_BYTE.values()}
        # absent: an empty slice where the record begins
        self._slices = {name: (self._begin.copy(), self._begin.copy()) for name in _SLICES.values()}
        self._attribute_counts = np.zeros(rows, np.int64)
        self._attributes: list[tuple[Ints, Ints, Ints, Ints]] = []

    def run(self) -> Walked:
        """Walk all records to their ends."""
        rows = np.flatnonzero(self._begin < self._end)
        at, end = self._begin[rows], self._end[rows]
        for _ in range(_ROUNDS_MAX):
            if not rows.size:
                return self._walked()
            after = self._round(rows, at)
            if (after > end).any():
                raise _UnusualError
            live = after < end
            if live.all():
                at = after
            else:
                rows, at, end = rows[live], after[live], end[live]
        raise _UnusualError

    def _round(self, rows: Ints, at: Ints) -> Ints:
        """Read the field at `at` of each row; where the next one begins."""
        tags = self._data[at]
        if (tags == tags[0]).all():
            return self._field(int(tags[0]), rows, at + 1)
        after = np.empty_like(at)
        for tag in np.unique(tags):
            same = np.flatnonzero(tags == tag)
            after[same] = self._field(int(tag), rows[same], at[same] + 1)
        return after

    def _field(self, tag: int, rows: Ints, at: Ints) -> Ints:
        if tag in _FIXED:
            name, dtype = _FIXED[tag]
            self._numbers[name][rows] = self._gather(at, dtype.itemsize).view(dtype)[:, 0]
            return at + dtype.itemsize
        if tag in _ONE_BYTE:
            value = self._data[at]
            if (value >= _MORE).any():
                raise _UnusualError
            self._numbers[_ONE_BYTE[tag]][rows] = value
            return at + 1
        start, end = self._slice(at)
        if tag == _ATTRIBUTE:
            self._attributes.append((rows, self._attribute_counts[rows], start, end))
            self._attribute_counts[rows] += 1
        elif tag in _SLICES:
            starts, ends = self._slices[_SLICES[tag]]
            if _SLICES[tag] == "body" and (ends[rows] > starts[rows]).any():
                raise _UnusualError  # of a message that comes twice the parts are merged
            starts[rows], ends[rows] = start, end
        else:
            raise _UnusualError
        return end

    def _slice(self, at: Ints) -> tuple[Ints, Ints]:
        """Start and end of the bytes whose length stands at `at`."""
        length = self._data[at].astype(np.int64)
        size = np.ones_like(length)
        more = np.flatnonzero(length >= _MORE)
        length &= _MORE - 1
        while more.size:
            read = size[more]
            if read[0] == _LENGTH_BYTES_MAX:
                raise _UnusualError
            byte = self._data[at[more] + read].astype(np.int64)
            length[more] |= (byte & (_MORE - 1)) << (7 * read)
            size[more] += 1
            more = more[byte >= _MORE]
        start = at + size
        return start, start + length

    def _gather(self, at: Ints, width: int) -> npt.NDArray[np.uint8]:
        return self._data[at[:, None] + np.arange(width)]

    # -- columns ----------------------------------------------------------------------------------------

    def _walked(self) -> Walked:
        numbers = self._numbers
        body, has_body = self._body()
        return Walked(
            columns={
                "time_unix_nano": pa.array(numbers["time_unix_nano"]),
                "observed_time_unix_nano": pa.array(numbers["observed_time_unix_nano"]),
                "severity_number": pa.array(np.minimum(numbers["severity_number"], 24)),
                "severity_text": self._texts("severity_text"),
                "body": body,
                "body_type": pa.array(np.where(has_body, "", EMPTY), pa.string()),
                "trace_id": self._ids("trace_id", 16),
                "span_id": self._ids("span_id", 8),
                "flags": pa.array(numbers["flags"]),
                "dropped_attributes_count": pa.array(numbers["dropped_attributes_count"].astype(np.uint32)),
                "event_name": self._texts("event_name"),
            },
            attributes=self._attribute_column(),
            attribute_counts=self._attribute_counts,
        )

    def _body(self) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
        """The text inside AnyValue, and whether there is one."""
        starts, ends = self._slices["body"]
        present = ends > starts
        rows = np.flatnonzero(present)
        if (self._data[starts[rows]] != _STRING_VALUE).any():
            raise _UnusualError
        text_start, text_end = self._slice(starts[rows] + 1)
        if (text_end != ends[rows]).any():
            raise _UnusualError
        starts[rows] = text_start
        return self._taken(starts, ends, pa.string()), present

    def _texts(self, name: str) -> pa.Array:
        return self._taken(*self._slices[name], pa.string())

    def _ids(self, name: str, width: int) -> pa.Array:
        """Ids of `width` bytes; an absent or malformed one (OTLP: treat as unset) becomes zeros."""
        starts, ends = self._slices[name]
        ids = np.zeros((len(starts), width), np.uint8)
        whole = np.flatnonzero(ends - starts == width)
        ids[whole] = self._gather(starts[whole], width)
        return pa.Array.from_buffers(pa.binary(width), len(ids), [None, pa.py_buffer(ids)])

    def _attribute_column(self) -> pa.Array:
        """The attributes of all rows, row by row: a round has met one of each row."""
        first = np.cumsum(self._attribute_counts) - self._attribute_counts
        starts = np.empty(int(self._attribute_counts.sum()), np.int64)
        ends = np.empty_like(starts)
        for rows, number, start, end in self._attributes:
            place = first[rows] + number
            starts[place], ends[place] = start, end
        return self._taken(starts, ends, pa.binary())

    def _taken(self, starts: Ints, ends: Ints, type_: Any) -> pa.Array:
        """The slices as a column.

        They come in the order of the buffer: slices and the gaps between them are a column on that buffer as it
        is, of which every other one is taken.
        """
        if not (ends > starts).any():
            return pa.repeat(pa.scalar("", type_), len(starts))
        bounds = np.empty(2 * len(starts), np.int32)
        bounds[0::2], bounds[1::2] = starts, ends
        whole = pa.Array.from_buffers(type_, len(bounds) - 1, [None, pa.py_buffer(bounds), self._bytes])
        return whole.take(pa.array(np.arange(0, len(bounds) - 1, 2)))
