"""Nezha: faults injected into a running system; logs, traces and metrics by the minute, and one normal minute a day.

`rca_data/DAY/` holds the minutes of faults, `construct_data/DAY/` the normal ones. The fault lists tell when a case
begins (`inject_time`, UTC; `inject_timestamp` is 8 hours off); the pod and the type of the fault stand beside it and
are never read here.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import statistics
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flyball.model.signal import Signal, Surface

from bench.rca.case import Case
from bench.rca.text import Line, Texts

MINUTES = 3
"""Minutes of a case, from the one in which it begins."""
BEFORE_MIN = 10
"""Minutes of metrics before a case that count as normal."""
_METRICS = {
    "CpuUsageRate(%)": "cpu.utilization_percent",
    "MemoryUsageRate(%)": "memory.utilization_percent",
    "NetworkReceiveBytes": "network.receive_bytes",
    "NetworkTransmitBytes": "network.transmit_bytes",
    "PodServerLatencyP90(s)": "latency_s.p90",
    "PodWorkload(Ops)": "requests.rate",
}


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `nezha_*.tar.xz`."""
    for archive in sorted(folder.glob("nezha_*.tar.xz")):
        with tarfile.open(archive) as tar:
            files = {
                member.name: tar.extractfile(member).read()  # pyright: ignore[reportOptionalMemberAccess]
                for member in tar.getmembers()
                if member.isfile() and member.name.endswith((".csv", "fault_list.json"))
            }
        yield from _cases(_Files(files), archive.name.removesuffix(".tar.xz"))


