"""Which changes telemetry itself shows: a version seen for the first time, or an earlier one that takes over.

Pure: states in, states and changes out. An old version that still speaks while the current one does (a rolling
deploy, a straggler, an exporter that empties its buffer) is no change. It takes over when the current one has
been silent for a minute of the old one's own event time, and still is 15 s later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flyball.model.batch import Source
from flyball.model.change import Change, ChangeKind, VersionSource
from flyball.model.sighting import VersionState

SAME_CHANGE = timedelta(minutes=15)
"""An announcement and a sighting of one version closer than this are one change."""
_SILENT_NS = 60 * 1_000_000_000
_SUSTAINED_NS = 15 * 1_000_000_000
_VERSIONS_MAX = 50_000
"""Versions remembered over all services; beyond it the longest unseen ones are forgotten."""

_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One source in one batch: when the batch was received and the newest event in it (ns since 1970)."""

    source: Source
    received_ns: int
    newest_ns: int


class Sightings:
    """What is known of every version; `observe` is its one verb."""

    def __init__(self, states: Iterable[VersionState]) -> None:
        self._states: dict[_Place, dict[str, VersionState]] = {}
        self._candidates: dict[tuple[_Place, str], int] = {}
        for state in states:
            place = (state.workspace, state.service, state.environment)
            self._states.setdefault(place, {})[state.version] = state

    def current(self, workspace: str, service: str, environment: str) -> VersionState | None:
        """The version that runs there, as far as telemetry tells."""
        states = self._states.get((workspace, service, environment), {})
        return next((state for state in states.values() if state.current), None)

    def observe(self, seen: Iterable[Seen]) -> tuple[list[VersionState], list[Change]]:
        """The states that are new or altered, and the changes these sightings show."""
        altered: list[VersionState] = []
        changes: list[Change] = []
        for sighting in seen:
            if not sighting.source.version:
                continue
            states, change = self._observe(sighting)
            altered.extend(states)
            changes.extend([change] if change else [])
        self._forget()
        return altered, changes

    def _observe(self, seen: Seen) -> tuple[list[VersionState], Change | None]:
        source = seen.source
        place = (source.workspace, source.service, source.environment)
        states = self._states.setdefault(place, {})
        current = self.current(*place)
        known = states.get(source.version)
        if known is None:
            state = VersionState(
                workspace=source.workspace,
                service=source.service,
                environment=source.environment,
                version=source.version,
                version_source=source.version_source,
                first_seen_ns=seen.received_ns,
                last_seen_ns=seen.received_ns,
                current=True,
            )
            return self._take_over(place, state, current), _change(state, current, ChangeKind.DEPLOY, seen)
        state = replace(known, last_seen_ns=max(known.last_seen_ns, seen.received_ns))
        states[source.version] = state
        if current is None or current.version == source.version or not self._takes_over(place, seen, current):
            return [state], None
        state = replace(state, current=True)
        return self._take_over(place, state, current), _change(state, current, ChangeKind.ROLLBACK, seen)

    def _takes_over(self, place: _Place, seen: Seen, current: VersionState) -> bool:
        candidate = (place, seen.source.version)
        if seen.newest_ns < current.last_seen_ns + _SILENT_NS:
            self._candidates.pop(candidate, None)
            return False
        since = self._candidates.setdefault(candidate, seen.received_ns)
        return seen.received_ns - since >= _SUSTAINED_NS

    def _take_over(
        self, place: _Place, state: VersionState, current: VersionState | None
    ) -> list[VersionState]:
        self._states[place][state.version] = state
        self._candidates.pop((place, state.version), None)
        if current is None:
            return [state]
        gone = replace(current, current=False)
        self._states[place][gone.version] = gone
        return [gone, state]

    def _forget(self) -> None:
        total = sum(len(states) for states in self._states.values())
        if total <= _VERSIONS_MAX:
            return
        every = sorted(
            (state for states in self._states.values() for state in states.values() if not state.current),
            key=lambda state: state.last_seen_ns,
        )
        for state in every[: total - _VERSIONS_MAX]:
            del self._states[state.workspace, state.service, state.environment][state.version]


def _change(state: VersionState, current: VersionState | None, kind: ChangeKind, seen: Seen) -> Change:
    time = datetime.fromtimestamp(seen.received_ns / 1e9, UTC)
    return Change(
        id=change_id(state.workspace, state.service, state.environment, state.version, time),
        workspace=state.workspace,
        service=state.service,
        environment=state.environment,
        version=state.version,
        previous_version=current.version if current else "",
        kind=kind,
        time=time,
        announced=False,
        seen=time,
        version_source=state.version_source,
    )


def change_id(
    workspace: str, service: str, environment: str, version: str, time: datetime, *others: str
) -> str:
    """`chg_` and 12 hexadecimal digits of BLAKE2b: the same announcement twice is the same change.

    `others` are what tells changes apart that have no version: kind, and what was altered.
    """
    text = "\0".join((workspace, service, environment, version, time.astimezone(UTC).isoformat(), *others))
    return "chg_" + hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def merged(known: Change, other: Change) -> Change | None:
    """One change of an announcement and a sighting of the same version, or of two announcements alike.

    None when they are two changes: also where one is none of code, which telemetry never shows by a version. The
    announced time, commit and url win; the sighting adds `seen`.
    """
    if not (known.kind.of_code and other.kind.of_code):
        return None
    same = (known.service, known.environment, known.version) == (
        other.service,
        other.environment,
        other.version,
    )
    if not same or abs(known.time - other.time) > SAME_CHANGE or (known.announced and other.announced):
        return None
    announced, sighted = (known, other) if known.announced else (other, known)
    source = (
        sighted.version_source if sighted.version_source != VersionSource.NONE else announced.version_source
    )
    return replace(
        announced,
        id=known.id,
        previous_version=known.previous_version or other.previous_version,
        seen=known.seen or other.seen,
        version_source=source,
    )


def sources_seen(newest_ms: Mapping[Source, int], received_ms: int) -> list[Seen]:
    """Sightings of one batch from the newest event time of each source (ms since 1970)."""
    return [
        Seen(source=source, received_ns=received_ms * 1_000_000, newest_ns=newest * 1_000_000)
        for source, newest in newest_ms.items()
    ]
