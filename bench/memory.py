"""How much memory `flyball distill` takes under attack: many lines, and more shapes than are told apart.

    python -m bench.memory [--lines N]

N lines (50 million by default, which takes minutes) stream through the class that the command uses. Most are ordinary;
SHAPES of them, spread over the stream, say a word that no line said before: at the front, in the middle of a
sentence, and among so many words that the learner has all its columns to look at. Printed are the highest resident
memory (sampled after each block), what it grew by, and how many records went to "other".
"""

from __future__ import annotations

import argparse
import itertools
import resource
import string
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from flyball.cli.distill_count import Count

from bench.distill import holds

LINES = 50_000_000
SHORT_LINES = 1_000_000
"""For `make bench`: the same shapes in a shorter stream."""

SHAPES = 100_000
BLOCK_LINES = 100_000
RSS_BYTES_MAX = 1_000_000_000
_ORDINARY = b"2024-01-31 12:00:00 INFO request 01234567 from 10.0.0.17:443 took 0123 ms\n"
_MANY = " ".join(a + b for a in "bcdfghjk" for b in ("ova", "una", "ile", "aro", "emo", "ipo", "usk"))
_PAGE = resource.getpagesize()


def run(lines: int = SHORT_LINES) -> int:
    """Stream, print and return the highest resident memory in bytes."""
    count = Count(None)
    before = highest = _rss()
    started = time.perf_counter()
    for block in blocks(lines):
        count.feed(block)
        highest = max(highest, _rss())
    count.end_file()
    rows = count.rows()
    highest = max(highest, _rss())
    elapsed = time.perf_counter() - started
    kept = sum(len(orjson.dumps(row)) for row in rows)
    print(
        f"memory: {lines:,} lines, {SHAPES:,} adversarial shapes, {elapsed:.0f} s: {count.summary(len(rows), kept, elapsed)}"
    )
    print(
        f"  highest resident {highest / 1e6:,.0f} MB ({before / 1e6:,.0f} MB before)"
        f"   target < {RSS_BYTES_MAX / 1e6:,.0f} MB: {holds(highest < RSS_BYTES_MAX)}",
        flush=True,
    )
    return highest


def blocks(lines: int) -> Iterator[bytes]:
    """The stream in blocks of BLOCK_LINES lines; each has its part of the adversarial ones."""
    ordinary = np.frombuffer(_ORDINARY * BLOCK_LINES, np.uint8).reshape(BLOCK_LINES, len(_ORDINARY))
    digits = _ORDINARY.index(b"01234567")
    chance = np.random.default_rng(7)
    words = itertools.cycle(_words(SHAPES))
    number = -(-lines // BLOCK_LINES)
    each = -(-SHAPES // number)
    for _ in range(number):
        block = ordinary.copy()
        block[:, digits : digits + 8] = chance.integers(ord("0"), ord("9") + 1, (BLOCK_LINES, 8), np.uint8)
        hostile = "".join(_hostile(word, at) for at, word in enumerate(itertools.islice(words, each)))
        yield block.tobytes()[: -each * len(_ORDINARY)] + hostile.encode()


def _words(number: int) -> list[str]:
    letters = itertools.product(string.ascii_lowercase, repeat=6)
    return ["".join(word) for word in itertools.islice(letters, number)]


def _hostile(word: str, at: int) -> str:
    """By turns a word of its own at the front, in the middle of a sentence, and as many places as a learner looks at."""
    kinds = (
        f"{word} is a word of its own\n",
        f"something said {word} here and went on\n",
        f"{word} told {' '.join(word[k:] + word[:k] for k in range(6))} {_MANY}\n",
    )
    return kinds[at % len(kinds)]


def _rss() -> int:
    """Resident bytes now; where the system does not say, the highest until now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * _PAGE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """The long run."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    parser.add_argument("--lines", type=int, default=LINES)
    run(parser.parse_args().lines)


if __name__ == "__main__":
    main()
