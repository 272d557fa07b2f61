"""Severity shift: the same words said more gravely, or a service whose records as a whole turn grave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.cohort import pairs, span_rows
from flyball.compare.differences import differences
from flyball.compare.fdr import Q_MAX, banded
from flyball.compare.proportions import Shares, compare_shares
from flyball.detect.describe import part_of_traffic, state
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.severity import Severity
from flyball.model.window import Cohort, SignalKind, Window

_EXPLAINED_RATIO = 2.0
_EXPLAINED_COUNT = 10
_LEVELS = 2
"""A service's share is asked at two levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityShift:
    """The grave share of a pattern must rise by `rise_min`, of the service by `service_rise_min`.

    The service is asked for ERROR first, then for WARN, which must rise by `warn_rise_min`. Each must reach `ratio_min` times itself, with `count_min` records on each side.
    """

    ratio_min: float = 2.0
    rise_min: float = 0.1
    service_rise_min: float = 0.01
    warn_rise_min: float = 0.05
    count_min: int = 10
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """Patterns that turned grave, and the service where no single pattern explains it."""
        rows = np.flatnonzero(~span_rows(window.before))
        if not len(rows):
            return
        shifted: set[int] = set()
        for least in (Severity.ERROR, Severity.WARN):
            for row, finding in self._patterns(window, rows, least):
                if row not in shifted:
                    shifted.add(row)
                    yield finding
        if not shifted:
            yield from self._service(window)

    def _patterns(
        self, window: Window, rows: NDArray[np.int64], least: Severity
    ) -> Iterator[tuple[int, Finding]]:
        results = [_shares(pair.before, pair.after, [rows], least) for pair in pairs(window)]
        p = np.max([r.p_up for r in results], axis=0)
        before, after = window.before.of()[rows].sum(axis=1), window.after.of()[rows].sum(axis=1)
        q = banded(p, before + after)
        enough = np.minimum(before, after) >= self.count_min
        for i in np.flatnonzero(enough & (q <= self.q_max)):
            if all(self._matters(r, int(i), self.rise_min) for r in results):
                yield int(rows[i]), self._stated(window, [int(rows[i])], least, float(p[i]), float(q[i]))

    def _service(self, window: Window) -> Iterator[Finding]:
        rest = unexplained(window)
        if not rest:
            return
        for least, rise in ((Severity.ERROR, self.service_rise_min), (Severity.WARN, self.warn_rise_min)):
            results = [_shares(pair.before, pair.after, [rest], least, whole=True) for pair in pairs(window)]
            p = max(float(r.p_up[0]) for r in results)
            grave = window.after.of(least)[rest].sum()
            moved = all(self._matters(r, 0, rise) for r in results)
            q = min(1.0, _LEVELS * p)
            if q <= self.q_max and grave >= self.count_min and moved:
                yield self._stated(window, rest, least, p, q, service=True)
                return

    def _matters(self, shares: Shares, i: int, rise: float) -> bool:
        return (
            shares.after[i] - shares.before[i] >= rise
            and shares.after[i] >= self.ratio_min * shares.before[i]
        )

    def _stated(
        self, window: Window, rows: list[int], least: Severity, p: float, q: float, *, service: bool = False
    ) -> Finding:
        before, after = _numbers(window.before, rows, least), _numbers(window.after, rows, least)
        old = before.share or 0.0
        return state(
            window,
            FindingKind.SEVERITY_SHIFT,
            window.after.series[rows[0]] if not service else None,
            severity=least,
            before=before,
            after=after,
            p=p,
            q=q,
            ratio=(after.share or 0.0) / old if old else float("inf"),
            part_of_traffic=part_of_traffic(window, rows[0]) if not service else after.share or 0.0,
        )


def unexplained(window: Window) -> list[int]:
    """The log series that are no finding of their own rate: of these the service's shift is stated."""
    found = differences(window)
    logs = ~span_rows(window.before)
    enough = window.after.of().sum(axis=1) >= _EXPLAINED_COUNT
    explained = enough & (found.q_up <= Q_MAX) & (found.ratio_up >= _EXPLAINED_RATIO)
    return [int(row) for row in np.flatnonzero(logs & ~explained)]


def _shares(
    before: Cohort,
    after: Cohort,
    rows: list[NDArray[np.int64]] | list[list[int]],
    least: Severity,
    *,
    whole: bool = False,
) -> Shares:
    def sums(cohort: Cohort, at_least: Severity) -> NDArray[np.float64]:
        counts = cohort.of(at_least)[rows[0]]
        return counts.sum(axis=0, keepdims=True) if whole else counts

    return compare_shares(
        (sums(before, least), sums(after, least)),
        (sums(before, Severity.UNSPECIFIED), sums(after, Severity.UNSPECIFIED)),
        before.total_seconds(SignalKind.LOG) + after.total_seconds(SignalKind.LOG),
    )


def _numbers(cohort: Cohort, rows: list[int], least: Severity) -> Numbers:
    return Numbers(
        count=float(cohort.of(least)[rows].sum()),
        of=float(cohort.of()[rows].sum()),
        seconds=cohort.total_seconds(SignalKind.LOG),
    )
