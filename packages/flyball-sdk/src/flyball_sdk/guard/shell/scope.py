"""What a shell knows while it runs: variables, functions, aliases, its directory; and the streams between commands."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from flyball_sdk.guard.shell.bounds import MAYBES_MAX, TEXT_MAX
from flyball_sdk.guard.shell.command import NOTHING, UNKNOWN, Redirect

Value = str | list[str]


@dataclass(slots=True)
class Text:
    """What flows through a pipe, a substitution or a file: text with `UNKNOWN` parts, and the programs they came from."""

    text: str = ""
    sources: tuple[str, ...] = ()

    def __add__(self, other: Text) -> Text:
        """One text behind the other."""
        if not self.text:
            return other
        if not other.text:
            return self
        return bounded(self.text + other.text, self.sources + other.sources)


EMPTY = Text()


def bounded(text: str, sources: tuple[str, ...] = ()) -> Text:
    """A text, unknown where it is longer than what is remembered; its sources once each."""
    if len(sources) > 1:
        sources = tuple(dict.fromkeys(sources))
    return Text(text if len(text) <= TEXT_MAX else UNKNOWN, sources)


@dataclass(slots=True)
class Feed:
    """The standard input of commands; `read` takes lines off it."""

    text: str
    sources: tuple[str, ...] = ()

    def line(self) -> str:
        """Take the first line."""
        if UNKNOWN in self.text:
            return UNKNOWN
        first, _, self.text = self.text.partition("\n")
        return first


@dataclass(slots=True)
class Where:
    """How running code was reached: where it stands in the outermost text and through which programs.

    `base` is the offset of the code in the outermost text, -1 where it does not stand there as it is (then all of it
    has the span of the command that ran it).
    """

    base: int = 0
    span: tuple[int, int] = (0, 0)
    via: tuple[str, ...] = ()
    host: str = ""
    sources: tuple[str, ...] = ()


@dataclass(slots=True)
class Call:
    """A simple command about to run: its words are expanded, the command word first."""

    words: list[str]
    where: Where
    feed: Feed | None = None
    redirects: tuple[Redirect, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    sources: tuple[str, ...] = ()
    # the command word with a path, where it has one
    path: str = ""

    def behind(self, name: str, words: list[str]) -> Call:
        """The call that the program `name` makes of the words behind it."""
        where = self.where
        inner = Where(where.base, where.span, (*where.via, name), where.host, where.sources)
        return Call(words, inner, self.feed, self.redirects, self.env, self.sources)


# The node of a function's body, the code that it stands in and where that code stands.
Function = tuple[Node, str, Where]


@dataclass(slots=True)
class Scope:
    """The state of one shell; a subshell works on a copy."""

    variables: dict[str, Value] = field(default_factory=dict)
    # the programs that unknown parts of a variable came from
    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exported: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    # None at the top, where it is not known what the text is given
    arguments: list[str] | None = None
    cwd: str = ""
    # values that a variable keeps if the branch that set it is not taken
    maybes: dict[str, list[Value]] = field(default_factory=dict)
    # how many branches the shell is in
    branches: int = 0

    def copy(self) -> Scope:
        """A subshell's own state."""
        return Scope(
            self.variables.copy(),
            self.origins.copy(),
            self.exported.copy(),
            self.functions.copy(),
            self.aliases.copy(),
            self.arguments,
            self.cwd,
            self.maybes.copy(),
            self.branches,
        )

    def assign(self, name: str, value: Value, sources: tuple[str, ...] = ()) -> None:
        """Set a variable; one that is too long to remember becomes unknown."""
        if sum(map(len, value)) > TEXT_MAX:
            value = UNKNOWN
        old = self.variables.get(name)
        if self.branches and old is not None and old != value:
            self.maybes[name] = [old, *self.maybes.get(name, ())][:MAYBES_MAX]
        elif not self.branches and self.maybes:
            self.maybes.pop(name, None)
        self.variables[name] = value
        if sources:
            self.origins[name] = sources
        elif name in self.origins:
            del self.origins[name]
        if name in self.exported:
            self.exported[name] = flat(value)


def flat(value: Value) -> str:
    """A variable as one word: of an array its first element."""
    if isinstance(value, str):
        return value
    return value[0] if value else ""


def join_path(cwd: str, path: str) -> str:
    """A path as seen from `cwd`, made plain lexically; `""` stands for the session's own directory."""
    joined = path if path.startswith(("/", "~")) else posixpath.join(cwd, path)
    return posixpath.normpath(joined) if joined else ""
