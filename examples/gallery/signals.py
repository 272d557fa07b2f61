"""The stream as signals: what a diagnosis reads. Nothing of the scenario comes with them.

Live, queries make them of what a server has stored (`flyball.queries.observe`); here they are made of the records
themselves. What becomes of metrics, events, objects and peers is the same code. Logs and spans are counted here as
the loaders of `bench/rca` count theirs, and there by the store: a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flyball.model.signal import Signal, Surface
from flyball.queries.observe import code
from flyball.queries.observe.entities import of_peer
from flyball.queries.observe.entities import service as service_entity
from flyball.queries.observe.kubernetes import Happened, event_signals
from flyball.queries.observe.logs import counted
from flyball.queries.observe.metrics import Counting, Sampled, metric_signals
from flyball.queries.observe.objects import object_signals
from gallery.stream import Change, Event, Log, Object, Point, Record, Span, Stream

from bench.rca import nezha
from bench.rca.text import Line, Texts


def signals(stream: Stream) -> tuple[tuple[Signal, ...], tuple[Signal, ...]]:
    """The signals of the failing window and of the normal one."""
    texts = Texts()
    now = [record for record in stream.records if stream.failing(record)]
    usual = [record for record in stream.records if not stream.failing(record)]
    learnt = [texts.learn(list(_lines(stream, records))) for records in (now, usual)]
    logs = [_counted(texts.signals(one)) for one in learnt]
    points = metric_signals(_series(stream), stream.onset)
    return (
        (*logs[0], *_others(stream, now), *(s for s in points if s.time >= stream.onset)),
        (*logs[1], *_others(stream, usual), *(s for s in points if s.time < stream.onset)),
    )


def _others(stream: Stream, records: Iterable[Record]) -> Iterator[Signal]:
    """Spans, edges, events, states and changes."""
    held = list(records)
    spans = [record for record in held if isinstance(record, Span)]
    yield from nezha.spans_signals([_span(stream, span) for span in spans])
    yield from _errors(stream, spans)
    yield from _peers(stream, spans)
    yield from event_signals(_happened(stream, record) for record in held if isinstance(record, Event))
    for record in held:
        at = stream.at(record)
        if isinstance(record, Object):
            yield from object_signals(record.resource, record.manifest, at)
        elif isinstance(record, Change):
            it = entity(record.service)
            yield Signal(surface=Surface.CHANGE, time=at, entity=it, key=record.kind, value=record.version)


def entity(source: str) -> str:
    """`kind/name` of what wrote a record."""
    return source if "/" in source else service_entity(source)


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
    groups: dict[tuple[str, str, int, str], Signal] = {}
    for signal in found:
        key = signal.entity, signal.operation, signal.severity, signal.key
        groups[key] = counted(groups.get(key), signal)
    return [
        replace(one, detail=code.of_text(str(one.value))) if one.severity >= code.SEVERITY_MIN else one
        for one in groups.values()
    ]


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


def _peers(stream: Stream, spans: Iterable[Span]) -> Iterator[Signal]:
    """Whom a client asks, where nobody answered: topology alone."""
    every = (record for record in stream.records if isinstance(record, Span))
    answered = {(span.trace, span.parent) for span in every if span.kind == "server"}
    seen: set[tuple[str, str]] = set()
    for span in spans:
        if span.kind == "client" and (span.trace, span.id) not in answered:
            edge = entity(span.source), of_peer({k: str(v) for k, v in span.attributes.items()})
            if edge not in seen:
                seen.add(edge)
                yield Signal(
                    surface=Surface.EDGE, time=stream.at(span), entity=edge[0], key=edge[1], value=""
                )


def _happened(stream: Stream, event: Event) -> Happened:
    return Happened(
        id=f"{event.name} {event.reason}", time=stream.at(event), kind=event.kind, name=event.name, type=event.type,
        reason=event.reason, message=event.message, count=event.count,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Of:
    """What points of one series share."""

    source: str
    name: str
    attributes: tuple[tuple[str, str], ...]


def _series(stream: Stream) -> Iterator[Sampled]:
    """The samples of both windows: durations are histograms of what came, totals grow, the rest are levels."""
    held: dict[_Of, list[Point]] = {}
    for point in stream.records:
        if isinstance(point, Point):
            shown = tuple((key, str(value)) for key, value in point.attributes.items() if key != "count")
            held.setdefault(_Of(point.source, point.name, shown), []).append(point)
    for of, points in held.items():
        counts = tuple(float(point.attributes["count"]) for point in points if "count" in point.attributes)
        values = tuple(point.value * float(point.attributes.get("count", 1)) for point in points)
        counting = Counting.TOTAL if of.name.endswith("_total") else Counting.LEVEL
        yield Sampled(
            entity=of.source, name=of.name, times=tuple(stream.at(point) for point in points), values=values,
            counts=counts, counting=Counting.INCREASE if counts else counting,
            adds=bool(counts) or counting is Counting.TOTAL, attributes=dict(of.attributes),
        )  # fmt: skip
