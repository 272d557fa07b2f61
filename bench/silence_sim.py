"""Who stopped, who merely pauses: simulated services for the rows on silence of the `novelty` bench.

A service of five patterns is watched for an hour and asked about every 20 s. *Steady* services stop or do not;
*batch* services speak for a minute of every ten, *rare* ones ten times an hour, *office* ones stop at an hour at
which they stopped a week ago. Only a steady one that stops is news.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flyball.detect.silence import Silence
from flyball.model.window import Pulse, Window
from numpy.typing import NDArray

from bench.novelty_sim import SLOT_S, Setting, simulated, window_of

Array = NDArray[np.float64]

_SERVICES = 10
_STOP_S = 1800
_LOOK_S = 20
_WATCHED_S = 1800


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How a service speaks: records a minute of all its patterns, and when."""

    name: str
    per_minute: float
    stops: bool = False
    batch: bool = False
    usual: bool | None = None


HABITS = (
    Habit(name="steady, 600 a minute, stops", per_minute=600.0, stops=True),
    Habit(name="steady, 30 a minute, stops", per_minute=30.0, stops=True),
    Habit(name="steady, 600 a minute", per_minute=600.0),
    Habit(name="steady, 30 a minute", per_minute=30.0),
    Habit(name="a minute of every ten", per_minute=600.0, batch=True),
    Habit(name="ten an hour, stops", per_minute=10.0 / 60.0, stops=True),
    Habit(name="stops when it did a week ago", per_minute=600.0, stops=True, usual=False),
)


def print_silence(seeds: tuple[int, ...]) -> None:
    """A row a habit: services called silent of all, and after how long (median)."""
    print(f"{'silence: asked every 20 s for half an hour':52}{'called silent':>13}{'after':>10}")
    for habit in HABITS:
        delays = [d for seed in seeds for d in _delays(habit, np.random.default_rng(seed))]
        called = [d for d in delays if d is not None]
        after = f"{np.median(called):7.0f} s" if called and habit.stops else ""
        print(f"{habit.name:52}{len(called):>5} of {len(delays):<5}{after:>10}")


def _delays(habit: Habit, rng: np.random.Generator) -> Iterator[float | None]:
    """For each service how long after its stop (or the begin of watching) it is called silent; None if never."""
    setting = Setting(
        name=habit.name,
        series=5,
        rates=(habit.per_minute / 5.0, habit.per_minute / 5.0),
        before_s=_STOP_S,
        after_s=_WATCHED_S,
        new=0,
        jumps=0,
    )
    for _ in range(_SERVICES):
        service = simulated(setting, rng)
        counts, stop = service.counts.sum(axis=0), _STOP_S // SLOT_S
        if habit.stops:
            counts[stop:] = 0.0
        if habit.batch:
            counts[np.arange(len(counts)) * SLOT_S % 600 >= 60] = 0.0
        window = window_of(service, SLOT_S)
        looks = range(0, _WATCHED_S, _LOOK_S)
        yield next((float(s) for s in looks if _silent(habit, window, counts, _STOP_S + s)), None)


def _silent(habit: Habit, window: Window, counts: Array, at_s: int) -> bool:
    heard = counts[: at_s // SLOT_S]
    occupied = np.flatnonzero(heard)
    if not len(occupied):
        return False
    end = int(occupied[-1]) + 1
    pulse = Pulse(
        slot_s=SLOT_S,
        starts=np.arange(end, dtype=np.int64) * SLOT_S,
        counts=heard[:end],
        last_s=float(end * SLOT_S),
        silent_s=float(at_s - end * SLOT_S),
        usual=habit.usual,
    )
    return any(True for _ in Silence().observe(_with(window, pulse)))


def _with(window: Window, pulse: Pulse) -> Window:
    return Window(
        service=window.service,
        environment=window.environment,
        version=window.version,
        change=None,
        own=True,
        basis=window.basis,
        before=window.before,
        after=window.after,
        after_start=window.after_start,
        templates=window.templates,
        pulse=pulse,
    )
