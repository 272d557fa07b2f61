"""Rate up and down: a pattern or operation that occurs much more, or much less, often than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.differences import Differences, differences
from flyball.compare.fdr import Q_MAX
from flyball.compare.novelty import habitual
from flyball.detect.describe import gravest, numbers, part_of_traffic, state
from flyball.model.finding import Finding, FindingKind
from flyball.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Moved by less than `ratio_min`, or with fewer than `count_min` records on the larger side: no finding.

    `slots_min` slots must hold records on that side: one burst is no rate. `after_s_min` lets late records
    arrive before less is called less.
    """

    ratio_min: float = 2.0
    count_min: int = 10
    slots_min: int = 2
    after_s_min: float = 8.0
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """The series whose rate moved."""
        found = differences(window)
        for row in np.flatnonzero(self._up(window, found)):
            yield self._stated(window, found, int(row), FindingKind.RATE_UP)
        for row in np.flatnonzero(self._down(window, found)):
            if window.after.total_seconds(window.after.series[row].kind) >= self.after_s_min:
                yield self._stated(window, found, int(row), FindingKind.RATE_DOWN)

    def _up(self, window: Window, found: Differences) -> NDArray[np.bool_]:
        after = window.after.of()
        enough = (after.sum(axis=1) >= self.count_min) & ((after > 0).sum(axis=1) >= self.slots_min)
        return (
            enough
            & self._not_new(window)
            & (np.maximum(found.q_up, habitual(window)) <= self.q_max)
            & (found.ratio_up >= self.ratio_min)
        )

    def _down(self, window: Window, found: Differences) -> NDArray[np.bool_]:
        before, after = window.before.of(), window.after.of().sum(axis=1)
        enough = (before.sum(axis=1) >= self.count_min) & ((before > 0).sum(axis=1) >= self.slots_min)
        less = (after > 0) & (found.ratio_down <= 1.0 / self.ratio_min)
        return enough & less & (found.q_down <= self.q_max)

    def _not_new(self, window: Window) -> NDArray[np.bool_]:
        """Series that were there before, or that come back stronger than any hour of the history had them.

        The same is asked of what belongs to starting up while the version is in its first minute and the
        start of the previous one lies before the window.
        """
        before, after = window.before.of().sum(axis=1), window.after.of().sum(axis=1)
        starting = bool(window.after.young.all()) and not window.before.young.any()
        usual = before > 0
        for i, series in enumerate(window.before.series):
            known = window.known.get(series)
            if known is not None and (not before[i] or (starting and known.startup)):
                usual[i] = after[i] >= self.ratio_min * known.hour_max
        return usual

    def _stated(self, window: Window, found: Differences, row: int, kind: FindingKind) -> Finding:
        up = kind is FindingKind.RATE_UP
        return state(
            window,
            kind,
            window.after.series[row],
            severity=gravest(window, row),
            before=numbers(window.before, row),
            after=numbers(window.after, row),
            p=float(found.p_up[row] if up else found.p_down[row]),
            q=float(found.q_up[row] if up else found.q_down[row]),
            ratio=float(found.ratio_up[row] if up else found.ratio_down[row]),
            part_of_traffic=part_of_traffic(window, row),
        )
