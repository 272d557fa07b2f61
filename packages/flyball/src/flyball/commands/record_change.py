"""Record a change: as a person or pipeline announces it, or as telemetry shows it. One deploy, one Change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flyball_sdk.redact import redact_text

from flyball.component.moments import moment
from flyball.component.ports import ChangeStore, Clock
from flyball.enrich.authors import author_kind
from flyball.enrich.changes import SAME_CHANGE, Sightings, change_id, merged
from flyball.errors import InputError
from flyball.model.change import Change, ChangeKind, VersionSource

_NAME_CHARS_MAX = 200
_URL_CHARS_MAX = 2_000
_WHAT_CHARS_MAX = 500
MESSAGE_CHARS_MAX = 4_000
"""Characters of a commit message that are kept."""
_FUTURE = timedelta(minutes=10)
_EXAMPLES = {
    ChangeKind.CONFIG: "pool_size 20 -> 5",
    ChangeKind.FLAG: "new-checkout off -> on",
    ChangeKind.GUARD: "policy default: audit -> enforce",
    ChangeKind.MIGRATION: "add index orders_by_customer",
}


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
    what: str = "",
    author: str = "",
    message: str = "",
    time: datetime | None = None,
) -> Change:
    """Record what a person or pipeline says; the same words at the same time are one change.

    `what` tells what a change without a version altered; `message` is that of the commit, whose trailers tell whether
    a human or an agent wrote it.

    Raises:
        InputError: a name is missing or too long, or the time lies in the future.
    """
    now = datetime.fromtimestamp(clock.now_ns() / 1e9, UTC)
    time = time or now
    _check(service=service, version=version, environment=environment, commit=commit, author=author)
    _check(_WHAT_CHARS_MAX, what=what)
    if not service:
        raise InputError('a change needs its service, for example {"service": "checkout", "version": "v42"}')
    if not kind.of_code and not what:
        example = f'{{"service": "{service}", "kind": "{kind}", "what": "{_EXAMPLES[kind]}"}}'
        raise InputError(f"a {kind} says what it changed, for example {example}")
    if len(url) > _URL_CHARS_MAX or (url and not url.startswith(("https://", "http://"))):
        raise InputError(f"url is an http(s) address of at most {_URL_CHARS_MAX} characters")
    if time > now + _FUTURE:
        raise InputError(f"time {time.isoformat()} lies in the future")
    current = sightings.current(workspace, service, environment)
    change = Change(
        id=change_id(
            workspace, service, environment, version, time, *(() if kind.of_code else (kind.value, what))
        ),
        workspace=workspace,
        service=service,
        environment=environment,
        version=version,
        previous_version=current.version if current and kind.of_code and current.version != version else "",
        kind=kind,
        time=time,
        announced=True,
        seen=None,
        version_source=VersionSource.SERVICE_VERSION if version else VersionSource.NONE,
        commit=commit,
        url=url,
        what=redact_text(what),
        author=author,
        author_kind=author_kind(author, message),
        message=redact_text(message[:MESSAGE_CHARS_MAX]),
    )
    return await _record(store, change)


def change_fields(given: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Fields of text as `announce_change` takes them.

    Raises:
        InputError: the kind or the time cannot be read.
    """
    fields: dict[str, Any] = {"service": "", "version": "", **given}
    if "kind" in given:
        try:
            fields["kind"] = ChangeKind(given["kind"])
        except ValueError as error:
            kinds = ", ".join(kind.value for kind in ChangeKind)
            raise InputError(f"kind is one of {kinds}, this is {given['kind'][:64]!r}") from error
    if "time" in given:
        fields["time"] = moment(given["time"], now)
    return fields


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


def _check(chars_max: int = _NAME_CHARS_MAX, /, **names: str) -> None:
    for name, value in names.items():
        if len(value) > chars_max or any(not c.isprintable() for c in value):
            raise InputError(f"{name} is printable text of at most {chars_max} characters")
