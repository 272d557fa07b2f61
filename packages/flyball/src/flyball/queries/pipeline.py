"""Can this picture be trusted: what came into each stage since the start, what left it, what waits, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flyball.model.export import Signal
from flyball.pipeline.bus_local import LocalBus
from flyball.pipeline.runner import BYTES_IN, BYTES_KEPT, RECORDS_IN

_STAGES = ("wal", "decode", "distil", "store")
"""In the order in which a record passes them; every other edge of the meter is a receiver, and before them."""
_RECEIVED, _SENT = "received: ", "sent: "
_PREFIXES = (_RECEIVED, _SENT, "dropped: ", "expired: ")
_TOLD = {BYTES_IN, RECORDS_IN, BYTES_KEPT, "recovered", *Signal}
"""Outcomes that are shown by other names; what was recovered is among the exports that came."""

Outcomes = Mapping[str, int]
Edges = Mapping[str, Outcomes]
"""Edge -> outcome -> number, as the meter has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage; every mapping is what -> how many, empty where the stage has none.

    A receiver counts what it has handed on, so what came and what went are the same there. `waiting` is the queue
    in the stage and `lag_s` the age of the oldest in it; None for a stage without a queue.
    """

    name: str
    came: Mapping[str, int]
    went: Mapping[str, int]
    dropped: Mapping[str, int]
    waiting: Mapping[str, int]
    lag_s: float | None
    failed: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """How much smaller what is kept is than what was stored since the start, all but raw rows, which expire.

    `bytes_in` are OTLP requests, unpacked; `bytes_kept` counts and exemplars as they go to the store, which packs
    them further; `patterns` are all that are known. `kept` is the share, None before there was anything.
    """

    records_in: int
    patterns: int
    bytes_in: int
    bytes_kept: int
    kept: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Every stage since the process began at `since`; `trouble` is empty when all is well."""

    stages: Sequence[Stage]
    reduction: Reduction
    trouble: str
    since: datetime
    at: datetime


def pipeline(
    *, edges: Edges, bus: LocalBus, trouble: str, patterns: int, since: datetime, at: datetime
) -> Pipeline:
    """The stages with what the meter and the bus counted."""
    receivers = sorted(name for name in edges if name not in _STAGES)
    wal, decode, distil, store = (edges.get(name, {}) for name in _STAGES)
    shrunk = reduction(edges, patterns)
    queue = {"exports": bus.received - bus.stored, "bytes": bus.pending_bytes}
    lag_s = max(at.timestamp() - bus.oldest_ns / 1e9, 0.0) if bus.oldest_ns is not None else 0.0
    again = {"exports that came twice": bus.duplicates} if bus.duplicates else {}
    return Pipeline(
        stages=[
            *(_stage(name, edges[name], went=_named(edges[name], _RECEIVED)) for name in receivers),
            _stage(
                "wal",
                wal,
                came={"exports": bus.received},
                went={"exports": bus.stored},
                dropped=again,
                waiting=queue,
                lag_s=lag_s,
            ),
            _stage("decode", decode, went=_named(decode, _SENT)),
            _stage(
                "distil",
                distil,
                came={"records": shrunk.records_in, "bytes": shrunk.bytes_in},
                went={"patterns known": shrunk.patterns, "bytes": shrunk.bytes_kept},
            ),
            _stage(
                "store",
                store,
                came=_named(decode, _SENT),
                went={s.value: store[s] for s in Signal if s in store},
            ),
        ],
        reduction=shrunk,
        trouble=trouble,
        since=since,
        at=at,
    )


def reduction(edges: Edges, patterns: int) -> Reduction:
    """Lines in, patterns out, bytes in, bytes kept."""
    distil = edges.get("distil", {})
    came, kept = distil.get(BYTES_IN, 0), distil.get(BYTES_KEPT, 0)
    return Reduction(
        records_in=distil.get(RECORDS_IN, 0),
        patterns=patterns,
        bytes_in=came,
        bytes_kept=kept,
        kept=round(kept / came, 6) if came else None,
    )


def _stage(
    name: str,
    outcomes: Outcomes,
    *,
    went: Outcomes,
    came: Outcomes | None = None,
    dropped: Outcomes | None = None,
    waiting: Outcomes | None = None,
    lag_s: float | None = None,
) -> Stage:
    """A stage; an outcome of the meter that says neither what came, went nor was dropped is a failure."""
    lost = _named(outcomes, "dropped: ") | _named(outcomes, "expired: ")
    return Stage(
        name=name,
        came=_named(outcomes, _RECEIVED) if came is None else came,
        went=went,
        dropped={**lost, **(dropped or {})},
        waiting=waiting or {},
        lag_s=lag_s,
        failed={
            outcome: number
            for outcome, number in outcomes.items()
            if outcome not in _TOLD and not outcome.startswith(_PREFIXES)
        },
    )


def _named(outcomes: Outcomes, prefix: str) -> dict[str, int]:
    """What follows the prefix -> number."""
    return {
        outcome.removeprefix(prefix): number
        for outcome, number in outcomes.items()
        if outcome.startswith(prefix)
    }
