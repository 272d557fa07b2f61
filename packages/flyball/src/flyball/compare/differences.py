"""The rate tests of a window, made once: each series against every reference, the worst of them counting."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.cohort import Pair, exposures, pairs, span_rows
from flyball.compare.dispersion import estimate
from flyball.compare.fdr import banded
from flyball.compare.rates import Rates, compare_rates
from flyball.model.window import Window

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Differences:
    """Arrays over series, the least favourable of all references.

    `ratio` is the one nearest to 1 on its side (`ratio_up` the least, `ratio_down` the greatest); `total` is
    the records of both sides; `dispersion_s` the greatest D.
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


@functools.lru_cache(maxsize=2)  # three detectors ask for the same window, one after the other
def differences(window: Window) -> Differences:
    """Compare every series of the window; p and q hold against each reference of `cohort.pairs`."""
    spans = span_rows(window.before)
    results: list[tuple[Pair, Rates, Array]] = []
    for pair in pairs(window):
        before_s, after_s = exposures(pair, spans)
        before, after = pair.before.of(), pair.after.of()
        dispersion = estimate(((before, before_s), (after, after_s)))
        rates = compare_rates(
            before.sum(axis=1), after.sum(axis=1), before_s.sum(axis=1), after_s.sum(axis=1), dispersion.own
        )
        results.append((pair, rates, dispersion.own))
    p_up = np.max([r.p_up for _, r, _ in results], axis=0)
    p_down = np.max([r.p_down for _, r, _ in results], axis=0)
    total = np.max([r.before + r.after for _, r, _ in results], axis=0)
    return Differences(
        first=results[0][0],
        rates=results[0][1],
        p_up=p_up,
        p_down=p_down,
        q_up=banded(p_up, total),
        q_down=banded(p_down, total),
        ratio_up=np.min([r.ratio for _, r, _ in results], axis=0),
        ratio_down=np.max([r.ratio for _, r, _ in results], axis=0),
        total=total,
        dispersion_s=np.max([d for _, _, d in results], axis=0),
    )


def tests(window: Window) -> int:
    """How many tests a window asks: each series up and down, each operation's errors and three quantiles.

    Series with fewer than TELLING_COUNT records on both sides together are not asked: no share of so few
    could pass (Tarone 1990, https://doi.org/10.2307/2531456).
    """
    telling = (window.before.of().sum(axis=1) + window.after.of().sum(axis=1)) >= TELLING_COUNT
    spans = span_rows(window.before) & telling
    return 2 * int(telling.sum()) + 4 * int(spans.sum()) + 1


TELLING_COUNT = 3
