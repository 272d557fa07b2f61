"""T7: novelty after a deploy, on simulated services: `python -m bench --only novelty`, or `python -m bench.novelty`.

New patterns of at least 5 records and 5x jumps of patterns with at least 20 records a minute, injected into
over-dispersed, autocorrelated streams: recall >= .95 at a measured FDR <= .05. Each row states what is known,
how long the windows are and what the bursts are like; `holds` is asked of the mean over all seeds and runs. The
peer is what is usual: a Poisson test (the G-test of one degree of freedom) with Benjamini-Hochberg at .05, and
new = absent before.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np
from flyball.compare.fdr import benjamini_hochberg
from flyball.compare.rates import tail_up
from flyball.model.finding import FindingKind
from flyball.model.window import SignalKind, Window
from numpy.typing import NDArray

from bench.novelty_sim import Found, Score, Setting, score, shipped
from bench.silence_sim import print_silence

Array = NDArray[np.float64]

RECALL_MIN = 0.95
FDR_MAX = 0.05
SEEDS = (1, 2, 3)
RUNS = 4
_HOUR = Setting(
    name="60+10 min, bursts of a minute, rho .3; 2 h before", before_s=3600, history_s=7200, rho=0.3
)
_TEN = replace(_HOUR, before_s=600, history_s=0)
_SEASON = replace(_HOUR, seasonal=0.3, weeks=4, wander_sd=0.1)
WITH_HISTORY = (
    replace(_HOUR, name="60+10 min, bursts of 5 s, rho .5; 2 h before", unit_s=5, rho=0.5),
    replace(_HOUR, name="60+10 min, bursts of a minute, rho 0; 2 h before", rho=0.0),
    _HOUR,
    replace(_HOUR, name="the same, 3 times the traffic after", surge=3.0),
    replace(_HOUR, name="the same, patterns share bursts by fives", together=5),
    replace(_HOUR, name="the same, 20 start-up lines", starting=20),
    replace(_HOUR, name="the version before ran 10 min, others 50 before it", before_s=600, earlier_s=3000),
    replace(_SEASON, name="hours of their own for 30 %, 4 weeks known (10 %)"),
    replace(_SEASON, name="the same, 3 times the traffic after", surge=3.0),
    replace(_SEASON, name="the same, 60+20 min", after_s=1200),
    replace(_SEASON, name="the same, 60+20 min, weeks that differ by 20 %", after_s=1200, wander_sd=0.2),
    replace(_SEASON, name="hours of their own for 30 %, no week known", weeks=0),
    replace(_HOUR, name="a service that says a new thing a minute", chatter=1.0),
)
WITHOUT = (
    replace(_TEN, name="10+10 min, bursts of 5 s, rho .5; nothing before", unit_s=5, rho=0.5),
    replace(_TEN, name="10+10 min, bursts of a minute, rho 0; nothing", rho=0.0),
    replace(_TEN, name="10+10 min, bursts of a minute, rho .3; nothing"),
)
NOTHING = (
    replace(
        _HOUR,
        name="nothing changed, 60+10 min, 5 looks",
        new=0,
        jumps=0,
        looks_s=tuple(range(120, 601, 120)),
    ),
    replace(
        _HOUR,
        name="nothing changed, 25 patterns, 25+40 s, 8 looks",
        series=25,
        rates=(2.0, 1200.0),
        before_s=25,
        after_s=40,
        history_s=0,
        unit_s=5,
        rho=0.5,
        new=0,
        jumps=0,
        looks_s=tuple(range(5, 41, 5)),
    ),
)


def poisson(window: Window) -> Found:
    """The usual: a two-sided Poisson test of each pattern, Benjamini-Hochberg at .05, new = absent before."""
    before, after = window.before.of().sum(axis=1), window.after.of().sum(axis=1)
    part = window.after.total_seconds(SignalKind.LOG)
    part /= part + window.before.total_seconds(SignalKind.LOG)
    p = _g_test(before, after, part)
    found = benjamini_hochberg(p) <= FDR_MAX
    rising = after > part * (before + after)
    return {
        (series.fingerprint, FindingKind.RATE_UP if before[i] else FindingKind.NEW)
        for i, series in enumerate(window.after.series)
        if found[i] and rising[i] and (before[i] or series not in window.known)
    } | {
        (series.fingerprint, FindingKind.RATE_DOWN)
        for i, series in enumerate(window.after.series)
        if found[i] and not rising[i]
    }


def _g_test(before: Array, after: Array, part: float) -> Array:
    total = before + after
    g = np.zeros(len(total))
    for observed, expected in ((before, total * (1 - part)), (after, total * part)):
        some = observed > 0
        g[some] += 2.0 * observed[some] * np.log(observed[some] / expected[some])
    return np.array(
        [math.erfc(math.sqrt(max(x, 0.0) / 2.0)) for x in g]
    )  # chi squared, one degree of freedom


def informed(window: Window) -> Found:
    """Whoever knows the true burstiness of _HOUR's jumps (D 55.7 s) and pays nothing for looks: the ceiling."""
    cohorts = [cohort for cohort in (window.earlier, window.before) if cohort is not None]
    before = np.sum([cohort.of().sum(axis=1) for cohort in cohorts], axis=0)
    before_s = sum(cohort.total_seconds(SignalKind.LOG) for cohort in cohorts)
    after, after_s = window.after.of().sum(axis=1), window.after.total_seconds(SignalKind.LOG)
    frequent = np.flatnonzero(before + after >= 20.0 * after_s / 60.0)
    p = np.array([tail_up(before[i], after[i], before_s, after_s, _TRUE_D) for i in frequent])
    rows = frequent[benjamini_hochberg(p) <= FDR_MAX]
    return {(window.after.series[int(i)].fingerprint, FindingKind.RATE_UP) for i in rows if before[i]}


