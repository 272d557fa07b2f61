"""Annotation: what somebody, or a check of theirs, says of a run: a number, a category, or yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation of a run under its name; exactly one of number, category and boolean is there.

    A second one of the same name takes the place of the first.
    """

    workspace: str
    run_id: str
    name: str
    number: float | None = None
    category: str = ""
    boolean: bool | None = None
    by: str = ""
    time: datetime
