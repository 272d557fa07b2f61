"""Metrics as signals, under the keys that rules read: OpenTelemetry's names where there is no such key.

Counters become what they grew by, histograms their mean. Of requests it is how many, how late, and how many of a
hundred went well. What is asked for by attribute (partition, mount point, route) becomes one number: sums add up,
of gauges the highest counts.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from flyball.model.signal import Signal, Surface
from flyball.queries.observe.place import ASKED, ENTITY, WHERE, Scope, texts

SAMPLE_S = 15
"""Samples closer than this are one."""
SERIES_MAX = 3_000
"""Series of one observation: those that rules read before all others."""

KEYS = {
    "container.cpu.usage": ("cpu.cores", 1.0),
    "k8s.pod.cpu.usage": ("cpu.cores", 1.0),
    "k8s.pod.cpu_limit_utilization": ("cpu.utilization_percent", 100.0),
    "container.memory.working_set": ("memory", 1.0),
    "k8s.pod.memory_limit_utilization": ("memory.utilization_percent", 100.0),
    "container_cpu_cfs_throttled_seconds_total": ("cpu.throttled_s", 1.0),
}
"""Names of the Collector and of exporters, the key of the rules, and the factor between their units."""
REQUESTS = {"http.server.request.duration": 1000.0, "http.server.duration": 1.0, "rpc.server.duration": 1.0}
"""Durations of requests served, and the factor to milliseconds."""
_STATUS = ("http.response.status_code", "http.status_code")
_ALERTS = "ALERTS"
"""Prometheus writes its alerts as a metric of this name."""
_IDLE = ("idle", "free")
"""States of CPU and memory that are no use of them."""


class Counting(enum.StrEnum):
    """What the values of a series are."""

    LEVEL = "level"
    """A gauge, or a sum that may fall: each value stands for itself."""
    INCREASE = "increase"
    """What came since the value before."""
    TOTAL = "total"
    """All since the start of the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """One series of samples in time: a metric of an entity with one set of attributes.

    `counts` is empty unless it is a histogram, whose `values` are then sums. `adds` tells that values of several
    sets of attributes add up.
    """

    entity: str
    name: str
    times: tuple[datetime, ...]
    values: tuple[float, ...]
    counts: tuple[float, ...] = ()
    counting: Counting = Counting.LEVEL
    adds: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


_Sample = tuple[datetime, float, float]
"""Time, value, count (of a histogram)."""


def metric_signals(series: Iterable[Sampled], onset: datetime) -> list[Signal]:
    """The signals of series; `onset` is where slots of `SAMPLE_S` begin."""
    slots: dict[tuple[str, str, int], list[tuple[datetime, float, bool]]] = {}
    requests: dict[tuple[str, int], list[tuple[datetime, float, float, bool]]] = {}
    found: list[Signal] = []
    for one in series:
        if one.name == _ALERTS:
            found += _alerts(one)
        elif one.attributes.get("state") not in _IDLE:
            for time, value, count in _grown(one):
                slot = math.floor((time - onset).total_seconds() / SAMPLE_S)
                if one.name in REQUESTS and one.counts:
                    fine = not _status(one).startswith("5")
                    part = (time, REQUESTS[one.name] * value, count, fine)
                    requests.setdefault((one.entity, slot), []).append(part)
                else:
                    key, factor = KEYS.get(one.name, (one.name, 1.0))
                    shown = value / count if one.counts else value
                    slots.setdefault((one.entity, key, slot), []).append((time, factor * shown, one.adds))
    for (entity, key, _), parts in slots.items():
        values = [value for _, value, _ in parts]
        value = sum(values) if all(adds for _, _, adds in parts) else max(values)
        found.append(_metric(max(time for time, _, _ in parts), entity, key, value))
    for (entity, _), several in requests.items():
        found += _served(entity, several)
    return found


def _status(series: Sampled) -> str:
    return next((series.attributes[key] for key in _STATUS if key in series.attributes), "")


