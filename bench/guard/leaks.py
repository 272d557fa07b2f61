"""No labelled row stands in the repository: their licences differ, and a rule written from a row proves nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

CHARS_MIN = 25


def squeezed(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def leaks(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Which rows (where, text) of `CHARS_MIN` or more characters stand in a file that git tracks."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    haystack = "\n".join(
        squeezed(Path(name).read_text(errors="replace"))
        for name in names
        if name and Path(name).is_file() and not name.endswith((".png", ".xz"))
    )
    bare = haystack.replace('\\"', '"').replace("\\'", "'")
    found: list[str] = []
    for where, text in rows:
        row = squeezed(text)
        if len(row) >= CHARS_MIN and (row in haystack or row in bare):
            found.append(f"{where}: {row[:60]}")
    return found
