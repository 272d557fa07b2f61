"""The proxy on standard input and output, the server behind it as a child process.

Four threads: each reads or writes one pipe, so that no full pipe keeps another from being emptied. The main thread
reads the client, and ends all when the client or the server does.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.guard_proxy import child as children
from flyball.guard_proxy.gate import Gate, Passed
from flyball.guard_proxy.lines import Lines, TooLong
from flyball.guard_proxy.strict import Message
from flyball.guard_proxy.told import Told

QUEUED_BYTES_MAX = 16 * 1024 * 1024
"""Messages that wait to be written to one side; a single larger one fits when none waits."""
WRITE_SECONDS_MAX = 10.0
"""How long a side may leave its messages unread before the proxy ends."""
_READ_BYTES = 64 * 1024
_LAST_SECONDS = 1.0
"""For the last messages to be written, when all is over."""
_JUST_SECONDS = 0.2
"""Between the end of a server's output and its own."""
STDIN, STDOUT = 0, 1


@dataclass(slots=True)
class _Writer:
    """Writes messages to a pipe from a thread of its own, in order. Calls `over` when it cannot go on."""

    descriptor: int
    over: Callable[[], None]
    told: Told
    _lines: deque[bytes] = field(default_factory=deque[bytes])
    _bytes: int = 0
    _ends: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, message: Message | None) -> None:
        """Have it written; None for nothing."""
        if message is None:
            return
        line = message.line() + b"\n"
        with self._changed:
            fits = self._changed.wait_for(
                lambda: self._ends or not self._bytes or self._bytes + len(line) <= QUEUED_BYTES_MAX,
                WRITE_SECONDS_MAX,
            )
            if fits and not self._ends:
                self._lines.append(line)
                self._bytes += len(line)
                self._changed.notify_all()
                return
        self.told.counted("messages that nobody read")
        self.over()

    def end(self) -> None:
        """Write what waits, within a bound."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ends or self._lines)
                if not self._lines:
                    return
                line = self._lines.popleft()
            if not self._written(line):
                with self._changed:
                    self._ends = True
                    self._lines.clear()
                    self._changed.notify_all()
                self.over()
                return
            with self._changed:
                self._bytes -= len(line)
                self._changed.notify_all()

    def _written(self, line: bytes) -> bool:
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self.descriptor, left) :]
        except OSError:
            return False
        return True


@dataclass(slots=True)
class _Session:
    """The pipes of one client and one server. `wake` ends the main thread's wait."""

    gate: Gate
    server: subprocess.Popen[bytes]
    wake: Callable[[], None]
    client: _Writer = field(init=False)
    child: _Writer = field(init=False)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.client = _Writer(STDOUT, self.wake, self.gate.told)
        self.child = _Writer(_descriptor(self.server.stdin), self.wake, self.gate.told)
        self.reader = threading.Thread(target=self._read_server, daemon=True)
        self.reader.start()

    def read_client(self, woken: int) -> bool:
        """Read the client until it ends (True) or the descriptor `woken` is written to (False)."""
        lines = Lines()
        while True:
            ready, _, _ = select.select([STDIN, woken], [], [])
            if woken in ready:
                return False
            data = os.read(STDIN, _READ_BYTES)
            for line in lines.feed(data) if data else lines.end():
                if isinstance(line, TooLong):
                    self._pass(self.gate.too_long(line.begin, of_client=True))
                else:
                    self._pass(self.gate.from_client(line))
            if not data:
                return True

    def end(self, sentence: str) -> None:
        """End the server, pass on what it still says, answer what waits."""
        self.child.end()
        children.stop(self.server)
        self.reader.join(_LAST_SECONDS)
        for message in self.gate.ended(sentence):
            self.client.put(message)
        self.client.end()

    def _read_server(self) -> None:
        lines, descriptor = Lines(), _descriptor(self.server.stdout)
        try:
            while data := os.read(descriptor, _READ_BYTES):
                for line in lines.feed(data):
                    self._of_server(line)
            for line in lines.end():
                self._of_server(line)
        except OSError as error:
            self.gate.told.say(f"the server cannot be read: {error.strerror}")
        finally:
            self.wake()

    def _of_server(self, line: bytes | TooLong) -> None:
        if isinstance(line, TooLong):
            self._pass(self.gate.too_long(line.begin, of_client=False))
        else:
            self._pass(self.gate.from_server(line))

    def _pass(self, passed: Passed) -> None:
        self.child.put(passed.to_server)
        self.client.put(passed.to_client)


def run(gate: Gate, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Carry messages until the client or the server ends or a signal comes; gives the exit code.

    Raises:
        ConfigurationError: the server cannot be run.
    """
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    server = children.start(command, environment)
    session = _Session(gate, server, lambda: _wake(wakes))
    try:
        by_client = session.read_client(woken)
        code = 0 if by_client else _ended_by_itself(server)
        if code:
            gate.told.say(f"the server ended by itself (exit code {code})")
    finally:
        session.end("the server has ended")
    gate.told.end()
    return max(code, 0) or int(code < 0)


def _ended_by_itself(server: subprocess.Popen[bytes]) -> int:
    """The exit code of a server that has just ended; 0 where it runs."""
    try:
        return server.wait(timeout=_JUST_SECONDS)
    except subprocess.TimeoutExpired:
        return 0


def _wake(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # it was woken already
        os.write(descriptor, b".")


def _descriptor(pipe: Any) -> int:
    return pipe.fileno()