def _grown(series: Sampled) -> Iterator[_Sample]:
    """The samples; of totals what they grew by, from the second on. A total that fell began anew."""
    counts = series.counts or (0.0,) * len(series.values)
    samples = list(zip(series.times, series.values, counts, strict=True))
    if series.counting is not Counting.TOTAL:
        yield from (one for one in samples if one[2] or not series.counts)
        return
    for (_, old, old_count), (time, new, new_count) in itertools.pairwise(samples):
        anew = new < old or new_count < old_count
        value, count = (new, new_count) if anew else (new - old, new_count - old_count)
        if count or not series.counts:
            yield time, value, count


def _alerts(series: Sampled) -> Iterator[Signal]:
    name, state = series.attributes.get("alertname", ""), series.attributes.get("alertstate", "firing")
    for time in series.times:
        yield Signal(surface=Surface.ALERT, time=time, entity=series.entity, key=name, value=state)


def _served(entity: str, parts: list[tuple[datetime, float, float, bool]]) -> Iterator[Signal]:
    """How many requests, how late, and how many of 100 went well."""
    at = max(time for time, _, _, _ in parts)
    total = sum(count for _, _, count, _ in parts)
    late = sum(ms for _, ms, _, _ in parts) / total
    well = 100 * sum(count for _, _, count, fine in parts if fine) / total
    for key, value in (("requests.count", total), ("latency_ms", late), ("availability_percent", well)):
        yield _metric(at, entity, key, value)


def _metric(at: datetime, entity: str, key: str, value: float) -> Signal:
    return Signal(surface=Surface.METRIC, time=at, entity=entity, key=key, value=round(value, 5))


# A slot's sample: the last level or total, or all increases of it.
_SQL = f"""
SELECT entity, name, attributes, histogram, total, increases,
    groupArray(at) AS times, groupArray(value) AS values, groupArray(number) AS counts
FROM (
    SELECT {ENTITY}, name, JSONExtractRaw(point, 'attributes') AS attributes,
        JSONHas(metric, 'histogram') OR JSONHas(metric, 'exponentialHistogram') AS histogram,
        JSONExtractBool(metric, 'sum', 'isMonotonic') AS total,
        JSONExtractInt(metric, if(JSONHas(metric, 'sum'), 'sum', if(JSONHas(metric, 'histogram'), 'histogram',
            'exponentialHistogram')), 'aggregationTemporality') = 1 AS increases,
        floor((toUnixTimestamp64Milli(time) - toUnixTimestamp64Milli({{onset:DateTime64(3, 'UTC')}}))
            / {1000 * SAMPLE_S}) AS slot,
        toUnixTimestamp64Milli(max(time)) AS at,
        if(increases, sum(metrics.value), argMax(metrics.value, metrics.time)) AS value,
        if(increases, sum(toFloat64OrZero(JSONExtractString(point, 'count'))),
            argMax(toFloat64OrZero(JSONExtractString(point, 'count')), metrics.time)) AS number
    FROM {{db}}.metrics AS metrics WHERE {WHERE} AND {ASKED}
    GROUP BY entity, name, attributes, histogram, total, increases, slot ORDER BY slot
)
GROUP BY entity, name, attributes, histogram, total, increases
ORDER BY name IN {{read:Array(String)}} DESC, name, entity, attributes"""


async def read_metrics(scope: Scope) -> list[Signal]:
    """The metrics of both windows."""
    known = [*KEYS, *REQUESTS, _ALERTS]
    rows = await scope.rows(_SQL, SERIES_MAX, "series of metrics", read=known, **scope.cluster)
    return metric_signals([_sampled(row) for row in rows], scope.onset)


def _sampled(row: Mapping[str, Any]) -> Sampled:
    sums = bool(row["total"] or row["histogram"])
    counting = Counting.LEVEL
    if sums:
        counting = Counting.INCREASE if row["increases"] else Counting.TOTAL
    return Sampled(
        entity=row["entity"],
        name=row["name"],
        times=tuple(datetime.fromtimestamp(at / 1000, UTC) for at in row["times"]),
        values=tuple(row["values"]),
        counts=tuple(row["counts"]) if row["histogram"] else (),
        counting=counting,
        adds=sums,
        attributes=texts(orjson.loads(row["attributes"] or "[]")),
    )
