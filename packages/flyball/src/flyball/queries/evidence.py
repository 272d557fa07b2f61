"""Evidence by id: the stored fact, asked again now.

It also makes the evidence of findings: one query over the counts whose bound parameters hold the sides, the
signals and `as_of`, so that asking it again gives the same numbers until the rows it read are rolled up.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyball.errors import NotFound, StoreError
from flyball.explain.exhibit import SIGNALS
from flyball.model.evidence import Evidence
from flyball.model.severity import Severity
from flyball.model.window import SignalKind
from flyball.queries.cohorts import WHERE_PLACE, Place, Side, bound
from flyball.queries.ports import Ports

FOLDED_AFTER = timedelta(hours=1)
"""From then on the store folds 5-second slots to minutes: a query over seconds may count differently."""


class Recheck(enum.StrEnum):
    """What asking again gave."""

    SAME = "same numbers"
    EXPIRED = "source expired"
    DIFFERS = "differs"
    SNAPSHOT = "snapshot"
    """A selection of signals, which no query gives again: its id is the hash of all that it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """A stored fact, its query, and what the query gives now (`now` is empty where it could not be asked)."""

    id: str
    kind: str
    sql: str
    parameters: Mapping[str, Any]
    as_of: datetime
    numbers: Mapping[str, float]
    exemplars: Sequence[Mapping[str, Any]]
    recheck: Recheck
    now: Mapping[str, float]


async def get_evidence(ports: Ports, *, evidence_id: str) -> EvidenceView:
    """The evidence of that id, with its query asked again.

    Args:
        ports: the stores.
        evidence_id: `ev_` and 16 hexadecimal digits, as findings cite it.

    Raises:
        NotFound: no such evidence.
    """
    stored = await ports.evidence.evidence(evidence_id)
    if stored is None:
        raise NotFound(f"there is no evidence {evidence_id[:64]!r}")
    outcome, now = await recheck(ports, stored)
    return EvidenceView(
        id=evidence_id,
        kind=stored.kind,
        sql=stored.sql,
        parameters=stored.parameters,
        as_of=stored.as_of,
        numbers=stored.numbers,
        exemplars=stored.exemplars,
        recheck=outcome,
        now=now,
    )


async def recheck(ports: Ports, evidence: Evidence) -> tuple[Recheck, Mapping[str, float]]:
    """Ask the query again: the same numbers, rows that are gone or folded, or another answer.

    What a diagnosis cites was assembled from many queries and is kept as it was seen.
    """
    if evidence.kind.startswith(SIGNALS):
        return Recheck.SNAPSHOT, {}
    expired = ports.now() - evidence.as_of >= FOLDED_AFTER
    try:
        rows = (await ports.telemetry.select(evidence.sql, evidence.parameters)).to_pylist()
    except StoreError:
        return Recheck.EXPIRED if expired else Recheck.DIFFERS, {}
    now = {name: float(value or 0) for name, value in rows[0].items()} if rows else {}
    same = set(now) == set(evidence.numbers) and all(
        math.isclose(now[name], value) for name, value in evidence.numbers.items()
    )
    if same:
        return Recheck.SAME, now
    return Recheck.EXPIRED if expired else Recheck.DIFFERS, now


def _sums(side: str) -> str:
    inside = (
        f"time >= toDateTime({{{side}_from:UInt32}}, 'UTC') AND time < toDateTime({{{side}_to:UInt32}}, 'UTC')"
        f" AND ({{{side}_version:String}} = '*' OR version = {{{side}_version:String}})"
    )
    part = f"{inside} AND severity >= {{severity:UInt8}} AND bucket > {{bucket:Int16}}"
    return f"sumIf(count, {part}) AS {side}_count, sumIf(count, {inside}) AS {side}_of"


_SIGNALS = " AND signal IN {signals:Array(UInt64)}"
COUNTS_SQL = (
    f"SELECT {_sums('before')}, {_sums('after')} FROM {{db}}.counts WHERE {WHERE_PLACE}"
    " AND kind = {kind:String}" + _SIGNALS
)

SERVICE_COUNTS_SQL = COUNTS_SQL.removesuffix(_SIGNALS)
"""The same of everything that the service said."""


def counts_parameters(
    place: Place,
    before: Side,
    after: Side,
    *,
    kind: SignalKind,
    signals: Sequence[int],
    as_of: datetime,
    severity: Severity = Severity.UNSPECIFIED,
    bucket: int = -1,
) -> dict[str, Any]:
    """What COUNTS_SQL is asked with: records at a severity and above a histogram bucket are the part."""
    sides = {
        f"{name}_{field}": value
        for name, side in (("before", before), ("after", after))
        for field, value in (("from", side.begin_s), ("to", side.end_s), ("version", side.version))
    }
    return (
        place.parameters()
        | sides
        | {
            "kind": kind.value,
            "signals": list(signals),
            "severity": int(severity),
            "bucket": bucket,
            "as_of": bound(as_of),
        }
    )


async def counted_evidence(
    ports: Ports,
    place: Place,
    before: Side,
    after: Side,
    *,
    kind: SignalKind,
    signals: Sequence[int],
    as_of: datetime,
    what: str,
    severity: Severity = Severity.UNSPECIFIED,
) -> Evidence:
    """What both sides count of these signals now, kept as evidence."""
    parameters = counts_parameters(
        place, before, after, kind=kind, signals=signals, as_of=as_of, severity=severity
    )
    row = (await ports.telemetry.select(COUNTS_SQL, parameters)).to_pylist()[0]
    numbers = {name: float(value or 0) for name, value in row.items()}
    fact = Evidence(kind=what, sql=COUNTS_SQL, parameters=parameters, as_of=as_of, numbers=numbers)
    await ports.evidence.put_evidence([fact])
    return fact
