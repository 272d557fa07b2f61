"""The machine below the statements: what is known, what runs, and what was written down so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from flyball_sdk.guard.shell.bounds import (
    CODE_DEPTH_MAX,
    COMMAND_WORDS_MAX,
    COMMANDS_MAX,
    STEPS_MAX,
    SUBSTITUTION_DEPTH_MAX,
    Meter,
    TooMuch,
)
from flyball_sdk.guard.shell.command import NOTHING, UNKNOWN, Command, Opaque
from flyball_sdk.guard.shell.filters import FILTERS
from flyball_sdk.guard.shell.handlers import HANDLERS, handler
from flyball_sdk.guard.shell.heredocs import Heredoc, lift
from flyball_sdk.guard.shell.scope import (
    EMPTY,
    Call,
    Feed,
    Function,
    Scope,
    Text,
    Value,
    Where,
    bounded,
    join_path,
)
from flyball_sdk.guard.shell.state import ShellState
from flyball_sdk.guard.shell.words import Expander

# Characters that a filter reads in about the time of a step.
_FILTERED_A_STEP = 128
# Filters that do not read their input.
_UNFED = frozenset({"echo", "printf", "seq", "basename", "dirname", "which", "type", "true", ":"})
_DEVICE = "/dev/"


class Machine(ABC):
    """The state of one judgement of one text, and the running of simple commands."""

    # whether the parser met an error
    partial = False
    # whether anybody reads what the running command prints
    wanted = False
    # the code being walked, and how it was reached
    code = ""
    where = Where()

    def __init__(self, state: ShellState) -> None:
        self.state = state
        self.meter = Meter()
        self.commands: list[Command] = []
        self.opaque: list[Opaque] = []
        self.scope = Scope()
        # files as this text left them, by path as seen from the session's directory
        self.files: dict[str, Text] = {}
        self.bodies: list[Heredoc] = []
        # functions whose bodies are being evaluated
        self.running: list[Function] = []
        self.expander = Expander(self)

    @abstractmethod
    def walk(self, code: str, where: Where, feed: Feed | None) -> Text:
        """Evaluate code whose here-documents are lifted."""

    @abstractmethod
    def body(self, function: Function, call: Call) -> Text:
        """Evaluate the body of a function."""

    # code within code

    def source(self, code: str, where: Where, feed: Feed | None = None) -> Text:
        """Evaluate code in the present scope; returns what it prints (`EMPTY` if nobody wants it)."""
        with_code = self.where, self.code, self.expander.sources
        self.deeper()
        lifted, _ = lift(code, self.bodies, self.meter)
        try:
            return self.walk(lifted, where, feed)
        finally:
            self.where, self.code, self.expander.sources = with_code
            self.meter.code -= 1

    def deeper(self) -> None:
        """Enter code within code."""
        if self.meter.code >= CODE_DEPTH_MAX:
            raise TooMuch("depth")
        self.meter.code += 1

    def shell(self, code: str, call: Call, name: str, arguments: list[str] | None = None) -> Text:
        """Evaluate code as a new shell does that `call` starts by the name `name`."""
        where = call.where
        scope = self.scope
        self.scope = scope.copy()
        self.scope.arguments = arguments[1:] if arguments else []
        self.scope.variables["0"] = arguments[0] if arguments else name.partition(" ")[0]
        for variable, value in call.env.items():
            self.scope.assign(variable, value)
        sources = where.sources + call.sources + (call.feed.sources if call.feed and UNKNOWN in code else ())
        inner = Where(-1, where.span, (*where.via, name), where.host, sources)
        try:
            return self.source(code, inner, call.feed)
        finally:
            self.scope = scope

    def nested(self, code: str, offset: int, feed: Feed | None = None) -> Text:
        """Evaluate code within a word, in a subshell; returns what it prints."""
        meter, expander = self.meter, self.expander
        if meter.substitutions >= SUBSTITUTION_DEPTH_MAX:
            raise TooMuch("depth")
        meter.substitutions += 1
        saved = self.scope, self.where, self.code, self.wanted, expander.offset, expander.sources
        where = self.where
        base = where.base + offset if offset >= 0 <= where.base else -1
        self.scope, self.wanted, expander.sources = self.scope.copy(), True, ()
        try:
            return self.walk(code, Where(base, where.span, where.via, where.host, where.sources), feed)
        finally:
            self.scope, self.where, self.code, self.wanted, expander.offset, expander.sources = saved
            meter.substitutions -= 1

    def process(self, code: str, offset: int, *, output: bool) -> str:
        """The path that stands for `<(code)` or `>(code)`."""
        text = self.nested(code, offset, Feed(UNKNOWN) if output else None)
        path = f"/dev/fd/{63 - len(self.files)}"
        if not output:
            self.files[path] = text
        return path

    # what is known

    def lookup(self, name: str) -> tuple[Value | None, tuple[str, ...]]:
        """The value of a parameter, None where it is not known, and the programs it came from."""
        scope = self.scope
        value = scope.variables.get(name)
        if value is not None:
            return value, scope.origins.get(name, ())
        if name in {"@", "*"}:
            if scope.arguments is None:
                return ([] if name == "@" else ""), ()
            return (list(scope.arguments) if name == "@" else " ".join(scope.arguments)), ()
        if name.isdigit():
            return self._positional(int(name)), ()
        if name in self.state.env:
            return self.state.env[name], ()
        return self._conventional(name), ()

    def _positional(self, number: int) -> str | None:
        arguments = self.scope.arguments
        if arguments is None or number == 0:
            return None
        return arguments[number - 1] if number <= len(arguments) else ""

    def _conventional(self, name: str) -> str | None:
        if name == "HOME":
            return "~"
        if name == "PWD":
            return self.scope.cwd or self.state.cwd or "."
        if name == "IFS":
            return " \t\n"
        if name in {"SHELL", "BASH"}:
            return "sh"
        if name == "#" and self.scope.arguments is not None:
            return str(len(self.scope.arguments))
        return None

    def file(self, path: str) -> Text | None:
        """What a file holds, None where that is not known."""
        if UNKNOWN in path or not (self.files or self.state.scripts):
            return None
        if path in self.files:
            return self.files[path]
        joined = join_path(self.scope.cwd, path)
        if joined in self.files:
            return self.files[joined]
        scripts = self.state.scripts
        if not scripts:
            return None
        for candidate in (path, joined, join_path(self.state.cwd, joined)):
            if candidate in scripts:
                return Text(scripts[candidate])
        return None

    def write(self, path: str, text: Text) -> None:
        """Remember what a file holds now."""
        if UNKNOWN not in path and not path.startswith(_DEVICE):
            self.files[join_path(self.scope.cwd, path)] = bounded(text.text, text.sources)

    # what runs

    def run(self, call: Call) -> Text:
        """Run a simple command: a function, an alias, a handler that knows it, or just a program."""
        meter = self.meter
        meter.steps += 1 + len(call.words)
        if meter.steps > STEPS_MAX or len(call.words) > COMMAND_WORDS_MAX:
            raise TooMuch("steps")
        scope = self.scope
        word = call.words[0]
        name = word
        if "/" in word:
            name = word.rpartition("/")[2]
            call.path = word
        elif word in scope.functions:
            return self.body(scope.functions[word], call)
        elif word in scope.aliases:
            return self._alias(word, call)
        if UNKNOWN in name or not name:
            return self.unknown(call, "command word")
        known = HANDLERS.get(name)
        if call.path or not (known or name.isalpha()):
            known = handler(name, path=bool(call.path))
        if known:
            return known(self, call, name)
        return self.program(call, name)

    def apart(self, call: Call) -> Text:
        """Run a command in a process of its own, as one that `find` or `xargs` starts is: the shell stays as it was."""
        scope = self.scope
        self.scope = scope.copy()
        try:
            return self.run(call)
        finally:
            self.scope = scope

    def program(self, call: Call, name: str) -> Text:
        """A program that starts no other: written down; what it prints where that is computed from known text."""
        script = self.file(call.path) if call.path else None
        if script:
            return self.script(script, call, name)
        self.emit(call, name)
        if not self.wanted:
            return EMPTY
        return self.printed(call, name)

    def script(self, script: Text, call: Call, name: str) -> Text:
        """A file that is known and run by its path: as its first line says, else by a shell."""
        first, _, _ = script.text.partition("\n")
        interpreter = first[2:].split() if first.startswith("#!") else ["sh"]
        if interpreter and interpreter[0].endswith("/env"):
            interpreter = [word for word in interpreter[1:] if not word.startswith("-")]
        call.words = [*(interpreter or ["sh"]), call.path, *call.words[1:]]
        call.path = ""
        return self.run(call) if script.text.strip(UNKNOWN + " \n") else self._fetched(script, call, name)

    def _fetched(self, script: Text, call: Call, name: str) -> Text:
        call.sources += script.sources
        call.path, call.words = call.words[1], [name, *call.words[2:]]
        self.emit(call, name)
        return self.printed(call, name)

    def printed(self, call: Call, name: str) -> Text:
        """What a program prints, as far as it is a pure function of known words and input."""
        if not self.wanted:
            return EMPTY
        feed = call.feed
        pure = FILTERS.get(name)
        if pure and not (feed and feed.text == UNKNOWN and name not in _UNFED):
            self.meter.step(len(feed.text) // _FILTERED_A_STEP if feed else 1)
            output = pure(call.words[1:], feed.text if feed else None, self.file)
            if output is not None:
                sources = call.sources + (feed.sources if feed else ())
                return bounded(output, sources if UNKNOWN in output else ())
        sources = (name, *call.sources, *feed.sources) if feed else (name, *call.sources)
        return Text(UNKNOWN, sources if len(sources) == 1 else tuple(dict.fromkeys(sources)))

    def _alias(self, word: str, call: Call) -> Text:
        code = self.scope.aliases.pop(word)
        try:
            words = [*code.split(), *call.words[1:]]
            if not any(char in code for char in "|&;<>()$`\"'\\\n"):
                call.words = words
                return self.run(call) if words else EMPTY
            where = call.where
            return self.source(
                code + ' "$@"', Where(-1, where.span, (*where.via, word), where.host), call.feed
            )
        finally:
            self.scope.aliases[word] = code

    def unknown(self, call: Call, why: str) -> Text:
        """A command word or code that cannot be known."""
        # the arguments of an unknown script stand for whatever it is given, which is another call's matter
        self.opaque.append(Opaque(call.where.span, why))
        return Text(UNKNOWN, call.sources)

    def emit(self, call: Call, name: str, words: list[str] | None = None) -> None:
        """Write down a command."""
        if len(self.commands) >= COMMANDS_MAX:
            raise TooMuch("commands")
        where, feed, sources = call.where, call.feed, call.sources
        stdin = None
        if feed:
            stdin = _clean(feed.text)
            if feed.sources and UNKNOWN in stdin:
                sources += feed.sources
        if where.sources:
            sources += where.sources
        if len(sources) > 1:
            sources = tuple(dict.fromkeys(sources))
        self.commands.append(
            Command(
                name,
                tuple(call.words[1:] if words is None else words),
                where.span,
                call.path,
                self.scope.cwd,
                call.env,
                stdin,
                call.redirects,
                sources,
                where.via,
                where.host,
            )
        )

    def inherit(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Assignments before a command, with those that were exported."""
        exported = self.scope.exported
        return {**exported, **env} if exported or env else NOTHING


def _clean(text: str) -> str:
    """Text that may hold bytes that are none, as text that can be written down."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
