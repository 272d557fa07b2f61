"""Simulated services for the `novelty` bench: bursty, autocorrelated, seasonal, surging, chatty, with known changes.

Each unit of time of a series has mean m and variance m + 0.5 m^2: its rate is multiplied by the mean of four
squared Gaussian AR(1) processes, a gamma variable of shape 2 whose autocorrelation is the square of theirs.
Into the after side come new patterns of at least 5 records and 5x jumps of patterns with at least 20 records a
minute. What a window of the store would hold is given to the shipped detectors, no more. Seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from flyball.detect import noticed
from flyball.model.finding import FindingKind
from flyball.model.severity import Severity
from flyball.model.window import (
    STARTUP_S,
    Basis,
    Cohort,
    Known,
    Season,
    Series,
    SignalKind,
    Window,
)
from numpy.typing import NDArray

Array = NDArray[np.float64]
Found = set[tuple[int, FindingKind]]

SLOT_S = 5
HOUR_S = 3_600
DAY_S = 86_400
_T0 = 1_700_000_000 // HOUR_S * HOUR_S


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table; lengths in seconds, rates in records a minute.

    The version before ran `before_s`; others ran `earlier_s` before it, and `history_s` before that only the
    first and last time of each pattern are known. Of `weeks` the hourly counts are known.

    `seasonal` is the part of the patterns with an hour-of-week profile of their own, log-normal with
    `season_sd`; from week to week an hour wanders by a factor with `wander_sd`. `surge` multiplies everything
    after the change. Patterns in groups of `together` share their bursts. `chatter` new patterns a minute
    begin at any time. `starting` patterns are said by each version in its first 20 s only.
    """

    name: str
    series: int = 1000
    before_s: int = 600
    after_s: int = 600
    earlier_s: int = 0
    history_s: int = 0
    weeks: int = 0
    unit_s: int = 60
    burst: float = 0.5
    rho: float = 0.3
    new: int = 10
    jumps: int = 10
    new_count: tuple[int, int] = (5, 60)
    rates: tuple[float, float] = (0.02, 300.0)
    seasonal: float = 0.0
    season_sd: float = 1.5
    wander_sd: float = 0.2
    surge: float = 1.0
    together: int = 1
    chatter: float = 0.0
    starting: int = 0
    looks_s: tuple[int, ...] = field(default=())

    @property
    def change_s(self) -> int:
        """When the change happens, seconds after the first record."""
        return self.history_s + self.earlier_s + self.before_s


@dataclass(frozen=True, kw_only=True)
class Service:
    """One simulated service: counts (series, slots) from `_T0 - offset` on, and what truly changed in it."""

    setting: Setting
    counts: Array
    hourly: Array
    offset_s: int
    new: frozenset[int]
    jumped: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the runs of one setting gave; `false_runs` is the part that said something false at any look."""

    recall_new: float
    recall_jump: float
    fdr: float
    false_runs: float


def shipped(window: Window) -> Found:
    """What the shipped detectors find."""
    return {(int(f.fingerprint, 16), f.kind) for f in noticed(window)}


def score(
    setting: Setting, runs: int, seed: int = 1, ask: Mapping[str, Callable[[Window], Found]] | None = None
) -> dict[str, Score]:
    """Ask each of `ask` (the shipped detectors if absent) at every look of each run; recall is the last look's."""
    asked = ask or {"": shipped}
    rng = np.random.default_rng(seed)
    tallies = {name: np.zeros(5) for name in asked}
    for _ in range(runs):
        service = simulated(setting, rng)
        for name, answer in asked.items():
            tallies[name] += _tally(service, answer)
    return {
        name: Score(
            recall_new=new / max(runs * setting.new, 1),
            recall_jump=jump / max(runs * setting.jumps, 1),
            fdr=false / max(false + new + jump, 1.0),
            false_runs=wrong / runs,
        )
        for name, (new, jump, false, wrong, _) in tallies.items()
    }


def _tally(service: Service, answer: Callable[[Window], Found]) -> Array:
    """Right about new, right about jumps, wrong (all at the last look), wrong at any look, looks."""
    looks = service.setting.looks_s or (service.setting.after_s,)
    tally = np.zeros(5)
    for look in looks:
        rows = answer(window_of(service, look))
        tally[0] = len({r for r, kind in rows if kind is FindingKind.NEW} & service.new)
        tally[1] = len({r for r, kind in rows if kind is FindingKind.RATE_UP} & service.jumped)
        tally[2] = len({r for r, _ in rows} - service.new - service.jumped)
        tally[3] = max(tally[3], float(tally[2] > 0))
        tally[4] += 1
    return tally


