"""How well rare patterns point at broken blocks: HDFS, labelled, 11,501 blocks of which 350 are anomalous.

    python -m bench.eval_novelty [--data DIR]

DIR holds `hdfs/hdfs_events_2percent.parquet` (m_message, seq_id, m_timestamp) and `hdfs/hdfs_seqs_2percent.parquet`
(seq_id, anomaly). The messages go through the real `flyball distill`; blocks are judged in the order in which they
end, each by the blocks before it alone, with no label. The surprise of a block is that of its most surprising
trait, -log10 of the share of earlier blocks that have it: a pattern it says (*rare*), a pattern it lacks
(*missing*), how often it says a pattern (*count*). Labels are used to score, never to choose. AUC: the chance
that an anomalous block ranks above a normal one. Precision, recall and F1 are those at one in a hundred blocks
(surprise 2), a threshold fixed in advance, and the best F1 that any threshold would give.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

Array = NDArray[np.float64]
Block = Counter[str]

FLYBALL = Path(sys.executable).with_name("flyball")
SURPRISE = 2.0
WARM_UP = 500
"""Blocks that are learnt from before any is judged."""


def main() -> None:
    """Print one row a trait, and all of them together."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=None)
    folder = hdfs(parser.parse_args().data)
    if folder is None:
        print("HDFS: not there (hdfs/hdfs_events_2percent.parquet); name its folder with --data DIR")
        return
    blocks, labels = read(folder)
    print(
        f"HDFS: {len(labels) - WARM_UP} blocks judged, {int(labels[WARM_UP:].sum())} anomalous,"
        f" {len(set().union(*blocks))} patterns"
    )
    print(f"{'surprise by':<26}{'AUC':>8}{'precision':>11}{'recall':>8}{'F1':>8}{'best F1':>9}")
    each = {name: surprises(blocks, name) for name in ("rare", "missing", "count")}
    for name, values in {**each, "rare or missing or count": np.max(list(each.values()), axis=0)}.items():
        print_row(name, values[WARM_UP:], labels[WARM_UP:])


def hdfs(data: Path | None) -> Path | None:
    """The folder of the set, in DIR, beside it, or in $FLYBALL_DATA or ../shared/data; None where there is none."""
    root = os.environ.get("FLYBALL_DATA") or str(Path(__file__).resolve().parents[2] / "shared" / "data")
    places = [data, data / "hdfs", data.parent / "hdfs"] if data else [Path(root) / "hdfs"]
    return next((place for place in places if (place / "hdfs_events_2percent.parquet").is_file()), None)


def read(folder: Path) -> tuple[list[Block], NDArray[np.bool_]]:
    """How often each block says each pattern, in the order in which blocks end, and which are anomalous."""
    events = pq.read_table(
        folder / "hdfs_events_2percent.parquet", columns=["m_message", "seq_id", "m_timestamp"]
    )
    events = events.sort_by("m_timestamp")
    patterns = assigned(events["m_message"].to_pylist())
    blocks, last = defaultdict[str, Block](Counter), dict[str, int]()
    for i, (block, pattern) in enumerate(zip(events["seq_id"].to_pylist(), patterns, strict=True)):
        blocks[block][pattern] += 1
        last[block] = i
    table = pq.read_table(folder / "hdfs_seqs_2percent.parquet", columns=["seq_id", "anomaly"])
    anomalous = dict(zip(table["seq_id"].to_pylist(), table["anomaly"].to_pylist(), strict=True))
    order = sorted((block for block in blocks if block in anomalous), key=last.__getitem__)
    return [blocks[block] for block in order], np.array([anomalous[block] for block in order], dtype=bool)


def assigned(messages: Sequence[str]) -> list[str]:
    """The fingerprint of each message, from the real command."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "messages.log", Path(folder) / "assigned"
        source.write_text("".join(f"{' '.join(m.split()) or '-'}\n" for m in messages), encoding="utf-8")
        command = [str(FLYBALL), "distill", str(source), "--json", "--assign", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        return out.read_text(encoding="utf-8").splitlines()


def surprises(blocks: Sequence[Block], trait: str) -> Array:
    """The greatest surprise among the traits of each block, given the blocks before it."""
    seen: Counter[Hashable] = Counter()
    patterns: Counter[str] = Counter()
    values = np.zeros(len(blocks))
    for n, block in enumerate(blocks):
        # Laplace: one more block would have it, and one not, so that nothing is impossible
        values[n] = max(
            (-math.log10((many + 1.0) / (n + 2.0)) for many in _shares(block, trait, seen, patterns, n)),
            default=0.0,
        )
        patterns.update(block.keys())
        seen.update(block.items())
    return values


def _shares(
    block: Block, trait: str, seen: Counter[Hashable], patterns: Counter[str], n: int
) -> Iterable[int]:
    """How many of the n earlier blocks have each trait of this one."""
    if trait == "rare":
        return [patterns[pattern] for pattern in block]
    if trait == "missing":
        return [n - many for pattern, many in patterns.items() if pattern not in block]
    return [seen[item] for item in block.items()]


def print_row(name: str, values: Array, labels: NDArray[np.bool_]) -> None:
    """One line of the table."""
    precision, recall, f1 = judged(values >= SURPRISE, labels)
    best = max(judged(values >= cut, labels)[2] for cut in np.unique(values))
    print(f"{name:<26}{auc(values, labels):>8.3f}{precision:>11.3f}{recall:>8.3f}{f1:>8.3f}{best:>9.3f}")


def auc(values: Array, labels: NDArray[np.bool_]) -> float:
    """The chance that an anomalous block ranks above a normal one, ties counting half (Mann and Whitney)."""
    bad, good = values[labels], np.sort(values[~labels])
    below = np.searchsorted(good, bad, side="left") + np.searchsorted(good, bad, side="right")
    return float(below.sum() / (2.0 * len(bad) * len(good)))


def judged(flagged: NDArray[np.bool_], labels: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Precision, recall and F1, each 0 where nothing was right."""
    right = float((flagged & labels).sum())
    if not right:
        return 0.0, 0.0, 0.0
    precision, recall = right / float(flagged.sum()), right / float(labels.sum())
    return precision, recall, 2 * precision * recall / (precision + recall)


if __name__ == "__main__":
    main()
