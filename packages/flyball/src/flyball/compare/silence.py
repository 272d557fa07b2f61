"""Did something that came steadily stop? The gap since its last record against everything heard before it.

Three conditions, all of them: the gap is unlikely for so many records under the service's own bursts (the
beta-binomial of `rates`, with none of the total after the last one); it is GAP_RATIO times the longest gap there
was, so that what comes in batches waits for the batch; and it is long enough to matter. A gap may begin at any
moment of a day and is looked at all the time: p is paid for once a slot of the day, which is Bonferroni over
every start there can be. What is rare can therefore never be called silent, and that is meant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyball.compare.fdr import LAST_LOOK_S
from flyball.compare.rates import tail_up

Array = NDArray[np.float64]

GAP_RATIO = 3.0
RECORDS_MIN = 20
SLOTS_MIN = 5
"""Records in fewer slots are a burst or two: nothing tells when the next would come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A gap at the end: the records and seconds heard before it, its own length (s), and p over a day of looks."""

    records: float
    heard_s: float
    silent_s: float
    p: float


def steady(counts: Array) -> bool:
    """Whether counts by slot hold enough to tell a gap from chance."""
    return bool(counts.sum() >= RECORDS_MIN and np.count_nonzero(counts) >= SLOTS_MIN)


def stopped(
    counts: Array, seconds: Array, silent_s: float, dispersion_s: float, *, expected: float = 1.0
) -> Stopped | None:
    """Judge the gap after `counts` (slots, up to the last record) over `seconds`; None where it is no wonder.

    `expected` is how much of the usual rate the hour and the traffic let expect during the gap; more than 1
    counts as 1.
    """
    occupied = np.flatnonzero(counts)
    if not steady(counts):
        return None
    begin, end = int(occupied[0]), int(occupied[-1]) + 1
    heard_s = float(seconds[begin:end].sum())
    elapsed = np.concatenate([[0.0], np.cumsum(seconds)])
    longest = float(np.max(elapsed[occupied[1:]] - elapsed[occupied[:-1]], initial=0.0))
    if silent_s < GAP_RATIO * longest or heard_s <= 0.0:
        return None
    records = float(counts.sum())
    # one record ended the gap before it: the rate is that of the others
    chance = tail_up(0.0, records - 1.0, silent_s * min(expected, 1.0), heard_s, dispersion_s)
    starts = LAST_LOOK_S * len(counts) / max(float(seconds.sum()), 1.0)
    return Stopped(records=records, heard_s=heard_s, silent_s=silent_s, p=min(1.0, chance * starts))
