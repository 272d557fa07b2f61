"""Texts of the cases as signals may carry them: redacted by Flyball's own rules, distilled by its own distiller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from flyball.distill.catalog import Catalog
from flyball.distill.shapes import Distiller
from flyball.model.signal import Signal, Surface
from flyball_sdk.redact import redact_text

TEXT_CHARS_MAX = 4_000
"""Characters of a text that are read."""


def quiet(text: str) -> str:
    """A text without its secrets."""
    return redact_text(text[:TEXT_CHARS_MAX])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One log record of a case, before it is distilled."""

    time: datetime
    entity: str
    text: str
    operation: str = ""
    severity: int = 0
    count: int = 1
    raw_ref: str = ""


class Texts:
    """One distiller and one catalog for all windows of a case, so that templates are the same in both."""

    def __init__(self) -> None:
        self._distiller = Distiller()
        self._catalog = Catalog()

    def learn(self, lines: Sequence[Line]) -> list[tuple[Line, int, int, str]]:
        """Each line with its shape, severity and redacted text; templates settle when all are learnt."""
        if not lines:
            return []
        given = np.array([line.severity for line in lines], np.uint8)
        made = self._distiller.distill(pa.array([line.text[:TEXT_CHARS_MAX] for line in lines]), given)
        self._catalog.add(self._distiller.drain_new(), 0)
        shapes, levels = made.shapes.tolist(), made.severity.tolist()
        return list(zip(lines, shapes, levels, made.texts.to_pylist(), strict=True))

    def signals(self, learnt: Iterable[tuple[Line, int, int, str]]) -> list[Signal]:
        """The learnt lines as signals, under the templates of today."""
        templates: dict[int, str] = {}
        return [
            Signal(
                surface=Surface.LOG,
                time=line.time,
                entity=line.entity,
                operation=line.operation,
                key=templates.setdefault(shape, self._template(shape)),
                value=text,
                severity=severity,
                count=line.count,
                raw_ref=line.raw_ref,
            )
            for line, shape, severity, text in learnt
        ]

    def _template(self, shape: int) -> str:
        pattern = self._catalog.pattern(shape)
        return pattern.template if pattern else ""
