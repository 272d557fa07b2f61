"""Is one more value of the kind that was seen before? The predictive t test on logarithms.

For n values whose logarithms are normal, the next one's, less their mean and over s * sqrt(1 + 1/n), has Student's t
with n - 1 degrees of freedom, whatever mean and spread are. So five values give a wide interval and fifty a narrow one,
and neither needs a threshold of its own. Tokens, durations and counts of steps are products of many things: their
logarithms are near enough to normal, and a floor for the spread keeps values that happen to be equal from making the
next one a wonder. Source: Student's t by the incomplete beta function, https://dlmf.nist.gov/8.17
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flyball.compare.special import beta_cdf

VALUES_MIN = 4
"""Fewer say nothing of a spread."""
SPREAD_MIN = 0.1
"""Least standard deviation of logarithms: some 10 %, below which nobody calls two runs different."""


def predictive_p(before: Sequence[float], value: float) -> float:
    """P that the next value is at least so large, by those before; 1 where these are too few to tell."""
    logs = [math.log(one) for one in before if one > 0]
    if len(logs) < VALUES_MIN or value <= 0:
        return 1.0
    count = len(logs)
    mean = math.fsum(logs) / count
    variance = math.fsum((one - mean) ** 2 for one in logs) / (count - 1)
    spread = max(math.sqrt(variance), SPREAD_MIN)
    return student_sf((math.log(value) - mean) / (spread * math.sqrt(1.0 + 1.0 / count)), count - 1)


def student_sf(t: float, freedom: float) -> float:
    """P(T >= t) of Student's t."""
    tail = 0.5 * beta_cdf(freedom / (freedom + t * t), freedom / 2.0, 0.5)
    return tail if t >= 0 else 1.0 - tail
