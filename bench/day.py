"""A day of 40 million log lines: how many incidents, how many of them false, how many explanations, how much CPU.

`python -m bench.day`. A shop's day is told minute by minute to the real stores, and the real watch makes a round each
time, its clock being the story's. Three failures of different causes are in it: expected are three incidents, three
explanations, none false.

What is not as in a server: the counts of 5 seconds are written as the distiller would write them, not distilled from
lines, and raw records are written in full around the failures alone (a few a minute otherwise); a round comes every
minute, not every 2 s. The day begins now and ends tomorrow, because the engine folds counts after an hour of its own
clock: here they stay fine for the whole day, so that queries read no less than in a server.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from flyball.commands.remember_incident import Remembering
from flyball.commands.watch import Watch
from flyball.distill.catalog import Catalog
from flyball.model.incident import Explanation, Incident
from flyball.model.verdict import Outcome
from flyball.queries.explanation import explain_incident
from flyball.queries.ports import Ports
from flyball.stores.state_sqlite import SqliteState
from flyball.stores.telemetry_chdb import ChdbTelemetry
from flyball.wiring import watch_of

from bench import day_traffic as traffic
from bench.day_story import FAILURES_MAX, Day, Failure, day, deploy, deploys, story
from bench.distill import holds

HOURS = 24
LINES = 40_000_000
STEP_S = 60
"""Between two rounds, and between two inserts."""
_BEFORE_S, _AFTER_S = 720, 600
"""Raw records are written from so long before a failure until so long after it."""
_SAMPLE = 1
"""Otherwise so many of each signal and slot."""
_SEED = 11
_EARLY_S = 120


@dataclass(slots=True)
class StoryClock:
    """Stands at a second of the day."""

    at_s: float

    def now_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return int(self.at_s * 1e9)

    def monotonic_s(self) -> float:
        """The same in seconds."""
        return self.at_s


@dataclass(slots=True)
class Tally:
    """What came of the day."""

    lines: int = 0
    spans: int = 0
    raw: int = 0
    rounds: int = 0
    explained: int = 0
    """Calls of the explanation: diagnoses."""
    told: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Episode -> its causes, one after the other."""
    failed: int = 0
    """Check-ups that read more than a query may."""
    watch_cpu_s: float = 0.0
    insert_cpu_s: float = 0.0
    wall_s: float = 0.0
    epoch_s: int = 0
    """When the day begins, seconds since 1970."""
    incidents: list[Incident] = field(default_factory=list[Incident])


async def replayed(told: Day, folder: Path, step_s: int = STEP_S) -> Tally:
    """Tell the day to new stores in the folder, and watch it, a round every `step_s`."""
    store = ChdbTelemetry(folder / "telemetry")
    state = SqliteState(folder / "state.db")
    await store.migrate()
    await state.migrate()
    epoch_s = int(time.time()) // 60 * 60  # noqa: TID251 - the engine expires rows by its own clock
    clock, tally, said = StoryClock(epoch_s), Tally(epoch_s=epoch_s), story(told)
    catalog = Catalog()
    catalog.add(list({one.signal: one.shape for one in said}.values()), epoch_s * 10**9)
    ports = Ports(
        telemetry=store,
        changes=state,
        evidence=state,
        incidents=state,
        memory=state,
        catalog=catalog,
        clock=clock,
        listening_since_s=float(epoch_s),
    )
    watch, rng, begun = _watch(ports, state, tally), np.random.default_rng(_SEED), time.perf_counter()
    for second in range(0, int(told.hours * 3600), step_s):
        cpu = time.process_time()
        await _step(told, said, second, step_s, epoch_s, store, rng, tally)
        for moment, version, previous in deploys(told):
            if second <= moment < second + step_s:
                change, seen = deploy(version, previous, epoch_s + moment)
                await state.put_change(change)
                await state.put_versions([seen])
        between = time.process_time()
        clock.at_s = epoch_s + second + step_s + 0.1
        await watch.round()
        tally.rounds += 1
        tally.insert_cpu_s += between - cpu
        tally.watch_cpu_s += time.process_time() - between
        if (second + step_s) % 3600 == 0:
            print(f"  hour {(second + step_s) // 3600} of {told.hours:g} is told", flush=True)
    tally.wall_s = time.perf_counter() - begun
    tally.incidents = sorted(await state.incidents(ports.workspace), key=lambda one: one.began)
    await store.close()
    await state.close()
    return tally


