"""Lines per second of `flyball distill` and of the peers, side by side: same lines, same core, one run.

T1 is a mixed stream, T2 a real one, T4 the mixed one with shapes that nobody has seen. A peer is measured on the
head of the stream, since all are slow; what is said of T3 is measured in `bench.otlp`. CPU time, on one core.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from flyball.cli.distill import CHUNK_BYTES
from flyball.cli.distill_count import Count

from bench import streams
from bench.peers import PEERS, versions

LINES = 1_000_000
PEER_LINES = {"drain3": 60_000, "drain3, example masks": 60_000, "tipping": 120_000}
SECONDS_MIN = 1.0
"""Ours is run again, from nothing each time, until it has taken this long: short runs measure the clock."""

_OURS = "flyball distill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stream's figures: lines per second of CPU time by name, and the targets."""

    name: str
    source: str
    lines: int
    rates: Mapping[str, float]
    ratios_min: Mapping[str, float] = field(default_factory=dict[str, float])
    rate_min: float | None = None

    def __str__(self) -> str:
        ours = self.rates[_OURS]
        said = f"  {_OURS:<22}{ours:>12,.0f} lines/s"
        if self.rate_min is not None:
            said += f"                  target >= {self.rate_min:,.0f}: {holds(ours >= self.rate_min)}"
        text = [f"{self.name}: {self.lines:,} lines, {self.source}", said]
        for peer in PEERS:
            ratio = ours / self.rates[peer]
            said = f"  {peer:<22}{self.rates[peer]:>12,.0f} lines/s   ratio {ratio:>8.1f}"
            if peer in self.ratios_min:
                least = self.ratios_min[peer]
                said += f"   target >= {least:g}: {holds(ratio >= least)}"
            text.append(said)
        return "\n".join(text)


def holds(reached: bool) -> str:  # noqa: FBT001 - the one thing it says
    """In words, the same everywhere."""
    return "holds" if reached else "FALLS SHORT"


def run() -> list[Row]:
    """Measure, print and return the figures."""
    print(f"distill, one core, CPU time; peers ({versions()}) on the first of the lines")
    mixed = streams.mixed(LINES)
    rows = [_print(_measure("T1 mixed", mixed, {"drain3, example masks": 200, "tipping": 50}))]
    real = streams.hdfs()
    if real is None:
        print(f"T2 real: no {streams.HDFS} in {streams.data_root()}, not measured")
    else:
        rows.append(_print(_measure("T2 real", real, {"drain3": 50, "drain3, example masks": 300})))
    rows.append(_print(_measure("T4 new shapes", streams.unseen(mixed), {}, rate_min=5_000_000)))
    return rows


def _print(row: Row) -> Row:
    print(row, flush=True)
    return row


def _measure(
    name: str, stream: streams.Stream, ratios_min: Mapping[str, float], *, rate_min: float | None = None
) -> Row:
    chunks, lines = chunks_of(stream.data()), stream.lines
    with one_core():
        distill(chunks[:1])  # what is imported on first use is no work on lines
        rates = {_OURS: rate(lambda: distill(chunks), len(lines), seconds_min=SECONDS_MIN)}
        for peer, work in PEERS.items():
            head = lines[: PEER_LINES[peer]]
            rates[peer] = rate(lambda work=work, head=head: work(head), len(head))
    return Row(
        name=name,
        source=stream.source,
        lines=len(lines),
        rates=rates,
        ratios_min=ratios_min,
        rate_min=rate_min,
    )


def rate(work: Callable[[], object], lines: int, *, seconds_min: float = 0.0) -> float:
    """Lines per second of CPU time; the work is repeated until it has taken `seconds_min`."""
    start = time.process_time()
    runs = 0
    while not runs or time.process_time() - start < seconds_min:
        work()
        runs += 1
    return runs * lines / (time.process_time() - start)


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


def distill(chunks: Sequence[bytes]) -> None:
    """What the command does with a file of these chunks, but for reading it and printing the table."""
    count = counted(chunks)
    total = sum(row["count"] for row in count.rows())
    if total != count.records:
        raise AssertionError(f"{count.records} records, {total} counted")


def chunks_of(data: bytes) -> list[bytes]:
    """The bytes as the command reads them from a file."""
    return [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]


def counted(chunks: Sequence[bytes]) -> Count:
    """The patterns of these bytes, counted as the command counts a file's."""
    count = Count(None)
    for chunk in chunks:
        count.feed(chunk)
    count.end_file()
    return count


if __name__ == "__main__":
    run()
