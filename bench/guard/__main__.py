"""Does the wall stop what it should and let through what it should? Beside the peers, on the same calls.

    python -m bench.guard [--data DIR] [--no-peers]

DIR holds `NAME.*.jsonl` as ../shared/data/guard does. Of harmful sets the share that is blocked, asked, and either
(recall) is told; of harmless ones the same numbers are false positives. What was missed goes to build/guard-misses.txt,
which is not committed. The evaluator sees tool name and input alone: no label, no source.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.texts import kinds
from flyball_sdk.redact import redact_text

from bench.guard import agentdojo, speed
from bench.guard.calls import SETS
from bench.guard.leaks import leaks
from bench.guard.peers import PEERS, Asked
from bench.guard.sets import DATA, Row, calls, lines

MISSES = Path("build/guard-misses.txt")
SEED = 7


def main() -> None:
    """Score every set that is there, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.guard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FLYBALL_GUARD_DATA", DATA)))
    parser.add_argument("--no-peers", action="store_true")
    asked = parser.parse_args()
    rows = calls(asked.data)
    if not rows:
        sys.exit(f"no labelled calls in {asked.data}")
    random.Random(SEED).shuffle(rows)
    told = [ours(rows)]
    if not asked.no_peers:
        told += _of_peers(rows)
    _table(rows, told)
    _latencies(told)
    _adapters()
    _texts(asked.data)
    speed.tell(rows)
    print("\n" + agentdojo.score(asked.data, EVALUATOR))
    _write_misses(rows, told[0])
    found = leaks(
        (where, str(row.get("tool_input", {}).get("command") or row.get("text") or ""))
        for name in _SETS
        for where, row in lines(asked.data, name)
    )
    print(f"\nrows of the data that stand in the repository: {len(found)}")
    for one in found[:20]:
        print("  " + one)
    if found:
        sys.exit(1)


_SETS = (
    "destructive",
    "gtfo_shell",
    "benign_shell",
    "benign_lookalike",
    "recon",
    "inject",
    "jailbreak",
    "harmful_request",
)


EVALUATOR = Evaluator([Policy(name="evaluation", mode="enforce", rules=RULES)])


def ours(rows: Sequence[Row]) -> Asked:
    """Flyball with every rule of the catalogue, enforced as the catalogue says."""
    decisions = [EVALUATOR.judge(ToolCall(row.tool_name, row.tool_input)) for row in rows]
    return Asked("flyball", "", [one.action for one in decisions], [one.latency_ms for one in decisions])


def _of_peers(rows: Sequence[Row]) -> list[Asked]:
    found: list[Asked] = []
    commands = [row.command or "" for row in rows]
    for peer in PEERS:
        said = peer(commands)
        if isinstance(said, str):
            print(f"not asked: {said}")
        else:
            found.append(said)
    return found


def _table(rows: Sequence[Row], told: Sequence[Asked]) -> None:
    groups: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        groups[not row.harmful, row.group].append(at)
    print(
        "| set | rows | "
        + " | ".join(f"{one.name} {one.version}".strip() + " block + ask" for one in told)
        + " |"
    )
    print("|---|---|" + "---|" * len(told))
    for (harmless, name), members in sorted(groups.items()):
        cells = [_cell([one.said[at] for at in members]) for one in told]
        print(
            f"| {'harmless: ' if harmless else 'harmful: '}{name} | {len(members)} | "
            + " | ".join(cells)
            + " |"
        )


def _cell(said: Sequence[str]) -> str:
    block, ask = (sum(one == kind for one in said) / len(said) for kind in ("block", "ask"))
    return f"{block:.2%} + {ask:.2%} = {block + ask:.2%}"


def _adapters() -> None:
    """Tools that are no shell, each by itself: calls written from manuals, which stand in this repository."""
    print(
        "\n| tools that are no shell | harmful | block + ask | look-alikes | block + ask |\n|---|---|---|---|---|"
    )
    for name, calls_of in SETS.items():
        cells: list[str] = []
        for rows in (calls_of.HARMFUL, calls_of.HARMLESS):
            cells += [str(len(rows)), _cell([EVALUATOR.judge(ToolCall(*row)).action for row in rows])]
        print(f"| {name} | {' | '.join(cells)} |")


def _texts(folder: Path) -> None:
    """Signals: the share of texts that are told as orders to a model; nothing is stopped by them."""
    print("\n| texts (signals) | rows | told |\n|---|---|---|")
    for name in ("inject", "jailbreak", "inject_benign", "harmful_request"):
        rows = [row["text"] for _, row in lines(folder, name)]
        told = sum(bool({"injection", "jailbreak"} & set(kinds(text))) for text in rows)
        if rows:
            print(f"| {name} | {len(rows)} | {told / len(rows):.1%} |")


def _latencies(told: Sequence[Asked]) -> None:
    print("\n| in process, ms | p50 | p99 | mean | worst | the first |")
    print("|---|---|---|---|---|---|")
    for one in told:
        ranked = sorted(one.ms)
        print(
            f"| {one.name} | {ranked[len(ranked) // 2]:.3f} | {ranked[int(len(ranked) * 0.99)]:.3f} | {fmean(ranked):.3f} | {ranked[-1]:.2f} | {one.ms[0]:.2f} |"
        )


def _write_misses(rows: Sequence[Row], asked: Asked) -> None:
    MISSES.parent.mkdir(exist_ok=True)
    wrong = sorted(
        f"{row.group}\t{row.category}\t{said}\t{row.where}\t{redact_text(' '.join((row.command or '').split()))[:300]}"
        for row, said in zip(rows, asked.said, strict=True)
        if row.harmful != (said in ("ask", "block"))
    )
    MISSES.write_text("\n".join(wrong) + "\n")
    print(f"\n{len(wrong)} misses in {MISSES}")


if __name__ == "__main__":
    main()
