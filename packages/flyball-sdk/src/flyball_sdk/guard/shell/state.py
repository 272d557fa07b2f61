"""What the session is known to hold before a text runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball_sdk.guard.shell.command import NOTHING


@dataclass(frozen=True, slots=True)
class ShellState:
    """Files written earlier in the session (path -> text), its environment and its directory ("" where unknown)."""

    scripts: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    env: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    cwd: str = ""
