"""The two sides of a window from rows and edges: pure choice, no store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.model.change import Change
from flyball.model.window import Basis, Known, Series, SignalKind
from flyball.queries.cohorts import ANY_VERSION, Alias, Edge, Row, Side

OVERLAP_S_MIN = 120.0
"""Two versions that run together at least so long are compared side by side."""
SETTLE_S = 5.0
"""After a switch-over callers see refused connections and retries; they are nobody's finding."""
LATE_S = 6.0
"""Records of this age have arrived: exporters send a batch of spans every 5 s at the latest by default."""
SILENCE_S = 30.0
"""A service silent for longer has no exposure any more: that is said instead of counted."""
_SIGHTING_SLACK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """What was read, and the ways to divide it; times in seconds since 1970."""

    rows: Sequence[Row]
    edges: Mapping[tuple[str, SignalKind], Edge]
    moment_s: float
    begin: int
    end: int
    slot_s: int

    def says(self, version: str) -> bool:
        """Whether the version was heard since the change."""
        return any(r.version == version and r.slots[-1] + self.slot_s > self._since() for r in self.rows)

    def by_version(self, change: Change, now_s: float) -> tuple[Side, Side, Basis]:
        """The new version against the old one, side by side where both run long enough."""
        since = self._since(change)
        new_first = self._first(change.version, since)
        old = change.previous_version
        if not old or not any(row.version == old for row in self.rows):
            old = ANY_VERSION
        after = self._side(
            change.version, int(new_first) // self.slot_s * self.slot_s, self.end, new_first, now_s
        )
        old_last = self._last(old, None)
        if old != ANY_VERSION and old_last - new_first >= OVERLAP_S_MIN:
            stop = (int(old_last) // self.slot_s + 1) * self.slot_s
            before = self._side(old, after.begin_s, stop, new_first, old_last)
            return (
                before,
                self._side(change.version, after.begin_s, stop, new_first, min(now_s, old_last)),
                Basis.SIDE_BY_SIDE,
            )
        stop = self.end if old != ANY_VERSION else after.begin_s
        first = self._first(old, self.begin)
        before = self._side(old, self.begin, stop, first, min(old_last, stop), whole=True)
        return before, after, Basis.VERSIONS

    def by_time(self, now_s: float, resumed_s: float | None) -> tuple[Side, Side]:
        """Before against after; the slot of the change and the switch-over belong to neither."""
        stop = int(self.moment_s) // self.slot_s * self.slot_s
        again = self.moment_s if resumed_s is None else max(resumed_s, self.moment_s) + SETTLE_S
        start = -int(-again // self.slot_s) * self.slot_s
        first = self._first(ANY_VERSION, self.begin)
        before = self._side(ANY_VERSION, self.begin, stop, min(first, stop), float(stop), whole=True)
        return before, self._side(ANY_VERSION, start, max(self.end, start), float(start), now_s)

    def until(self, stop: int) -> Side | None:
        """What any version said before then; None where that is nothing."""
        first = self._first(ANY_VERSION, self.begin)
        if first >= stop or not any(row.slots[0] < stop for row in self.rows):
            return None
        return Side(
            version=ANY_VERSION,
            begin_s=self.begin,
            end_s=stop,
            first_s=first,
            last_s=dict.fromkeys(SignalKind, float(stop)),
        )

    def elsewhere(
        self, before: Side, after: Side, alias: Alias, known: Mapping[Series, Known]
    ) -> dict[Series, Known]:
        """What was said in the window before the after side began, but not on the before side: no news either."""
        found: dict[Series, Known] = {}
        for row in self.rows:
            series = Series(kind=row.kind, fingerprint=alias(row.signal)[0])
            early = row.slots < int(after.first_s) // self.slot_s * self.slot_s
            if (
                row.version == after.version
                or before.holds(row.version)
                or series in known
                or not early.any()
            ):
                continue
            count = float(row.counts[early].sum())
            had = found.get(series)
            found[series] = Known(
                first=min(int(row.slots[early][0]), had.first if had else int(row.slots[early][0])),
                last=max(int(row.slots[early][-1]), had.last if had else 0),
                count=count + (had.count if had else 0.0),
                hour_max=count + (had.hour_max if had else 0.0),
            )
        return found

    def _since(self, change: Change | None = None) -> float:
        seen = change.seen.timestamp() if change and change.seen else self.moment_s
        return min(seen, self.moment_s) - _SIGHTING_SLACK_S

    def _side(
        self, version: str, begin: int, end: int, first: float, now_s: float, *, whole: bool = False
    ) -> Side:
        """A side whose exposure ends with its last records, or a little later where it fell silent."""
        last_any = self._last(version, None, end)
        last: dict[SignalKind, float] = {}
        for kind in SignalKind:
            newest = self._last(version, kind, end) or last_any or first
            settled = now_s if whole else now_s - LATE_S
            last[kind] = min(max(settled, newest), newest + SILENCE_S) if newest else first
        if whole:
            last = dict.fromkeys(SignalKind, min(max(last.values()), now_s))
        return Side(version=version, begin_s=begin, end_s=end, first_s=first, last_s=last)

    def _first(self, version: str, since: float) -> float:
        """The first record of a version since then: to the millisecond where raw rows tell, else its slot."""
        slots = [
            float(slot)
            for row in self.rows
            if version in (ANY_VERSION, row.version)
            for slot in (row.slots[row.slots + self.slot_s > since][:1])
        ]
        slot = min(slots, default=float(self.end))
        exact = [e.first_s for (v, _), e in self.edges.items() if version in (ANY_VERSION, v)]
        inside = [first for first in exact if slot <= first < slot + self.slot_s]
        return min(inside, default=max(slot, self.begin))

    def _last(self, version: str, kind: SignalKind | None, until: float | None = None) -> float:
        """The last record of a version (and kind) until then, 0 without any."""
        limit = self.end if until is None else until
        slots = [
            float(slot)
            for row in self.rows
            if version in (ANY_VERSION, row.version) and kind in (None, row.kind)
            for slot in (row.slots[row.slots < limit][-1:])
        ]
        if not slots:
            return 0.0
        slot = max(slots)
        exact = [
            e.last_s
            for (v, k), e in self.edges.items()
            if version in (ANY_VERSION, v) and kind in (None, k) and slot <= e.last_s < slot + self.slot_s
        ]
        return max(exact, default=min(slot + self.slot_s, limit))
