"""Incident: findings that belong together, what was made of them, and what became of it."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.finding import Finding
from flyball.model.signal import bare
from flyball.model.verdict import Outcome

FINDINGS_MAX = 50
"""Findings kept of one incident, those of the highest score; how many more there were is counted."""
LEFT_OUT_MAX = 1_000
"""So many more are told apart and counted; what comes beyond them is not."""
ACTS_MAX = 100
"""Entries kept of one incident's history, the first and the newest."""
EPISODES_MAX = 20
QUIET = timedelta(days=7)
"""A resolved incident that stays quiet so long is closed."""
_TEMPLATE_CHARS = 80


class IncidentState(enum.StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    """It was found."""
    INVESTIGATING = "investigating"
    """It is being diagnosed."""
    ACTIVE = "active"
    """It was diagnosed and goes on."""
    RESOLVED = "resolved"
    """Evidence says that it stopped."""
    CLOSED = "closed"
    """A person said so, or it stayed quiet for QUIET."""


LIVE = frozenset({IncidentState.OPEN, IncidentState.INVESTIGATING, IncidentState.ACTIVE})
"""It goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One entry of the history: when, what was done or seen, by whom (`flyball` or who said so), on what evidence."""

    time: datetime
    what: str
    by: str = "flyball"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An earlier time that an incident went on: from its first record until it was resolved."""

    began: datetime
    ended: datetime
    cause: str = ""
    resolved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings that belong together.

    `episode` is 1 and rises with each time it recurs before it is closed. Of this episode `began` is the first record,
    `opened` when it was found, `grew` when it last got a finding, `last_seen` the last record that shows it.
    `cause`, `object` and `confidence` are the diagnosis', empty while there is none or it is inconclusive.
    `touched` is how many requests (or records, where there are no requests) showed it, `impact` that number
    weighed with the harm of what they show. `left_out` holds the keys of findings that it had no room for.
    `earlier` are the last EPISODES_MAX episodes before this one. `suspect` and `resolved_by` are ids of changes.
    `muted` holds the keys of the findings at which a person muted it: it stays muted until it differs. `kept_open` tells
    that a person opened it again: evidence does not resolve it, who opened it closes it.
    """

    id: str
    workspace: str
    environment: str
    state: IncidentState
    began: datetime
    opened: datetime
    grew: datetime
    last_seen: datetime
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...] = ()
    episode: int = 1
    earlier: tuple[Episode, ...] = ()
    cause: str = ""
    object: str = ""
    confidence: float = 0.0
    suspect: str = ""
    diagnoses: int = 0
    diagnosed: datetime | None = None
    resolved: datetime | None = None
    resolved_by: str = ""
    closed: datetime | None = None
    muted: tuple[str, ...] = ()
    kept_open: bool = False
    acts: tuple[Act, ...] = ()

    @property
    def live(self) -> bool:
        """Whether it goes on."""
        return self.state in LIVE

    @property
    def is_muted(self) -> bool:
        """Whether a person muted it and it has shown nothing else since."""
        return bool(self.muted) and {key(f) for f in self.findings} <= set(self.muted)

    @property
    def keys(self) -> frozenset[str]:
        """What all its findings are about, those it had no room for too."""
        return frozenset({*map(key, self.findings), *self.left_out})

    @property
    def more_findings(self) -> int:
        """How many findings it has beside those that are kept."""
        return len(self.left_out)

    @property
    def occurrence(self) -> str:
        """The id of this episode, under which it is remembered."""
        return f"{self.id}.{self.episode}"

    @property
    def services(self) -> tuple[str, ...]:
        """Whose findings these are, the worst first."""
        return tuple(dict.fromkeys(f.service for f in self.findings))

    @property
    def fingerprint(self) -> str:
        """That of the finding that leads."""
        return next((f.fingerprint for f in self.findings if f.fingerprint), "")

    @property
    def touched(self) -> int:
        """Records that show it, of the finding that shows the most."""
        return max((f.count for f in self.findings), default=0)

    @property
    def impact(self) -> float:
        """What it is ranked by: records that show it, weighed with the harm of the worst finding."""
        return self.touched * max((f.harm for f in self.findings), default=0.0)

    @property
    def severity_number(self) -> int:
        """The gravest of its findings."""
        return max((f.severity_number for f in self.findings), default=0)

    @property
    def title(self) -> str:
        """One line: where and what; the cause once it is known."""
        if self.cause:
            return f"{bare(self.object)}: {self.cause}"
        if not self.findings:
            return "nothing is known of it"
        worst = self.findings[0]
        template = worst.template
        cut = template if len(template) <= _TEMPLATE_CHARS else template[: _TEMPLATE_CHARS - 1] + "…"
        return f"{worst.service}: {worst.kind} {cut}"

    def told(self, act: Act) -> Incident:
        """With one more entry in its history; the oldest but the first goes when it is full."""
        acts = (*self.acts, act)
        return replace(self, acts=acts if len(acts) <= ACTS_MAX else (acts[0], *acts[2:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What was made of an incident at one moment: the diagnosis of its `episode`, on signals of this window."""

    incident_id: str
    episode: int
    at: datetime
    since: datetime
    until: datetime
    diagnosis: Diagnosis
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What is known of one finding since it began: whether it stopped, its last record, how many there were."""

    finding: Finding
    outcome: Outcome
    last_seen: datetime
    count: int
    evidence: Evidence


def key(finding: Finding) -> str:
    """What a finding is about, whatever it is compared with: kind, service and environment, and pattern."""
    place = f"{finding.service} {finding.environment}"
    return f"{finding.kind} {place} {finding.signal_kind}:{finding.fingerprint}"


def incident_id(workspace: str, environment: str, finding: Finding, opened: datetime) -> str:
    """`inc_` and 16 hexadecimal digits of BLAKE2b over the finding that opened it, and when."""
    about = f"{workspace}\0{environment}\0{key(finding)}\0{opened.isoformat()}"
    return "inc_" + hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
