"""What changed: the changes of a service, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flyball.component.moments import moment
from flyball.model.change import Change
from flyball.queries.periods import row_limit
from flyball.queries.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes, newest first."""

    changes: Sequence[Change]
    more: bool


async def list_changes(
    ports: Ports,
    *,
    service: str | None = None,
    environment: str | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
) -> Changes:
    """The changes that match every given filter.

    Args:
        ports: the stores.
        service: `service.name`.
        environment: `deployment.environment.name`.
        since: RFC 3339 or a duration ago.
        until: RFC 3339 or a duration ago.
        limit: at most this many, 1 to 1000.

    Raises:
        InputError: a filter that cannot be read.
    """
    limit = row_limit(limit)
    now = ports.now()
    found = await ports.changes.changes(
        ports.workspace,
        service=service,
        environment=environment,
        since=moment(since, now) if since else None,
        until=moment(until, now) if until else None,
        limit=limit + 1,
    )
    return Changes(changes=found[:limit], more=len(found) > limit)
