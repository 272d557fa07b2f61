"""The usual metrics of pods, nodes and databases, under the names that the Collector's receivers give them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from gallery.stream import FAILING_S, NORMAL_S, SAMPLE_S, Point, Stage

_MI = 2**20


def usual(stage: Stage) -> Iterator[Point]:
    """All samples of both windows; from the onset on as the stage bends them."""
    for source, name, unit, level, spread in _series(stage):
        bend = stage.bends.get((source, name))
        drift, total = 0.0, 0.0
        for number in itertools.count():
            at = round(-NORMAL_S + number * SAMPLE_S, 3)
            if at >= FAILING_S:
                break
            drift = 0.8 * drift + stage.draw.gauss(0, spread)
            value = max(0.0, level * math.exp(drift))
            if bend and at >= 0:
                value = bend(at, value)
            total += value
            counter = name.endswith("_total")
            yield Point(time=at, source=source, name=name, value=total if counter else value, unit=unit)


def _series(stage: Stage) -> Iterator[tuple[str, str, str, float, float]]:
    """Source, name, unit, usual level, and how it varies from sample to sample (of its logarithm)."""
    draw, system = stage.draw, stage.system
    for service in system.services.values():
        cores, memory = draw.uniform(0.03, 0.12), draw.uniform(0.35, 0.6)
        for pod in service.pods:
            it = f"pod/{pod}"
            yield it, "container.cpu.usage", "{cpu}", cores, 0.06
            yield it, "k8s.pod.cpu_limit_utilization", "1", cores / 0.5, 0.06
            yield it, "container.memory.working_set", "By", memory * service.memory_mi * _MI, 0.004
            yield it, "k8s.pod.memory_limit_utilization", "1", memory, 0.004
            yield it, "container_cpu_cfs_throttled_seconds_total", "s", 0.002, 0.3
    for node in system.nodes:
        yield f"node/{node}", "k8s.node.cpu.usage", "{cpu}", draw.uniform(0.8, 2.0), 0.04
        yield f"node/{node}", "k8s.node.memory.usage", "By", draw.uniform(5, 9) * 1024 * _MI, 0.004
        yield f"node/{node}", "system.filesystem.utilization", "1", draw.uniform(0.3, 0.6), 0.001
    for database in system.databases.values():
        it, used = f"database/{database.name}", draw.uniform(0.15, 0.35) * database.connections_max
        postgres = database.engine == "postgresql"
        yield it, "postgresql.backends" if postgres else "mysql.threads", "1", used, 0.03
        limit = "postgresql.connection.max" if postgres else "mysql.connection.max"
        yield it, limit, "{connections}", float(database.connections_max), 0.0
        yield it, "system.cpu.utilization", "1", draw.uniform(0.1, 0.3), 0.05
        yield it, "system.disk.write_bytes", "By", draw.uniform(2e5, 9e5), 0.1
        yield it, "system.filesystem.utilization", "1", draw.uniform(0.3, 0.6), 0.0005
        yield it, "postgresql.deadlocks" if postgres else "mysql.locks", "1", 0.0, 0.0
    yield f"service/{system.consumer.name}", "kafka.consumer_group.lag", "1", draw.uniform(5, 40), 0.25
