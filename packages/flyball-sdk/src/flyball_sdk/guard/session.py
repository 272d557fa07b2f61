"""What the wall remembers of a session: scripts that were written, what came from outside, secrets that were read.

The caller owns it, passes it in and keeps it: the evaluator has no memory of its own. It holds no secret: of values it
knows keyed digests alone.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

SCRIPTS_MAX = 64
SCRIPT_BYTES_MAX = 256 * 1024
REPEATS_MAX = 256
MARKS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Step:
    """A call of the past that a decision may point to: its id, its tool and what mattered of it."""

    call_id: str
    tool_name: str
    what: str


@dataclass(slots=True)
class Session:
    """The state of one session, bounded; the oldest of each kind goes first and is counted in `forgotten`."""

    scripts: OrderedDict[str, str] = field(default_factory=OrderedDict)
    # digest of a value that came out of a tool -> the step it came from
    untrusted: OrderedDict[bytes, Step] = field(default_factory=OrderedDict)
    # digest of a secret value, in the forms it may leave in -> the step that read it
    secret_values: OrderedDict[bytes, Step] = field(default_factory=OrderedDict)
    # secrets that were read, whether or not their value was seen
    secret_reads: list[Step] = field(default_factory=list)
    # tools that answered with something from outside
    outside: list[Step] = field(default_factory=list)
    # digest of a call -> times it was made in a row or failed
    repeats: OrderedDict[str, int] = field(default_factory=OrderedDict)
    steps: int = 0
    forgotten: int = 0

    def wrote(self, path: str, text: str) -> None:
        """Remember a file that a call writes, to read it when it is run."""
        if len(text) > SCRIPT_BYTES_MAX:
            self.forgotten += 1
            return
        self.scripts.pop(path, None)
        self.scripts[path] = text
        while len(self.scripts) > SCRIPTS_MAX or sum(map(len, self.scripts.values())) > 4 * SCRIPT_BYTES_MAX:
            self.scripts.popitem(last=False)
            self.forgotten += 1
