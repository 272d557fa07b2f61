"""Latency: an operation that became slower than matters to anyone, in its middle or its tail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from flyball.compare.cohort import Pair, pairs, span_rows
from flyball.compare.fdr import Q_MAX, benjamini_hochberg
from flyball.compare.latency import Moved, compare_durations, quantile_bucket
from flyball.detect.describe import part_of_traffic, state
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.histogram import middle_ns
from flyball.model.severity import Severity
from flyball.model.window import Cohort, SignalKind, Window

BEFORE_S_MIN = 60.0
"""Seconds of spans before the change without which no latency is judged. A neighbour on the machine, a cache or
a collection slows everything for tens of seconds: half a minute of history does not know that yet. (A deploy that
changed nothing, on a machine where a compiler ran beside it, was blamed with 20 s of history.)"""
_RISE_MS = {0.5: 10.0, 0.9: 25.0, 0.99: 50.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A quantile must rise to `ratio_min` times itself and by `rise_ms[quantile]` milliseconds.

    `before_s_min` is BEFORE_S_MIN; `after_s_min` keeps the cold first seconds of a process from being all there is.
    """

    ratio_min: float = 1.5
    rise_ms: dict[float, float] = field(default_factory=lambda: dict(_RISE_MS))
    before_s_min: float = BEFORE_S_MIN
    after_s_min: float = 8.0
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """The operations that became slower; of several quantiles the surest."""
        if window.before.total_seconds(SignalKind.SPAN) < self.before_s_min:
            return
        if window.after.total_seconds(SignalKind.SPAN) < self.after_s_min:
            return
        tests = self._tests(window, pairs(window))
        q = benjamini_hochberg(np.array([moved.p for _, moved in tests])) if tests else np.array([])
        best: dict[int, tuple[float, Moved]] = {}
        for (row, moved), value in zip(tests, q, strict=True):
            if value <= self.q_max and self._matters(moved) and value < best.get(row, (1.0, moved))[0]:
                best[row] = (float(value), moved)
        for row, (value, moved) in best.items():
            yield _stated(window, row, moved, value)

    def _matters(self, moved: Moved) -> bool:
        rise = moved.after_ms - moved.before_ms
        return moved.ratio >= self.ratio_min and rise >= self.rise_ms.get(moved.quantile, 0.0)

    def _tests(self, window: Window, chosen: tuple[Pair, ...]) -> list[tuple[int, Moved]]:
        """Per operation and quantile the least convincing of all references."""
        tests: list[tuple[int, Moved]] = []
        for row in (int(r) for r in np.flatnonzero(span_rows(window.before))):
            by_quantile: dict[float, list[Moved]] = {}
            for pair in chosen:
                for moved in compare_durations(pair, row):
                    by_quantile.setdefault(moved.quantile, []).append(moved)
            for several in by_quantile.values():
                if len(several) == len(chosen):
                    least = min(several, key=lambda m: (self._matters(m), -m.p))
                    tests.append((row, least))
        return tests


def _stated(window: Window, row: int, moved: Moved, q: float) -> Finding:
    before = _numbers(window.before, row, moved)
    after = _numbers(window.after, row, moved)
    return state(
        window,
        FindingKind.LATENCY,
        window.after.series[row],
        severity=Severity.WARN,
        before=before,
        after=after,
        p=moved.p,
        q=q,
        ratio=(after.quantile_ms or 0.0) / before.quantile_ms if before.quantile_ms else float("inf"),
        part_of_traffic=part_of_traffic(window, row),
        quantile=moved.quantile,
        slow_bucket=moved.bucket,
    )


def _numbers(cohort: Cohort, row: int, moved: Moved) -> Numbers:
    durations = cohort.durations[row]
    return Numbers(
        count=float(durations.count[durations.bucket > moved.bucket].sum()),
        of=float(durations.count.sum()),
        seconds=cohort.total_seconds(SignalKind.SPAN),
        quantile_ms=middle_ns(quantile_bucket(durations, moved.quantile)) / 1e6,
    )
