"""Server-sent events: taken apart within bounds, and written anew.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (lines end in CR, LF or both; UTF-8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from flyball.guard_proxy.strict import MESSAGE_BYTES_MAX

_FIELD_BYTES_MAX = 1_024
"""An event's id; a longer one is left out."""
_OVERHEAD_BYTES = 4 * 1024
_ENDS = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A CR at the very end may be the half of a CR LF: it waits for what comes."""


class TooMuch(Exception):
    """An event that is longer than a message may be."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` and `retry_ms` are empty where it has none."""

    data: bytes
    id: bytes = b""
    retry_ms: bytes = b""


@dataclass(slots=True)
class Events:
    """Bytes as they come, in; whole events out. Holds at most one event."""

    bytes_max: int = MESSAGE_BYTES_MAX + _OVERHEAD_BYTES
    _held: bytes = b""
    _data: list[bytes] = field(default_factory=list[bytes])
    _id: bytes = b""
    _retry: bytes = b""
    _bytes: int = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that end in `data`.

        Raises:
            TooMuch: one is too long.
        """
        *ended, self._held = _ENDS.split(self._held + data)
        for line in ended:
            if event := self._line(line):
                yield event
        if self._bytes + len(self._held) > self.bytes_max:
            raise TooMuch

    def _line(self, line: bytes) -> Event | None:
        if not line:
            event = Event(b"\n".join(self._data), self._id, self._retry)
            told = self._data or self._id or self._retry
            self._data, self._id, self._retry, self._bytes = [], b"", b"", 0
            return event if told else None
        self._bytes += len(line)
        if self._bytes > self.bytes_max:
            raise TooMuch
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id" and b"\0" not in value and len(value) <= _FIELD_BYTES_MAX:
            self._id = value
        elif name == b"retry" and re.fullmatch(rb"[0-9]{1,9}", value):
            self._retry = value
        return None


def written(event: Event) -> bytes:
    """The event as bytes; its data is one line."""
    parts = ((b"retry", event.retry_ms), (b"id", event.id), (b"data", event.data))
    lines = [name + b": " + value for name, value in parts if value or name == b"data"]
    kind = [b"event: message"] if event.data else []
    return b"\n".join([*kind, *lines]) + b"\n\n"
