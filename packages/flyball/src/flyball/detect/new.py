"""New: a pattern or operation that this service never had before the change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.differences import differences
from flyball.compare.fdr import Q_MAX
from flyball.compare.novelty import novelty
from flyball.detect.describe import gravest, numbers, part_of_traffic, state
from flyball.model.finding import Finding, FindingKind
from flyball.model.severity import Severity
from flyball.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """Fewer records than `count_min` (`grave_count_min` from ERROR on) are not worth a reader's time.

    Where no earlier start was heard, what came in a version's first minute only is not called new below WARN:
    each start prints such lines.
    """

    count_min: int = 5
    grave_count_min: int = 3
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """The series that are new."""
        result = novelty(window, differences(window))
        unplaced = perhaps_starting(window)
        for row in np.flatnonzero(result.candidate & (result.q <= self.q_max)):
            severity = gravest(window, int(row))
            after = numbers(window.after, int(row))
            if severity < Severity.WARN and unplaced[row]:
                continue
            if after.count < (self.grave_count_min if severity >= Severity.ERROR else self.count_min):
                continue
            yield state(
                window,
                FindingKind.NEW,
                window.after.series[row],
                severity=severity,
                before=numbers(window.before, int(row)),
                after=after,
                p=float(result.p[row]),
                q=float(result.q[row]),
                ratio=float("inf"),
                part_of_traffic=part_of_traffic(window, int(row)),
            )


def perhaps_starting(window: Window) -> NDArray[np.bool_]:
    """The series never heard before that came in the first minute only, where no earlier start was heard."""
    if window.start_known:
        return np.zeros(len(window.after.series), dtype=bool)
    before, after = window.before.of(), window.after.of()
    fresh = np.array([series not in window.known for series in window.after.series], dtype=bool)
    later = after[:, ~window.after.young].sum(axis=1)
    return fresh & (before.sum(axis=1) == 0) & (after.sum(axis=1) > 0) & (later == 0)
