"""What chance does: an exact test for counts, and what is left of many tests.

Rules look at every operation, template and metric there is: something is always out of the ordinary. So what a rule
calls a finding must survive the number of things that it looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from flyball.compare.fdr import Q_MAX, benjamini_hochberg

T = TypeVar("T")


def at_least(k: int, marked: int, drawn: int, total: int) -> float:
    """P(k or more of `drawn` are among the `marked` of `total`), drawn without replacement: hypergeometric.

    Fisher's exact test is this, of a table with fixed margins. 1 where k is not above what must be.
    """
    most = min(marked, drawn)
    if k <= max(0, drawn + marked - total):
        return 1.0
    logs = [_log_ways(marked, i) + _log_ways(total - marked, drawn - i) for i in range(k, most + 1)]
    return min(1.0, sum(math.exp(one - _log_ways(total, drawn)) for one in logs))


def _log_ways(of: int, chosen: int) -> float:
    """The logarithm of the binomial coefficient; minus infinity where there is no way."""
    if not 0 <= chosen <= of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def real(tested: Sequence[T], p: Sequence[float]) -> list[T]:
    """Of what was tested, what is not chance: the false discovery rate is `Q_MAX` (Benjamini and Hochberg)."""
    q = benjamini_hochberg(np.array(p, np.float64)).tolist()
    return [one for one, found in zip(tested, q, strict=True) if found <= Q_MAX]


def simes(p: Sequence[float]) -> float:
    """The chance of tests like these where nothing is to be found in any; 1 without tests."""
    return min((one * len(p) / rank for rank, one in enumerate(sorted(p), 1)), default=1.0)
