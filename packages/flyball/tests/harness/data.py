"""The labelled logs beside the repository, where they are there; a test that needs them skips without."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest


def labelled_bodies() -> list[str]:
    """The message bodies of all labelled logs."""
    bodies: list[str] = []
    for table in sorted(_folder().glob("*/*_structured*.csv")):
        with table.open(newline="", encoding="utf-8", errors="replace") as rows:
            bodies += [row["Content"] for row in csv.DictReader(rows)]
    return bodies


def raw_lines() -> list[str]:
    """The same logs as they were written."""
    files = sorted(_folder().glob("*/*.log"))
    return [line for file in files for line in file.read_text(encoding="utf-8", errors="replace").split("\n")]


def _folder() -> Path:
    root = os.environ.get("FLYBALL_DATA") or str(Path(__file__).resolve().parents[5] / "shared" / "data")
    folder = Path(root) / "loghub2k"
    if not folder.is_dir():
        pytest.skip(f"no labelled logs in {folder} (FLYBALL_DATA names their place)")
    return folder
