"""What the Collector says of a cluster: events (`k8s_events`) and objects (`k8sobjects`, pulled or watched).

Both come as log records. An event is of an object, which its resource names. A pulled object's body is the object;
a watched one's says what happened to it, too, and an event may come that way as well.
Source: opentelemetry-collector-contrib, receiver/k8seventsreceiver and receiver/k8sobjectsreceiver
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from flyball_sdk.redact import redact_text

from flyball.model.anyvalue import plain
from flyball.model.signal import Signal, Surface
from flyball.queries.observe.entities import of_kind
from flyball.queries.observe.objects import TEXT_CHARS_MAX, name_of, object_signals
from flyball.queries.observe.place import EARLY, NOW, WHERE, Scope, texts

EVENTS_MAX = 5_000
OBJECTS_MAX = 5_000
"""Objects, as they were read last."""
OBJECTS_BACK = timedelta(minutes=65)
"""How old the last reading of an object may be: the receiver pulls once an hour unless it is told otherwise."""
PULL_S = 5
"""Objects of one resource that were read so close together come from one reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event as it was reported: `id` is the same for reports of one event, `count` rises with them."""

    id: str
    time: datetime
    kind: str
    name: str
    type: str
    reason: str
    message: str
    count: int


def event_signals(events: Iterable[Happened]) -> list[Signal]:
    """One signal for each object, type, reason and message: when it was first reported, and how often it happened."""
    first: dict[tuple[str, str, str, str], datetime] = {}
    counts: dict[tuple[str, str, str, str], dict[str, int]] = {}
    for one in events:
        text = redact_text(one.message[:TEXT_CHARS_MAX])
        key = of_kind(one.kind, one.name), one.type, one.reason, text
        first[key] = min(one.time, first.get(key, one.time))
        mine = counts.setdefault(key, {})
        mine[one.id] = max(one.count, mine.get(one.id, 0))
    return [
        Signal(
            surface=Surface.EVENT,
            time=first[key],
            entity=key[0],
            operation=key[1],
            key=key[2],
            value=key[3],
            count=sum(counts[key].values()),
        )
        for key in first
    ]


_HEARD = "WHERE hour >= toStartOfHour({oldest:DateTime64(3, 'UTC')}) AND position(scope, '%s') > 0"
_EVENT_ORIGINS = f"SELECT origin, any(resource) AS described FROM {{db}}.origins {_HEARD % 'k8seventsreceiver'} GROUP BY origin"
_EVENTS_SQL = f"""
SELECT {NOW}, described, severity_text AS type, attributes['k8s.event.reason'] AS reason,
    attributes['k8s.event.uid'] AS id, body, min(time) AS first,
    max(toUInt32OrDefault(attributes['k8s.event.count'], toUInt32(1))) AS number
FROM {{db}}.logs AS logs INNER JOIN ({_EVENT_ORIGINS}) AS of ON logs.origin = of.origin WHERE {WHERE}
GROUP BY now, described, type, reason, id, body ORDER BY type = 'Normal', first, id"""


_WATCHED_SQL = f"""
SELECT {NOW}, time, body FROM {{db}}.logs
WHERE {WHERE} AND origin IN (SELECT origin FROM {{db}}.origins {_HEARD % "k8sobjectsreceiver"})
    AND body_type = 'json' AND attributes['k8s.resource.name'] = 'events'
ORDER BY time, body"""


async def read_events(scope: Scope) -> list[tuple[bool, Signal]]:
    """The events of the incident's window (True) and of the normal one."""
    rows = await scope.rows(_EVENTS_SQL, EVENTS_MAX, "events of Kubernetes", **scope.cluster)
    watched = await scope.rows(_WATCHED_SQL, EVENTS_MAX, "watched events of Kubernetes", **scope.cluster)
    told = [(bool(row["now"]), _happened(row)) for row in rows]
    told += [(bool(row["now"]), one) for row in watched if (one := _from_object(row))]
    return [
        (now, signal)
        for now in (True, False)
        for signal in event_signals(one for when, one in told if when is now)
    ]


def _from_object(row: Mapping[str, Any]) -> Happened | None:
    """An event that was watched as an object, of `v1` or of `events.k8s.io/v1`."""
    manifest, gone = _read(row["body"])
    of = manifest.get("involvedObject") or manifest.get("regarding")
    if gone or not isinstance(of, dict):
        return None
    counts = (manifest.get(key) for key in ("count", "deprecatedCount"))
    return Happened(
        id=" ".join(name_of(manifest)),
        time=row["time"],
        kind=str(of.get("kind", "")),
        name=str(of.get("name", "")),
        type=str(manifest.get("type", "")),
        reason=str(manifest.get("reason", "")),
        message=str(manifest.get("message") or manifest.get("note") or ""),
        count=next((count for count in counts if isinstance(count, int) and count > 0), 1),
    )


def _read(body: str) -> tuple[Mapping[str, Any], bool]:
    """The object of a record, its body or what a watch says of it, and whether it is gone since."""
    said = plain(orjson.loads(body))
    if not isinstance(said, dict):
        return {}, False
    inside = said.get("object")
    if isinstance(inside, dict) and "metadata" not in said:
        return inside, said.get("type") == "DELETED"
    return said, False


def _happened(row: Mapping[str, Any]) -> Happened:
    of = texts(orjson.loads(row["described"])["resource"].get("attributes", []))
    return Happened(
        id=row["id"],
        time=row["first"],
        kind=of.get("k8s.object.kind", ""),
        name=of.get("k8s.object.name", ""),
        type=row["type"],
        reason=row["reason"],
        message=row["body"],
        count=max(1, row["number"]),
    )


# Of what is pulled the newest reading, of what is watched the newest word on each object.
_READ = "attributes['k8s.resource.name'] AS resource, attributes['event.name'] AS watched"
_OF_OBJECTS = (
    WHERE.replace("{begin:", "{objects_begin:").replace("{until:", "{objects_until:")
    + f" AND origin IN (SELECT origin FROM {{db}}.origins {_HEARD % 'k8sobjectsreceiver'})"
)
_OBJECTS_SQL = f"""
SELECT resource, watched, time, body
FROM (SELECT origin, time, body, {_READ} FROM {{db}}.logs WHERE {_OF_OBJECTS} AND body_type = 'json'
    AND attributes['k8s.resource.name'] != 'events') AS logs
INNER JOIN (
    SELECT origin, {_READ}, max(time) AS newest FROM {{db}}.logs WHERE {_OF_OBJECTS}
    GROUP BY origin, resource, watched
) AS last USING (origin, resource, watched)
WHERE time >= newest - INTERVAL {PULL_S} SECOND
ORDER BY time DESC, resource, body"""


async def read_objects(scope: Scope) -> list[tuple[bool, Signal]]:
    """The objects as they were at the end (True), and as they were at the onset."""
    found: list[tuple[bool, Signal]] = []
    for now, until in ((True, scope.until), (False, scope.onset)):
        begin = until - OBJECTS_BACK
        rows = await scope.rows(
            _OBJECTS_SQL,
            OBJECTS_MAX,
            "objects of Kubernetes",
            objects_begin=begin,
            objects_until=until,
            oldest=begin - EARLY,
            **scope.cluster,
        )
        found += [(now, signal) for signal in _states(rows)]
    return found


def _states(rows: Iterable[Mapping[str, Any]]) -> Iterator[Signal]:
    """The fields of each object, newest first: an older word on it says nothing more."""
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        manifest, gone = _read(row["body"])
        key = row["resource"], *name_of(manifest)
        if key not in seen and not gone:
            yield from object_signals(row["resource"], manifest, row["time"])
        seen.add(key)
