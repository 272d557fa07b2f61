"""A moment as a person names it: an RFC 3339 time, or how long ago (`15m`, `2h`, `1d`)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from flyball.errors import InputError

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
