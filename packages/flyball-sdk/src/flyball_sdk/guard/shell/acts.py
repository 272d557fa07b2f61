"""What a script in another language does to the world: the common answer of the readers of those languages."""

from __future__ import annotations

from dataclasses import dataclass

from flyball_sdk.guard.shell.command import Redirect


@dataclass(frozen=True, slots=True)
class Act:
    """A command by its words, or shell code (`code`), or a file opened for writing (`redirects` alone)."""

    words: tuple[str, ...] = ()
    code: str | None = None
    stdin: str | None = None
    redirects: tuple[Redirect, ...] = ()
