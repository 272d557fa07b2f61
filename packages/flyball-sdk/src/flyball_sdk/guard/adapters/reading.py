"""What an adapter hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball_sdk.guard.decision import Status
from flyball_sdk.guard.effect import Effect


@dataclass(frozen=True, slots=True)
class Reading:
    """The effects of a call, how well it could be read, and the files it writes (path -> text)."""

    effects: list[Effect]
    status: Status = "complete"
    written: Mapping[str, str] = field(default_factory=dict)


def unread(why: str) -> Reading:
    """A call that could not be read whole: that asks."""
    return Reading([Effect("call.unread", why)], "unread")
