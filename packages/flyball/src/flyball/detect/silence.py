"""Silence: a service that spoke steadily and is not heard any more, or a pattern that always came and stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from flyball.compare.differences import differences
from flyball.compare.dispersion import estimate
from flyball.compare.fdr import GATE
from flyball.compare.silence import Stopped, steady, stopped
from flyball.detect.describe import gravest, part_of_traffic, state
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.severity import Severity
from flyball.model.window import SignalKind, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing for `silent_s_min`, and unlikely at `p_max` over all that is watched and a day of looking.

    Not where the same time a week ago (a day ago, where no week is known) was silent as well, and not within
    `restart_s_min` of a change of the service's own: restarting takes its time.
    """

    silent_s_min: float = 60.0
    restart_s_min: float = 120.0
    p_max: float = GATE

    def observe(self, window: Window) -> Iterator[Finding]:
        """The service, or else the patterns that are silent."""
        service = self._service(window)
        if service is not None:
            yield service
        elif window.after.of().any():
            yield from self._patterns(window)

    def _least_s(self, window: Window) -> float:
        return self.restart_s_min if window.own and window.change is not None else self.silent_s_min

    def _service(self, window: Window) -> Finding | None:
        pulse = window.pulse
        if pulse is None or pulse.usual is False or pulse.silent_s < self._least_s(window):
            return None
        if not steady(pulse.counts):
            return None
        seconds = np.full(len(pulse.counts), float(pulse.slot_s))
        dispersion = estimate(((pulse.counts[None, :], seconds[None, :]),)).own[0]
        gap = stopped(pulse.counts, seconds, pulse.silent_s, float(dispersion))
        if gap is None or gap.p > self.p_max:
            return None
        return self._stated(window, None, gap, pulse.last_s, gap.p)

    def _patterns(self, window: Window) -> Iterator[Finding]:
        """Patterns that came after the change as before it, and then no more."""
        before, after = window.before.of(), window.after.of()
        watched = np.flatnonzero((after.sum(axis=1) > 0) & (before.sum(axis=1) > 0))
        if not len(watched):
            return
        found = differences(window)
        expected = found.first.factor()
        for row in watched:
            series = window.after.series[row]
            seconds = window.after.seconds[series.kind]
            last = int(np.flatnonzero(after[row])[-1])
            silent_s = float(seconds[last + 1 :].sum())
            if silent_s < self._least_s(window) or series in window.quiet:
                continue
            gap = stopped(
                np.concatenate([before[row], after[row, : last + 1]]),
                np.concatenate([window.before.seconds[series.kind], seconds[: last + 1]]),
                silent_s,
                float(found.dispersion_s[row]),
                expected=float(expected[row]),
            )
            q = gap.p * len(watched) if gap else 1.0
            if gap and q <= self.p_max:
                last_s = float(window.after.starts[last] + window.after.slot_s)
                yield self._stated(window, int(row), gap, last_s, q)

    def _stated(self, window: Window, row: int | None, gap: Stopped, last_s: float, q: float) -> Finding:
        """A service that stops is as grave as an error; a pattern is as grave as itself."""
        return state(
            window,
            FindingKind.SILENCE,
            None if row is None else window.after.series[row],
            signal_kind=_loudest(window) if row is None else None,
            severity=Severity.ERROR if row is None else gravest(window, row),
            before=Numbers(count=gap.records, seconds=gap.heard_s),
            after=Numbers(count=0.0, seconds=gap.silent_s),
            p=gap.p,
            q=q,
            ratio=0.0,
            part_of_traffic=1.0 if row is None else part_of_traffic(window, row),
            last_heard=datetime.fromtimestamp(last_s, UTC),
        )


def _loudest(window: Window) -> SignalKind:
    """The kind a service says most of: its evidence counts those."""
    totals = window.before.of().sum(axis=1) + window.after.of().sum(axis=1)
    spans = sum(
        total
        for series, total in zip(window.before.series, totals, strict=True)
        if series.kind is SignalKind.SPAN
    )
    return SignalKind.SPAN if 2 * spans > totals.sum() else SignalKind.LOG
