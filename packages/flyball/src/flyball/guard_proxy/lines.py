"""Messages on a pipe: one line each, and none longer than a message may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flyball.guard_proxy.strict import MESSAGE_BYTES_MAX

_KEPT_OF_LONG = 1024
"""How much of a line that is too long is kept, to tell whose answer it was."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was let go: how it began."""

    begin: bytes


@dataclass(slots=True)
class Lines:
    """Bytes as they come, in; whole lines out. Holds at most one line."""

    bytes_max: int = MESSAGE_BYTES_MAX
    _held: bytearray = field(default_factory=bytearray)
    _skipping: bool = False

    def feed(self, data: bytes) -> Iterator[bytes | TooLong]:
        """The lines that end in `data`, without their ends; empty ones are left out."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._hold(piece)
            line = bytes(self._held)
            self._held.clear()
            if self._skipping:
                self._skipping = False
                yield TooLong(line)
            elif line.strip():
                yield line
        self._hold(rest)

    def end(self) -> Iterator[bytes | TooLong]:
        """What is left when nothing more comes: a last line without its end is none."""
        if self._held.strip() or self._skipping:
            yield TooLong(bytes(self._held[:_KEPT_OF_LONG]))
        self._held.clear()
        self._skipping = False

    def _hold(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._held += piece
        if len(self._held) > self.bytes_max:
            self._skipping = True
            del self._held[_KEPT_OF_LONG:]
