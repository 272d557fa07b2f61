"""Findings with what proves them: evidence, one exemplar, trace ids, and when they were first seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flyball.detect.severity import unexplained
from flyball.model.evidence import Evidence
from flyball.model.finding import Exemplar, Finding, FindingKind
from flyball.model.pattern import shape_id
from flyball.model.severity import Severity
from flyball.model.window import Series, SignalKind
from flyball.queries.cohorts import ANY_VERSION, WHERE_PLACE, Side, bound
from flyball.queries.evidence import COUNTS_SQL, counts_parameters
from flyball.queries.ports import Ports
from flyball.queries.window import Read

_EXEMPLARS_MAX = 3
_TRACES_MAX = 5
_RECORDS_MAX = 20
_TEXT_CHARS_MAX = 2_000
_ENDED = (FindingKind.GONE, FindingKind.SILENCE)
_NO_TRACE = "0" * 32

_PERIOD = (
    " AND time >= toDateTime({begin:UInt32}, 'UTC') AND time < toDateTime({end:UInt32}, 'UTC')"
    " AND ({version:String} = '*' OR version = {version:String})"
)
_RECORDS_SQL = {
    SignalKind.LOG: (
        "SELECT toUnixTimestamp64Milli(time) AS at, substring(body, 1, {chars:UInt32}) AS text, hex(trace_id) AS trace"
        f" FROM {{db}}.logs WHERE {WHERE_PLACE}{_PERIOD} AND shape IN {{signals:Array(UInt64)}}"
        " AND severity >= {severity:UInt8}"
    ),
    SignalKind.SPAN: (
        "SELECT toUnixTimestamp64Milli(time) AS at, substring(name, 1, {chars:UInt32}) AS text, hex(trace_id) AS trace"
        f" FROM {{db}}.spans WHERE {WHERE_PLACE}{_PERIOD} AND shape IN {{signals:Array(UInt64)}}"
        " AND severity >= {severity:UInt8} AND end_time_unix_nano - start_time_unix_nano >= {least_ns:UInt64}"
    ),
}
_EXEMPLARS_SQL = (
    "SELECT toUnixTimestamp64Milli(time) AS at, substring(text, 1, {chars:UInt32}) AS text, hex(trace_id) AS trace"
    f" FROM {{db}}.exemplars WHERE {WHERE_PLACE}{_PERIOD} AND kind = {{kind:String}}"
    " AND signal IN {signals:Array(UInt64)} AND severity >= {severity:UInt8}"
)


async def cite(
    ports: Ports, found: Sequence[tuple[Read, Finding]], *, start: datetime, as_of: datetime
) -> list[Finding]:
    """The findings with their evidence stored; `start` is the change's time."""
    cited: list[Finding] = []
    evidence: list[Evidence] = []
    for read, stated in found:
        finding = await _as_counted(ports, read, stated, as_of) if stated.last_heard else stated
        records = await _records(ports, read, finding, as_of)
        fact = counted(read, finding, as_of, records)
        evidence.append(fact)
        exemplars = [_exemplar(record, start) for record in records]
        seen = exemplars[0].time if exemplars and finding.kind not in _ENDED else None
        cited.append(
            replace(
                finding,
                first_seen=seen,
                after_change_s=round((seen - start).total_seconds(), 3) if seen else None,
                exemplar=exemplars[0] if exemplars else None,
                trace_ids=tuple(dict.fromkeys(e.trace_id for e in exemplars if e.trace_id))[:_TRACES_MAX],
                evidence=(fact.id,),
            )
        )
    if evidence:
        await ports.evidence.put_evidence(evidence)
    return cited


async def _as_counted(ports: Ports, read: Read, finding: Finding, as_of: datetime) -> Finding:
    """Silence with the number of records that its evidence counts: of its kind, from the window's begin on."""
    parameters = counted(read, finding, as_of).parameters
    row = (await ports.telemetry.select(COUNTS_SQL, parameters)).to_pylist()[0]
    return replace(finding, before=replace(finding.before, count=float(row["before_count"] or 0)))


