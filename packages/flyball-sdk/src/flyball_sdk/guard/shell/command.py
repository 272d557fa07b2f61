"""What a shell text would run: the words as the program would receive them, as far as they can be known.

Named tuples, which are made in a quarter of the time that a frozen dataclass takes: a text makes many of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# Marks a piece of a word that is not known before it runs. No real argument can hold it.
UNKNOWN = "\0"

NOTHING: Mapping[str, str] = MappingProxyType({})


class Redirect(NamedTuple):
    """A file that a command's stream is tied to: `op` is one of `> >> >| &> &>> < <>`."""

    op: str
    path: str


class Command(NamedTuple):
    """One program as it would be started.

    `name` is the last component of the resolved command word (`rm` of `/bin/r''m`), "" where there are redirects alone;
    `words` are the arguments after it, quotes and variables resolved, with `UNKNOWN` in place of what is not known.
    `span` are byte offsets in the outermost text. `cwd` is "" where the session stands, else the directory that an
    earlier `cd` led to (it may hold `UNKNOWN`). `env` holds the assignments in force beyond the session's own.
    `stdin` is the text fed to it (heredoc, here-string, echo, printf), `UNKNOWN` where it is fed and not known, None
    where nothing is fed. `sources` names the programs whose output flows into unknown words or stdin. `via` says how it
    was reached, outermost first (`("sudo", "bash -c")`); `host` is where it runs: "" here, else what ssh or
    `docker exec` was given.
    """

    name: str
    words: tuple[str, ...] = ()
    span: tuple[int, int] = (0, 0)
    path: str = ""
    cwd: str = ""
    env: Mapping[str, str] = NOTHING
    stdin: str | None = None
    redirects: tuple[Redirect, ...] = ()
    sources: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    host: str = ""


class Opaque(NamedTuple):
    """Something that would run and cannot be known: where it stands and why."""

    span: tuple[int, int]
    why: str


class Program(NamedTuple):
    """All that a text would run.

    `partial` says that the parser met an error and went on; `too_much` names the bound that was reached, "" if none;
    `written` are the files that the text writes with contents that are known (path -> text).
    """

    commands: tuple[Command, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    partial: bool = False
    too_much: str = ""
    written: Mapping[str, str] = NOTHING
