"""What an adapter hands on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flyball_sdk.guard.decision import Status
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.shell.command import NOTHING


class Reading(NamedTuple):
    """The effects of a call, how well it could be read, and the files it writes (path -> text)."""

    effects: list[Effect]
    status: Status = "complete"
    written: Mapping[str, str] = NOTHING


def unread(why: str) -> Reading:
    """A call that could not be read whole: that asks."""
    return Reading([Effect("call.unread", why)], "unread")
