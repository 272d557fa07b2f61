"""Exhibits: the signals a sentence stands on, and the evidence made of them.

The id of evidence is a hash of what it holds. So a selection carries the digest of all its signals: the same signals
give the same id in whatever order they came, and a snapshot that was tampered with no longer has its id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from flyball.model.evidence import Evidence
from flyball.model.signal import Signal, Surface

SIGNALS = "signals: "
"""How the kind of such evidence begins."""
EXEMPLARS_MAX = 5
"""Records kept in one piece of evidence; `matched` tells how many there were."""
TEXT_CHARS_MAX = 600
"""Characters kept of one record."""
NAMES_MAX = 20
"""Entities and keys named in one piece of evidence."""

_QUERY = (
    "SELECT time, entity, operation, key, value, count FROM signals WHERE surface = {surface:String}"
    " AND entity IN {entities:Array(String)} AND key IN {keys:Array(String)}"
    " AND time BETWEEN {begin:String} AND {end:String} AND received <= {as_of:String}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """Signals of one surface that tell the same, of `examined` that were looked at.

    `numbers` are what was computed of them and is quoted: shares, ratios, quantiles.
    """

    surface: Surface
    signals: tuple[Signal, ...]
    examined: int
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def matched(self) -> int:
        """How many records the signals stand for."""
        return sum(signal.count for signal in self.signals)


def evidence_of(exhibit: Exhibit, as_of: datetime) -> Evidence:
    """The snapshot of an exhibit, as of the latest signal that was read."""
    signals = sorted(exhibit.signals, key=order)
    times = [signal.time for signal in signals] or [as_of]
    return Evidence(
        kind=f"{SIGNALS}{exhibit.surface}",
        sql=_QUERY,
        parameters={
            "surface": str(exhibit.surface),
            "entities": _named(signal.entity for signal in signals),
            "keys": _named(clip(signal.key) for signal in signals),
            "begin": instant(min(times)),
            "end": instant(max(times)),
            "as_of": instant(as_of),
            "digest": _digest(signals),
        },
        as_of=as_of,
        numbers={"examined": exhibit.examined, "matched": exhibit.matched, **exhibit.numbers},
        exemplars=tuple(_exemplar(signal) for signal in _various(signals)),
    )


def order(signal: Signal) -> tuple[str, str, str, datetime, str, str, int, str, str]:
    """A total order of signals, so that nothing depends on the order in which they came."""
    return (
        signal.entity,
        signal.operation,
        signal.key,
        signal.time,
        type(signal.value).__name__,
        str(signal.value),
        signal.count,
        signal.raw_ref,
        signal.detail,
    )


def instant(time: datetime) -> str:
    """A time as sentences and evidence write it: RFC 3339, to the second."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def clip(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """One line of text: blanks and control characters become one blank, what is too long is cut."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def _various(signals: Sequence[Signal]) -> list[Signal]:
    """A few of them, one of each kind first."""
    kinds: dict[tuple[str, str, str], Signal] = {}
    for signal in signals:
        kinds.setdefault((signal.entity, signal.operation, signal.key), signal)
    first = list(kinds.values())
    rest = [signal for signal in signals if signal not in first] if len(first) < EXEMPLARS_MAX else []
    return (first + rest)[:EXEMPLARS_MAX]


def _exemplar(signal: Signal) -> dict[str, str | float]:
    value = clip(signal.value) if isinstance(signal.value, str) else signal.value
    return {
        "time": instant(signal.time),
        "entity": signal.entity,
        "operation": clip(signal.operation),
        "key": clip(signal.key),
        "value": value,
        "count": signal.count,
        "raw_ref": signal.raw_ref,
        **({"detail": clip(signal.detail)} if signal.detail else {}),
    }


def _named(names: Iterable[str]) -> list[str]:
    return sorted(set(names))[:NAMES_MAX]


def _digest(signals: Sequence[Signal]) -> str:
    """BLAKE2b over every signal, in order."""
    held = hashlib.blake2b(digest_size=16)
    for signal in signals:
        held.update(orjson.dumps([str(part) for part in (signal.surface, *order(signal))]))
    return held.hexdigest()
