"""Recall and false discoveries of the shipped defaults on simulated services: `python -m bench.compare_sim`.

Counts are bursty (each unit of time has mean m and variance m + 0.5 m^2), autocorrelated and diurnal: a
series' rate is multiplied by the mean of four squared Gaussian AR(1) processes, a gamma variable of shape 2
whose autocorrelation is the square of theirs. Into the after side come new patterns of at least 5 records and
5x jumps of patterns with at least 20 records a minute. It prints a table; the constants of
`flyball.compare` were chosen with it. Seeded: the same table every time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from flyball.detect import noticed
from flyball.model.finding import FindingKind
from flyball.model.severity import Severity
from flyball.model.window import Basis, Cohort, Known, Series, SignalKind, Window
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOT_S = 5
DAY_S = 86_400
_T0 = 1_700_000_000 // SLOT_S * SLOT_S


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table; lengths in seconds, rates in records a minute."""

    name: str
    series: int = 1000
    before_s: int = 600
    after_s: int = 600
    history_s: int = 0
    unit_s: int = 60
    burst: float = 0.5
    rho: float = 0.3
    new: int = 10
    jumps: int = 10
    new_count: tuple[int, int] = (5, 60)
    rates: tuple[float, float] = (0.02, 300.0)
    looks_s: tuple[int, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the runs of one setting gave."""

    recall_new: float
    recall_jump: float
    fdr: float
    false_runs: float


def windows(setting: Setting, rng: np.random.Generator) -> Iterator[tuple[Window, set[int], set[int]]]:
    """One service at each look, with the rows that are truly new and those that truly jumped."""
    total_s = setting.history_s + setting.before_s + setting.after_s
    low, high = np.log(setting.rates[0]), np.log(setting.rates[1])
    rates = np.exp(rng.uniform(low, high, setting.series)) / 60.0
    frequent = np.flatnonzero(rates * 60 >= 20)
    jumped = rng.choice(frequent, min(setting.jumps, len(frequent)), replace=False)
    slots = total_s // SLOT_S
    change = (setting.history_s + setting.before_s) // SLOT_S
    means = rates[:, None] * SLOT_S * _bursts(setting, rng, slots) * _day(rng, slots)
    means[jumped, change:] *= 5.0
    counts = rng.poisson(means).astype(float)
    counts = np.vstack([counts, _new(setting, rng, slots, change)])
    new = set(range(setting.series, setting.series + setting.new))
    for look in setting.looks_s or (setting.after_s,):
        yield _window(setting, counts, change, look), new, {int(j) for j in jumped}


def score(setting: Setting, runs: int, seed: int = 1) -> Score:
    """Ask the detectors at the last look of each run; a false run said something false at any look."""
    rng = np.random.default_rng(seed)
    new_found = jump_found = false = said = false_runs = 0
    for _ in range(runs):
        wrong_ever = False
        wrong = right_new = right_jump = 0
        for window, new, jumped in windows(setting, rng):
            rows = _found(window)
            right_new = len({r for r, kind in rows if kind is FindingKind.NEW} & new)
            right_jump = len({r for r, kind in rows if kind is FindingKind.RATE_UP} & jumped)
            wrong = len({r for r, _ in rows} - new - jumped)
            wrong_ever |= wrong > 0
        new_found, jump_found = new_found + right_new, jump_found + right_jump
        false, said = false + wrong, said + wrong + right_new + right_jump
        false_runs += wrong_ever
    return Score(
        recall_new=new_found / max(runs * setting.new, 1),
        recall_jump=jump_found / max(runs * setting.jumps, 1),
        fdr=false / max(said, 1),
        false_runs=false_runs / runs,
    )


def _bursts(setting: Setting, rng: np.random.Generator, slots: int) -> Array:
    per_unit = max(setting.unit_s // SLOT_S, 1)
    units = slots // per_unit + 2
    if setting.burst <= 0:
        return np.ones((setting.series, slots))
    squares = round(2.0 / setting.burst)  # the mean of k squared normals has variance 2/k
    r = np.sqrt(setting.rho)
    noise = rng.standard_normal((setting.series, squares, units))
    for t in range(1, units):
        noise[:, :, t] = r * noise[:, :, t - 1] + np.sqrt(1 - r * r) * noise[:, :, t]
    gamma = np.mean(noise**2, axis=1)
    offset = int(rng.integers(per_unit))
    return np.repeat(gamma, per_unit, axis=1)[:, offset : offset + slots]


def _day(rng: np.random.Generator, slots: int) -> Array:
    phase = rng.uniform(0, 2 * np.pi)
    return 1.0 + 0.5 * np.sin(phase + 2 * np.pi * np.arange(slots) * SLOT_S / DAY_S)


def _new(setting: Setting, rng: np.random.Generator, slots: int, change: int) -> Array:
    counts = np.zeros((setting.new, slots))
    for row in counts:
        spread = rng.integers(change, slots, int(rng.integers(*setting.new_count, endpoint=True)))
        np.add.at(row, spread, 1.0)
    return counts


def _window(setting: Setting, counts: Array, change: int, look_s: int) -> Window:
    begin = setting.history_s // SLOT_S
    history, after = counts[:, :begin], counts[:, change : change + look_s // SLOT_S]
    alive = np.flatnonzero((counts[:, begin : change + look_s // SLOT_S]).sum(axis=1))
    series = tuple(Series(kind=SignalKind.LOG, fingerprint=int(row)) for row in alive)
    known = {
        Series(kind=SignalKind.LOG, fingerprint=int(row)): Known(
            first=_T0 - (begin - int(np.flatnonzero(history[row])[0])) * SLOT_S,
            last=_T0,
            count=float(history[row].sum()),
            hour_max=float(history[row].sum()),
        )
        for row in np.flatnonzero(history.sum(axis=1))
    }
    return Window(
        service="simulated",
        environment="bench",
        version="v2",
        change=None,
        own=True,
        basis=Basis.VERSIONS,
        before=_cohort("v1", counts[alive, begin:change], 0, series),
        after=_cohort("v2", after[alive], change - begin, series),
        after_start=datetime.fromtimestamp(_T0 + (change - begin) * SLOT_S, UTC),
        templates={},
        known=known,
        history_s=float(setting.history_s),
    )


def _cohort(label: str, counts: Array, first: int, series: tuple[Series, ...]) -> Cohort:
    slots = counts.shape[1]
    seconds = np.full(slots, float(SLOT_S))
    return Cohort(
        label=label,
        slot_s=SLOT_S,
        starts=_T0 + (first + np.arange(slots)) * SLOT_S,
        seconds=dict.fromkeys(SignalKind, seconds),
        young=np.zeros(slots, dtype=bool),
        series=series,
        counts={Severity.INFO: counts},
    )


def _found(window: Window) -> set[tuple[int, FindingKind]]:
    return {(int(f.fingerprint, 16), f.kind) for f in noticed(window)}


MINUTES = Setting(name="10+10 min, bursts of a minute, rho .3")
SECONDS = replace(
    MINUTES,
    name="25+40 s, bursts of 5 s, 8 looks, nothing",
    series=25,
    rates=(2.0, 1200.0),
    before_s=25,
    after_s=40,
    unit_s=5,
    rho=0.5,
    new=0,
    jumps=0,
    looks_s=tuple(range(5, 41, 5)),
)
"""As little as the demo has."""
SETTINGS = (
    replace(MINUTES, name="10+10 min, bursts of 5 s, rho .5", unit_s=5, rho=0.5),
    replace(MINUTES, name="10+10 min, bursts of 5 s, rho .8", unit_s=5, rho=0.8),
    replace(MINUTES, name="10+10 min, bursts of a minute, rho 0", rho=0.0),
    MINUTES,
    replace(MINUTES, name="60+10 min, bursts of a minute, rho .3", before_s=3600),
    replace(MINUTES, name="10+10 min after an hour of history", history_s=3600),
    replace(MINUTES, name="10+10 min, every pattern at 2/min or more", rates=(2.0, 300.0)),
    replace(
        MINUTES,
        name="nothing changed, 10+10 min, 10 looks",
        new=0,
        jumps=0,
        looks_s=tuple(range(60, 601, 60)),
    ),
    replace(SECONDS, name="25+40 s, calm, 8 looks, nothing changed", burst=0.1),
    SECONDS,
    replace(
        SECONDS,
        name="25+15 s, one pattern at 3/s or more",
        after_s=15,
        burst=0.1,
        new=1,
        new_count=(45, 90),
        looks_s=MINUTES.looks_s,
    ),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--series", type=int, default=0, help="series of the 10 min settings (default 1000)")
    arguments = parser.parse_args()
    print(f"{'setting':44} {'new':>6} {'jumps':>6} {'FDR':>6} {'false runs':>10}")
    for setting in SETTINGS:
        wide = (
            replace(setting, series=arguments.series)
            if arguments.series and setting.series > 100
            else setting
        )
        runs = arguments.runs * (10 if setting.series < 100 else 1)
        s = score(wide, runs)
        recalls = [
            f"{s.recall_new:6.3f}" if setting.new else "     -",
            f"{s.recall_jump:6.3f}" if setting.jumps else "     -",
        ]
        fdr = f"{s.fdr:6.3f}" if setting.new or setting.jumps else "     -"
        print(f"{setting.name:44} {recalls[0]} {recalls[1]} {fdr} {s.false_runs:10.3f}")


if __name__ == "__main__":
    main()
