"""Does a diagnosis name the cause, and does what it cites hold? For each data set by itself.

    python -m bench.rca [--data DIR] [--set NAME] [--misses]

DIR is laid out like ../shared/data/rca: `cloud_opsbench/*.jsonl.xz`, `nezha_*.tar.xz`, `opensre*.tar.xz`,
`holmesgpt*.tar.xz`, `petshop*.tar.xz` and `labels*.csv`. Loaders build signals and never read a label; the scorer
alone does. What counts as a hit stands in `vocabulary.py` and `score.py`.

A@1, A@3: cause and object right in the first, in the first three hypotheses that are held (an inconclusive diagnosis
is no A@1). object: the same for the object alone. Existence and support: share of all sentences whose citations
resolve, and whose numbers, names, times and quotes stand in what they cite. Evidence hit: cases in which a record that
the diagnosis cites comes from where people marked the fault. Cloud-OpsBench is also shown by halves (by a hash of the
case id): the rules for Boutique were written with half 0 in view. What memory makes of recurring cases is told in
`recall.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anyio
from flyball.explain.engine import diagnose

from bench.rca import cloud_opsbench, holmesgpt, nezha, opensre, petshop, recall
from bench.rca.case import Case, Loader
from bench.rca.labels import Label, read
from bench.rca.score import HEALTHY, Score, score
from bench.rca.vocabulary import accepted

LOADERS: dict[str, Loader] = {
    "cloud_opsbench": cloud_opsbench.load,
    "nezha": nezha.load,
    "opensre": opensre.load,
    "holmesgpt": holmesgpt.load,
    "petshop": petshop.load,
}
QUIET: dict[str, Loader] = {"petshop": petshop.quiet}
"""Windows of a normal time, where a set has one that is long enough: healthy cases."""
DATA = "../shared/data/rca"
Labels = Mapping[tuple[str, str], Label]
_HEAD = (
    "| data set | cases | A@1 | A@3 | object A@1 | object A@3 | abstained | quiet of healthy | existence | support"
    " | evidence hit |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Score every set that is there, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.rca", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FLYBALL_RCA_DATA", DATA)))
    parser.add_argument("--set", choices=sorted(LOADERS), help="this one alone")
    parser.add_argument("--misses", action="store_true", help="name the cases that were missed")
    asked = parser.parse_args()
    labels = read(asked.data)
    print(_HEAD)
    memory: list[str] = []
    for name, loader in LOADERS.items():
        if asked.set in {None, name}:
            quiet = QUIET[name](asked.data) if name in QUIET else ()
            memory += _report(name, list(loader(asked.data)), quiet, labels, misses=asked.misses)
    print("\n".join(["", recall.HEAD, *memory]))


def _report(
    name: str, cases: Sequence[Case], quiet: Iterable[Case], labels: Labels, *, misses: bool
) -> list[str]:
    """Print a set's rows; returns those on what memory makes of it."""
    began = time.perf_counter()
    pairs = [
        (label, diagnose(case.signals, case.normal))
        for case in cases
        if (label := label_of(labels, case)) is not None
    ]
    seconds = time.perf_counter() - began
    memory = [
        anyio.run(recall.row, dataset, mine)
        for dataset in dict.fromkeys(label.dataset for label, _ in pairs)
        if (mine := [one for one in pairs if one[0].dataset == dataset and one[0].cause != HEALTHY])
    ]
    pairs += [
        (
            Label(dataset=case.dataset, case=case.id, object="", cause=HEALTHY),
            diagnose(case.signals, case.normal),
        )
        for case in quiet
    ]
    for dataset in dict.fromkeys(label.dataset for label, _ in pairs):
        mine = [pair for pair in pairs if pair[0].dataset == dataset]
        print(_row(dataset, score(mine)))
        if name == "cloud_opsbench":
            for title, seen in (("half 0", 0), ("half 1", 1)):
                print(_row(f"- {title}", score([pair for pair in mine if half(pair[0].case) == seen])))
        if misses:
            print("\n".join(f"  {line}" for line in score(mine).misses))
    if len(cases) > sum(
        label.cause != HEALTHY or (label.dataset, label.case) in labels for label, _ in pairs
    ):
        print(f"<!-- {name}: cases without a label are left out -->")
    unknown = sorted(
        {
            label.cause
            for label, _ in pairs
            if label.cause != HEALTHY and not accepted(label.dataset, label.cause)
        }
    )
    if unknown and not name.startswith("holmesgpt"):
        print(f"<!-- {name}: no word of ours for {', '.join(unknown)}: these count as misses -->")
    if pairs:
        print(f"<!-- {name}: {1000 * seconds / max(1, len(cases)):.0f} ms a diagnosis -->")
    return memory


def label_of(labels: Labels, case: Case) -> Label | None:
    """The label of a case; a set's archive may be named more at length than its labels name it."""
    names = (known for known, one in labels if one == case.id)
    known = next((known for known in names if case.dataset.startswith(known)), None)
    return labels[known, case.id] if known is not None else None


def half(case: str) -> int:
    """0 or 1: the half of the cases a case belongs to."""
    return int(hashlib.sha256(case.encode()).hexdigest(), 16) % 2


def _row(title: str, held: Score) -> str:
    def of(count: int, total: int) -> str:
        return f"{count / total:.3f}" if total else "-"

    cells = [
        title,
        str(held.cases),
        of(held.first, held.cases),
        of(held.third, held.cases),
        of(held.object_first, held.placed),
        of(held.object_third, held.placed),
        of(held.abstained, held.cases),
        f"{held.quiet}/{held.healthy}" if held.healthy else "-",
        of(held.existing, held.sentences),
        of(held.supported, held.sentences),
        of(held.evidence_hit, held.marked),
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
