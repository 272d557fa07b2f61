"""Lines per second of `flyball distill` and of drain3, side by side: same lines, same core, one run.

The stream is tiled from the labelled logs when they are there (digits made random in a third of the lines, so
that no cache of whole lines helps), else it is generated. drain3 is measured on its head, since it is slow:
once as it comes, once with the masks of its own example (addresses, hexadecimal and decimal numbers, ids).
"""

from __future__ import annotations

import csv
import os
import random
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig
from flyball.cli.distill import CHUNK_BYTES
from flyball.cli.distill_count import Count

from bench.eval_templates import LABELS, default_data

LINES = 1_000_000
DRAIN_LINES = 60_000
_DIGITS = re.compile(r"\d+")

_EXAMPLE_MASKS = (
    (
        r"(?<=[^A-Za-z0-9])(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))(?=[^A-Za-z0-9])|(?<=[^A-Za-z0-9])(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))$",
        "ID",
    ),
    (r"(?<![A-Za-z0-9])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![A-Za-z0-9])", "IP"),
    (r"(?<![A-Za-z0-9])[0-9a-f]{6,} ?(?:[0-9a-f]{6,} ?){2,}(?![A-Za-z0-9])", "SEQ"),
    (r"(?<![A-Za-z0-9])0x[a-f0-9A-F]+(?![A-Za-z0-9])", "HEX"),
    (r"(?<![A-Za-z0-9])[-+]?\d+(?![A-Za-z0-9])", "NUM"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Lines per second of CPU time, and how much faster `flyball distill` is than each peer."""

    source: str
    distill: float
    drain3: float
    drain3_masks: float

    @property
    def ratio(self) -> float:
        """Against drain3 as it comes."""
        return self.distill / self.drain3

    @property
    def ratio_masks(self) -> float:
        """Against drain3 with its example's masks."""
        return self.distill / self.drain3_masks


def run() -> Rates:
    """Measure, print and return the figures."""
    source, lines = stream(LINES)
    with one_core():
        data = "".join(f"{line}\n" for line in lines).encode()
        distill(data[:100_000])  # what is imported on first use is no work on lines
        rates = Rates(
            source=source,
            distill=rate(lambda: distill(data), len(lines)),
            drain3=rate(lambda: drain(lines[:DRAIN_LINES], masks=False), DRAIN_LINES),
            drain3_masks=rate(lambda: drain(lines[:DRAIN_LINES], masks=True), DRAIN_LINES),
        )
    print(
        f"distill: {LINES:,} lines {rates.source}, one core, CPU time (drain3 {version('drain3')}: the first {DRAIN_LINES:,})"
    )
    print(f"  flyball distill       {rates.distill:>12,.0f} lines/s")
    print(f"  drain3                {rates.drain3:>12,.0f} lines/s   ratio {rates.ratio:.1f}")
    print(f"  drain3, example masks {rates.drain3_masks:>12,.0f} lines/s   ratio {rates.ratio_masks:.1f}")
    return rates


def rate(work: Callable[[], None], lines: int) -> float:
    """Lines per second of CPU time."""
    start = time.process_time()
    work()
    return lines / (time.process_time() - start)


@contextmanager
def one_core() -> Generator[None]:
    """Keep this process on one core, where the system lets us."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def distill(data: bytes) -> None:
    """What the command does with a file of these bytes, but for reading it and printing the table."""
    count = Count(None)
    for start in range(0, len(data), CHUNK_BYTES):
        count.feed(data[start : start + CHUNK_BYTES])
    count.end_file()
    rows = count.rows()
    counted = sum(row["count"] for row in rows)
    if counted != count.records:
        raise AssertionError(f"{count.records} records, {counted} counted")


def drain(lines: Sequence[str], *, masks: bool) -> None:
    """The same lines through drain3."""
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    if masks:
        config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in _EXAMPLE_MASKS]
    miner = TemplateMiner(config=config)
    for line in lines:
        miner.add_log_message(line)


def stream(count: int) -> tuple[str, list[str]]:
    """Where the lines come from, and `count` of them, shuffled."""
    chance = random.Random(7)  # noqa: S311 - a reproducible stream
    base = [
        line
        for table in sorted(default_data().glob(f"*/{LABELS}"))
        for line in _bodies(table.open(newline=""))
    ]
    source = f"tiled from {len(base):,} of the labelled logs" if base else "generated"
    base = base or [_generated(chance) for _ in range(16_000)]
    lines: list[str] = []
    while len(lines) < count:
        tile = [_renumbered(line, chance) if chance.random() < 1 / 3 else line for line in base]
        chance.shuffle(tile)
        lines += tile
    return source, lines[:count]


def _bodies(table: Iterator[str]) -> Iterator[str]:
    return (row["Content"].replace("\n", " ") for row in csv.DictReader(table))


def _renumbered(line: str, chance: random.Random) -> str:
    return _DIGITS.sub(lambda digits: "".join(chance.choices("0123456789", k=len(digits[0]))), line)


def _generated(chance: random.Random) -> str:
    what = chance.choice(["request", "job", "query", "upload", "session", "message", "order", "payment"])
    done = chance.choice(["finished", "failed", "was queued", "timed out", "was retried", "was dropped"])
    where = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}:{chance.randrange(65536)}"
    return f"{what} {chance.randrange(10**9):x} from {where} {done} after {chance.randrange(9999)} ms (attempt={chance.randrange(9)})"


if __name__ == "__main__":
    run()
