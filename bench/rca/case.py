"""Case: what an engine may see of one failure. No label is in it, and its id is for the scorer alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flyball.model.signal import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Signals of the failure's time and of a normal time, where the set has one."""

    dataset: str
    id: str
    signals: tuple[Signal, ...]
    normal: tuple[Signal, ...] = ()


Loader = Callable[[Path], Iterator[Case]]
"""Reads a folder laid out like `data/rca`; yields nothing where its set is not there."""
