"""The meter: what went over each edge of the pipeline, and what was dropped and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Meter:
    """Counters by (edge, outcome), shown on the Pipeline screen; they start at zero with the process."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, edge: str, outcome: str, number: int = 1) -> None:
        """Add `number` to what `edge` did: `received`, `sent`, or `dropped: <reason>`."""
        if number:
            self._counts[edge, outcome] += number

    def snapshot(self) -> Mapping[str, Mapping[str, int]]:
        """Edge -> outcome -> number."""
        edges: dict[str, dict[str, int]] = {}
        for (edge, outcome), number in sorted(self._counts.items()):
            edges.setdefault(edge, {})[outcome] = number
        return edges

    def dropped(self) -> Mapping[str, int]:
        """Everything that was dropped: `edge: reason` -> number."""
        return {
            f"{edge}: {outcome.removeprefix('dropped: ')}": number
            for (edge, outcome), number in sorted(self._counts.items())
            if outcome.startswith("dropped: ")
        }