async def _step(
    told: Day,
    said: list[traffic.Says],
    second: int,
    step_s: int,
    epoch_s: int,
    store: ChdbTelemetry,
    rng: np.random.Generator,
    tally: Tally,
) -> None:
    """Store what came between two rounds, as of their end."""
    received_ms = (epoch_s + second + step_s) * 1000
    counted = traffic.counts(said, second, step_s, rng)
    tables = {"counts": traffic.count_table(counted, epoch_s, received_ms, rng)}
    whole = any(f.begin_s - _BEFORE_S <= second < f.end_s + _AFTER_S for f in told.failures)
    kept = counted if whole else [(one, slot, min(n, _SAMPLE)) for one, slot, n in counted]
    tables |= traffic.raw_tables(kept, epoch_s, received_ms, rng)
    await store.insert(tables, received_ms=received_ms)
    tally.lines += sum(n for one, _, n in counted if one.kind == "log")
    tally.spans += sum(n for one, _, n in counted if one.kind == "span")
    tally.raw += sum(table.num_rows for name, table in tables.items() if name != "counts")


def _watch(ports: Ports, state: SqliteState, tally: Tally) -> Watch:
    """The watch as the server wires it, counting what it explains."""

    async def verified(change: str) -> tuple[Outcome, Mapping[str, float]]:
        del change
        return Outcome.NOT_ENOUGH_DATA, {}

    async def explain(incident: Incident, as_of: datetime) -> Explanation:
        tally.explained += 1
        return await explain_incident(ports, incident, as_of)

    async def told(incident: Incident, explanation: Explanation) -> None:
        causes = tally.told.setdefault(incident.occurrence, [])
        diagnosis = explanation.diagnosis
        named = f"{diagnosis.cause} of {diagnosis.object}" if diagnosis.cause else "inconclusive"
        if causes[-1:] != [named]:
            causes.append(named)
        await remembering.told(incident, explanation)

    remembering = Remembering(
        memory=state,
        incidents=state,
        changes=state,
        clock=ports.clock,
        verify=verified,
        fingerprint_of=ports.catalog.fingerprint_of,
    )

    def failed(edge: str, outcome: str) -> None:
        del edge, outcome
        tally.failed += 1

    return replace(watch_of(ports, state, remembering, failed), explain=explain, told=told)


def of_failure(incident: Incident, failure: Failure, epoch_s: float) -> bool:
    """Whether the incident is that failure: it began while it went on, and one of its services shows it."""
    began = incident.began.timestamp() - epoch_s
    near = failure.begin_s - _EARLY_S <= began <= failure.end_s + _EARLY_S
    return near and bool(failure.services & set(incident.services))


def show(told: Day, tally: Tally, step_s: int) -> None:
    """Print the figures."""
    false = [
        one for one in tally.incidents if not any(of_failure(one, f, tally.epoch_s) for f in told.failures)
    ]
    caught = [f for f in told.failures if any(of_failure(one, f, tally.epoch_s) for one in tally.incidents)]
    print(f"day: {told.hours:g} h, {tally.lines:,} log lines and {tally.spans:,} spans as counts of 5 s,")
    print(f"  {tally.raw:,} raw records, in full around the failures alone; a round every {step_s} s")
    for one in tally.incidents:
        hour = (one.began.timestamp() - tally.epoch_s) / 3600
        took = (one.opened - one.began).total_seconds()
        causes = " -> ".join(tally.told.get(one.occurrence, ["none"]))
        print(
            f"  {hour:5.2f} h  {one.state.value:<9} seen after {took:3.0f} s, episode {one.episode}, {causes}"
        )
        print(
            f"           {len(one.findings)} findings of {', '.join(one.services)}; {one.diagnoses} diagnoses"
        )
    figures = {
        "failures": len(told.failures),
        "of them found": len(caught),
        "incidents": len(tally.incidents),
        "false": len(false),
        "diagnoses": tally.explained,
        "explanations": len(tally.told),
        "causes told": sum(map(len, tally.told.values())),
        "rounds": tally.rounds,
        "failed check-ups": tally.failed,
    }
    for name, number in figures.items():
        print(f"  {name:<22}{number:>8,}")
    print(f"  {'seconds':<22}{tally.wall_s:>8.0f}")
    print(f"  {'CPU of the watch':<22}{tally.watch_cpu_s / told.hours:>8.2f} s an hour of the day")
    print(f"  {'CPU of telling it':<22}{tally.insert_cpu_s / told.hours:>8.2f} s an hour of the day")
    kept = (len(caught), len(tally.incidents), len(tally.told), len(false)) == (*(len(told.failures),) * 3, 0)
    print(f"  an incident and an explanation for each failure, none false: {holds(kept)}")


def main() -> None:
    """Replay a day, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.day", description="A day of logs, watched.")
    parser.add_argument("--hours", type=float, default=HOURS)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--failures", type=int, default=FAILURES_MAX, choices=range(FAILURES_MAX + 1))
    parser.add_argument("--step", type=int, default=STEP_S, help="seconds between two rounds")
    given = parser.parse_args()
    told = day(given.hours, given.lines, given.failures)
    with tempfile.TemporaryDirectory() as folder:
        tally = asyncio.run(replayed(told, Path(folder), given.step))
    show(told, tally, given.step)


if __name__ == "__main__":
    main()