@dataclass(frozen=True, slots=True)
class _Files:
    held: dict[str, bytes]

    def rows(self, *parts: str) -> list[dict[str, str]]:
        """The rows of the CSV whose path ends with these parts; none when it is not there."""
        ending = "/".join(parts)
        for name, data in self.held.items():
            if name.endswith("/" + ending):
                return list(csv.DictReader(io.StringIO(data.decode("utf-8", "replace"))))
        return []

    def metrics(self, part: str, day: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """The rows of metrics of each pod."""
        inside = f"/{part}/{day}/metric/"
        for name, data in self.held.items():
            if inside in name and name.endswith("_metric.csv"):
                yield name, list(csv.DictReader(io.StringIO(data.decode("utf-8", "replace"))))

    def minutes(self, part: str, day: str) -> list[str]:
        """The minutes of a day that have logs, as `08_50`."""
        inside = f"/{part}/{day}/log/"
        return sorted(
            name.rpartition("/")[2].removesuffix("_log.csv") for name in self.held if inside in name
        )


def _cases(files: _Files, dataset: str) -> Iterator[Case]:
    lists = sorted(name for name in files.held if name.endswith("fault_list.json"))
    for name in lists:
        day = name.rpartition("/")[2].removesuffix("-fault_list.json")
        begins = [one["inject_time"] for hour in json.loads(files.held[name]).values() for one in hour]
        metrics = [(pod, rows) for pod, rows in files.metrics("rca_data", day)]
        for begin in begins:
            yield _case(files, dataset, day, str(begin), metrics)


def _case(
    files: _Files, dataset: str, day: str, begin: str, metrics: list[tuple[str, list[dict[str, str]]]]
) -> Case:
    start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    minutes = [f"{start + timedelta(minutes=n):%H_%M}" for n in range(MINUTES)]
    texts = Texts()
    now_spans, now_lines = _minutes(files, "rca_data", day, minutes)
    usual = [(part, one) for part in ("construct_data",) for one in files.minutes(part, day)]
    old_spans, old_lines = _minutes(files, "construct_data", day, [one for _, one in usual])
    now, old = texts.learn(now_lines), texts.learn(old_lines)
    end = start + timedelta(minutes=MINUTES + 1)
    before = start - timedelta(minutes=BEFORE_MIN)
    return Case(
        dataset=dataset,
        id=begin,
        signals=(
            *_counted(texts.signals(now)),
            *spans_signals(now_spans),
            *_metrics(metrics, start + timedelta(seconds=30), end),
        ),
        normal=(
            *_counted(texts.signals(old)),
            *spans_signals(old_spans),
            *_metrics(metrics, before, start),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span: whose it is, what it does, how long it took, and under which span."""

    trace: str
    id: str
    parent: str
    service: str
    operation: str
    start: datetime
    duration_ms: float


def _minutes(files: _Files, part: str, day: str, minutes: Iterable[str]) -> tuple[list[Span], list[Line]]:
    spans: list[Span] = []
    lines: list[Line] = []
    for minute in minutes:
        mine = [_span(row) for row in files.rows(part, day, "trace", f"{minute}_trace.csv")]
        spans += mine
        operations = {span.id: span.operation for span in mine}
        ref = f"{part}/{day}/log/{minute}"
        rows = files.rows(part, day, "log", f"{minute}_log.csv")
        lines.extend(_line(row, operations, ref) for row in rows)
    return spans, lines


def service_of(pod: str) -> str:
    """The workload of a pod, by the name its controllers give: two hashes at the end."""
    return "service/" + pod.rsplit("-", 2)[0]


def _span(row: dict[str, str]) -> Span:
    start = int(row["StartTimeUnixNano"])
    return Span(
        trace=row["TraceID"],
        id=row["SpanID"],
        parent=row["ParentID"],
        service=service_of(row["PodName"]),
        operation=row["OperationName"],
        start=datetime.fromtimestamp(start / 1e9, UTC),
        duration_ms=(int(row["EndTimeUnixNano"]) - start) / 1e6,
    )


def _line(row: dict[str, str], operations: dict[str, str], ref: str) -> Line:
    text = row["Log"]
    if text.startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            text = str(json.loads(text).get("log", text))
    return Line(
        time=datetime.fromtimestamp(int(row["TimeUnixNano"]) / 1e9, UTC),
        entity=service_of(row["PodName"]),
        text=text.rstrip("\n"),
        operation=operations.get(row["SpanID"], ""),
        raw_ref=ref,
    )


def _counted(signals: list[Signal]) -> list[Signal]:
    """One signal for each service, operation and template, with its count and its first record."""
    groups: dict[tuple[str, str, str], list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[signal.entity, signal.operation, signal.key].append(signal)
    return [replace(min(g, key=lambda s: s.time), count=sum(s.count for s in g)) for g in groups.values()]


def spans_signals(spans: list[Span]) -> list[Signal]:
    """Calls and durations of each operation, and the time on the way of each edge between services."""
    by_operation: dict[tuple[str, str], list[Span]] = defaultdict(list)
    own = _own_ms(spans)
    for span in spans:
        by_operation[span.service, span.operation].append(span)
    found: list[Signal] = []
    for (service, operation), mine in by_operation.items():
        at = max(span.start for span in mine)
        for key, value in (
            ("calls", float(len(mine))),
            ("duration_ms.p50", statistics.median(span.duration_ms for span in mine)),
            ("self_ms.p50", statistics.median(own[span.trace, span.id] for span in mine)),
            ("self_ms.p90", _p90([own[span.trace, span.id] for span in mine])),
        ):
            found.append(
                Signal(
                    surface=Surface.SPAN,
                    time=at,
                    entity=service,
                    operation=operation,
                    key=key,
                    value=round(value, 3),
                    count=len(mine),
                )
            )
    return found + _edges(spans)


def _p90(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]


def _own_ms(spans: list[Span]) -> dict[tuple[str, str], float]:
    """What a span took less what its children took: at least 0."""
    below: dict[tuple[str, str], float] = defaultdict(float)
    for span in spans:
        below[span.trace, span.parent] += span.duration_ms
    return {(s.trace, s.id): max(0.0, s.duration_ms - below[s.trace, s.id]) for s in spans}


def _edges(spans: list[Span]) -> list[Signal]:
    """Caller's time less callee's, of spans whose parent is another service's: the way there and back."""
    held = {(span.trace, span.id): span for span in spans}
    ways: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    at: dict[tuple[str, str, str], datetime] = {}
    for span in spans:
        above = held.get((span.trace, span.parent))
        if above is not None and above.service != span.service:
            edge = above.service, span.service, span.operation
            ways[edge].append(above.duration_ms - span.duration_ms)
            at[edge] = max(span.start, at.get(edge, span.start))
    return [
        Signal(
            surface=Surface.EDGE,
            time=at[edge],
            entity=edge[0],
            operation=edge[2],
            key=edge[1],
            value=round(statistics.median(values), 3),
            count=len(values),
        )
        for edge, values in ways.items()
    ]


def _metrics(
    held: list[tuple[str, list[dict[str, str]]]], begin: datetime, end: datetime
) -> Iterator[Signal]:
    for ref, rows in held:
        for row in rows:
            at = datetime.fromtimestamp(int(row["TimeStamp"]), UTC)
            if not begin <= at < end:
                continue
            for column, key in _METRICS.items():
                value = row.get(column, "")
                if value and value != "NaN":
                    yield Signal(
                        surface=Surface.METRIC,
                        time=at,
                        entity=service_of(row["PodName"]),
                        key=key,
                        value=round(float(value), 4),
                        raw_ref=ref.rpartition("/")[2],
                    )