def simulated(setting: Setting, rng: np.random.Generator) -> Service:
    """One service; the change happens at any time within a clock hour."""
    low, high = np.log(setting.rates[0]), np.log(setting.rates[1])
    rates = np.exp(rng.uniform(low, high, setting.series)) / 60.0
    slots, change = (setting.change_s + setting.after_s) // SLOT_S, setting.change_s // SLOT_S
    offset = int(rng.integers(HOUR_S)) // SLOT_S * SLOT_S
    hour = (offset + np.arange(slots) * SLOT_S) // HOUR_S
    profile = _profile(setting, rng, int(hour[-1]) + 1)
    hourly = _weeks(setting, rng, rates, profile)
    today = profile * np.exp(rng.normal(0.0, _wander(setting), profile.shape))
    means = rates[:, None] * SLOT_S * _bursts(setting, rng, slots) * today[:, hour]
    steady = rates * 60.0 * today[:, hour[change:]].mean(axis=1)
    frequent = np.flatnonzero(steady >= 20)
    jumped = rng.choice(frequent, min(setting.jumps, len(frequent)), replace=False)
    means[jumped, change:] *= 5.0
    means[:, change:] *= setting.surge
    counts = [rng.poisson(means).astype(float), _new(setting, rng, slots, change)]
    counts += [_starting(setting, rng, slots, change), _chatter(setting, rng, slots)]
    everything = np.vstack(counts)
    never = np.zeros((len(everything) - setting.series, *hourly.shape[1:]))
    return Service(
        setting=setting,
        counts=everything,
        hourly=np.vstack([hourly, never]),
        offset_s=offset,
        new=frozenset(range(setting.series, setting.series + setting.new)),
        jumped=frozenset(int(j) for j in jumped),
    )


def _wander(setting: Setting) -> float:
    return setting.wander_sd if setting.seasonal else 0.0


def _profile(setting: Setting, rng: np.random.Generator, hours: int) -> Array:
    """Factor (series, hours): the service's own day, and for some patterns an hour of their own."""
    phase = rng.uniform(0, 2 * np.pi)
    day = 1.0 + 0.5 * np.sin(phase + 2 * np.pi * np.arange(hours) * HOUR_S / DAY_S)
    own = np.exp(rng.normal(0.0, setting.season_sd, (setting.series, hours)))
    return day * np.where(rng.random((setting.series, 1)) < setting.seasonal, own, 1.0)


def _weeks(setting: Setting, rng: np.random.Generator, rates: Array, profile: Array) -> Array:
    """Hourly counts (series, weeks, hours), with the bursts that an hour averages."""
    d = setting.unit_s * setting.burst * (1.0 + setting.rho) / (1.0 - setting.rho)
    shape = (setting.series, setting.weeks, profile.shape[1])
    wander = np.exp(rng.normal(0.0, _wander(setting), shape))
    bursts = rng.gamma(HOUR_S / d, d / HOUR_S, shape) if d else np.ones(shape)
    return rng.poisson(rates[:, None, None] * HOUR_S * profile[:, None, :] * wander * bursts).astype(float)


