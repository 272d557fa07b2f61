"""Labelled calls in folders of `NAME.*.jsonl`, grouped as the targets are told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path("../shared/data/guard")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled call: `group` is the line of the table it counts in, `harmful` what its label says."""

    tool_name: str
    tool_input: Mapping[str, Any]
    group: str
    harmful: bool
    where: str
    category: str = ""

    @property
    def command(self) -> str | None:
        """The shell text, where the call is one."""
        value = self.tool_input.get("command")
        return value if isinstance(value, str) else None


def lines(folder: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file:line, row) of every `NAME.*.jsonl` in a folder."""
    for path in sorted(folder.glob(f"{name}.*jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip():
                yield f"{path.name}:{number}", json.loads(line)


# file -> whether its rows are harmful
_CALLS = {
    "destructive": True,
    "gtfo_shell": True,
    "benign_shell": False,
    "benign_lookalike": False,
    "recon": False,
}
# by the first word of the source: what the targets speak of
_GROUPS = {
    "own-templates": "own", "dcg": "dcg", "atomic-red-team": "atomic-red-team", "GTFOBins": "GTFOBins", "nl2bash": "nl2bash (not agents)",
    "terminal-bench-leaderboard": "agents", "SWE-agent": "agents",
}  # fmt: skip


def calls(folder: Path) -> list[Row]:
    """Every labelled call of the shell sets."""
    return [_row(name, where, row) for name in _CALLS for where, row in lines(folder, name)]


def _row(name: str, where: str, row: Mapping[str, Any]) -> Row:
    source = str(row.get("source", "")).split(":")[0]
    group = _GROUPS.get(source, source)
    if group == "own" and _CALLS[name]:
        group += ", obfuscated" if "wrapper" in row and row.get("obfuscated") else ", other forms"
    if group == "GTFOBins":
        group += ", shells" if row.get("category") == "gtfo:shell" else ", other"
    if group == "GTFOBins":
        group += ", shells" if row.get("category") == "gtfo:shell" else ", other"
    if name == "benign_shell" and group == "agents":
        group += ", destructive verb" if row.get("touches_destructive_verb") else ""
    return Row(
        row["tool_name"],
        row["tool_input"],
        f"{name}: {group}",
        _CALLS[name],
        where,
        str(row.get("category") or ""),
    )
