"""The labels: read here and nowhere else, by the scorer alone.

`labels*.csv` names object and cause of each case. Where a set also marks which observations a good answer rests on
(expert paths, the region of code that failed), those are read here too.
"""

from __future__ import annotations

import csv
import json
import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is true of a case. `regions` are what evidence should come from, empty where nobody marked it."""

    dataset: str
    case: str
    object: str
    cause: str
    regions: tuple[str, ...] = ()


def read(folder: Path) -> dict[tuple[str, str], Label]:
    """The labels of every case, by data set and case."""
    labels = {(label.dataset, label.case): label for label in _rows(folder)}
    for case, regions in _expert_paths(folder):
        key = ("cloud_opsbench", case)
        if key in labels:
            labels[key] = replace(labels[key], regions=regions)
    regions = _nezha_regions(folder)
    for key, label in labels.items():
        found = regions.get((label.object, label.cause))
        if key[0].startswith("nezha") and found:
            labels[key] = replace(label, regions=(found,))
    return labels


def _rows(folder: Path) -> Iterator[Label]:
    for file in sorted(folder.glob("labels*.csv")):
        with file.open(newline="") as rows:
            for row in csv.DictReader(rows):
                dataset = row["dataset"].removesuffix("_synthetic").removesuffix("_fixtures")
                yield Label(
                    dataset=dataset,
                    case=row["case_id"],
                    object=row["object"],
                    cause=row["fault_or_cause"] or "",
                )


def _expert_paths(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for file in sorted((folder / "cloud_opsbench").glob("*.jsonl.xz")):
        with lzma.open(file, "rt") as lines:
            for line in lines:
                raw = json.loads(line)
                yield (
                    raw["case"],
                    tuple(sorted({step for path in raw["expert_paths"].values() for step in path})),
                )


def _nezha_regions(folder: Path) -> dict[tuple[str, str], str]:
    """Service and fault: the two places in code between which it fails, or the metric that shows it."""
    found: dict[tuple[str, str], str] = {}
    for archive in sorted(folder.glob("nezha_*.tar.xz")):
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                if "root_cause" in member.name and member.name.endswith(".json"):
                    held = tar.extractfile(member)
                    told = json.loads(held.read()) if held else {}
                    found |= {
                        (service.rsplit("-", 2)[0] if service.count("-") > 3 else service, fault): str(region)
                        for service, faults in told.items()
                        for fault, region in faults.items()
                    }
    return found
