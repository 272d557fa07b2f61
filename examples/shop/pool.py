"""A bounded pool of connections: take one, wait for one, or be told that there is none.

The pool opens a connection when none is idle and fewer than `size_max` exist. When all are taken a caller
waits up to `wait_max_s` seconds; then `PoolExhausted` says what it saw. Nothing here is simulated: a
connection that its borrower keeps is a connection that nobody else gets.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class PoolExhausted(Exception):
    """No connection came free in time."""


class Pool(Generic[Connection]):
    """At most `size_max` connections, made by `connect`, lent to one borrower at a time.

    `name` stands in the message of `PoolExhausted`; `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        size_max: int,
        wait_max_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.size_max = size_max
        self.wait_max_s = wait_max_s
        self._connect = connect
        self._clock = clock
        self._idle: list[Connection] = []
        self._in_use = 0
        self._returned = threading.Condition()

    @property
    def in_use(self) -> int:
        """How many connections are lent out now."""
        return self._in_use

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """Lend one connection for the length of the `with` block.

        Raises:
            PoolExhausted: all are in use and none came back within `wait_max_s`.
        """
        borrowed = self._take()
        try:
            yield borrowed
        finally:
            self._give_back(borrowed)

    def _take(self) -> Connection:
        asked = self._clock()
        with self._returned:
            if not self._returned.wait_for(lambda: self._in_use < self.size_max, self.wait_max_s):
                waited_ms = (self._clock() - asked) * 1000
                raise PoolExhausted(
                    f"{self.name} connection pool exhausted: {self._in_use} of {self.size_max} in use, "
                    f"waited {waited_ms:.0f} ms"
                )
            self._in_use += 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._connect()
        except BaseException:
            self._give_back(None)
            raise

    def _give_back(self, connection: Connection | None) -> None:
        with self._returned:
            self._in_use -= 1
            if connection is not None:
                self._idle.append(connection)
            self._returned.notify()
