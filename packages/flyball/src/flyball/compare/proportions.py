"""Did a share change? Errors among spans, grave records among a pattern's, slow spans among all.

A share is a rate whose exposure is counted in its whole instead of in seconds, so it is tested as `rates`
tests: the dispersion of the part over the whole, from slots, makes a burst of errors one event. Exposure is
expressed in seconds of the mean traffic of both sides to keep D comparable and its prior meaningful.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.dispersion import estimate
from flyball.compare.rates import compare_rates

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Arrays over series: the shares of both sides and the one-sided p values."""

    before: Array
    after: Array
    p_up: Array
    p_down: Array


def compare_shares(parts: tuple[Array, Array], wholes: tuple[Array, Array], seconds: float) -> Shares:
    """Compare part/whole before and after; arrays are (series, slots), `seconds` the exposure of both sides."""
    total = wholes[0].sum(axis=1) + wholes[1].sum(axis=1)
    scale = np.divide(seconds, total, out=np.zeros(len(total)), where=total > 0)
    exposure = tuple(whole * scale[:, None] for whole in wholes)
    dispersion = estimate(((parts[0], exposure[0]), (parts[1], exposure[1])))
    rates = compare_rates(
        parts[0].sum(axis=1),
        parts[1].sum(axis=1),
        exposure[0].sum(axis=1),
        exposure[1].sum(axis=1),
        dispersion.own,
    )
    return Shares(
        before=_share(parts[0], wholes[0]),
        after=_share(parts[1], wholes[1]),
        p_up=rates.p_up,
        p_down=rates.p_down,
    )


def _share(part: Array, whole: Array) -> Array:
    totals = whole.sum(axis=1)
    return np.divide(part.sum(axis=1), totals, out=np.zeros(len(totals)), where=totals > 0)
