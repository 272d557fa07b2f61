"""Which rows lie before a change and which after it: rows -> Window.

Version cohorts beat time cohorts. Where both versions run long enough at once (a rolling deploy) they are held
against each other over the same minutes; where one follows the other, the new version against the old one;
without versions, and for services that merely see another's change, the time before against the time after,
leaving out the switch-over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flyball.model.change import Change
from flyball.model.pattern import shape_id
from flyball.model.sighting import VersionState
from flyball.model.window import STARTUP_S, Basis, Cohort, Series, Window
from flyball.queries.cohorts import (
    ANY_VERSION,
    Alias,
    Place,
    Row,
    Side,
    cohort_of,
    read_counts,
    read_edges,
    series_of,
)
from flyball.queries.history import read_history
from flyball.queries.ports import Ports
from flyball.queries.pulse import read_pulse
from flyball.queries.season import read_season
from flyball.queries.sides import Sides

BEFORE_S_MAX = 3_600
"""How far before the change the before side reaches."""
FINE_S = 3_300
"""So long counts surely have their 5-second slots; then the store folds them to minutes."""
_SLOTS_S = (5, 60, 3_600)
_SLOTS_MAX = 1_500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """A window with what it was read from: evidence repeats these rows by SQL."""

    place: Place
    window: Window
    before: Side
    after: Side
    signals: dict[Series, tuple[int, ...]]
    slot_s: int


def alias_of(ports: Ports) -> Alias:
    """Shape id -> fingerprint and template, as the patterns are now."""
    cache: dict[int, tuple[int, str]] = {}

    def alias(signal: int) -> tuple[int, str]:
        if signal not in cache:
            pattern = ports.catalog.pattern(signal)
            cache[signal] = (shape_id(pattern.fingerprint), pattern.template) if pattern else (signal, "")
        return cache[signal]

    return alias


async def read_window(
    ports: Ports,
    place: Place,
    moment: datetime,
    *,
    as_of: datetime,
    change: Change | None,
    resumed: datetime | None,
    asked: datetime | None = None,
) -> Read:
    """The window of one service around `moment`.

    Args:
        ports: the stores.
        place: whose window.
        moment: when the change happened, or the time asked for.
        as_of: the last batch that counts, also taken as now.
        change: the change asked about, of this service or of another.
        resumed: when the service that changed was first heard again; None if it is this one.
        asked: the time now, until which silence is counted; `as_of` if absent.
    """
    own = change is not None and (change.service, change.environment) == (place.service, place.environment)
    slot_s, begin, end = _reach(moment, as_of)
    alias = alias_of(ports)
    rows = await read_counts(ports, place, begin_s=begin, end_s=end, slot_s=slot_s, as_of=as_of)
    edges = await read_edges(ports, place, begin_s=begin, end_s=end, as_of=as_of)
    sides = Sides(rows=rows, edges=edges, moment_s=moment.timestamp(), begin=begin, end=end, slot_s=slot_s)
    now_s = as_of.timestamp()
    if own and change is not None and change.version and sides.says(change.version):
        before, after, basis = sides.by_version(change, now_s)
    else:
        before, after = sides.by_time(now_s, resumed.timestamp() if resumed else None)
        basis = Basis.TIME
    states = await ports.changes.versions(place.workspace) if own else []
    series, dropped = series_of(rows, alias)
    versioned = basis is not Basis.TIME
    old_start = _started(states, place, before, sides) if versioned else 0.0
    known, history_s = await read_history(
        ports,
        place,
        alias,
        before_s=before.begin_s,
        as_of=as_of,
        start=(before.version, old_start) if old_start else None,
    )
    start_known = not versioned or _start_heard(ports, old_start, before.begin_s - history_s)
    known |= sides.elsewhere(before, after, alias, known)
    young_s = (old_start + STARTUP_S, after.first_s + STARTUP_S if versioned else 0.0)
    cohorts = [
        cohort_of(rows, side, series, alias, slot_s=slot_s, young_until_s=until)
        for side, until in zip((before, after), young_s, strict=True)
    ]
    earlier = _earlier(rows, sides, before, series, alias) if basis is Basis.VERSIONS else None
    season = await read_season(ports, place, alias, (cohorts[0], cohorts[1], earlier), as_of=as_of)
    pulse, quiet = await read_pulse(
        ports,
        place,
        alias,
        rows,
        list(edges.values()),
        slot_s=slot_s,
        known_s=history_s + as_of.timestamp() - before.begin_s,
        asked=asked or as_of,
        as_of=as_of,
    )
    return Read(
        place=place,
        window=Window(
            service=place.service,
            environment=place.environment,
            version=after.version if versioned else (change.version if own and change else ""),
            change=change,
            own=own or change is None,
            basis=basis,
            before=cohorts[0],
            after=cohorts[1],
            after_start=datetime.fromtimestamp(after.first_s, UTC),
            templates=dict(alias(row.signal) for row in rows),
            known=known,
            history_s=history_s,
            earlier=earlier,
            season=season,
            start_known=start_known,
            pulse=pulse,
            quiet=quiet,
            notes=_notes(dropped, slot_s),
        ),
        before=before,
        after=after,
        signals=_signals(rows, alias),
        slot_s=slot_s,
    )


def _earlier(
    rows: Sequence[Row], sides: Sides, before: Side, series: tuple[Series, ...], alias: Alias
) -> Cohort | None:
    """What any version said in the time read before the side before began."""
    side = sides.until(int(before.first_s) // sides.slot_s * sides.slot_s)
    if side is None:
        return None
    return cohort_of(rows, side, series, alias, slot_s=sides.slot_s, young_until_s=0.0)


def _reach(moment: datetime, as_of: datetime) -> tuple[int, int, int]:
    """Slot length, begin and end (seconds since 1970) of the rows to read."""
    now, then = as_of.timestamp(), moment.timestamp()
    if now - then <= FINE_S * 3 / 4:
        slot, begin = _SLOTS_S[0], max(then - BEFORE_S_MAX, now - FINE_S)
    else:
        begin = then - BEFORE_S_MAX
        slot = next((s for s in _SLOTS_S[1:] if (now - begin) / s <= _SLOTS_MAX), _SLOTS_S[-1])
    first = int(begin) // slot * slot
    return slot, first, (int(now) // slot + 1) * slot


def _notes(dropped: int, slot_s: int) -> tuple[str, ...]:
    notes: list[str] = []
    if dropped:
        notes.append(f"{dropped} of the rarest patterns are left out of the comparison.")
    if slot_s >= _SLOTS_S[-1]:
        notes.append("The counts are hourly: what lasted minutes cannot be told apart.")
    return tuple(notes)


def _signals(rows: Sequence[Row], alias: Alias) -> dict[Series, tuple[int, ...]]:
    found: dict[Series, set[int]] = {}
    for row in rows:
        found.setdefault(Series(kind=row.kind, fingerprint=alias(row.signal)[0]), set()).add(row.signal)
    return {series: tuple(sorted(signals)) for series, signals in found.items()}


def _start_heard(ports: Ports, start_s: float, known_from_s: float) -> bool:
    """Whether the first record of the version before was its start, not Flyball's: others came well before it."""
    return bool(start_s) and min(known_from_s, ports.listening_since_s) <= start_s - STARTUP_S


def _started(states: Sequence[VersionState], place: Place, before: Side, sides: Sides) -> float:
    """When the version before was first heard (seconds since 1970), 0 where that is not known."""
    for state in states:
        if (state.service, state.environment, state.version) == (
            place.service,
            place.environment,
            before.version,
        ):
            return state.first_seen_ns / 1e9
    began_inside = before.first_s > sides.begin + 2 * sides.slot_s
    return before.first_s if began_inside and before.version != ANY_VERSION else 0.0
