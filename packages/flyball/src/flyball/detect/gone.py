"""Gone: a pattern or operation that was usual before the change and has not come since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flyball.compare.differences import differences
from flyball.compare.fdr import Q_MAX
from flyball.detect.describe import gravest, numbers, part_of_traffic, state
from flyball.model.finding import Finding, FindingKind
from flyball.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Usual is `count_min` records in `slots_min` slots before; `after_s_min` lets late records arrive."""

    count_min: int = 10
    slots_min: int = 3
    after_s_min: float = 8.0
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """The series that are gone."""
        if not window.after.of().any():
            return  # the service is silent as a whole: that is said, and is no news of each line
        found = differences(window)
        before, after = window.before.of(), window.after.of().sum(axis=1)
        usual = (before.sum(axis=1) >= self.count_min) & ((before > 0).sum(axis=1) >= self.slots_min)
        for row in np.flatnonzero(usual & (after == 0) & (found.q_down <= self.q_max)):
            series = window.after.series[row]
            if window.after.total_seconds(series.kind) < self.after_s_min:
                continue
            yield state(
                window,
                FindingKind.GONE,
                series,
                severity=gravest(window, int(row)),
                before=numbers(window.before, int(row)),
                after=numbers(window.after, int(row)),
                p=float(found.p_down[row]),
                q=float(found.q_down[row]),
                ratio=0.0,
                part_of_traffic=part_of_traffic(window, int(row)),
            )
