"""Is a series that was silent really new, and one that fell silent really gone?

*New*: all its records fall on the after side. The chance of that, had it always been there, is the
beta-binomial tail of `rates` over all the time in which the service was silent about it: the window's before
side and the history. Services that always say new things are judged by their own habit: how often series of
this size first appeared in the later half of the silent time (the Good-Turing idea: what is yet unseen shows
in what was seen late). Source: Good 1953, https://doi.org/10.1093/biomet/40.3-4.237
*Gone*: the reverse, against every reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.differences import Differences
from flyball.compare.fdr import banded
from flyball.compare.rates import tail_up
from flyball.model.window import Window

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Novelty:
    """Arrays over series: candidates, their p and q; `expected` is how many as large would come anyway."""

    candidate: NDArray[np.bool_]
    p: Array
    q: Array
    expected: Array


def novelty(window: Window, found: Differences) -> Novelty:
    """Judge the series that this service never said before the change."""
    before, after = window.before.of().sum(axis=1), window.after.of().sum(axis=1)
    never = np.array([s not in window.known for s in window.before.series], dtype=bool)
    candidate = never & (before == 0) & (after > 0)
    p = np.ones(len(before))
    silent: Array = np.zeros(len(before))
    for i in np.flatnonzero(candidate):
        kind = window.before.series[i].kind
        earlier = window.earlier.total_seconds(kind) if window.earlier else 0.0
        silent[i] = window.before.total_seconds(kind) + earlier + window.history_s
        spoken = window.after.total_seconds(kind)
        p[i] = tail_up(0.0, after[i], silent[i], spoken, found.dispersion_s[i], factor=found.first.traffic)
    # the company of a new series are all series of its size: they could have been silent by chance, too
    q = banded(np.where(candidate, p, 1.0), before + after)
    expected = _expected(window, candidate, after)
    return Novelty(
        candidate=candidate, p=p, q=np.maximum(q, _unseen(candidate, after, expected)), expected=expected
    )


def habitual(window: Window) -> Array:
    """For series that began shortly before the after side: which part of them (0 to 1) the service's habit explains.

    Shortly is the length of the after side. What a chatty service begins to say a moment before a change goes on
    after it: that is no rise. 0 for series that are older, or known.
    """
    counts, after = window.before.of(), window.after.of().sum(axis=1)
    end, _ = _silent_time(window)
    spoken = max(window.after.total_seconds(kind) for kind in window.after.seconds)
    late = window.before.starts >= end - spoken
    fresh = np.array([series not in window.known for series in window.before.series], dtype=bool)
    fresh &= (counts[:, late].sum(axis=1) > 0) & (counts[:, ~late].sum(axis=1) == 0) & (after > 0)
    if not fresh.any():
        return np.zeros(len(after))
    return np.where(fresh, _unseen(fresh, after, _expected(window, fresh, after)), 0.0)


def _unseen(candidate: NDArray[np.bool_], after: Array, expected: Array) -> Array:
    """What part of the new series of this size or larger the habit explains."""
    sizes = np.sort(after[candidate])
    as_large = len(sizes) - np.searchsorted(sizes, after, side="left")
    return np.minimum(expected / np.maximum(as_large, 1), 1.0)


def _expected(window: Window, candidate: NDArray[np.bool_], after: Array) -> Array:
    """How many series with at least half as many records appear anew in the time of the after side."""
    end, seconds = _silent_time(window)
    if seconds <= 0.0:
        return np.zeros(len(after))
    middle = end - seconds / 2.0
    spoken = max(window.after.total_seconds(kind) for kind in window.after.seconds)
    # of the history only totals are known: a share of the time since its first record is taken of each
    late = [
        k.count * min(1.0, spoken / max(end - k.first, 1.0))
        for k in window.known.values()
        if k.first >= middle and not k.startup
    ]
    counts, starts = window.before.of(), window.before.starts
    for i, series in enumerate(window.before.series):
        occupied = np.flatnonzero(counts[i])
        # what a start prints is no habit of saying new things
        begun = len(occupied) and starts[occupied[0]] >= middle and not window.before.young[occupied[0]]
        if series not in window.known and begun:
            soon = starts < starts[occupied[0]] + spoken
            late.append(float(counts[i][soon].sum()))
    sizes = np.sort(np.array(late, dtype=np.float64))
    arrivals = len(sizes) - np.searchsorted(sizes, after / 2.0, side="left")
    return np.where(candidate, arrivals * spoken / (seconds / 2.0), 0.0)


def _silent_time(window: Window) -> tuple[float, float]:
    """End (seconds since 1970) and length of the time before the after side."""
    here = max((window.before.total_seconds(kind) for kind in window.before.seconds), default=0.0)
    starts = window.before.starts
    if not len(starts):
        return 0.0, 0.0
    return float(starts[-1] + window.before.slot_s), here + window.history_s
