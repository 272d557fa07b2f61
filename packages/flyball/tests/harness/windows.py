"""Windows made by hand: counts per slot of a few series, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from flyball.model.histogram import buckets
from flyball.model.severity import Severity
from flyball.model.window import Basis, Cohort, Durations, Known, Series, SignalKind, Window

SLOT_S = 5
T0 = 1_700_000_000
Counts = Mapping[tuple[Series, Severity], Sequence[float]]


def log(number: int) -> Series:
    return Series(kind=SignalKind.LOG, fingerprint=number)


def span(number: int) -> Series:
    return Series(kind=SignalKind.SPAN, fingerprint=number)


def cohort(
    counts: Counts,
    series: tuple[Series, ...],
    *,
    first: int = 0,
    slots: int,
    young: bool = False,
    durations_ms: Mapping[Series, Sequence[Sequence[float]]] | None = None,
) -> Cohort:
    matrices: dict[Severity, np.ndarray] = {}
    for (one, severity), values in counts.items():
        matrix = matrices.setdefault(severity, np.zeros((len(series), slots)))
        matrix[series.index(one)] += values
    return Cohort(
        label="v1" if first == 0 else "v2",
        slot_s=SLOT_S,
        starts=T0 + (first + np.arange(slots)) * SLOT_S,
        seconds=dict.fromkeys(SignalKind, np.full(slots, float(SLOT_S))),
        young=np.full(slots, young),
        series=series,
        counts=matrices,
        durations={series.index(one): _durations(ms) for one, ms in (durations_ms or {}).items()},
    )


def _durations(ms: Sequence[Sequence[float]]) -> Durations:
    slot = np.concatenate([np.full(len(values), i, dtype=np.int64) for i, values in enumerate(ms)])
    bucket = buckets((np.concatenate([np.asarray(v, dtype=float) for v in ms]) * 1e6).astype(np.uint64))
    return Durations(slot=slot, bucket=bucket.astype(np.int64), count=np.ones(len(slot)))


def _before(counts: Counts, series: tuple[Series, ...]) -> Cohort:
    slots = max(len(values) for values in counts.values())
    return cohort(counts, series, first=-slots, slots=slots)


def window(
    before: Counts,
    after: Counts,
    *,
    own: bool = True,
    young: tuple[bool, bool] = (False, False),
    known: Mapping[Series, Known] | None = None,
    history_s: float = 0.0,
    earlier: Counts | None = None,
    start_known: bool = True,
    durations_ms: tuple[Mapping[Series, Sequence[Sequence[float]]], ...] = ({}, {}),
) -> Window:
    series = tuple(dict.fromkeys(s for s, _ in [*before, *after, *(earlier or {})]))
    old = max(len(v) for v in before.values())
    new = max(len(v) for v in after.values())
    return Window(
        service="checkout",
        environment="prod",
        version="v2",
        change=None,
        own=own,
        basis=Basis.VERSIONS,
        before=cohort(before, series, slots=old, young=young[0], durations_ms=durations_ms[0]),
        after=cohort(after, series, first=old, slots=new, young=young[1], durations_ms=durations_ms[1]),
        after_start=datetime.fromtimestamp(T0 + old * SLOT_S, UTC),
        templates={s.fingerprint: f"pattern {s.fingerprint}" for s in series},
        known=known or {},
        earlier=_before(earlier, series) if earlier else None,
        start_known=start_known,
        history_s=history_s,
    )
