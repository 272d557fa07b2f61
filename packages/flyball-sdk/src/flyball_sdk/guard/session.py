"""What the wall remembers of a session: scripts that were written, what came from outside, secrets that were read.

The caller owns it, passes it in and keeps it: the evaluator has no memory of its own. It holds no secret: of values it
knows keyed digests alone.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

SCRIPTS_MAX = 64
SCRIPT_BYTES_MAX = 256 * 1024
SCRIPTS_BYTES_MAX = 1024 * 1024
MARKS_MAX = 20_000
STEPS_MAX = 256


@dataclass(frozen=True, slots=True)
class Step:
    """A call of the past that a decision may point to: its id, its tool and what mattered of it."""

    call_id: str
    tool_name: str
    what: str

    def __str__(self) -> str:
        return (
            f"{self.tool_name} {self.call_id}: {self.what}"
            if self.call_id
            else f"{self.tool_name}: {self.what}"
        )


@dataclass(slots=True)
class Session:
    """The state of one session, bounded; the oldest of each kind goes first and is counted in `forgotten`."""

    scripts: OrderedDict[str, str] = field(default_factory=OrderedDict)
    # mark of a value that came out of a tool -> the step it came from
    untrusted: OrderedDict[bytes, Step] = field(default_factory=OrderedDict)
    # mark of a secret value, in the forms it may leave in -> the step that read it
    secret_values: OrderedDict[bytes, Step] = field(default_factory=OrderedDict)
    # calls that read secrets, whether or not their value was seen
    secret_reads: list[Step] = field(default_factory=list)
    # calls that answered with something from outside
    outside: list[Step] = field(default_factory=list)
    # the last call's digest, and how often it was made in a row
    last: str = ""
    streak: int = 0
    forgotten: int = 0
    _key: bytes = field(default_factory=lambda: os.urandom(16), repr=False)

    def mark(self, value: str) -> bytes:
        """The keyed digest by which a value is known again; letters' case does not matter."""
        return blake2b(value.lower().encode("utf-8", "surrogatepass"), key=self._key, digest_size=8).digest()

    def wrote(self, path: str, text: str) -> None:
        """Remember a file that a call writes, to read it when it is run."""
        if len(text) > SCRIPT_BYTES_MAX:
            self.forgotten += 1
            return
        self.scripts.pop(path, None)
        self.scripts[path] = text
        while len(self.scripts) > SCRIPTS_MAX or sum(map(len, self.scripts.values())) > SCRIPTS_BYTES_MAX:
            self.scripts.popitem(last=False)
            self.forgotten += 1

    def made(self, digest: str) -> None:
        """Count a call: the same one again and again is a streak."""
        self.streak = self.streak + 1 if digest == self.last else 1
        self.last = digest

    def note_outside(self, step: Step, values: Iterable[str]) -> None:
        """Remember that a tool answered with something from outside, and which values it named."""
        self._step(self.outside, step)
        for value in values:
            self.untrusted.setdefault(self.mark(value), step)
        self._trim(self.untrusted, MARKS_MAX)

    def note_secret(self, step: Step, values: Iterable[str]) -> None:
        """Remember that a secret was read, and its value in the forms it may leave in."""
        self._step(self.secret_reads, step)
        for value in values:
            self.secret_values[self.mark(value)] = step
        self._trim(self.secret_values, MARKS_MAX)

    def _step(self, steps: list[Step], step: Step) -> None:
        steps.append(step)
        if len(steps) > STEPS_MAX:
            del steps[0]
            self.forgotten += 1

    def _trim(self, table: OrderedDict[bytes, Step], most: int) -> None:
        while len(table) > most:
            table.popitem(last=False)
            self.forgotten += 1
