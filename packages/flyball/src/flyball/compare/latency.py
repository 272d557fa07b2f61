"""Did durations move, which quantile, by how much, and is it real?

Quantiles are read from the merged histograms (within 4.5 %, flyball.model.histogram). Whether a move is real
is asked of the share of spans slower than the quantile of both sides together, by `proportions`: spans of one
slow second are one event, not a thousand, because the dispersion comes from slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.cohort import Pair
from flyball.compare.proportions import compare_shares
from flyball.model.histogram import middle_ns
from flyball.model.window import Durations, SignalKind

Array = NDArray[np.float64]

QUANTILES = {0.5: 20.0, 0.9: 50.0, 0.99: 500.0}
"""Each quantile and how many spans a side must have: five above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One quantile of one series: its value before and after (ms), and p that durations rose."""

    quantile: float
    before_ms: float
    after_ms: float
    bucket: int
    p: float

    @property
    def ratio(self) -> float:
        """After over before."""
        return self.after_ms / self.before_ms


def compare_durations(pair: Pair, row: int) -> tuple[Moved, ...]:
    """Every quantile of one span series for which both sides have enough spans."""
    old, new = pair.before.durations.get(row), pair.after.durations.get(row)
    if old is None or new is None:
        return ()
    least = min(old.count.sum(), new.count.sum())
    return tuple(_moved(pair, old, new, q) for q, spans in QUANTILES.items() if least >= spans)


def quantile_bucket(durations: Durations | tuple[Durations, ...], quantile: float) -> int:
    """The bucket in which the quantile falls, 0 without spans."""
    several = durations if isinstance(durations, tuple) else (durations,)
    bucket = np.concatenate([d.bucket for d in several])
    count = np.concatenate([d.count for d in several])
    if not len(bucket) or not count.sum():
        return 0
    order = np.argsort(bucket, kind="stable")
    cumulated = np.cumsum(count[order])
    return int(bucket[order][np.searchsorted(cumulated, quantile * cumulated[-1], side="left")])


def slow(durations: Durations, bucket: int, slots: int) -> tuple[Array, Array]:
    """Spans above the bucket and all spans, both (1, slots)."""
    everything = np.bincount(durations.slot, weights=durations.count, minlength=slots)
    above = durations.bucket > bucket
    part = np.bincount(durations.slot[above], weights=durations.count[above], minlength=slots)
    return part[None, :].astype(np.float64), everything[None, :].astype(np.float64)


def _moved(pair: Pair, old: Durations, new: Durations, quantile: float) -> Moved:
    bucket = quantile_bucket((old, new), quantile)
    slow_before, all_before = slow(old, bucket, len(pair.before.starts))
    slow_after, all_after = slow(new, bucket, len(pair.after.starts))
    seconds = pair.before.total_seconds(SignalKind.SPAN) + pair.after.total_seconds(SignalKind.SPAN)
    shares = compare_shares((slow_before, slow_after), (all_before, all_after), seconds)
    return Moved(
        quantile=quantile,
        before_ms=middle_ns(quantile_bucket(old, quantile)) / 1e6,
        after_ms=middle_ns(quantile_bucket(new, quantile)) / 1e6,
        bucket=bucket,
        p=float(shares.p_up[0]),
    )
