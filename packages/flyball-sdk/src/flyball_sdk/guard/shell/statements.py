"""Walks the statements of a text as a shell would run them: lists, pipelines, loops, groups, simple commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from tree_sitter import Node

from flyball_sdk.guard.shell import redirects
from flyball_sdk.guard.shell.bounds import CODE_DEPTH_MAX, ROUNDS_MAX, STATEMENT_DEPTH_MAX, TooMuch
from flyball_sdk.guard.shell.command import NOTHING, UNKNOWN
from flyball_sdk.guard.shell.commands import Commands
from flyball_sdk.guard.shell.scope import EMPTY, Call, Feed, Function, Text, Where
from flyball_sdk.guard.shell.simple import simple
from flyball_sdk.guard.shell.syntax import parse

_SKIPPED = frozenset({"comment", "heredoc_body", ";", "&", "&&", "||", "|", "|&", "\n", ";;"})
_EXPRESSIONS = frozenset(
    {
        "test_command",
        "arithmetic_expansion",
        "string",
        "concatenation",
        "command_substitution",
        "process_substitution",
        "expansion",
        "simple_expansion",
        "word",
        "raw_string",
    }
)
# What the parser could make nothing of is walked through, if it is little.
_ERROR_CHILDREN_MAX = 1_000


class Evaluator(Commands):
    """One judgement of one text."""

    def walk(self, code: str, where: Where, feed: Feed | None) -> Text:
        """Evaluate code that stands at `where`; the caller keeps and restores what `walk` changes."""
        self.where, self.code = where, code
        pipelines = simple(code)
        if pipelines is not None:
            return self.simple(pipelines, feed)
        root = parse(code, self.meter)
        if root.has_error:
            self.partial = True
            if root.is_error and root.child_count > _ERROR_CHILDREN_MAX:
                raise TooMuch("nodes")
        return self.statements(root.children, feed)

    # statements

    def statements(self, nodes: Sequence[Node], feed: Feed | None = None) -> Text:
        """Evaluate statements one after the other."""
        printed = EMPTY
        for node in nodes:
            kind = node.type
            if kind == "function_definition":
                self._define(node)
            elif kind not in _SKIPPED:
                printed += self.statement(node, kind, feed)
        return printed if self.wanted else EMPTY

    def statement(self, node: Node, kind: str, feed: Feed | None) -> Text:
        """Evaluate one statement."""
        meter = self.meter
        if meter.statements >= STATEMENT_DEPTH_MAX:
            raise TooMuch("depth")
        meter.statements += 1
        try:
            if kind == "command":
                return self.command(node, feed)
            method = _KINDS.get(kind)
            if method:
                return method(self, node, feed)
            if not node.is_named:
                return EMPTY
            return self._other(node, feed)
        finally:
            meter.statements -= 1

    def _other(self, node: Node, feed: Feed | None) -> Text:
        """Anything else: the substitutions in it run, and where the parser erred, what it made of the rest."""
        if node.child_count == 0:
            return EMPTY
        if node.child_count > _ERROR_CHILDREN_MAX and node.is_error:
            raise TooMuch("nodes")
        if node.type in _EXPRESSIONS:
            self.expander.inner(self.raw(node))
            return EMPTY
        return self.statements(node.children, feed)

    def sequence(self, node: Node, feed: Feed | None) -> Text:
        """`a && b || c`: all of them, for nobody knows how they end."""
        printed, operator = EMPTY, ""
        for part in _parts(node):
            kind = part.type
            if kind in {"&&", "||"}:
                operator = kind
            else:
                self.scope.branches += bool(operator)
                output = self.statement(part, kind, feed)
                self.scope.branches -= bool(operator)
                # what stands behind `||` prints where nothing was printed before
                if operator != "||" or not printed.text:
                    printed += output
        return printed if self.wanted else EMPTY

    def pipeline(self, node: Node, feed: Feed | None, redirect: Node | None = None) -> Text:
        """Each part is a subshell and reads what the one before prints; `redirect` is tied to the last."""
        parts = [child for child in node.named_children if child.type != "comment"]
        tied = (
            parts[0].child_by_field_name("body")
            if parts and parts[0].type == "redirected_statement"
            else None
        )
        before = EMPTY
        if tied and tied.type == "list":
            # `a && b > x | c`: the grammar pipes both, the shell the second
            *leading, tied = _parts(tied)
            before = self.statements(leading, feed)
        else:
            tied = None
        if not parts or parts[-1].type != "list":
            return before + self._piped(parts, feed, redirect, tied)
        # `a | b && c`: the grammar may pipe into both, the shell into the first
        parts[-1], *behind = _parts(parts[-1])
        printed = before + self._piped(parts, feed, None, tied) + self.statements(behind[:-1], feed)
        last = behind[-1]
        return printed + (self._tied(redirect, last, feed) if redirect else self.statements([last], feed))

    def _piped(self, parts: list[Node], feed: Feed | None, redirect: Node | None, tied: Node | None) -> Text:
        """The parts of a pipeline; `tied` is the command in the first one if not all of it."""
        scope, wanted = self.scope, self.wanted
        try:
            for part in parts[:-1]:
                self.scope, self.wanted = scope.copy(), True
                printed = self._tied(part, tied, feed) if tied else self.statement(part, part.type, feed)
                tied = None
                feed = Feed(printed.text, printed.sources)
            self.scope, self.wanted = scope.copy(), wanted
            if redirect and parts:
                return self._tied(redirect, parts[-1], feed)
            return self.statement(parts[-1], parts[-1].type, feed) if parts else EMPTY
        finally:
            self.scope, self.wanted = scope, wanted

    def subshell(self, node: Node, feed: Feed | None) -> Text:
        """`( .. )`: what it changes is forgotten."""
        scope = self.scope
        self.scope = scope.copy()
        try:
            return self.statements(node.named_children, feed)
        finally:
            self.scope = scope

    def group(self, node: Node, feed: Feed | None) -> Text:
        """`{ .. }`, or the arithmetic of `(( .. ))`."""
        if node.children and node.children[0].type == "((":
            self.expander.inner(self.raw(node)[2:-2])
            return EMPTY
        return self.statements(node.children, feed)

    def loop(self, node: Node, feed: Feed | None) -> Text:
        """`while` and `until`: once, but once for each line where they read lines that are known."""
        body = node.child_by_field_name("body")
        head = [child for child in node.children[1:] if child != body]
        printed = self._round(head, body, feed)
        for _ in range(ROUNDS_MAX):
            if (
                not feed
                or not feed.text
                or UNKNOWN in feed.text
                or not self.raw(node.children[1]).count("read")
            ):
                break
            printed += self._round(head, body, feed)
        return Text(UNKNOWN, printed.sources) if printed.text and not feed else printed

    def _round(self, head: list[Node], body: Node | None, feed: Feed | None) -> Text:
        printed = self.statements(head, feed)
        return printed + self.statements(body.children, feed) if body else printed

    def each(self, node: Node, feed: Feed | None) -> Text:
        """`for x in ..`: once for each value that is known, once if none is."""
        body = node.child_by_field_name("body")
        variable = node.child_by_field_name("variable")
        if not body or not variable:
            return self.statements(node.named_children, feed)
        words: list[str] = []
        expander = self.expander
        values = node.children_by_field_name("value")
        for value in values:
            words += expander.words(self.raw(value), self.offset(value) - max(self.where.base, 0))
        sources = expander.take_sources()
        if not values:
            words = list(self.scope.arguments or [UNKNOWN])
        printed = EMPTY
        name = self.raw(variable)
        for word in self.meter.rounds(words):
            self.scope.assign(name, word, sources if UNKNOWN in word else ())
            printed += self.statements(body.children, feed)
        return printed

    def count(self, node: Node, feed: Feed | None) -> Text:
        """`for ((..))`: once, its variable unknown."""
        body = node.child_by_field_name("body")
        for child in node.children:
            if child.type == "variable_assignment":
                self.scope.assign(self.raw(child).partition("=")[0], UNKNOWN)
        return self.statements(body.children, feed) if body else EMPTY

    def branch(self, node: Node, feed: Feed | None) -> Text:
        """`if`: every condition and every branch."""
        self.scope.branches += 1
        try:
            return self.statements(node.children, feed)
        finally:
            self.scope.branches -= 1

    def cases(self, node: Node, feed: Feed | None) -> Text:
        """`case`: every branch."""
        printed = EMPTY
        value = node.child_by_field_name("value")
        if value:
            self.expander.inner(self.raw(value))
        for child in node.children:
            if child.type == "case_item":
                values = child.children_by_field_name("value")
                self.scope.branches += 1
                printed += self.statements(
                    [part for part in child.named_children if part not in values], feed
                )
                self.scope.branches -= 1
        return printed

    def _define(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if name and body:
            name_text, body_text = self.raw(name), self.raw(body)
            if "|" in body_text and body_text.count(name_text) > 1 and "&" in body_text:
                self._bomb(node, name_text, body_text)
            self.scope.functions[name_text] = (body, self.code, self.where)

    def _bomb(self, node: Node, name: str, body: str) -> None:
        """A function that pipes itself into itself in the background."""
        if re.search(rf"(?:^|[\s{{(;|&]){re.escape(name)}\s*\|&?\s*{re.escape(name)}\s*&", body):
            self.emit(Call(["fork-bomb"], self.at(node)), "fork-bomb")

    def body(self, function: Function, call: Call) -> Text:
        """Evaluate the body of a function with the words it is called with; a function is not entered twice."""
        if function in self.running or self.meter.code >= CODE_DEPTH_MAX:
            return Text(UNKNOWN) if self.wanted else EMPTY
        node, code, where = function
        saved = self.where, self.code, self.scope.arguments, self.expander.sources
        self.running.append(function)
        self.deeper()
        base = where.base if where.base >= 0 else -1
        self.where = Where(base, call.where.span, call.where.via, call.where.host, call.where.sources)
        self.code, self.scope.arguments = code, call.words[1:]
        try:
            return self.statement(node, node.type, call.feed)
        finally:
            self.running.pop()
            self.meter.code -= 1
            self.where, self.code, self.scope.arguments, self.expander.sources = saved

    def redirected(self, node: Node, feed: Feed | None) -> Text:
        """A statement with redirects."""
        body = node.child_by_field_name("body")
        before = EMPTY
        if body and body.type == "list":
            # the grammar ties a redirect to the whole list or pipeline, the shell to its last command
            parts = _parts(body)
            before = self.statements(parts[:-1], feed)
            body = parts[-1]
        return before + self._tied(node, body, feed)

    def _tied(self, node: Node, body: Node | None, feed: Feed | None) -> Text:
        """Evaluate `body` with the redirects of `node`; those of a pipeline are its last command's."""
        if body and body.type == "pipeline":
            return self.pipeline(body, feed, node)
        kept = node.child_by_field_name("body")
        others = [child for child in node.children if child != kept]
        if body and body.type == "command":
            return self.command(body, feed, others, node.end_byte)
        found = redirects.gather(self, others, feed)
        if not body:
            return self.nothing(self.at(node), found)
        if found.redirects:
            self.emit(Call([""], self.at(node), None, found.redirects, self.inherit(NOTHING)), "")
        wanted = self.wanted
        self.wanted = wanted or bool(found.outputs)
        try:
            printed = self.statement(body, body.type, found.feed)
        finally:
            self.wanted = wanted
        return redirects.write(self, found.outputs, printed) if found.outputs else printed


def _parts(node: Node) -> list[Node]:
    """The statements of a list: `a && b && c` leans to the left, as deep as it is long."""
    parts: list[Node] = []
    while node.type == "list" and node.child_count:
        parts.extend(reversed(node.children[1:]))
        node = node.children[0]
    parts.append(node)
    return parts[::-1]


_KINDS: Mapping[str, Callable[[Evaluator, Node, Feed | None], Text]] = MappingProxyType(
    {
        "redirected_statement": Evaluator.redirected,
        "pipeline": Evaluator.pipeline,
        "list": Evaluator.sequence,
        "subshell": Evaluator.subshell,
        "compound_statement": Evaluator.group,
        "while_statement": Evaluator.loop,
        "for_statement": Evaluator.each,
        "c_style_for_statement": Evaluator.count,
        "if_statement": Evaluator.branch,
        "case_statement": Evaluator.cases,
        "declaration_command": Evaluator.declared,
        "unset_command": Evaluator.declared,
        "variable_assignment": Evaluator.assignments,
        "variable_assignments": Evaluator.assignments,
    }
)