_TRUE_D = 60.0 * 0.5 * (1.0 + 0.3) / (1.0 - 0.3)


def measured(
    setting: Setting, seeds: tuple[int, ...], runs: int, *, ceiling: bool = False
) -> dict[str, Score]:
    """The mean of all seeds, for the shipped detectors and their peer (and the ceiling of jumps, if asked)."""
    ask = {"flyball": shipped, "poisson": poisson} | ({"ceiling": informed} if ceiling else {})
    scores = [score(setting, runs, seed, ask) for seed in seeds]
    fields = ("recall_new", "recall_jump", "fdr", "false_runs")
    return {
        name: Score(**{f: float(np.mean([getattr(s[name], f) for s in scores])) for f in fields})
        for name in ask
    }


def holds(result: Score) -> bool:
    """T7."""
    return min(result.recall_new, result.recall_jump) >= RECALL_MIN and result.fdr <= FDR_MAX


def run(seeds: tuple[int, ...] = SEEDS, runs: int = RUNS) -> None:
    """Print the table."""
    print(f"T7: recall >= {RECALL_MIN} at FDR <= {FDR_MAX}; mean of seeds {seeds}, {runs} runs each")
    print(f"{'known before + after; bursts':52}{'new':>6}{'jumps':>7}{'FDR':>6}  T7{'':14}G-test: jumps  FDR")
    for setting in WITH_HISTORY:
        _print_row(setting, measured(setting, seeds, runs))
    print("without history (ceiling: jumps found by whoever knows the true burstiness)")
    for setting in WITHOUT:
        _print_row(setting, measured(setting, seeds, runs, ceiling=setting.rho == _HOUR.rho))
    print(f"{'runs in which anything false was said, at any look':52}{'flyball':>13}{'G-test':>30}")
    for setting in NOTHING:
        many = runs * (3 if setting.series < _HOUR.series else 1)
        found = measured(setting, seeds, many)
        print(f"{setting.name:52}{found['flyball'].false_runs:>13.3f}{found['poisson'].false_runs:>30.3f}")
    print_silence(seeds)


def _print_row(setting: Setting, found: dict[str, Score]) -> None:
    ours, peer = found["flyball"], found["poisson"]
    verdict = "holds" if holds(ours) else "does NOT hold"
    ceiling = f"  ceiling {found['ceiling'].recall_jump:.2f}" if "ceiling" in found else ""
    print(
        f"{setting.name:52}{ours.recall_new:6.3f}{ours.recall_jump:7.3f}{ours.fdr:6.3f}  {verdict:16}"
        f"{peer.recall_jump:13.2f}{peer.fdr:5.2f}{ceiling}"
    )


def main() -> None:
    """Print the table with other seeds or more runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.novelty", description="T7, row by row.")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    arguments = parser.parse_args()
    run(tuple(arguments.seeds), arguments.runs)


if __name__ == "__main__":
    main()
