"""Does it go on? What an incident's findings count since they began, and whether they stopped.

That nothing is heard is no repair: exposure is the service's own traffic. What stopped must have been quiet for longer
than it ever paused while it went on, and for longer than chance explains.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flyball.compare.dispersion import PRIOR_S
from flyball.compare.verdict import Counted, Judgement, judge_deficit, judge_excess
from flyball.model.evidence import Evidence
from flyball.model.finding import DIAGNOSED, Finding, FindingKind
from flyball.model.incident import Incident, Lasting
from flyball.model.pattern import shape_id
from flyball.model.severity import Severity
from flyball.model.verdict import Outcome
from flyball.model.window import SignalKind
from flyball.queries.checkup import checkup_goes_on
from flyball.queries.cohorts import ANY_VERSION, WHERE_PLACE, Place, Side
from flyball.queries.evidence import COUNTS_SQL, SERVICE_COUNTS_SQL, counts_parameters
from flyball.queries.platform import platform_goes_on
from flyball.queries.ports import Ports

STOPPED_S_MIN, REPAIRED_S_MIN = 30.0, 15.0
"""What pauses for less may go on; for less since a change that may have repaired it, too."""
GAPS = 3.0
"""It stopped when it was quiet for so many times its longest pause."""
FINDINGS_MAX = 8
"""Findings of one incident that are asked about: those that lead."""
_WINDOW = timedelta(hours=6)
"""How far back an incident is counted."""
_SLOT_S = 5

_DEFICITS = (FindingKind.GONE, FindingKind.RATE_DOWN, FindingKind.SILENCE)
_SHARES = (FindingKind.SEVERITY_SHIFT, FindingKind.ERROR_RATE, FindingKind.LATENCY)

_SLOTS_SQL = (
    f"SELECT arraySort(groupUniqArray(intDiv(toUnixTimestamp(time), {_SLOT_S}) * {_SLOT_S})) AS slots"
    f" FROM {{db}}.counts WHERE {WHERE_PLACE} AND kind = {{kind:String}}"
    " AND ({whole:UInt8} OR signal IN {signals:Array(UInt64)}) AND severity >= {severity:UInt8} AND bucket > {bucket:Int16} AND time >= toDateTime({before_from:UInt32}, 'UTC')"
)
_TRAFFIC_SQL = (
    "SELECT sumIf(count, time < toDateTime({after_from:UInt32}, 'UTC')) AS before,"
    " sumIf(count, time >= toDateTime({after_from:UInt32}, 'UTC')) AS after"
    f" FROM {{db}}.counts WHERE {WHERE_PLACE} AND kind = {{traffic:String}} AND signal NOT IN {{signals:Array(UInt64)}}"
    " AND time >= toDateTime({before_from:UInt32}, 'UTC') AND time < toDateTime({after_to:UInt32}, 'UTC')"
)


async def goes_on(
    ports: Ports, incident: Incident, as_of: datetime, fixed: datetime | None = None
) -> list[Lasting]:
    """Each of the incident's leading findings: `fixed` where it stopped, else what else can be said.

    `fixed` is when a change came that may have repaired it: what came since then is held against what came before.
    """
    counted = [finding for finding in incident.findings if finding.kind not in DIAGNOSED]
    return [
        *(await platform_goes_on(ports, incident, as_of)),
        *(await checkup_goes_on(ports, incident, as_of, fixed)),
        *[await _one(ports, incident, finding, as_of, fixed) for finding in counted[:FINDINGS_MAX]],
    ]


async def _one(
    ports: Ports, incident: Incident, finding: Finding, as_of: datetime, fixed: datetime | None
) -> Lasting:
    place = Place(workspace=incident.workspace, service=finding.service, environment=incident.environment)
    begin = int(max(incident.began, as_of - _WINDOW).timestamp()) // _SLOT_S * _SLOT_S
    end = int(as_of.timestamp()) + 1
    grave = finding.kind in {FindingKind.ERROR_RATE, FindingKind.SEVERITY_SHIFT}
    parameters = counts_parameters(
        place,
        _side(begin, end),
        _side(end, end),
        kind=finding.signal_kind,
        signals=_signals(ports, finding),
        as_of=as_of,
        severity=Severity(finding.severity_number) if grave else Severity.UNSPECIFIED,
        bucket=-1 if finding.slow_bucket is None else finding.slow_bucket,
    )
    whole = {"whole": int(not finding.fingerprint)}
    rows = (await ports.telemetry.select(_SLOTS_SQL, parameters | whole)).to_pylist()
    slots: list[int] = list(rows[0]["slots"]) if rows else []
    parameters |= _cut(finding, slots, begin, end, fixed)
    sql = COUNTS_SQL if finding.fingerprint else SERVICE_COUNTS_SQL
    counts = (await ports.telemetry.select(sql, parameters)).to_pylist()[0]
    numbers = {name: float(value or 0) for name, value in counts.items()}
    judgement = _judge(finding, numbers, parameters, await _traffic(ports, finding, parameters))
    outcome = judgement.outcome
    least = STOPPED_S_MIN if fixed is None else REPAIRED_S_MIN
    if outcome is Outcome.FIXED and not _quiet(finding, slots, end, least):
        outcome = Outcome.NOT_ENOUGH_DATA
    last = slots[-1] + _SLOT_S if slots else begin
    return Lasting(
        finding=finding,
        outcome=outcome,
        last_seen=min(datetime.fromtimestamp(last, UTC), as_of),
        count=round(numbers["before_count"] + numbers["after_count"]),
        evidence=Evidence(
            kind="counts: while it went on, and since",
            sql=sql,
            parameters=parameters,
            as_of=as_of,
            numbers=numbers,
        ),
    )


def _side(begin: int, end: int) -> Side:
    return Side(version=ANY_VERSION, begin_s=begin, end_s=end, first_s=float(begin), last_s={})


def _signals(ports: Ports, finding: Finding) -> Sequence[int]:
    """The shapes that are counted; none stands for a service as a whole."""
    if not finding.fingerprint:
        return ()
    pattern = ports.catalog.pattern(finding.fingerprint)
    return pattern.shapes if pattern else (shape_id(finding.fingerprint),)


def _cut(
    finding: Finding, slots: Sequence[int], begin: int, end: int, fixed: datetime | None
) -> dict[str, int]:
    """Where "while it went on" ends: at the repair, else after its last record or so long ago as it never paused."""
    cut = end - max(int(STOPPED_S_MIN), int(GAPS * _longest(slots)))
    if fixed is not None:
        cut = max(cut, int(fixed.timestamp()))
    if slots and finding.kind not in _SHARES and finding.kind not in _DEFICITS:
        cut = max(cut, slots[-1] + _SLOT_S)
    cut = min(max(cut, begin + _SLOT_S), end)
    return {"before_from": begin, "before_to": cut, "after_from": cut, "after_to": end}


def _quiet(finding: Finding, slots: Sequence[int], end: int, least: float) -> bool:
    """Whether it is quiet for longer than it ever paused; what has a share of the traffic is judged by that alone."""
    if finding.kind in _SHARES or finding.kind in _DEFICITS or not slots:
        return True
    return end - slots[-1] - _SLOT_S >= max(least, GAPS * _longest(slots))


def _longest(slots: Sequence[int]) -> int:
    """Seconds of the longest pause between records."""
    return max((b - a - _SLOT_S for a, b in itertools.pairwise(slots)), default=0)


async def _traffic(ports: Ports, finding: Finding, parameters: dict[str, object]) -> float:
    """What else the service did a second since the cut, per what it did before; 1 where it did nothing else."""
    before_s = max(_seconds(parameters, "before"), 1.0)
    after_s = max(_seconds(parameters, "after"), 1.0)
    for kind in (SignalKind.SPAN, SignalKind.LOG):
        asked = {**parameters, "traffic": kind.value}
        row = (await ports.telemetry.select(_TRAFFIC_SQL, asked)).to_pylist()[0]
        if row["before"]:
            return min((row["after"] / after_s) / (row["before"] / before_s), 1.0)
    return 1.0 if finding.kind in _SHARES else 0.0


def _seconds(parameters: dict[str, object], side: str) -> float:
    return float(str(parameters[f"{side}_to"])) - float(str(parameters[f"{side}_from"]))


def _judge(
    finding: Finding, numbers: dict[str, float], parameters: dict[str, object], traffic: float
) -> Judgement:
    if finding.kind in _SHARES:
        unit = numbers["before_of"] / max(_seconds(parameters, "before"), 1.0)
        whole = [finding.before.of or 0.0, numbers["before_of"], numbers["after_of"]]
        exposures = [part / unit if unit else 0.0 for part in whole]
    else:
        after = _seconds(parameters, "after")
        exposures = [
            finding.before.seconds,
            _seconds(parameters, "before"),
            after if finding.kind in _DEFICITS else after * traffic,
        ]
    sides = [
        Counted(count=count, exposure=exposure)
        for count, exposure in zip(
            (finding.before.count, numbers["before_count"], numbers["after_count"]), exposures, strict=True
        )
    ]
    judge = judge_deficit if finding.kind in _DEFICITS else judge_excess
    return judge(sides[0], sides[1], sides[2], PRIOR_S)
