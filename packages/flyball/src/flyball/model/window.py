"""Window: what was counted before and after a change, as the detectors see it.

A *cohort* is one side: how long each slot of time was exposed and how often each series occurred in it. Rows
become cohorts in `flyball.queries.window`; what differs between two of them is `flyball.compare`'s business.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from flyball.model.change import Change
from flyball.model.severity import Severity

STARTUP_S = 60
"""The first seconds of a version: its start-up, compared with the previous version's own."""


class SignalKind(enum.StrEnum):
    """What a counted signal is."""

    LOG = "log"
    SPAN = "span"


class Basis(enum.StrEnum):
    """How the two sides were chosen, from the best to the poorest."""

    SIDE_BY_SIDE = "versions side by side"
    VERSIONS = "the version against the one before it"
    TIME = "before against after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What is counted: a pattern of logs or spans; `fingerprint` is the oldest shape id (unsigned 64 bit)."""

    kind: SignalKind
    fingerprint: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Durations:
    """Span durations of one series: parallel arrays, one entry a slot and histogram bucket."""

    slot: NDArray[np.int64]
    bucket: NDArray[np.int64]
    count: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """One side of a window.

    Arrays over slots: `starts` (seconds since 1970 UTC, rising), `seconds[kind]` (exposure; an open slot has
    what elapsed of it) and `young` (within STARTUP_S of the version's first record). `counts[severity]` is
    (series, slots), every severity that occurs; rows follow `series`, the same in both cohorts of a window.
    `durations` is keyed by the row of its span series.
    """

    label: str
    slot_s: int
    starts: NDArray[np.int64]
    seconds: Mapping[SignalKind, NDArray[np.float64]]
    young: NDArray[np.bool_]
    series: tuple[Series, ...]
    counts: Mapping[Severity, NDArray[np.float64]]
    durations: Mapping[int, Durations] = field(default_factory=dict[int, Durations])

    def total_seconds(self, kind: SignalKind) -> float:
        """The exposure of all slots."""
        return float(self.seconds[kind].sum())

    def of(self, least: Severity = Severity.UNSPECIFIED) -> NDArray[np.float64]:
        """The counts of all series (series, slots) at this severity or graver."""
        total = np.zeros((len(self.series), len(self.starts)))
        for severity, counts in self.counts.items():
            if severity >= least:
                total += counts
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What this service said of a series before the `before` side began, in `Window.history_s` seconds.

    `first` and `last` are seconds since 1970 UTC; `startup` tells that the previous version said it at its
    start; `hour_max` is the most it said in one clock hour.
    """

    first: int
    last: int
    count: float
    hour_max: float = 0.0
    startup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Season:
    """What was said at these clock hours in earlier weeks, or days where no two weeks are known.

    `counts` is (series, periods, hours): records of each hour, rows as in the window's cohorts, the newest
    period first; `starts` are today's hours, seconds since 1970. `before`, `after` and `longer` (before with what lies earlier in its hour) tell which part of
    the side's time fell into each of the hours; each sums to 1. `unit` is `week` or `day`.
    """

    unit: str
    starts: NDArray[np.int64]
    counts: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    longer: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pulse:
    """Whether a service is still heard: records of any kind and version, by slot, up to now.

    `counts` follow `starts` (seconds since 1970, `slot_s` long) and end with the last record, heard at `last_s`;
    `silent_s` is how long Flyball has listened in vain since. `usual` tells whether the service spoke at this
    time of day a week ago (a day ago, where no week is known); None where that is not known.
    """

    slot_s: int
    starts: NDArray[np.int64]
    counts: NDArray[np.float64]
    last_s: float
    silent_s: float
    usual: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """One service in one environment before and after.

    `own` tells that the change is this service's. `after_start` is where the after side begins; what lies
    between the two sides (the switch-over) belongs to neither. `earlier` is what any version said in the time
    read before the before side began. `start_known` tells that a start of an earlier version was heard, so that
    lines of starting up can be told. `quiet` are series that at this time of day were silent a week (or a day)
    ago as well. `notes` are sentences for the answer's limits.
    """

    service: str
    environment: str
    version: str
    change: Change | None
    own: bool
    basis: Basis
    before: Cohort
    after: Cohort
    after_start: datetime
    templates: Mapping[int, str]
    known: Mapping[Series, Known] = field(default_factory=dict[Series, Known])
    history_s: float = 0.0
    earlier: Cohort | None = None
    season: Season | None = None
    start_known: bool = True
    pulse: Pulse | None = None
    quiet: frozenset[Series] = frozenset()
    notes: tuple[str, ...] = ()
