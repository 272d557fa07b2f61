"""The stream as signals: what a diagnosis reads. Nothing of the scenario comes with them.

Records become what the loaders of `bench/rca` make of theirs: logs redacted and distilled, one signal for each
template with its count; spans by operation, and edges; metrics under the keys that those sets share, others under
their own names; objects field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from flyball.model.signal import Signal, Surface
from gallery.states import fields
from gallery.stream import Change, Event, Log, Object, Point, Record, Span, Stream

from bench.rca import nezha
from bench.rca.text import Line, Texts, quiet

_KEYS = {
    "container.cpu.usage": ("cpu.cores", 1.0),
    "k8s.pod.cpu_limit_utilization": ("cpu.utilization_percent", 100.0),
    "container.memory.working_set": ("memory", 1.0),
    "k8s.pod.memory_limit_utilization": ("memory.utilization_percent", 100.0),
}
"""Names of the Collector, the key of the loaders, and the factor between their units."""
_THROTTLED = "container_cpu_cfs_throttled_seconds_total"
_DURATION = "http.server.request.duration"
_EVENT_KINDS = {"Deployment": "service", "StatefulSet": "service", "Service": "service"}


def signals(stream: Stream) -> tuple[tuple[Signal, ...], tuple[Signal, ...]]:
    """The signals of the failing window and of the normal one."""
    texts = Texts()
    now = [record for record in stream.records if stream.failing(record)]
    usual = [record for record in stream.records if not stream.failing(record)]
    learnt = [texts.learn(list(_lines(stream, records))) for records in (now, usual)]
    logs = [_counted(texts.signals(one)) for one in learnt]
    points = list(_points(stream))
    return (
        (*logs[0], *_others(stream, now), *(s for at, s in points if at >= 0)),
        (*logs[1], *_others(stream, usual), *(s for at, s in points if at < 0)),
    )


def _others(stream: Stream, records: Iterable[Record]) -> Iterator[Signal]:
    """Spans, edges, events, states and changes."""
    spans = [record for record in records if isinstance(record, Span)]
    yield from nezha.spans_signals([_span(stream, span) for span in spans])
    yield from _errors(stream, spans)
    yield from _asks(stream, spans)
    for record in records:
        at = stream.at(record)
        if isinstance(record, Event):
            it = f"{_EVENT_KINDS.get(record.kind, record.kind.lower())}/{record.name}"
            said = quiet(record.message)
            yield Signal(
                surface=Surface.EVENT, time=at, entity=it, operation=record.type, key=record.reason, value=said,
                count=record.count,
            )  # fmt: skip
        elif isinstance(record, Object):
            for it, key, value in fields(record.resource, record.manifest):
                shown = quiet(value) if isinstance(value, str) else value
                yield Signal(surface=Surface.STATE, time=at, entity=it, key=key, value=shown)
        elif isinstance(record, Change):
            it = f"service/{record.service}"
            yield Signal(surface=Surface.CHANGE, time=at, entity=it, key=record.kind, value=record.version)


def entity(source: str) -> str:
    """`kind/name` of what wrote a record."""
    return source if "/" in source else f"service/{source}"


def _lines(stream: Stream, records: Iterable[Record]) -> Iterator[Line]:
    operations = {
        (record.trace, record.id): record.name for record in stream.records if isinstance(record, Span)
    }
    for record in records:
        if isinstance(record, Log):
            yield Line(
                time=stream.at(record), entity=entity(record.source), text=record.body, severity=record.severity,
                operation=operations.get((record.trace, record.span), ""),
            )  # fmt: skip


def _counted(found: list[Signal]) -> list[Signal]:
    """One signal for each source, operation, severity and template: its first record, and how many there were."""
    groups: dict[tuple[str, str, int, str], list[Signal]] = {}
    for signal in found:
        key = signal.entity, signal.operation, signal.severity, signal.key
        groups.setdefault(key, []).append(signal)
    return [replace(min(g, key=lambda s: s.time), count=sum(s.count for s in g)) for g in groups.values()]


def _span(stream: Stream, span: Span) -> nezha.Span:
    return nezha.Span(
        trace=span.trace, id=span.id, parent=span.parent, service=entity(span.source), operation=span.name,
        start=stream.at(span), duration_ms=span.duration_ms,
    )  # fmt: skip


def _errors(stream: Stream, spans: Iterable[Span]) -> Iterator[Signal]:
    """How many spans of each operation failed."""
    failed: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        if span.error:
            failed.setdefault((entity(span.source), span.name), []).append(span)
    for (it, operation), several in failed.items():
        yield Signal(
            surface=Surface.SPAN, time=stream.at(several[0]), entity=it, operation=operation, key="error",
            value=float(len(several)), count=len(several),
        )  # fmt: skip


def _asks(stream: Stream, spans: Iterable[Span]) -> Iterator[Signal]:
    """Who asks which database, and whom a service calls, also where nobody answered: topology alone."""
    seen: set[tuple[str, str]] = set()
    for span in spans:
        to = span.attributes.get("db.namespace") or span.attributes.get("server.address")
        kind = "database" if "db.namespace" in span.attributes else "service"
        edge = entity(span.source), f"{kind}/{to}"
        if to and edge not in seen:
            seen.add(edge)
            yield Signal(surface=Surface.EDGE, time=stream.at(span), entity=edge[0], key=edge[1], value="")


def _points(stream: Stream) -> Iterator[tuple[float, Signal]]:
    points = [record for record in stream.records if isinstance(record, Point)]
    totals: dict[str, float] = {}
    for point in points:
        at, value = stream.at(point), point.value
        if point.name == "ALERTS":
            key, said = str(point.attributes["alertname"]), str(point.attributes["alertstate"])
            alert = Signal(surface=Surface.ALERT, time=at, entity=point.source, key=key, value=said)
            yield point.time, alert
            continue
        key, factor = _KEYS.get(point.name, (point.name, 1.0))
        if point.name == _DURATION:
            continue
        if point.name == _THROTTLED:  # a counter: what it grew by
            key, value = "cpu.throttled_s", value - totals.get(point.source, value)
            totals[point.source] = point.value
        yield point.time, _metric(at, point.source, key, value * factor)
    yield from _served(stream, [point for point in points if point.name == _DURATION])


def _served(stream: Stream, points: list[Point]) -> Iterator[tuple[float, Signal]]:
    """What the durations of requests tell, sample by sample: how many, how late, and how many of 100 went well."""
    samples: dict[tuple[str, float], list[tuple[float, float, bool]]] = {}
    for point in points:
        count = float(point.attributes["count"])
        fine = point.attributes["http.response.status_code"] != 500
        samples.setdefault((point.source, point.time), []).append((count, point.value, fine))
    for (source, time), parts in samples.items():
        at = stream.at(next(p for p in points if p.time == time))
        total = sum(count for count, _, _ in parts)
        mean = 1000 * sum(count * value for count, value, _ in parts) / total
        well = 100 * sum(count for count, _, fine in parts if fine) / total
        for key, value in (("requests.count", total), ("latency_ms", mean), ("availability_percent", well)):
            yield time, _metric(at, source, key, value)


def _metric(at: datetime, source: str, key: str, value: float) -> Signal:
    return Signal(surface=Surface.METRIC, time=at, entity=source, key=key, value=round(value, 5))
