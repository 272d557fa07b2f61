"""Template quality: GA, FGA, PA and FTA of `flyball distill --assign` on labelled logs.

    python -m bench.eval_templates [--data DIR]

DIR holds one folder per system with `<system>_2k.log_structured_corrected.csv` (columns Content and
EventTemplate). The message bodies go through the real command, one line each; what is scored is what it wrote.

GA: share of lines whose group is exactly a true group. FGA: F1 over groups. PA: share of lines whose template
text is the true one. FTA: F1 over templates with group and text right. (The definitions of LogHub-2.0's
evaluator, https://github.com/logpai/loghub-2.0.)
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

LABELS = "*_structured*.csv"
FLYBALL = Path(sys.executable).with_name("flyball")


@dataclass(frozen=True, slots=True)
class Score:
    """The four figures, each between 0 and 1."""

    ga: float
    fga: float
    pa: float
    fta: float


def main() -> None:
    """Print one row per system and the mean."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=default_data())
    folder = parser.parse_args().data
    tables = sorted(folder.glob(f"*/{LABELS}"))
    if not tables:
        sys.exit(f"no labelled logs ({LABELS}) in the folders of {folder}; name them with --data DIR")
    print(f"{'system':<14}{'GA':>8}{'FGA':>8}{'PA':>8}{'FTA':>8}")
    scores: list[Score] = []
    for table in tables:
        score = evaluate(table)
        scores.append(score)
        print_row(table.parent.name, score)
    print_row(
        "mean", Score(*(sum(column) / len(scores) for column in zip(*map(astuple, scores), strict=True)))
    )


def default_data() -> Path:
    """Where the labelled logs are when nobody says: $FLYBALL_DATA or ../shared/data beside the repository."""
    root = os.environ.get("FLYBALL_DATA") or str(Path(__file__).resolve().parents[2] / "shared" / "data")
    return Path(root) / "loghub2k"


def print_row(name: str, score: Score) -> None:
    """One line of the table."""
    print(f"{name:<14}" + "".join(f"{value:>8.3f}" for value in astuple(score)))


def evaluate(table: Path) -> Score:
    """The score of one system."""
    with table.open(newline="", encoding="utf-8", errors="replace") as rows:
        pairs = [(row["Content"], row["EventTemplate"]) for row in csv.DictReader(rows)]
    groups, texts = run_distill([content for content, _template in pairs])
    return score([template for _content, template in pairs], groups, texts)


def run_distill(bodies: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The fingerprint of each body and the template of each fingerprint, from the real command."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "bodies.log", Path(folder) / "assigned"
        # one line per record: a newline inside a CSV cell would shift every line after it
        source.write_text("".join(f"{one_line(body)}\n" for body in bodies), encoding="utf-8")
        command = [str(FLYBALL), "distill", str(source), "--json", "--assign", str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        groups = out.read_text(encoding="utf-8").splitlines()
    if len(groups) != len(bodies):
        sys.exit(f"{len(bodies)} lines went in, {len(groups)} came out")
    patterns = [json.loads(line) for line in done.stdout.splitlines()]
    return groups, {pattern["fingerprint"]: pattern["template"] for pattern in patterns}


def one_line(body: str) -> str:
    """A body without line ends; a body that is blank would be no record, so it gets a mark."""
    return " ".join(body.replace("\r", " ").split("\n")) if body.strip() else "(blank)"


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


if __name__ == "__main__":
    main()
