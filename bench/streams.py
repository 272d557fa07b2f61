"""The streams that figures are measured on, and where labelled data lies. Reproducible: one seed, no clock.

`mixed` tiles the labelled logs, with digits made random in a third of the lines so that no cache of whole lines
helps; without them its lines are generated. `hdfs` is a real stream as it was, not tiled. `unseen` puts words that
nobody has seen into one line in a hundred.
"""

from __future__ import annotations

import csv
import os
import random
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

LABELS = "*_structured*.csv"
HDFS = "hdfs/hdfs_events_2percent.parquet"
UNSEEN_EVERY = 100
_DIGITS = re.compile(r"\d+")
# Where a mask covers a value: under a key, in quotes, at the end of a path.
_MASKED = re.compile(r"(?<=\w=)[\w.-]+|(?<=\")[\w .-]+(?=\")|(?<=/)[\w.-]+(?=[\s:,]|$)")
_WORD = re.compile(r"(?<= )[a-z]{3,}(?= )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Lines without newlines, and a phrase that says where they come from."""

    source: str
    lines: list[str]

    def data(self) -> bytes:
        """The lines as a file holds them."""
        return "".join(f"{line}\n" for line in self.lines).encode()


def data_root() -> Path:
    """Where the data is when nobody says: $FLYBALL_DATA or ../shared/data beside the repository."""
    return Path(os.environ.get("FLYBALL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


def labelled(folder: Path) -> list[Path]:
    """The tables of labelled logs in the folders of `folder`, ascending; empty when there are none."""
    return sorted(folder.glob(f"*/{LABELS}"))


def mixed(count: int, tables: Sequence[Path] | None = None) -> Stream:
    """`count` lines of all labelled systems (or of these tables), shuffled."""
    chance = random.Random(7)
    tables = labelled(data_root() / "loghub2k") if tables is None else tables
    base = [line for table in tables for line in _bodies(table)]
    source = f"tiled from {len(base):,} of the labelled logs" if base else "generated"
    base = base or [_generated(chance) for _ in range(16_000)]
    lines: list[str] = []
    while len(lines) < count:
        tile = [_renumbered(line, chance) if chance.random() < 1 / 3 else line for line in base]
        chance.shuffle(tile)
        lines += tile
    return Stream(source=source, lines=lines[:count])


def hdfs(root: Path | None = None) -> Stream | None:
    """The HDFS events as raw lines (date time id LEVEL component message); None when the data is not there."""
    path = (root or data_root()) / HDFS
    if not path.exists():
        return None
    table = pq.read_table(path, columns=["date", "time", "id", "level", "component", "m_message"])
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return Stream(source="real HDFS events, not tiled", lines=[" ".join(row) for row in rows])


def unseen(stream: Stream) -> Stream:
    """The stream with a word never seen before in every UNSEEN_EVERY-th line that has a place for it.

    By turns where a mask covers the place (under a key, in quotes, in a path) and in the middle of a sentence,
    where only a learner can know.
    """
    chance = random.Random(11)
    lines = list(stream.lines)
    for place, offset in ((_MASKED, 0), (_WORD, UNSEEN_EVERY)):
        fits = [line for line in dict.fromkeys(lines[:20_000]) if place.search(line)]
        for at in range(offset, len(lines) if fits else 0, 2 * UNSEEN_EVERY):
            lines[at] = place.sub(_fresh(chance), chance.choice(fits), count=1)
    return Stream(source=f"{stream.source}, a new word in 1 of {UNSEEN_EVERY}", lines=lines)


def one_line(body: str) -> str:
    """A body without line ends; a body that is blank would be no record, so it gets a mark."""
    return " ".join(body.replace("\r", " ").split("\n")) if body.strip() else "(blank)"


def pairs(table: Path) -> list[tuple[str, str]]:
    """The body and the true template of each labelled line."""
    with table.open(newline="", encoding="utf-8", errors="replace") as rows:
        return [(row["Content"], row["EventTemplate"]) for row in csv.DictReader(rows)]


def _bodies(table: Path) -> Iterator[str]:
    return (body.replace("\n", " ") for body, _template in pairs(table))


def _renumbered(line: str, chance: random.Random) -> str:
    return _DIGITS.sub(lambda digits: "".join(chance.choices(string.digits, k=len(digits[0]))), line)


def _fresh(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_lowercase, k=12))


def _generated(chance: random.Random) -> str:
    what = chance.choice(["request", "job", "query", "upload", "session", "message", "order", "payment"])
    done = chance.choice(["finished", "failed", "was queued", "timed out", "was retried", "was dropped"])
    where = f"10.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}:{chance.randrange(65536)}"
    return f"{what} {chance.randrange(10**9):x} from {where} {done} after {chance.randrange(9999)} ms (attempt={chance.randrange(9)})"
