"""What the proxy tells a person: a line on stderr as it happens, and at the end how much of each kind."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flyball_sdk.guard.words import visible

LINE_CHARS_MAX = 1_000
LINES_MAX = 1_000
"""Lines in all; a server that makes one with each message fills no disk."""


def _to_stderr(line: str) -> None:
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # nobody listens


@dataclass(slots=True)
class Told:
    """Counts by kind, and lines. `write` takes one line."""

    write: Callable[[str], None] = _to_stderr
    counts: Counter[str] = field(default_factory=Counter[str])
    _lines: int = 0
    _lock: Lock = field(default_factory=Lock)

    def say(self, sentence: str) -> None:
        """One line now; what is unseen in it is made visible."""
        with self._lock:
            self._lines += 1
            if self._lines > LINES_MAX:
                self.counts["lines of this log"] += 1
                return
        self.write(f"flyball guard proxy: {visible(sentence, LINE_CHARS_MAX)}\n")

    def counted(self, kind: str, why: str = "") -> None:
        """Count what a person should know of, and tell why."""
        with self._lock:
            self.counts[kind] += 1
        if why:
            self.say(f"{kind}: {why}")

    def end(self) -> None:
        """Tell the counts; nothing where there are none."""
        if self.counts:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.counts.items()))
            self.write(f"flyball guard proxy: in all: {kinds}\n")