def _bursts(setting: Setting, rng: np.random.Generator, slots: int) -> Array:
    per_unit = max(setting.unit_s // SLOT_S, 1)
    units = slots // per_unit + 2
    if setting.burst <= 0:
        return np.ones((setting.series, slots))
    squares = round(2.0 / setting.burst)  # the mean of k squared normals has variance 2/k
    r = np.sqrt(setting.rho)
    groups = -(-setting.series // setting.together)
    noise = rng.standard_normal((groups, squares, units))
    for t in range(1, units):
        noise[:, :, t] = r * noise[:, :, t - 1] + np.sqrt(1 - r * r) * noise[:, :, t]
    gamma = np.mean(noise**2, axis=1)
    offset = int(rng.integers(per_unit))
    each = np.repeat(gamma, per_unit, axis=1)[:, offset : offset + slots]
    return np.repeat(each, setting.together, axis=0)[: setting.series]


def _new(setting: Setting, rng: np.random.Generator, slots: int, change: int) -> Array:
    counts = np.zeros((setting.new, slots))
    for row in counts:
        spread = rng.integers(change, slots, int(rng.integers(*setting.new_count, endpoint=True)))
        np.add.at(row, spread, 1.0)
    return counts


def _starting(setting: Setting, rng: np.random.Generator, slots: int, change: int) -> Array:
    """Said in the first 20 s of the version before and of the new one; no news."""
    counts = np.zeros((setting.starting, slots))
    for begin in ((setting.history_s + setting.earlier_s) // SLOT_S, change):
        counts[:, begin : begin + 4] += rng.poisson(4.0, (setting.starting, 4))
    return counts


def _chatter(setting: Setting, rng: np.random.Generator, slots: int) -> Array:
    """Patterns that begin at any time, say a dozen records within a minute, and are not heard again."""
    many = rng.poisson(setting.chatter * slots * SLOT_S / 60.0)
    counts = np.zeros((many, slots))
    for row in counts:
        begin = int(rng.integers(slots))
        spread = begin + rng.integers(0, 12, 1 + rng.poisson(12.0))
        np.add.at(row, spread[spread < slots], 1.0)
    return counts


def window_of(service: Service, look_s: int) -> Window:
    """The window that a store which holds this service would give `look_s` after the change."""
    setting, counts = service.setting, service.counts
    begin, change = setting.history_s // SLOT_S, setting.change_s // SLOT_S
    old, end = begin + setting.earlier_s // SLOT_S, change + look_s // SLOT_S
    alive = np.flatnonzero(counts[:, begin:end].sum(axis=1))
    series = tuple(Series(kind=SignalKind.LOG, fingerprint=int(row)) for row in alive)

    def cohort(label: str, first: int, last: int, *, young: bool) -> Cohort:
        return _cohort(service, label, counts[alive, first:last], first, series, young=young)

    starts = setting.starting > 0
    return Window(
        service="simulated",
        environment="bench",
        version="v2",
        change=None,
        own=True,
        basis=Basis.VERSIONS,
        before=cohort("v1", old, change, young=starts),
        after=cohort("v2", change, end, young=starts),
        after_start=datetime.fromtimestamp(_T0 + service.offset_s + change * SLOT_S, UTC),
        templates={},
        known=_known(service, old),
        history_s=float(setting.history_s),
        earlier=cohort("v0", begin, old, young=False) if old > begin else None,
        season=_season(service, alive, (begin, old, change, end)) if setting.weeks else None,
    )


def _cohort(
    service: Service, label: str, counts: Array, first: int, series: tuple[Series, ...], *, young: bool
) -> Cohort:
    slots = np.arange(counts.shape[1])
    return Cohort(
        label=label,
        slot_s=SLOT_S,
        starts=_T0 + service.offset_s + (first + slots) * SLOT_S,
        seconds=dict.fromkeys(SignalKind, np.full(len(slots), float(SLOT_S))),
        young=young & (slots < STARTUP_S // SLOT_S),
        series=series,
        counts={Severity.INFO: counts},
    )


def _known(service: Service, until: int) -> dict[Series, Known]:
    history, begin = service.counts[:, :until], _T0 + service.offset_s
    return {
        Series(kind=SignalKind.LOG, fingerprint=int(row)): Known(
            first=begin + int(np.flatnonzero(history[row])[0]) * SLOT_S,
            last=begin + int(np.flatnonzero(history[row])[-1]) * SLOT_S,
            count=float(history[row].sum()),
            hour_max=float(history[row].sum()),
        )
        for row in np.flatnonzero(history.sum(axis=1))
    }


def _season(service: Service, alive: NDArray[np.int64], edges: tuple[int, int, int, int]) -> Season:
    hours = service.hourly.shape[2]
    hour = (service.offset_s + np.arange(service.counts.shape[1]) * SLOT_S) // HOUR_S
    begin, old, change, end = edges

    def part(first: int, last: int) -> Array:
        return np.bincount(hour[first:last], minlength=hours)[:hours] / (last - first)

    return Season(
        unit="week",
        starts=_T0 + np.arange(hours, dtype=np.int64) * HOUR_S,
        counts=service.hourly[alive],
        before=part(old, change),
        after=part(change, end),
        longer=part(begin, change),
    )
