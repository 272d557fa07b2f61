"""Record a change: as a person or pipeline announces it, or as telemetry shows it. One deploy, one Change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flyball.component.ports import ChangeStore, Clock
from flyball.enrich.changes import SAME_CHANGE, Sightings, change_id, merged
from flyball.errors import InputError
from flyball.model.change import Change, ChangeKind, VersionSource

_NAME_CHARS_MAX = 200
_URL_CHARS_MAX = 2_000
_FUTURE = timedelta(minutes=10)


async def announce_change(
    store: ChangeStore,
    sightings: Sightings,
    clock: Clock,
    *,
    workspace: str,
    service: str,
    version: str,
    environment: str = "",
    kind: ChangeKind = ChangeKind.DEPLOY,
    commit: str = "",
    url: str = "",
    time: datetime | None = None,
) -> Change:
    """Record what a person or pipeline says; the same words twice are one change.

    Raises:
        InputError: a name is missing or too long, or the time lies in the future.
    """
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    time = time or now
    _check(service=service, version=version, environment=environment, commit=commit)
    if not service:
        raise InputError('a change needs its service, for example {"service": "checkout", "version": "v42"}')
    if len(url) > _URL_CHARS_MAX or (url and not url.startswith(("https://", "http://"))):
        raise InputError(f"url is an http(s) address of at most {_URL_CHARS_MAX} characters")
    if time > now + _FUTURE:
        raise InputError(f"time {time.isoformat()} lies in the future")
    current = sightings.current(workspace, service, environment)
    change = Change(
        id=change_id(workspace, service, environment, version, time),
        workspace=workspace,
        service=service,
        environment=environment,
        version=version,
        previous_version=current.version if current and current.version != version else "",
        kind=kind,
        time=time,
        announced=True,
        seen=None,
        version_source=VersionSource.SERVICE_VERSION if version else VersionSource.NONE,
        commit=commit,
        url=url,
    )
    return await _record(store, change)


async def record_sighted(store: ChangeStore, change: Change) -> Change:
    """Record what telemetry shows; a change that was announced is marked as seen."""
    return await _record(store, change)


async def _record(store: ChangeStore, change: Change) -> Change:
    near = await store.changes(
        change.workspace,
        service=change.service,
        environment=change.environment,
        since=change.time - SAME_CHANGE,
        until=change.time + SAME_CHANGE,
    )
    for known in near:
        both = merged(known, change)
        if known.id == change.id:
            both = replace(change, seen=known.seen, previous_version=known.previous_version)
        if both is not None:
            await store.put_change(both)
            return both
    await store.put_change(change)
    return change


def _check(**names: str) -> None:
    for name, value in names.items():
        if len(value) > _NAME_CHARS_MAX or any(not c.isprintable() for c in value):
            raise InputError(f"{name} is printable text of at most {_NAME_CHARS_MAX} characters")
