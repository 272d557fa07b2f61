"""Whether a service is still heard, and whether it used to be silent at this time of day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from flyball.compare.silence import steady
from flyball.model.window import Pulse, Series, SignalKind
from flyball.queries.cohorts import WHERE_PLACE, Alias, Edge, Place, Row, bound
from flyball.queries.ports import Ports

SILENT_S_MIN = 60.0
"""Shorter gaps are not looked up."""
BEFORE_S = 60
AFTER_S = 600
"""Silent at this time means: nothing from BEFORE_S before to AFTER_S after the same time of an earlier day."""
_DAY_S = 86_400
_WEEK = (7, 14)
_DAYS = (1, 2, 3)
_SERIES_MAX = 100_000

_THEN_SQL = (
    "SELECT kind, signal, groupUniqArray(day) AS days FROM ("
    "SELECT kind, signal, intDiv({end:UInt32} - toUnixTimestamp(time) - 1, 86400) AS day"
    f" FROM {{db}}.counts WHERE {WHERE_PLACE}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({now:UInt32}, 'UTC')"
    " AND modulo({end:UInt32} - toUnixTimestamp(time) - 1, 86400) < {length:UInt32}"
    f") WHERE day > 0 GROUP BY kind, signal LIMIT {_SERIES_MAX}"
)


async def read_pulse(
    ports: Ports,
    place: Place,
    alias: Alias,
    rows: Sequence[Row],
    edges: Sequence[Edge],
    *,
    slot_s: int,
    known_s: float,
    asked: datetime,
    as_of: datetime,
) -> tuple[Pulse | None, frozenset[Series]]:
    """The pulse of a service at `asked`, and its series that are usually silent at this time of day.

    `known_s` is how far back the service is known. The store is asked for earlier days only where something
    that was steady is silent.
    """
    if not rows:
        return None, frozenset()
    first, last = min(int(r.slots[0]) for r in rows), max(int(r.slots[-1]) for r in rows)
    counts = np.zeros((last - first) // slot_s + 1)
    for row in rows:
        np.add.at(counts, (row.slots - first) // slot_s, row.counts)
    last_s = max((e.last_s for e in edges if last <= e.last_s < last + slot_s), default=float(last + slot_s))
    silent_s = asked.timestamp() - max(last_s, ports.listening_since_s)
    usual, quiet = None, frozenset[Series]()
    if _worth_asking(rows, last + slot_s, silent_s):
        days = _days(known_s)
        spoke = await _spoke(ports, place, alias, asked, as_of) if days else {}
        if days:
            usual = all(any(day in said for said in spoke.values()) for day in days)
            quiet = frozenset(
                series
                for series in {_series(row, alias) for row in rows}
                if not days <= spoke.get(series, frozenset())
            )
    starts = first + np.arange(len(counts), dtype=np.int64) * slot_s
    pulse = Pulse(
        slot_s=slot_s, starts=starts, counts=counts, last_s=last_s, silent_s=max(silent_s, 0.0), usual=usual
    )
    return pulse, quiet


def _series(row: Row, alias: Alias) -> Series:
    return Series(kind=row.kind, fingerprint=alias(row.signal)[0])


def _worth_asking(rows: Sequence[Row], end_s: int, silent_s: float) -> bool:
    return silent_s >= SILENT_S_MIN or any(
        end_s - int(row.slots[-1]) >= SILENT_S_MIN and steady(row.counts) for row in rows
    )


def _days(known_s: float) -> frozenset[int]:
    """The days ago that are asked: the same weekday, or the last days where no week is known."""
    reach = (known_s - BEFORE_S) / _DAY_S
    weeks = frozenset(day for day in _WEEK if day <= reach)
    return weeks or frozenset(day for day in _DAYS if day <= reach)


async def _spoke(
    ports: Ports, place: Place, alias: Alias, asked: datetime, as_of: datetime
) -> dict[Series, frozenset[int]]:
    """On which of the last 14 days each series was heard at this time."""
    now = int(asked.timestamp())
    parameters = place.parameters() | {
        "begin": now - (max(_WEEK) * _DAY_S + BEFORE_S),
        "now": now,
        "end": now + AFTER_S,
        "length": AFTER_S + BEFORE_S,
        "as_of": bound(as_of),
    }
    found: dict[Series, frozenset[int]] = {}
    for row in (await ports.telemetry.select(_THEN_SQL, parameters)).to_pylist():
        if row["kind"] not in {"log", "span"}:
            continue
        series = Series(kind=SignalKind(row["kind"]), fingerprint=alias(row["signal"])[0])
        found[series] = found.get(series, frozenset()) | frozenset(row["days"])
    return found
