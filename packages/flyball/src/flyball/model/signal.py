"""Signal: one thing that was seen, whatever it was seen on. What a diagnosis is made of.

Live signals are built by queries, those of an evaluation by loaders; `diagnose` cannot tell them apart. Texts are
redacted before they become a signal.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Surface(enum.StrEnum):
    """On what a signal was seen."""

    ALERT = "alert"
    """`key` is what is watched, `value` what it said."""
    CHANGE = "change"
    """`key` is its kind (deploy, config, flag, migration), `value` what it changed to."""
    EDGE = "edge"
    """`entity` calls `key`; `operation` is the caller's. `value` is the time on the way in ms, or "" for topology."""
    EVENT = "event"
    """An event of a platform: `operation` its type, `key` its reason, `value` its message."""
    LOG = "log"
    """`key` is the template, `value` the redacted record, `operation` the span's it was written in, where known."""
    METRIC = "metric"
    """`key` is the metric's name, `value` its number at `time`."""
    SPAN = "span"
    """`operation` of `entity`; `key` says what `value` is: `duration_ms`, `self_ms` or `error`."""
    STATE = "state"
    """A field of an object at `time`: `key` is its path, as in the Kubernetes API, `value` what it holds."""


def bare(entity: str) -> str:
    """The name in `kind/name`; what has no kind is its own name."""
    return entity.partition("/")[2] or entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One observation.

    `entity` is `kind/name`: `service/`, `pod/`, `node/`, `namespace/`, `database/`, `claim/`, `volume/`, `quota/`.
    `severity` is an OpenTelemetry severity number, of logs and alerts; `count` is how many equal records it stands for. `raw_ref` tells where the source can be opened; nothing is ever
    decided by it. `detail` is what else is known and shown with it, not decided by either: of a failure the function,
    file and line, of a change its commit and author.
    """

    surface: Surface
    time: datetime
    entity: str
    key: str
    value: str | float
    operation: str = ""
    severity: int = 0
    count: int = 1
    raw_ref: str = ""
    detail: str = ""
