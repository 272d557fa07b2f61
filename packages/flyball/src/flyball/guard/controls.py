"""The operator's switches: modes, pause and lockdown. Each is a row of the log; what holds is the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball_sdk.guard.rule import Mode

from flyball.errors import InputError

PAUSE_SECONDS_MAX = 24 * 3600
"""A pause ends by itself; a longer one would be forgotten."""
SETTLED_MAX = 500
_SAID = ("verdict", "of", "rule", "at", "by", "reason")


@dataclass(slots=True)
class Controls:
    """What the operator has set; times are Unix seconds."""

    modes: dict[str, Mode] = field(default_factory=dict[str, "Mode"])
    """Policy -> the mode that was chosen for it here instead of the one it says."""
    paused_until: float = 0.0
    locked_since: float = 0.0
    by: str = ""
    reason: str = ""
    removed: list[str] = field(default_factory=list[str])
    """Policies that were let go: a file of their name is not taken in by itself again."""
    settled: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Proposals by id -> what a person said: verdict, of (its kind), rule, at, by, reason; the last `SETTLED_MAX`."""

    def paused(self, now: float) -> bool:
        """Whether nothing is enforced but the guard's own protection."""
        return now < self.paused_until and not self.locked

    @property
    def locked(self) -> bool:
        """Whether every call is blocked."""
        return self.locked_since > 0

    def apply(self, row: Mapping[str, Any]) -> None:
        """Take in a row of kind `control`."""
        if row["what"] == "proposal":
            self.settled.pop(row["proposal"], None)
            self.settled[row["proposal"]] = {name: row[name] for name in _SAID}
            while len(self.settled) > SETTLED_MAX:
                del self.settled[next(iter(self.settled))]
            return
        self.by, self.reason = row.get("by", ""), row.get("reason", "")
        match row["what"]:
            case "pause":
                self.paused_until = row["until"]
            case "lockdown":
                self.locked_since = row["since"]
            case "resume":
                self.paused_until = self.locked_since = 0.0
            case "mode":
                self.modes[row["policy"]] = row["mode"]
            case _:  # a policy was written or let go; the policies know its text
                name = row["policy"]
                self.removed = [one for one in self.removed if one != name] + ([] if row["text"] else [name])

    def snapshot(self) -> dict[str, Any]:
        """All of it, for the beginning of a file of the log."""
        return {name: getattr(self, name) for name in Controls.__slots__}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Back to what `snapshot` gave."""
        for name in Controls.__slots__:
            if name in saved:
                setattr(self, name, saved[name])


def pause_row(*, seconds: float, now: float, by: str, reason: str) -> dict[str, Any]:
    """A pause of so many seconds.

    Raises:
        InputError: it is none, or longer than a day.
    """
    if not 0 < seconds <= PAUSE_SECONDS_MAX:
        raise InputError(f"a pause is for 1 s to {PAUSE_SECONDS_MAX // 3600} h, for example --for 10m")
    return {"what": "pause", "until": now + seconds, "by": by, "reason": reason}
