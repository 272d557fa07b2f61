"""Notice: is anything wrong now? Every service is looked at again and again, those that complain first.

A service is held against itself: each version against the one before it from a change on, and each minute against
the hour before it. A look costs a few queries, so one round spends at most a share of the time between rounds; a
service that was left out comes first in the next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from flyball.detect import noticed
from flyball.detect.worth import joins
from flyball.model.change import Change
from flyball.model.finding import Finding
from flyball.model.incident import key
from flyball.model.pattern import shape_id
from flyball.model.window import Series, Window
from flyball.queries.cite import cite, least_severity
from flyball.queries.cohorts import Place, bound
from flyball.queries.ports import Ports
from flyball.queries.window import read_window

GRID_S = 60
"""Times that services are held against are whole minutes: each is asked about for a minute or two."""
LATE_S = 900
"""Records that come so late are still looked at where they belong; older ones open nothing."""
MOMENTS = 86_400 // GRID_S
"""How many of them there are a day: each could be the one where chance looks like a fault."""
CHANGED = timedelta(minutes=30)
"""So long a change of a service is asked about by itself."""
ROUND_S_MAX = 0.5
"""Seconds after which a round of looks begins no further one."""
AGAIN_S = 2.0
"""A service that complains is looked at again so soon;"""
COMPLAINING_S = 10.0
"""one whose complaints are known, an incident, so soon;"""
COMPLAINTS_MIN, COMPLAINTS_RATIO = 2, 2.0
"""Errors that came since the last round beyond so many, and beyond so many times the usual, are complaints."""
CALM_S = 20.0
"""and one that does not complain: slowness, silence, what stopped coming."""
_PLACES_MAX = 1_000

_PLACES_SQL = (
    "SELECT service, environment, sumIf(count, severity >= 17 AND received > {last:DateTime64(3, 'UTC')}) AS complaints,"
    " sumIf(count, severity >= 17 AND received <= {last:DateTime64(3, 'UTC')}) AS usual,"
    " toUnixTimestamp(minIf(time, received > {last:DateTime64(3, 'UTC')})) AS oldest,"
    " countIf(received > {last:DateTime64(3, 'UTC')}) AS fresh"
    " FROM {db}.counts WHERE workspace = {workspace:String} AND received <= {as_of:DateTime64(3, 'UTC')}"
    " AND time >= toDateTime({begin:UInt32}, 'UTC') GROUP BY service, environment"
    f" ORDER BY complaints DESC, service, environment LIMIT {_PLACES_MAX}"
)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Mapping[tuple[str, str], datetime] = {}


@dataclass(slots=True)
class _Heard:
    """What came of a service since it was last looked at: the oldest event time, and how much of it complains."""

    oldest_s: int
    complaints: int
    looked_s: float = -CALM_S


@dataclass(slots=True)
class Lookout:
    """Looks at every service in turn; remembers whom it has looked at, and until when."""

    ports: Ports
    round_s_max: float = ROUND_S_MAX
    _last: datetime = field(default=_LONG_AGO)
    _heard: dict[Place, _Heard] = field(default_factory=dict[Place, _Heard])

    async def look(
        self,
        known: Collection[str] = (),
        troubled: Collection[str] = (),
        settled: Mapping[tuple[str, str], datetime] = _NOTHING,
    ) -> list[Finding]:
        """What is wrong, with its evidence, but for findings whose `key` is known.

        `troubled` services have incidents; `settled` tells until when a service had some in an environment that are
        over: what it showed there before that is told already.
        """
        clock, found = self.ports.clock, list[Finding]()
        if not self.ports.telemetry.committed_ms:
            return found
        as_of = self.ports.as_of()
        await self._listen(as_of)
        begun = clock.monotonic_s()
        for place, heard in sorted(self._heard.items(), key=_urgent):
            if begun - heard.looked_s < _pause(place, heard, troubled):
                continue
            floor = settled.get((place.service, place.environment), _LONG_AGO)
            found += await self._look_at(place, heard, as_of, {*known, *map(key, found)}, floor)
            now = clock.monotonic_s()
            self._heard[place] = _Heard(oldest_s=int(as_of.timestamp()), complaints=0, looked_s=now)
            if now - begun > self.round_s_max:
                break
        return found

    async def _listen(self, as_of: datetime) -> None:
        """Who said something since the last round."""
        begin = int(as_of.timestamp()) - LATE_S
        parameters = {
            "workspace": self.ports.workspace,
            "last": bound(self._last),
            "as_of": bound(as_of),
            "begin": begin,
        }
        rows = (await self.ports.telemetry.select(_PLACES_SQL, parameters)).to_pylist()
        here = set[Place]()
        for row in rows:
            place = Place(
                workspace=self.ports.workspace, service=row["service"], environment=row["environment"]
            )
            here.add(place)
            oldest = row["oldest"] if row["fresh"] else int(as_of.timestamp())
            heard = self._heard.setdefault(place, _Heard(oldest_s=oldest, complaints=0))
            heard.oldest_s = min(heard.oldest_s, oldest)
            heard.complaints += _unusual(
                row["complaints"], row["usual"], (as_of - self._last).total_seconds()
            )
        for gone in self._heard.keys() - here:
            del self._heard[gone]
        self._last = as_of

    async def _look_at(
        self, place: Place, heard: _Heard, as_of: datetime, known: Collection[str], floor: datetime
    ) -> list[Finding]:
        """The first minute that shows something tells; a change of the service is asked about before."""
        changes = await self.ports.changes.changes(
            place.workspace,
            service=place.service,
            environment=place.environment,
            since=max(as_of - CHANGED, floor),
            until=as_of,
            limit=1,
        )
        looks: list[tuple[datetime, Change | None]] = [(change.time, change) for change in changes]
        looks += [(start, None) for start in _starts(heard.oldest_s, as_of) if start >= floor]
        for start, change in looks:
            found = await self._held_against(place, start, change, as_of, known)
            if found:
                return found
        return []

    async def _held_against(
        self, place: Place, start: datetime, change: Change | None, as_of: datetime, known: Collection[str]
    ) -> list[Finding]:
        now = max(as_of, self.ports.now())
        read = await read_window(
            self.ports, place, start, as_of=as_of, change=change, resumed=None, asked=now
        )
        wrong = [
            finding
            for finding in noticed(read.window, moments=1 if change else MOMENTS)
            if key(finding) not in known and joins(finding)
        ]
        cited = await cite(self.ports, [(read, finding) for finding in wrong], start=start, as_of=as_of)
        return [_since_onset(read.window, finding) for finding in cited]


def _since_onset(window: Window, finding: Finding) -> Finding:
    """First seen when it rose: what came now and then before is not of it.

    The onset is where the sum of all that exceeds the mean is least (Page 1954, https://doi.org/10.1093/biomet/41.1-2.100).
    """
    if not finding.fingerprint or finding.first_seen is None or not finding.before.count:
        return finding
    series = Series(kind=finding.signal_kind, fingerprint=shape_id(finding.fingerprint))
    if series not in window.after.series:
        return finding
    row = window.after.series.index(series)
    if finding.slow_bucket is None:
        counts = window.after.of(least_severity(finding))[row]
    else:
        slow = window.after.durations[row]
        rows = slow.bucket > finding.slow_bucket
        counts = np.bincount(slow.slot[rows], slow.count[rows], minlength=len(window.after.starts))
    excess = np.concatenate([[0.0], np.cumsum(counts - counts.mean())])
    onset = datetime.fromtimestamp(float(window.after.starts[int(excess[:-1].argmin())]), UTC)
    return replace(finding, first_seen=max(finding.first_seen, onset))


def _unusual(complaints: int, usual: int, seconds: float) -> int:
    """Complaints beyond twice what is usual in so many seconds; the few that chance brings are none."""
    expected = usual * min(seconds / LATE_S, 1.0)
    return max(complaints - round(COMPLAINTS_RATIO * expected) - COMPLAINTS_MIN, 0)


def _urgent(item: tuple[Place, _Heard]) -> tuple[int, float, str, str]:
    """Those that complain most first, then those that were not looked at for the longest time."""
    place, heard = item
    return (-heard.complaints, heard.looked_s, place.service, place.environment)


def _pause(place: Place, heard: _Heard, troubled: Collection[str]) -> float:
    if not heard.complaints:
        return CALM_S
    return COMPLAINING_S if place.service in troubled else AGAIN_S


def _starts(oldest_s: int, as_of: datetime) -> Sequence[datetime]:
    """The whole minutes to ask about: the one before what came last, and those of what came late."""
    newest = int(as_of.timestamp()) // GRID_S * GRID_S - GRID_S
    first = max(min(oldest_s // GRID_S * GRID_S - GRID_S, newest), newest - LATE_S)
    return [datetime.fromtimestamp(start, UTC) for start in range(first, newest + 1, GRID_S)]
