"""What questions have in common: how a person names a period, and how much one answer holds."""

from __future__ import annotations

from datetime import datetime, timedelta

from flyball.component.moments import moment
from flyball.errors import InputError

LIMIT_MAX = 1_000
"""Rows of one answer."""


def period(
    since: str | None, until: str | None, now: datetime, *, default: timedelta, ahead: timedelta = timedelta()
) -> tuple[datetime, datetime]:
    """From `since` (`default` ago if absent) to `until` (`ahead` of now if absent).

    Raises:
        InputError: a moment that cannot be read, or the end does not follow the beginning.
    """
    start = moment(since, now) if since else now - default
    end = moment(until, now) if until else now + ahead
    if start >= end:
        raise InputError(f"since ({start.isoformat()}) does not lie before until ({end.isoformat()})")
    return start, end


def row_limit(limit: int) -> int:
    """The limit, if it is one.

    Raises:
        InputError: it is not 1 to LIMIT_MAX.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"limit is 1 to {LIMIT_MAX}, this is {limit}")
    return limit
