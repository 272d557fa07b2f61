"""NOTICE: one detector a file. Each is a frozen dataclass of its settings with one verb, `observe(window)`.

A detector yields what passes its minimum effect and the false discovery rate of its own tests; whether the
service may be reported on at all is decided by `noticed`, over all its tests and looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from flyball.compare.differences import tests
from flyball.compare.fdr import gate
from flyball.detect.error_rate import ErrorRate
from flyball.detect.gone import Gone
from flyball.detect.latency import Latency
from flyball.detect.new import New
from flyball.detect.rate import Rate
from flyball.detect.severity import SeverityShift
from flyball.detect.silence import Silence
from flyball.model.finding import Finding, FindingKind
from flyball.model.severity import Severity
from flyball.model.window import Window


class Detector(Protocol):
    """Pure on a window."""

    def observe(self, window: Window) -> Iterable[Finding]:
        """The findings of this kind."""
        ...


DETECTORS: tuple[Detector, ...] = (New(), Gone(), Rate(), SeverityShift(), ErrorRate(), Latency())
"""The shipped defaults."""


_SILENCE = Silence()
_SYMPTOMS = (FindingKind.ERROR_RATE, FindingKind.LATENCY, FindingKind.SEVERITY_SHIFT)
_SYMPTOM_PART = 0.95


def noticed(
    window: Window,
    detectors: Sequence[Detector] = DETECTORS,
    silence: Detector | None = _SILENCE,
    *,
    moments: int = 1,
) -> tuple[Finding, ...]:
    """Every finding of a window, the highest score first; none but silence unless the gate opens.

    `moments` is how many windows like this one are asked about a day: a change is one, every minute is 1,440.
    Silence has paid for its looks and its company itself: a gap may begin at any moment, a change has one.
    """
    silent = list(silence.observe(window)) if silence else []
    found: list[Finding] = []
    # with one side silent there is nothing to compare: the answer's limits say so
    if window.before.of().any() and window.after.of().any():
        found = [finding for detector in detectors for finding in detector.observe(window)]
    if found and not gate([f.p for f in found], moments * tests(window)):
        found = []
    said = {f.fingerprint for f in silent}
    rest = [f for f in found if f.kind is not FindingKind.RATE_DOWN or f.fingerprint not in said]
    return ranked([*_causes_first(rest), *silent])


def _causes_first(found: Sequence[Finding]) -> list[Finding]:
    """Failing or slow operations rank below the new error line of the same service that tells why."""
    causes = [f.score for f in found if f.kind is FindingKind.NEW and f.severity_number >= Severity.ERROR]
    ceiling = _SYMPTOM_PART * max(causes, default=math.inf)
    return [replace(f, score=min(f.score, ceiling)) if f.kind in _SYMPTOMS else f for f in found]


def ranked(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """By score, then by id so that equal scores keep their order."""
    return tuple(sorted(found, key=lambda f: (-f.score, f.id)))
