"""The hourly counts of earlier weeks at the clock hours of a window: what is usual at this time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.model.window import Cohort, Season, Series, SignalKind
from flyball.queries.cohorts import WHERE_PLACE, Alias, Place, bound
from flyball.queries.ports import Ports

WEEKS_MAX = 8
WEEKS_MIN = 2
DAYS_MAX = 6
DAYS_MIN = 3
HOURS_MAX = 6
"""A window over more clock hours is compared without: by then most of a day is on either side."""
_HOUR_S = 3_600
_DAY_S = 86_400
_SERIES_MAX = 20_000

_HOURS_SQL = (
    "SELECT kind, signal, groupArray(hour) AS hours, groupArray(number) AS counts FROM ("
    "SELECT kind, signal, toUnixTimestamp(toStartOfHour(time)) AS hour, sum(count) AS number"
    f" FROM {{db}}.counts WHERE {WHERE_PLACE}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    " AND toUnixTimestamp(toStartOfHour(time)) IN {hours:Array(UInt32)}"
    " GROUP BY kind, signal, hour)"
    f" GROUP BY kind, signal ORDER BY sum(number) DESC LIMIT {_SERIES_MAX}"
)


async def read_season(
    ports: Ports,
    place: Place,
    alias: Alias,
    sides: tuple[Cohort, Cohort, Cohort | None],
    *,
    as_of: datetime,
) -> Season | None:
    """The same hours of earlier weeks, else of earlier days; None where the hour explains nothing.

    `sides` are before, after and what lies earlier. Nothing is read where all lie in one clock hour. A period
    in which the service said nothing at all in one of the hours is left out: it, or Flyball, was not running.
    """
    before, after, earlier = sides
    hours = _hours(before, after, earlier)
    if not 1 < len(hours) <= HOURS_MAX:
        return None
    for unit, step, most, least in (
        ("week", 7 * _DAY_S, WEEKS_MAX, WEEKS_MIN),
        ("day", _DAY_S, DAYS_MAX, DAYS_MIN),
    ):
        counts = await _read(ports, place, alias, before.series, hours, (step, most), as_of)
        heard = counts.sum(axis=0).min(axis=1) > 0
        if heard.sum() >= least:
            own = _part(before, hours)
            both = _weights(before, hours) + (_weights(earlier, hours) if earlier else 0.0)
            return Season(
                unit=unit,
                starts=hours,
                counts=counts[:, heard],
                before=own,
                after=_part(after, hours),
                longer=both / max(float(both.sum()), 1e-9) if earlier else own,
            )
    return None


def _hours(*sides: Cohort | None) -> NDArray[np.int64]:
    starts = [side.starts // _HOUR_S * _HOUR_S for side in sides if side is not None]
    return np.unique(np.concatenate(starts)) if starts else np.zeros(0, dtype=np.int64)


def _weights(side: Cohort, hours: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds of the side in each hour, of whichever kind has more."""
    seconds = np.max([side.seconds[kind] for kind in SignalKind], axis=0)
    index = np.searchsorted(hours, side.starts // _HOUR_S * _HOUR_S)
    return np.bincount(index, weights=seconds, minlength=len(hours)).astype(np.float64)


def _part(side: Cohort, hours: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = _weights(side, hours)
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(hours), 1.0 / len(hours))


async def _read(
    ports: Ports,
    place: Place,
    alias: Alias,
    series: tuple[Series, ...],
    hours: NDArray[np.int64],
    periods: tuple[int, int],
    as_of: datetime,
) -> NDArray[np.float64]:
    """Counts (series, periods, hours), the newest period first."""
    step, most = periods
    index = {s: i for i, s in enumerate(series)}
    asked = {
        int(hour) - back * step: (back - 1, column)
        for back in range(1, most + 1)
        for column, hour in enumerate(hours)
    }
    parameters = place.parameters() | {
        "begin": min(asked),
        "end": max(asked) + _HOUR_S,
        "hours": sorted(asked),
        "as_of": bound(as_of),
    }
    counts = np.zeros((len(series), most, len(hours)))
    for row in (await ports.telemetry.select(_HOURS_SQL, parameters)).to_pylist():
        if row["kind"] not in {"log", "span"}:
            continue
        at = index.get(Series(kind=SignalKind(row["kind"]), fingerprint=alias(row["signal"])[0]))
        if at is None:
            continue
        for hour, number in zip(row["hours"], row["counts"], strict=True):
            counts[(at, *asked[hour])] += number
    return counts
