"""Simple commands: their words are expanded, their assignments and redirects take effect, and they run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from tree_sitter import Node

from flyball_sdk.guard.shell import builtins, redirects
from flyball_sdk.guard.shell.command import NOTHING, UNKNOWN
from flyball_sdk.guard.shell.machine import Machine
from flyball_sdk.guard.shell.scan import split_raw
from flyball_sdk.guard.shell.scope import EMPTY, Call, Feed, Text, Value, Where, flat
from flyball_sdk.guard.shell.simple import Pipeline, Simple
from flyball_sdk.guard.shell.wrappers import WRAPPERS

_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[([^\]]*)\])?(\+?=)", re.ASCII)
# commands that change the shell that runs them, or run others that may
_CHANGING = builtins.HANDLERS.keys() | WRAPPERS.keys()


# variables whose value a program runs as a command (manuals of git, man, less, sudo, ssh, rsync, systemctl)
_CODE_VARIABLES = frozenset(
    [
        "EDITOR",
        "VISUAL",
        "PAGER",
        "MANPAGER",
        "GIT_PAGER",
        "SYSTEMD_PAGER",
        "SYSTEMD_EDITOR",
        "SUDO_EDITOR",
        "SUDO_ASKPASS",
        "SSH_ASKPASS",
        "BROWSER",
        "RSYNC_RSH",
        "CVS_RSH",
        "PROMPT_COMMAND",
        "LESSOPEN",
        "LESSCLOSE",
        "AUTOM4TE",
        "FCEDIT",
        "GIT_ASKPASS",
    ]
)


class Commands(Machine):
    """How a shell runs simple commands, of which it has the raw text or a node of the syntax tree."""

    def raw(self, node: Node) -> str:
        """The text of a node."""
        return self.code[node.start_byte : node.end_byte]

    def offset(self, node: Node) -> int:
        """Where a node stands in the outermost text, -1 if it does not."""
        base = self.where.base
        return base + node.start_byte if base >= 0 else -1

    def simple(self, pipelines: list[Pipeline], feed: Feed | None) -> Text:
        """Evaluate what needed no parser, as `_list`, `_pipeline` and `command` do."""
        printed = EMPTY
        for operator, commands in pipelines:
            output = self._simple_pipeline(commands, feed)
            if operator != "||" or not printed.text:
                printed += output
        return printed if self.wanted else EMPTY

    def _simple_pipeline(self, commands: list[Simple], feed: Feed | None) -> Text:
        if len(commands) == 1:
            return self._simple_command(commands[0], feed)
        scope, wanted = self.scope, self.wanted
        last = len(commands) - 1
        printed = EMPTY
        try:
            for position, command in enumerate(commands):
                name = command.words[0]
                # a program cannot change the shell that starts it: then there is nothing to copy
                if name in _CHANGING or "$" in name or name in scope.functions or name in scope.aliases:
                    self.scope = scope.copy()
                self.wanted = wanted or position < last
                printed = self._simple_command(command, feed)
                self.scope = scope
                feed = Feed(printed.text, printed.sources)
            return printed
        finally:
            self.scope, self.wanted = scope, wanted

    def _simple_command(self, command: Simple, feed: Feed | None) -> Text:
        expander = self.expander
        words = command.words
        found = redirects.plain(self, command.redirects, feed) if command.redirects else None
        if command.raw:
            words = words[:]
            # from the last: what is before it stays where it is
            for index in reversed(command.raw):
                words[index : index + 1] = (
                    expander.words(words[index]) if index else expander.command_word(words[0])
                )
        sources = expander.sources
        if sources:
            expander.sources = ()
        if not words:
            return EMPTY
        where = self.where
        base = where.base
        if base >= 0:
            span = (base + command.start, base + command.end)
            where = Where(base, span, where.via, where.host, where.sources)
        env = self.inherit(NOTHING) if self.scope.exported else NOTHING
        if expander.doubtful:
            to_expand = set(command.raw)
            raw = [text if at in to_expand else shlex.quote(text) for at, text in enumerate(command.words)]
            self._instead([(text, -1) for text in raw], Call(words, where, feed, (), env, sources))
        if not found:
            return self.run(Call(words, where, feed, (), env, sources))
        call = Call(words, where, found.feed, found.redirects, env, sources)
        return self._run_into(call, found.outputs) if found.outputs else self.run(call)

    def at(self, node: Node, end: int = 0) -> Where:
        """How a node is reached, with its span; `end` is where it ends if not with the node."""
        where = self.where
        base = where.base
        if base < 0:
            return where
        span = (base + node.start_byte, base + (end or node.end_byte))
        return Where(base, span, where.via, where.host, where.sources)

    def _raw_words(self, node: Node) -> tuple[list[tuple[str, int]], list[tuple[str, int]], list[Node]]:
        """The raw words of a command, the assignments before it, and its redirects; the words with their offsets."""
        words: list[tuple[str, int]] = []
        assignments: list[tuple[str, int]] = []
        others: list[Node] = []
        end = -1
        code = self.code
        for child in node.children:
            start, stop = child.start_byte, child.end_byte
            kind = child.type
            if kind == "variable_assignment" and not words:
                assignments.append((code[start:stop], start))
            elif kind.endswith("_redirect"):
                others.append(child)
            elif words and (start == end or code[end:start] == "\\\n"):
                # what the grammar takes apart and the shell does not
                words[-1] = (code[words[-1][1] : stop], words[-1][1])
            elif stop > start:
                words.append((code[start:stop], start))
            end = stop
        return words, assignments, others

    def command(
        self,
        node: Node,
        feed: Feed | None,
        behind: Sequence[Node] = (),
        end: int = 0,
    ) -> Text:
        """Run a simple command; `behind` are redirects (and words among them) behind its node, up to `end`."""
        raw, assigned, others = self._raw_words(node)
        found = redirects.gather(self, [*others, *behind], feed) if others or behind else None
        if found:
            feed = found.feed
            raw += [(self.raw(child), child.start_byte) for child in found.arguments]
        expander = self.expander
        expander.sources = ()
        env = NOTHING
        if assigned:
            env = {
                name: value for text, at in assigned for name, value in self._assign(text, at, keep=not raw)
            }
        if not raw:
            return self.nothing(self.at(node, end), found) if found else EMPTY
        words = self._words(raw)
        sources = expander.sources
        expander.sources = ()
        if not words:
            return EMPTY
        if env and not _CODE_VARIABLES.isdisjoint(env):
            self._run_variables(env, node)
        ties = found.redirects if found else ()
        call = Call(words, self.at(node, end), feed, ties, self.inherit(env), sources)
        if expander.doubtful:
            self._instead(raw, call)
        return self._run_into(call, found.outputs) if found and found.outputs else self.run(call)

    def _words(self, raw: Sequence[tuple[str, int]]) -> list[str]:
        words = self.expander.command_word(*raw[0])
        for word, offset in raw[1:]:
            words += self.expander.words(word, offset)
        return words

    def _instead(self, raw: Sequence[tuple[str, int]], call: Call) -> None:
        """Run a command also with the values that a variable has if a branch was not taken."""
        scope, expander = self.scope, self.expander
        name, expander.doubtful = expander.doubtful, ""
        if name not in scope.variables:
            return
        value, others = scope.variables[name], scope.maybes.pop(name, [])
        for other in others:
            scope.variables[name] = other
            words = self._words([(word, -1) for word, _ in raw])
            if words and words != call.words:
                self.run(Call(words, call.where, call.feed, call.redirects, call.env, call.sources))
        scope.variables[name], scope.maybes[name] = value, others
        expander.doubtful = ""
        expander.sources = ()

    def _run_variables(self, env: Mapping[str, str], node: Node) -> None:
        """Variables before a command that name what it is to run."""
        for name in _CODE_VARIABLES & env.keys():
            if not env[name].startswith(UNKNOWN):
                self.shell(env[name], Call([name], self.at(node)), name)

    def _run_into(self, call: Call, outputs: list[tuple[str, str]]) -> Text:
        """Run a command whose output goes to files."""
        wanted = self.wanted
        self.wanted = True
        printed = self.run(call)
        self.wanted = wanted
        return redirects.write(self, outputs, printed)

    def nothing(self, where: Where, found: redirects.Found) -> Text:
        """Redirects alone, or before words that the grammar took for more targets of them."""
        words: list[str] = []
        for child in found.arguments:
            words += (
                self.expander.words(self.raw(child)) if words else self.expander.command_word(self.raw(child))
            )
        if words:
            sources = self.expander.take_sources()
            call = Call(words, where, found.feed, found.redirects, self.inherit(NOTHING), sources)
            return self._run_into(call, found.outputs) if found.outputs else self.run(call)
        self.emit(Call([""], where, None, found.redirects, self.inherit(NOTHING)), "")
        if found.outputs:
            return redirects.write(self, found.outputs, EMPTY)
        # $(<file) prints the file
        return Text(found.feed.text, found.feed.sources) if found.feed else EMPTY

    def assignments(self, node: Node, _feed: Feed | None) -> Text:
        """Assignments without a command."""
        for child in node.children if node.type == "variable_assignments" else [node]:
            self._assign(self.raw(child), child.start_byte, keep=True)
        return EMPTY

    def declared(self, node: Node, feed: Feed | None) -> Text:
        """`export`, `declare`, `local`, `readonly`, `unset`: assignments in them are not split."""
        words = []
        for child in node.children:
            if child.type == "variable_assignment":
                words.append(self.raw(child).partition("=")[0].rstrip("+"))
                self._assign(self.raw(child), child.start_byte, keep=True)
            else:
                words += self.expander.words(self.raw(child))
        return self.run(Call(words, self.at(node), feed))

    def _assign(self, text: str, offset: int, *, keep: bool) -> list[tuple[str, str]]:
        """Expand a raw assignment; kept in the scope unless it stands before a command."""
        found = _ASSIGNMENT.match(text)
        if not found:
            return []
        name, index, sign = found.groups()
        raw = text[found.end() :]
        expander = self.expander
        value: Value
        if raw.startswith("(") and raw.endswith(")"):
            value = [word for part in split_raw(raw[1:-1]) for word in expander.words(part)]
        else:
            expander.offset = offset + found.end()
            value = expander.inner(raw)
        sources = expander.take_sources()
        if not keep:
            expander.sources = sources
            return [(name, flat(value))]
        old = self.scope.variables.get(name)
        if index is not None:
            values = [old] if isinstance(old, str) else list(old or [])
            at = int(index) if index.isdigit() and int(index) < len(values) else len(values)
            values[at : at + 1] = [flat(value)]
            value = values
        elif sign == "+=" and old is not None:
            value = (
                old + value
                if isinstance(old, str) and isinstance(value, str)
                else [
                    *([old] if isinstance(old, str) else old),
                    *([value] if isinstance(value, str) else value),
                ]
            )
        self.scope.assign(name, value, sources)
        return []
