"""What moved everything: how much more traffic the after side had, and how unevenly the bulk of series moved.

Judged by the series that are frequent on both sides; what is told here is the background of every rate test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyball.compare.season import Usual
from flyball.model.window import Basis, Cohort, SignalKind

Array = NDArray[np.float64]

_STABLE_COUNT_MIN = 20
_STABLE_SERIES_MIN = 5
_STABLE_WITHIN = 1.3
_MEDIAN_ERROR = 1.86
"""Standard error of a median from the median deviation: 1.4826 sqrt(pi/2) / sqrt(n), normal logs."""
_ERRORS = 3.0
_TRAFFIC_RATIO_MAX = 20.0
_SIDE_BY_SIDE_RATIO_MAX = 1000.0
_STABLE_PART = 0.5
BULK_SERIES_MIN = 20
"""From so many frequent series on their middle half tells how far chance reaches."""
_MEDIAN_OF_SQUARE = 0.455
"""The median of a squared standard normal."""


def traffic(
    before: Cohort, after: Cohort, basis: Basis, usual: Usual | None = None, chance: Array | None = None
) -> tuple[float, float]:
    """How much more traffic a second the after side had, beyond what is usual; and the error of its logarithm.

    The median ratio of the series that occur on both sides (span operations first: they count requests),
    believed only when at least half of them agree within 30 % beyond `chance` (standard error of each log ratio
    by bursts) and it is further from 1 than chance; else 1. So a surge that moves everything is not a finding
    for everything. Of two versions side by side only the ratio tells what part each served.
    Source: median of ratios, Anders and Huber 2010, https://doi.org/10.1186/gb-2010-11-10-r106
    """
    limit = _SIDE_BY_SIDE_RATIO_MAX if basis is Basis.SIDE_BY_SIDE else _TRAFFIC_RATIO_MAX
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        rows = np.array([s.kind is kind for s in before.series], dtype=bool)
        old, new = before.of()[rows].sum(axis=1), after.of()[rows].sum(axis=1)
        both = (old >= _STABLE_COUNT_MIN) & (new >= _STABLE_COUNT_MIN)
        old_s, new_s = before.total_seconds(kind), after.total_seconds(kind)
        if both.sum() < _STABLE_SERIES_MIN or not old_s or not new_s:
            continue
        logs = np.log(new[both] / new_s) - np.log(old[both] / old_s)
        logs -= usual.log[rows][both] if usual else 0.0
        middle = float(np.median(logs))
        far = np.abs(logs - middle)
        error = float(_MEDIAN_ERROR * np.median(far) / np.sqrt(len(logs)))
        near = far <= np.log(_STABLE_WITHIN) + (chance[rows][both] if chance is not None else 0.0)
        if np.mean(near) >= _STABLE_PART and abs(middle) > _ERRORS * error:
            return float(np.clip(np.exp(middle), 1.0 / limit, limit)), error
    return (_volume(before, after) if basis is Basis.SIDE_BY_SIDE else 1.0), 0.0


def wider(
    before: Cohort, after: Cohort, seconds: tuple[Array, Array], usual: Usual | None, chance: Array
) -> float:
    """By how much the log ratios of the bulk vary more than chance explains: then nobody's may be believed more.

    Services answer a surge unevenly, and bursts that outlast the window show in no dispersion. The middle half
    of the frequent series tells, which few real changes can move; at most chance is doubled, so that a deploy
    which changes most of its lines cannot hide them all.
    Source: the empirical null, Efron 2004, https://doi.org/10.1198/016214504000000089
    """
    old, new, both = before.of().sum(axis=1), after.of().sum(axis=1), frequent(before, after)
    logs = np.log(new[both] / seconds[1][both]) - np.log(old[both] / seconds[0][both])
    logs -= usual.log[both] if usual else 0.0
    known = chance[both] ** 2 + 1.0 / old[both] + 1.0 / new[both]
    far = (logs - np.median(logs)) ** 2 / known
    times = float(np.median(far)) / _MEDIAN_OF_SQUARE
    return float(np.median(known)) * min(max(times - 1.0, 0.0), 1.0)


def frequent(before: Cohort, after: Cohort) -> NDArray[np.bool_]:
    """The series that have enough records on both sides to have a ratio."""
    enough = [side.of().sum(axis=1) >= _STABLE_COUNT_MIN for side in (before, after)]
    return enough[0] & enough[1]


def _volume(before: Cohort, after: Cohort) -> float:
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        rows = np.array([s.kind is kind for s in before.series], dtype=bool)
        old, new = before.of()[rows].sum(), after.of()[rows].sum()
        old_s, new_s = before.total_seconds(kind), after.total_seconds(kind)
        if old and new and old_s and new_s:
            return float((new / new_s) / (old / old_s))
    return 1.0
