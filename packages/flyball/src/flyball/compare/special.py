"""Tails of the beta and beta-binomial distributions: all that the tests need, without scipy.

Sources: the incomplete beta function by its continued fraction, https://dlmf.nist.gov/8.17#v (8.17.22), with
Lentz's evaluation, https://dlmf.nist.gov/3.10#iii; the beta-binomial as a mixture of binomials over a beta.
"""

from __future__ import annotations

import math

import numpy as np

_EXACT_MAX = 400
"""Up to this many records the tail is summed term by term; above, a beta of equal moments stands for it."""
_ITERATIONS_MAX = 500
_TINY = 1e-300
_CONVERGED = 1e-12


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function, a and b > 0."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) of a beta distribution (the regularised incomplete beta function I_x(a, b))."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - log_beta(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1.0 - x, b, a) / b)


def beta_sf(x: float, a: float, b: float) -> float:
    """P(X > x), exact where it is tiny: by symmetry a lower tail."""
    return beta_cdf(1.0 - x, b, a)


def beta_binomial_sf(k: int, n: int, a: float, b: float) -> float:
    """P(K >= k) for K successes of n whose chance is itself Beta(a, b), a and b > 0."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    if n <= _EXACT_MAX:
        return _summed(k, n, a, b)
    if k == n:
        return math.exp(log_beta(a + n, b) - log_beta(a, b))
    mean = a / (a + b)
    spread = (n + a + b) / (n * (a + b + 1.0))  # variance of the share over mean * (1 - mean)
    weight = 1.0 / spread - 1.0
    return beta_sf((k - 0.5) / n, mean * weight, (1.0 - mean) * weight)


def _summed(k: int, n: int, a: float, b: float) -> float:
    # pmf(i+1)/pmf(i) = (n-i)/(i+1) * (a+i)/(b+n-i-1); summed from the far end, where the tail is smallest
    i = np.arange(k, n, dtype=np.float64)
    steps = np.log((i + 1.0) / (n - i)) + np.log((b + n - i - 1.0) / (a + i))
    last = log_beta(a + n, b) - log_beta(a, b)
    logs = last + np.concatenate(([0.0], np.cumsum(steps[::-1])))
    return min(1.0, float(np.exp(logs).sum()))


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _ITERATIONS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + term / c
            c = c if abs(c) > _TINY else _TINY
            change = c * d
            value *= change
        if abs(change - 1.0) < _CONVERGED:
            break
    return value
