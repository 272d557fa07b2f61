"""What questions have in common: how a person names a moment or a period, and how much one answer holds.

A moment is an RFC 3339 time, or how long ago (`15m`, `2h`, `1d`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flyball.errors import InputError

LIMIT_MAX = 1_000
"""Rows of one answer."""
_AGO = re.compile(r"(\d{1,6})\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """The moment in UTC.

    Raises:
        InputError: neither a time nor a duration.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text.strip())
    except ValueError as error:
        raise InputError(
            f"{text!r} is neither a time (2026-11-21T14:02:07Z) nor a duration (15m, 2h, 1d)"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


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
