"""The rate tests of a window, made once: each series against every reference, the worst of them counting."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flyball.compare.cohort import Pair, longer, pairs, span_rows
from flyball.compare.fdr import banded
from flyball.compare.rates import Rates, compare_rates
from flyball.model.window import Window

Array = NDArray[np.float64]

AGREES = 0.1
"""What the reference alone must say where a longer one decides."""
SHARE_ALONE = 0.2
"""The longer time nearly always tells more; what moved with the version before is told by the rest."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Differences:
    """Arrays over series, the least favourable of all references.

    `ratio` is the one nearest to 1 on its side (`ratio_up` the least, `ratio_down` the greatest); `total` is
    the records of both sides; `dispersion_s` the greatest D of bursts, without what an hour's factor is unsure by.
    """

    first: Pair
    rates: Rates
    p_up: Array
    p_down: Array
    q_up: Array
    q_down: Array
    ratio_up: Array
    ratio_down: Array
    total: Array
    dispersion_s: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compared:
    """One pair, tested."""

    pair: Pair
    rates: Rates
    p_up: Array
    p_down: Array
    dispersion_s: Array


@functools.lru_cache(maxsize=2)  # three detectors ask for the same window, one after the other
def differences(window: Window) -> Differences:
    """Compare every series of the window; p and q hold against each reference of `cohort.pairs`."""
    results = [_against(window, pair) for pair in pairs(window)]
    p_up = np.max([r.p_up for r in results], axis=0)
    p_down = np.max([r.p_down for r in results], axis=0)
    total = np.max([r.rates.before + r.rates.after for r in results], axis=0)
    return Differences(
        first=results[0].pair,
        rates=results[0].rates,
        p_up=p_up,
        p_down=p_down,
        q_up=banded(p_up, total),
        q_down=banded(p_down, total),
        ratio_up=np.min([r.rates.ratio for r in results], axis=0),
        ratio_down=np.max([r.rates.ratio for r in results], axis=0),
        total=total,
        dispersion_s=np.max([r.dispersion_s for r in results], axis=0),
    )


def _against(window: Window, pair: Pair) -> _Compared:
    """The test against one reference, helped by what was said earlier.

    Two ways to be found share the price, SHARE_ALONE of it for the reference itself: against it, or against it
    with all that was said before, if then the reference alone agrees at AGREES. Without that a level that an
    earlier version had moved would be laid to this one.
    Source: weighted p values, Genovese, Roeder and Wasserman 2006, https://doi.org/10.1093/biomet/93.3.509
    """
    more = longer(window, pair) if not pair.before.young.any() else None
    if more is None:
        return _compared(pair)
    # how bursty a series is, the longer time tells better
    alone, both = _compared(replace(pair, bursts_s=more.bursts_s)), _compared(more)
    return _Compared(
        pair=pair,
        rates=alone.rates,
        p_up=_either(alone.p_up, both.p_up),
        p_down=_either(alone.p_down, both.p_down),
        dispersion_s=both.dispersion_s,
    )


def _either(alone: Array, both: Array) -> Array:
    helped = np.where(alone <= AGREES, both, 1.0)
    return np.minimum(np.minimum(alone / SHARE_ALONE, helped / (1.0 - SHARE_ALONE)), 1.0)


def _compared(pair: Pair) -> _Compared:
    before, after = pair.before.of().sum(axis=1), pair.after.of().sum(axis=1)
    dispersion = pair.bursts_s + pair.extra_s
    rates = compare_rates(before, after, pair.before_s, pair.after_s, dispersion, pair.factor())
    return _Compared(pair=pair, rates=rates, p_up=rates.p_up, p_down=rates.p_down, dispersion_s=pair.bursts_s)


def tests(window: Window) -> int:
    """How many tests a window asks: each series up and down, each operation's errors and three quantiles.

    Series with fewer than TELLING_COUNT records on both sides together are not asked: no share of so few
    could pass (Tarone 1990, https://doi.org/10.2307/2531456).
    """
    telling = (window.before.of().sum(axis=1) + window.after.of().sum(axis=1)) >= TELLING_COUNT
    spans = span_rows(window.before) & telling
    return 2 * int(telling.sum()) + 4 * int(spans.sum()) + 1


TELLING_COUNT = 3
