"""Does it hold? T5, template quality beside the peers', and T6, how much smaller what is kept is than what came in.

    python -m bench.eval_templates [--data DIR]

DIR is laid out like ../shared/data: `loghub2k/<system>/<system>_2k.log_structured_corrected.csv` (columns Content
and EventTemplate; the folders of systems may also stand in DIR itself), and for T6 the HDFS events in `hdfs` and any
`<system>/*.log` of 10,000 lines or more.

T5. The message bodies go through the real command, one line each; what is scored is what it wrote. GA: share of
lines whose group is exactly a true group. FGA: F1 over groups. PA: share of lines whose template text is the true
one. FTA: F1 over templates with group and text right. (The definitions of LogHub-2.0's evaluator,
https://github.com/logpai/loghub-2.0.) The peers get the same bodies, in turn, on the same core, in the same run.

T6. After the first tenth of a stream (warm-up), bytes kept against bytes that came in, newlines included. Kept is,
in the JSON that `flyball distill --json` writes: of a pattern that the warm-up knew its fingerprint and its count, of
a pattern first met later its whole row, with template, times and example.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import orjson

from bench import streams
from bench.distill import chunks_of, counted, holds, one_core
from bench.peers import PEERS, versions
from bench.streams import LABELS, labelled, one_line, pairs

FLYBALL = Path(sys.executable).with_name("flyball")
MEANS_MIN: dict[str, float] = {"GA": 0.985, "FGA": 0.96, "FTA": 0.70}
WARM_UP = 0.1
"""Share of a stream's lines that T6 takes as warm-up."""

LONG_LINES, LONG_MIN, SHORT_LINES, SHORT_MIN = 100_000, 0.99, 10_000, 0.90
"""T6: a stream of so many lines is reduced by at least so much."""


@dataclass(frozen=True, slots=True)
class Score:
    """The four figures, each between 0 and 1."""

    ga: float
    fga: float
    pa: float
    fta: float


def main() -> None:
    """Print both tables, and for each target whether it holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=streams.data_root())
    folder = parser.parse_args().data
    tables = labelled(folder / "loghub2k") or labelled(folder)
    if not tables:
        sys.exit(f"no labelled logs ({LABELS}) in the folders of {folder}; name them with --data DIR")
    with one_core():
        print_quality(tables)
        print_reduction(folder, tables)


def print_quality(tables: Sequence[Path]) -> None:
    """T5: a row per system and the means, ours and the peers'."""
    names = ("flyball", *PEERS)
    print(f"T5: template quality, no configuration ({versions()})")
    print(" " * 14 + "".join(f" | {name:<27}" for name in names))
    print(f"{'system':<14}" + f" | {'GA':>6}{'FGA':>7}{'PA':>7}{'FTA':>7}" * len(names))
    scores: list[list[Score]] = []
    for table in tables:
        bodies, truth = zip(*pairs(table), strict=True)
        lines = [one_line(body) for body in bodies]
        found = [run_distill(lines), *(peer(lines) for peer in PEERS.values())]
        scores.append([score(truth, *one) for one in found])
        _print_row(table.parent.name, scores[-1])
    means = [
        Score(*(sum(column) / len(of) for column in zip(*map(astuple, of), strict=True)))
        for of in zip(*scores, strict=True)
    ]
    _print_row("mean", means)
    for name, least in MEANS_MIN.items():
        ours: float = getattr(means[0], name.lower())
        print(f"T5 mean {name} {ours:.3f}   target >= {least:.3f}: {holds(ours >= least)}")


def _print_row(name: str, scores: Sequence[Score]) -> None:
    cells = (
        " | " + f"{s.ga:>6.3f}" + "".join(f"{one:>7.3f}" for one in (s.fga, s.pa, s.fta)) for s in scores
    )
    print(f"{name:<14}" + "".join(cells), flush=True)


def run_distill(lines: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The fingerprint of each line and the template of each fingerprint, from the real command."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "bodies.log", Path(folder) / "assigned"
        source.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [str(FLYBALL), "distill", str(source), "--json", "--assign", str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        groups = out.read_text(encoding="utf-8").splitlines()
    if len(groups) != len(lines):
        sys.exit(f"{len(lines)} lines went in, {len(groups)} came out")
    patterns = [json.loads(line) for line in done.stdout.splitlines()]
    return groups, {pattern["fingerprint"]: pattern["template"] for pattern in patterns}


def score(truth: Sequence[str], groups: Sequence[str], texts: dict[str, str]) -> Score:
    """Compare groups of lines and their texts with the true templates."""
    predicted, true = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for line, (group, template) in enumerate(zip(groups, truth, strict=True)):
        predicted[group].append(line)
        true[template].append(line)
    template_of = {tuple(lines): template for template, lines in true.items()}
    right = {
        group: template_of[tuple(lines)] for group, lines in predicted.items() if tuple(lines) in template_of
    }
    spelled = sum(texts.get(group, "-") == template for group, template in right.items())
    return Score(
        ga=sum(len(predicted[group]) for group in right) / len(truth),
        fga=f1(len(right), len(predicted), len(true)),
        pa=sum(texts.get(group, "-") == template for group, template in zip(groups, truth, strict=True))
        / len(truth),
        fta=f1(spelled, len(predicted), len(true)),
    )


def f1(right: int, predicted: int, true: int) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * right / (predicted + true) if right else 0.0


def print_reduction(folder: Path, tables: Sequence[Path]) -> None:
    """T6: a row per stream of SHORT_LINES lines or more."""
    print(f"T6: reduction after a warm-up of {WARM_UP:.0%} of the lines")
    found = False
    for name, data in _long_streams(folder, tables):
        lines = data.count(b"\n")
        if lines < SHORT_LINES:
            continue
        found = True
        least = LONG_MIN if lines >= LONG_LINES else SHORT_MIN
        reached = reduction(data)
        print(
            f"T6 {name:<38}{lines:>10,} lines {len(data):>12,} B   reduction {reached:>8.3%}"
            f"   target >= {least:.0%}: {holds(reached >= least)}",
            flush=True,
        )
    if not found:
        print(f"T6: no stream of {SHORT_LINES:,} lines in {folder}, not measured")


def _long_streams(folder: Path, tables: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    real = streams.hdfs(folder) or streams.hdfs(folder.parent)
    if real:
        data = real.data()
        yield "HDFS, real", data
        yield "HDFS, real, its first lines", b"".join(data.splitlines(keepends=True)[:SHORT_LINES])
    for table in tables:
        for log in sorted(table.parent.glob("*.log")):
            yield log.name, log.read_bytes()
    yield "all systems mixed, tiled", streams.mixed(2 * LONG_LINES, tables).data()


def reduction(data: bytes) -> float:
    """1 - bytes kept / bytes in, of what came after the warm-up (the docstring above says what is kept)."""
    lines = data.splitlines(keepends=True)
    head = b"".join(lines[: int(len(lines) * WARM_UP)])
    known = {row["fingerprint"]: row["count"] for row in counted([head]).rows()}
    kept = 0
    for row in counted(chunks_of(data)).rows():
        before = known.get(row["fingerprint"])
        if before is None:
            kept += len(orjson.dumps(row)) + 1
        elif row["count"] > before:
            kept += len(orjson.dumps({"fingerprint": row["fingerprint"], "count": row["count"]})) + 1
    return 1 - kept / (len(data) - len(head))


if __name__ == "__main__":
    main()
