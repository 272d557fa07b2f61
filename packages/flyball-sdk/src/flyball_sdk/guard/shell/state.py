"""What the session is known to hold before a text runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flyball_sdk.guard.shell.command import NOTHING


class ShellState(NamedTuple):
    """Files written earlier in the session (path -> text), its environment and its directory ("" where unknown)."""

    scripts: Mapping[str, str] = NOTHING
    env: Mapping[str, str] = NOTHING
    cwd: str = ""
