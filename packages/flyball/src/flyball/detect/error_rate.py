"""Error rate: an operation whose spans fail more often than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flyball.compare.cohort import pairs, span_rows
from flyball.compare.fdr import Q_MAX, banded
from flyball.compare.proportions import Shares, compare_shares
from flyball.detect.describe import state
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.severity import Severity
from flyball.model.window import Cohort, SignalKind, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """A share that rose by `rise_min` and to `ratio_min` times itself, or by `rise_large` at all.

    With fewer than `errors_min` errors, or a share that rose by less, there is no finding.
    """

    ratio_min: float = 2.0
    rise_min: float = 0.02
    rise_large: float = 0.15
    errors_min: int = 5
    q_max: float = Q_MAX

    def observe(self, window: Window) -> Iterator[Finding]:
        """The operations that fail more often."""
        rows = np.flatnonzero(span_rows(window.before))
        if not len(rows):
            return
        results = [_shares(pair.before, pair.after, rows) for pair in pairs(window)]
        p = np.max([r.p_up for r in results], axis=0)
        errors = window.after.of(Severity.ERROR)[rows].sum(axis=1)
        q = banded(p, errors + window.before.of(Severity.ERROR)[rows].sum(axis=1))
        for i, row in enumerate(rows):
            effect = all(self._matters(float(r.before[i]), float(r.after[i])) for r in results)
            if q[i] <= self.q_max and errors[i] >= self.errors_min and effect:
                yield self._stated(window, int(row), float(p[i]), float(q[i]))

    def _matters(self, before: float, after: float) -> bool:
        rise = after - before
        return (rise >= self.rise_min and after >= self.ratio_min * before) or rise >= self.rise_large

    def _stated(self, window: Window, row: int, p: float, q: float) -> Finding:
        before, after = _numbers(window.before, row), _numbers(window.after, row)
        old = before.share or 0.0
        return state(
            window,
            FindingKind.ERROR_RATE,
            window.after.series[row],
            severity=Severity.ERROR,
            before=before,
            after=after,
            p=p,
            q=q,
            ratio=(after.share or 0.0) / old if old else float("inf"),
            part_of_traffic=after.share or 0.0,
        )


def _shares(before: Cohort, after: Cohort, rows: np.ndarray) -> Shares:
    return compare_shares(
        (before.of(Severity.ERROR)[rows], after.of(Severity.ERROR)[rows]),
        (before.of()[rows], after.of()[rows]),
        before.total_seconds(SignalKind.SPAN) + after.total_seconds(SignalKind.SPAN),
    )


def _numbers(cohort: Cohort, row: int) -> Numbers:
    return Numbers(
        count=float(cohort.of(Severity.ERROR)[row].sum()),
        of=float(cohort.of()[row].sum()),
        seconds=cohort.total_seconds(SignalKind.SPAN),
    )
