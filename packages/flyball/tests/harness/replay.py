"""A story as it was heard: everything is stored, and each second only what had come by then is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import numpy as np
from flyball.detect.correlate import Correlate
from flyball.model.change import Change
from flyball.model.finding import Finding
from flyball.model.incident import Incident
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.story import Clock, Process, Record, at, records, tell


@dataclass
class Replayed:
    """The store as of a moment of the story: what queries ask of it."""

    telemetry: ChdbTelemetry
    committed_ms: int = 0

    async def select(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        as_of = datetime.fromtimestamp(self.committed_ms / 1000, at(0).tzinfo)
        return await self.telemetry.select(sql, {"as_of": as_of, **(parameters or {})})


@dataclass
class Replay:
    """A story that is heard second by second."""

    ports: Ports
    told: Sequence[Record]
    _store: Replayed
    _clock: Clock

    def seconds(self, begin: float, end: float, step: float = 1.0) -> Iterator[float]:
        """The seconds of the story, each as the time now."""
        for second in np.arange(begin, end, step):
            self.to(float(second))
            yield float(second)

    def to(self, second: float) -> datetime:
        """Let it be that second; gives its time."""
        self._store.committed_ms = round(at(second).timestamp() * 1000)
        self._clock.at = at(second)
        return at(second)

    def received(self, template: str, service: str, number: int) -> float:
        """The second by which so many records of a template had come."""
        came = sorted(r.received_s for r in self.told if (r.template, r.service) == (template, service))
        return came[number - 1] - at(0).timestamp()


async def replay(
    telemetry: ChdbTelemetry,
    processes: Sequence[Process],
    changes: Sequence[Change] = (),
    *,
    seed: int,
    end: float,
) -> Replay:
    """Store what the processes say, and be at its beginning."""
    told = records(processes, np.random.default_rng(seed))
    ports, _ = await tell(telemetry, told, changes, now_s=end)
    store, clock = Replayed(telemetry), Clock(at(0))
    return Replay(replace(ports, telemetry=cast("Any", store), clock=clock), told, store, clock)


def incident_of(findings: Sequence[Finding], now: datetime) -> Incident:
    """The one incident that these findings are."""
    (incident,) = Correlate().process(findings, [], {}, workspace="default", now=now)
    return incident
