"""Does "what happened here?" name what happened, keep quiet where nothing did, and hold what it says?

    python -m bench.agents [--seed N ...] [--data DIR] [--write DIR] [--vary] [--misses]

Without DIR runs are made from seeds (`generate.py`): thirty that failed, three for each kind, and thirty look-alikes.
With DIR any folder of the layout in `layout.py` is scored. `--write` keeps what was made in that layout. `--vary` tells
the same runs otherwise (`vary.py`). The engine is given steps and history, never a label; the scorer counts every figure
again by itself (`score.py`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

from flyball.explain.agents.engine import diagnose_run

from bench.agents import layout
from bench.agents.generate import cases
from bench.agents.layout import Case, Label
from bench.agents.score import Score
from bench.agents.vary import VARIATIONS

SEEDS = (1, 2, 3)
_HEAD = (
    "| runs | kind named | look-alikes quiet | existence | support | ms a run |\n|---|---|---|---|---|---|"
)


def main() -> None:
    """Score and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.agents", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--data", type=Path, help="a folder of labelled runs")
    parser.add_argument("--write", type=Path, help="keep what is made here")
    parser.add_argument("--misses", action="store_true", help="name the runs that were missed")
    parser.add_argument("--vary", action="store_true", help="the same runs, told otherwise")
    asked = parser.parse_args()
    print(_HEAD)
    if asked.data:
        told = layout.labels(asked.data)
        pairs = [(case, told[case.name]) for case in layout.read(asked.data) if case.name in told]
        _report(asked.data.name, pairs, misses=asked.misses)
        return
    for seed in asked.seed:
        made = list(cases(seed))
        if asked.write:
            for case, label in made:
                layout.write(asked.write / f"seed-{seed}", case, label)
        _report(f"seed {seed}", made, misses=asked.misses)
    for name, vary in VARIATIONS.items() if asked.vary else ():
        varied = [(vary(case), label) for seed in asked.seed for case, label in cases(seed)]
        _report(name, varied, misses=asked.misses)


def _report(title: str, pairs: Iterable[tuple[Case, Label]], *, misses: bool) -> None:
    score, seconds, number = Score(), 0.0, 0
    for case, label in pairs:
        began = time.perf_counter()
        diagnosis = diagnose_run(case.steps, case.history)
        seconds += time.perf_counter() - began
        number += 1
        score.add(case, label, diagnosis)
    held = [
        f"{part / score.sentences:.3f}" if score.sentences else "-"
        for part in (score.existing, score.supported)
    ]
    cells = [
        title,
        f"{score.named}/{score.faulty}",
        f"{score.quiet}/{score.fine}",
        *held,
        f"{1000 * seconds / max(1, number):.0f}",
    ]
    print("| " + " | ".join(cells) + " |")
    if misses and score.misses:
        print("\n".join(f"  {line}" for line in score.misses))


if __name__ == "__main__":
    main()
