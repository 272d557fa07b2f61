"""PetShop: five-minute metrics of services on AWS, a call graph, and the alert that was raised.

`SYSTEM/graph.csv`, `SYSTEM/noissue/metrics.csv` (normal, where it is there), `SYSTEM/*/issue_N/metrics.csv` and
`target.json`, of which only `target` is read: which service's metric was out of bounds, and when.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from flyball.model.signal import Signal, Surface

from bench.rca.archive import folders
from bench.rca.case import Case

DATASET = "petshop"
STEP_S = 300
QUIET_FROM, QUIET_STEP, QUIET_SAMPLES = 200, 25, 4
"""From which sample on, every how many, and how long windows of a normal time are drawn."""
_METRICS = {
    ("latency", "Average"): "latency_s",
    ("latency", "p90"): "latency_s.p90",
    ("availability", "Average"): "availability_percent",
    ("requests", "Sum"): "requests.count",
}
_INFERRED = ("_remote", "_client")
"""X-Ray's names of nodes that it infers from their caller or their entry; they tell nothing of their own."""

_Samples = list[tuple[datetime, str, str, float]]


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `petshop*.tar.xz`."""
    held = {
        name: files for archive in sorted(folder.glob("petshop*.tar.xz")) for name, files in folders(archive)
    }
    for name, files in sorted(held.items()):
        if "target.json" in files and "metrics.csv" in files:
            system = name.split("/")[0]
            quiet = held.get(f"{system}/noissue", {}).get("metrics.csv")
            yield _case(name, files, held.get(system, {}).get("graph.csv", b""), quiet)


def quiet(folder: Path) -> Iterator[Case]:
    """Windows of a normal time, each against what was before it: nothing is wrong in them, and no alert was raised."""
    for archive in sorted(folder.glob("petshop*.tar.xz")):
        held = dict(folders(archive))
        for name, files in sorted(held.items()):
            if not name.endswith("/noissue") or "metrics.csv" not in files:
                continue
            samples = list(_samples(files["metrics.csv"]))
            times = sorted({sample[0] for sample in samples})
            edges = held.get(name.split("/")[0], {}).get("graph.csv", b"")
            for n in range(QUIET_FROM, len(times) - QUIET_SAMPLES, QUIET_STEP):
                window = set(times[n : n + QUIET_SAMPLES])
                now = [sample for sample in samples if sample[0] in window]
                usual = [sample for sample in samples if sample[0] < times[n]]
                yield Case(
                    dataset=DATASET,
                    id=f"{name}/{n}",
                    signals=(*_edges(edges, times[n]), *_signals(now, "noissue")),
                    normal=tuple(_signals(usual, "noissue")),
                )


def _case(name: str, files: dict[str, bytes], graph: bytes, quiet: bytes | None) -> Case:
    target = json.loads(files["target.json"])["target"]
    at = datetime.fromtimestamp(target["timestamp"], UTC)
    samples = list(_samples(files["metrics.csv"]))
    begin = at.timestamp() - STEP_S + 1  # a sample tells of the five minutes that follow its time
    now = [sample for sample in samples if sample[0].timestamp() >= begin]
    usual = (
        list(_samples(quiet)) if quiet else [sample for sample in samples if sample[0].timestamp() < begin]
    )
    alert = Signal(
        surface=Surface.ALERT,
        time=at,
        entity=_entity(target["node"]),
        key=str(target["metric"]),
        value="out of bounds",
    )
    edges = list(_edges(graph, at))
    return Case(
        dataset=DATASET,
        id=name,
        signals=(alert, *edges, *_signals(now, "metrics.csv")),
        normal=tuple(_signals(usual, "noissue")),
    )


def _entity(node: str) -> str:
    return f"{'inferred' if node.endswith(_INFERRED) else 'service'}/{node}"


def _samples(data: bytes) -> Iterator[tuple[datetime, str, str, float]]:
    """Time, node, metric and value of each cell that holds one."""
    rows = list(csv.reader(io.StringIO(data.decode())))
    nodes, metrics, statistics = rows[0][1:], rows[1][1:], rows[2][1:]
    for row in rows[4:]:
        at = datetime.fromtimestamp(float(row[0]), UTC)
        for node, metric, statistic, value in zip(nodes, metrics, statistics, row[1:], strict=False):
            key = _METRICS.get((metric, statistic))
            if key and value:
                yield at, node, key, float(value)


def _signals(samples: _Samples, ref: str) -> Iterator[Signal]:
    for at, node, key, value in samples:
        yield Signal(
            surface=Surface.METRIC, time=at, entity=_entity(node), key=key, value=round(value, 6), raw_ref=ref
        )


def _edges(graph: bytes, at: datetime) -> Iterator[Signal]:
    rows = list(csv.reader(io.StringIO(graph.decode())))
    for row in rows[1:]:
        for callee, value in zip(rows[0][1:], row[1:], strict=False):
            if float(value or 0):
                yield Signal(
                    surface=Surface.EDGE,
                    time=at,
                    entity=_entity(row[0]),
                    key=_entity(callee),
                    value="",
                    raw_ref="graph.csv",
                )
