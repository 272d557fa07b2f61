"""Finding: one statistically stated difference between two cohorts, with its numbers and its evidence."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from datetime import datetime

from flyball.model.window import SignalKind


class FindingKind(enum.StrEnum):
    """What differs."""

    NEW = "new"
    GONE = "gone"
    RATE_UP = "rate up"
    RATE_DOWN = "rate down"
    SEVERITY_SHIFT = "severity shift"
    ERROR_RATE = "error rate"
    LATENCY = "latency"
    SILENCE = "silence"
    EVENT = "platform event"
    """What Kubernetes says of an object, and its fields do not deny; no statistics."""
    CHECKUP = "check-up"
    """What fails nobody and a diagnosis made unasked found twice; no statistics of its own."""


DIAGNOSED = frozenset({FindingKind.EVENT, FindingKind.CHECKUP})
"""What a diagnosis found, and whether it goes on only another one can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """One side of a finding.

    `count` records in `seconds` of exposure. For a share (severity, errors, slow spans) `of` is what `count`
    is a part of. `quantile_ms` is the duration that moved, of latency findings only.
    """

    count: float
    seconds: float
    of: float | None = None
    quantile_ms: float | None = None

    @property
    def per_minute(self) -> float:
        """Records a minute; 0 without exposure."""
        return 60.0 * self.count / self.seconds if self.seconds else 0.0

    @property
    def share(self) -> float | None:
        """The part of `of`, 0 to 1; None where there is no whole."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """One redacted record: its text, when it happened, and its trace (hexadecimal, empty without one)."""

    text: str
    time: datetime
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference.

    `severity` is the gravest of the records after the change. `ratio` is after against before per unit of
    traffic (of shares or durations where those moved), None when there was nothing before. `p` is the
    single test's probability under "nothing changed"; `q` the false discovery rate at which it is found among
    all tests of the question. `score` = `surprise` x `harm`: surprise is -log10(q) with a ceiling, harm is
    0 to 1, of which at most a tenth comes from how the template's words sound; a symptom's score stays below that
    of the new error line beside it. `after_change_s`
    is `first_seen` less the change's time. `last_heard` is since when there is nothing, of silence findings only.
    `quantile` is the one that moved and
    `slow_bucket` the histogram bucket above which a span counts as slow, of latency findings only.
    """

    id: str
    kind: FindingKind
    service: str
    environment: str
    version: str
    signal_kind: SignalKind
    fingerprint: str
    template: str
    severity: str
    severity_number: int
    count: int
    before: Numbers
    after: Numbers
    ratio: float | None
    p: float
    q: float
    surprise: float
    harm: float
    score: float
    change_id: str
    quantile: float | None = None
    slow_bucket: int | None = None
    summary: str = ""
    first_seen: datetime | None = None
    last_heard: datetime | None = None
    after_change_s: float | None = None
    exemplar: Exemplar | None = None
    trace_ids: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def finding_id(kind: FindingKind, service: str, environment: str, signal: str, change_id: str) -> str:
    """`fnd_` and 16 hexadecimal digits of BLAKE2b over what the finding is about, never over its numbers."""
    about = f"{kind}\0{service}\0{environment}\0{signal}\0{change_id}"
    return "fnd_" + hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
