"""Changes as signals: what changed, in the words in which it was announced or seen."""

from __future__ import annotations

from datetime import timedelta

from flyball.model.change import AuthorKind, Change
from flyball.model.signal import Signal, Surface
from flyball.queries.observe import entities
from flyball.queries.observe.place import Scope

CHANGES_MAX = 200
"""Changes of one observation, the newest first."""
CHANGES_BACK = timedelta(hours=2)
"""So long before the onset a change may lie; the engine accuses none that lies more than an hour before."""


def change_signal(change: Change) -> Signal:
    """What a change is known by: its kind, and the version or setting that it changed to."""
    return Signal(
        surface=Surface.CHANGE,
        time=change.time,
        entity=entities.service(change.service),
        key=change.kind.value,
        value=change.subject,
        raw_ref=change.id,
        detail=_known(change),
    )


def _known(change: Change) -> str:
    """Commit, author and first line of the message, where they are known: `9f2c1ab by Ada, agent: Shrink the pool`."""
    by = f"by {change.author}" if change.author else ""
    who = f"{by}, {change.author_kind}" if change.author_kind is not AuthorKind.UNKNOWN and by else by
    told = " ".join(part for part in (change.commit, who) if part)
    first = change.message.strip().partition("\n")[0]
    return f"{told}: {first}" if told and first else told or first


async def read_changes(scope: Scope) -> list[Signal]:
    """The changes until the end. A version that telemetry showed first, after none, is where Flyball began to listen."""
    ports = scope.ports
    found = await ports.changes.changes(
        ports.workspace,
        environment=scope.environment,
        since=scope.onset - CHANGES_BACK,
        until=scope.until,
        limit=CHANGES_MAX + 1,
    )
    if len(found) > CHANGES_MAX:
        scope.limits.append(f"There are more than {CHANGES_MAX} changes; the oldest were not read.")
    return [
        change_signal(change) for change in found[:CHANGES_MAX] if change.announced or change.previous_version
    ]
