"""What a service said before the window began: so that nothing old is called new.

Fingerprints cross services, counts do not: the history is that of this service in this environment.
"""

from __future__ import annotations

from datetime import datetime

from flyball.model.window import Known, Series, SignalKind
from flyball.queries.cohorts import WHERE_PLACE, Alias, Place, bound
from flyball.queries.ports import Ports

HISTORY_S_MAX = 14 * 86_400
"""As long as counts are kept by the minute."""
START_S = 120
"""A start is looked for in two minutes: after an hour counts have whole minutes only, in the end whole hours."""
_HOUR_S = 3_600
_SERIES_MAX = 100_000

_HISTORY_SQL = (
    "SELECT kind, signal, min(begin) AS first, max(hour) + 3599 AS last, sum(number) AS total, max(number) AS most FROM ("
    "SELECT kind, signal, intDiv(toUnixTimestamp(time), 3600) * 3600 AS hour, toUnixTimestamp(min(time)) AS begin,"
    f" sum(count) AS number FROM {{db}}.counts WHERE {WHERE_PLACE}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    f" GROUP BY kind, signal, hour) GROUP BY kind, signal ORDER BY total DESC LIMIT {_SERIES_MAX}"
)
_START_SQL = (
    f"SELECT DISTINCT kind, signal FROM {{db}}.counts WHERE {WHERE_PLACE} AND version = {{version:String}}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    f" LIMIT {_SERIES_MAX}"
)


async def read_history(
    ports: Ports,
    place: Place,
    alias: Alias,
    *,
    before_s: int,
    as_of: datetime,
    start: tuple[str, float] | None,
) -> tuple[dict[Series, Known], float]:
    """What was known before `before_s`, and over how many seconds.

    `start` is the version before and when it was first heard: what it said then belongs to starting up.
    """
    parameters = place.parameters() | {
        "begin": before_s - HISTORY_S_MAX,
        "end": before_s,
        "as_of": bound(as_of),
    }
    rows = (await ports.telemetry.select(_HISTORY_SQL, parameters)).to_pylist()
    starting = await _starting(ports, place, alias, as_of, start) if start else set[Series]()
    known: dict[Series, Known] = {}
    earliest = min((int(row["first"]) for row in rows if row["kind"] in {"log", "span"}), default=before_s)
    for row in rows:
        if row["kind"] not in {"log", "span"}:
            continue
        series = Series(kind=SignalKind(row["kind"]), fingerprint=alias(row["signal"])[0])
        had = known.get(series)
        known[series] = Known(
            first=min(row["first"], had.first) if had else row["first"],
            last=max(row["last"], had.last) if had else row["last"],
            count=float(row["total"]) + (had.count if had else 0.0),
            hour_max=float(row["most"]) + (had.hour_max if had else 0.0),
            startup=series in starting,
        )
    if start and start[1] < before_s:
        # a start of longer ago than the history: its lines are known all the same
        once = Known(first=int(start[1]), last=int(start[1]), count=1.0, startup=True)
        known = dict.fromkeys(starting, once) | known
    return known, float(before_s - earliest)


async def _starting(
    ports: Ports, place: Place, alias: Alias, as_of: datetime, start: tuple[str, float]
) -> set[Series]:
    version, first = start
    folded = as_of.timestamp() - first > HISTORY_S_MAX
    begin = int(first) // (_HOUR_S if folded else 60) * (_HOUR_S if folded else 60)
    parameters = place.parameters() | {
        "version": version,
        "begin": begin,
        "end": begin + (_HOUR_S if folded else START_S),
        "as_of": bound(as_of),
    }
    rows = (await ports.telemetry.select(_START_SQL, parameters)).to_pylist()
    return {
        Series(kind=SignalKind(row["kind"]), fingerprint=alias(row["signal"])[0])
        for row in rows
        if row["kind"] in {"log", "span"}
    }
