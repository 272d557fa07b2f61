"""Many tests and many looks: what may be called a finding.

Two rules together (docs/decisions/0005). *FDR*: Benjamini and Hochberg within bands of equal totals: of what
an answer lists, the expected part that is false is at most q. *Gate*: the smallest p of a service must survive
Bonferroni over all its tests and every look that may yet come; so where nothing changed, the chance of ever
saying something, polled for a day, is bounded.
Sources: Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001, https://doi.org/10.1214/aos/1013699998;
groups by an independent covariate: Ignatiadis et al. 2016, https://doi.org/10.1038/nmeth.3885; boundary
crossing of a normalised random walk: Siegmund 1985, Sequential Analysis, (4.40).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Q_MAX = 0.03
"""The false discovery rate of an answer; the target is .05, the rest is for an estimated dispersion."""
GATE = 0.02
"""The chance that a service in which nothing changed is ever reported on, however often it is asked."""
FIRST_LOOK_S = 5.0
LAST_LOOK_S = 86_400.0
"""Looks between these exposures are paid for, one after every record if need be."""
BAND_TESTS_MIN = 100
"""A band has at least so many tests, where there are: many small families would each find something."""
_BAND = 2.0
_P_TINY = 1e-300
_NORMAL = NormalDist()


def benjamini_hochberg(p: Array) -> Array:
    """The q value of each p: the false discovery rate at which it is just found."""
    order = np.argsort(p)
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(ranked)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def benjamini_yekutieli(p: Array) -> Array:
    """As above, valid under any dependence between the tests, at a price of about ln(tests)."""
    return np.minimum(benjamini_hochberg(p) * np.sum(1.0 / np.arange(1, len(p) + 1)), 1.0)


def banded(p: Array, totals: Array) -> Array:
    """Benjamini-Hochberg among the tests whose total count is within a factor of two of the test's own.

    Given its total a test's p does not depend on it when nothing changed, so the total may choose the
    company: thousands of rare series, whose tests can say nothing, do not drown the frequent ones, nor the
    reverse.
    """
    order = np.argsort(totals, kind="stable")
    ranked_totals, ranked_p = totals[order], p[order]
    low = np.searchsorted(ranked_totals, ranked_totals / _BAND, side="left")
    high = np.searchsorted(ranked_totals, ranked_totals * _BAND, side="right")
    middle = np.arange(len(p))
    low = np.maximum(np.minimum(low, middle - BAND_TESTS_MIN // 2), 0)
    high = np.minimum(np.maximum(high, middle + BAND_TESTS_MIN // 2), len(p))
    q = np.ones_like(p)
    for i in np.flatnonzero(ranked_p <= 10 * Q_MAX):
        band = np.sort(ranked_p[low[i] : high[i]])
        rank = int(np.searchsorted(band, ranked_p[i], side="right"))
        tail = band[rank - 1 :] * len(band) / np.arange(rank, len(band) + 1)
        q[order[i]] = min(1.0, float(tail.min()))
    return q


def always_valid(p: float) -> float:
    """The chance to see a p this small at any look between FIRST_LOOK_S and LAST_LOOK_S.

    A normalised sum z(t) crosses z somewhere in [t0, t1] with probability near
    p + density(z) * z * ln(t1/t0) / 2, and density(z) is about p * z: p * (1 + z^2 ln(t1/t0) / 2).
    """
    if p >= 0.1:  # noqa: PLR2004 - at some look it comes; the formula holds for small p
        return 1.0
    z = -_NORMAL.inv_cdf(max(p, _P_TINY))
    return min(1.0, p * (1.0 + z * z * math.log(LAST_LOOK_S / FIRST_LOOK_S) / 2.0))


def gate(found: Sequence[float], tests: int) -> bool:
    """Whether a service in which so many tests gave these p (of what would be reported) may be reported on.

    Simes instead of Bonferroni: the i-th smallest of m may be i times as large. Each p is paid for at every look
    first, so that the least each series ever shows is still a valid p, and the test holds at any stopping time.
    What is not reported counts among the tests, never among the ranks: that can only close the gate.
    Source: Simes 1986, https://doi.org/10.1093/biomet/73.3.751
    """
    ranked = sorted(found)
    return any(
        always_valid(p) * max(tests, 1, len(ranked)) <= GATE * rank for rank, p in enumerate(ranked, 1)
    )