def counted(
    read: Read, finding: Finding, as_of: datetime, records: Sequence[Mapping[str, Any]] = ()
) -> Evidence:
    """The evidence of a finding's numbers: the query that counts both sides, and what it counted."""
    before, after = finding.before, finding.after
    sides = sides_of(read, finding)
    return Evidence(
        kind=f"counts: {finding.kind}",
        sql=COUNTS_SQL,
        parameters=counts_parameters(
            read.place,
            *sides,
            kind=finding.signal_kind,
            signals=signals_of(read, finding),
            as_of=as_of,
            severity=least_severity(finding),
            bucket=-1 if finding.slow_bucket is None else finding.slow_bucket,
        ),
        as_of=as_of,
        numbers={
            "before_count": before.count,
            "before_of": before.count if before.of is None else before.of,
            "after_count": after.count,
            "after_of": after.count if after.of is None else after.of,
        },
        exemplars=tuple(dict(record) for record in records[:_EXEMPLARS_MAX]),
    )


def signals_of(read: Read, finding: Finding) -> tuple[int, ...]:
    """The shape ids a finding is about; all of its kind where the service is silent."""
    if finding.fingerprint:
        series = Series(kind=finding.signal_kind, fingerprint=shape_id(finding.fingerprint))
        return read.signals.get(series, (series.fingerprint,))
    if finding.kind is FindingKind.SILENCE:
        several = [s for series, s in read.signals.items() if series.kind is finding.signal_kind]
        return tuple(sorted({signal for signals in several for signal in signals}))
    rows = unexplained(read.window)
    return tuple(sorted(s for row in rows for s in read.signals[read.window.after.series[row]]))


def sides_of(read: Read, finding: Finding) -> tuple[Side, Side]:
    """What a finding's numbers are counted in: of silence the time before its last record and the time since."""
    if finding.last_heard is None:
        return read.before, read.after
    heard, slot = finding.last_heard.timestamp(), read.slot_s
    cut = -int(-heard // slot) * slot
    begin, end = min(read.before.begin_s, read.after.begin_s), max(read.after.end_s, cut)
    last = dict.fromkeys(SignalKind, heard)
    before = Side(version=ANY_VERSION, begin_s=begin, end_s=cut, first_s=float(begin), last_s=last)
    return before, replace(before, begin_s=cut, end_s=end, first_s=float(cut))


def least_severity(finding: Finding) -> Severity:
    """From which severity on a record counts as the finding's part."""
    shares = {FindingKind.ERROR_RATE, FindingKind.SEVERITY_SHIFT}
    return Severity(finding.severity_number) if finding.kind in shares else Severity.UNSPECIFIED


async def _records(ports: Ports, read: Read, finding: Finding, as_of: datetime) -> list[dict[str, Any]]:
    """A few records, the earliest after the change first; of what is gone the latest before it."""
    gone = finding.kind in _ENDED
    sides = sides_of(read, finding)
    side: Side = sides[0] if gone else sides[1]
    parameters = read.place.parameters() | {
        "as_of": bound(as_of),
        "begin": side.begin_s,
        "end": side.end_s,
        "version": side.version,
        "signals": list(signals_of(read, finding)),
        "severity": int(least_severity(finding)),
        "least_ns": 0 if finding.slow_bucket is None else int(2.0 ** (finding.slow_bucket / 8)),
        "chars": _TEXT_CHARS_MAX,
        "kind": finding.signal_kind.value,
    }
    order = f" ORDER BY at {'DESC' if gone else 'ASC'} LIMIT {_RECORDS_MAX}"
    rows = (await ports.telemetry.select(_RECORDS_SQL[finding.signal_kind] + order, parameters)).to_pylist()
    if not rows:
        rows = (await ports.telemetry.select(_EXEMPLARS_SQL + order, parameters)).to_pylist()
    return rows


def _exemplar(record: Mapping[str, Any], start: datetime) -> Exemplar:
    trace = str(record["trace"]).lower()
    return Exemplar(
        text=record["text"],
        time=datetime.fromtimestamp(record["at"] / 1000, start.tzinfo),
        trace_id="" if trace == _NO_TRACE else trace,
    )
