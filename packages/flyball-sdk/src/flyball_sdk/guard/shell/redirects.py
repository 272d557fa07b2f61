"""Redirects: which files a command's streams are tied to, what it is fed, and what a file holds afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

from flyball_sdk.guard.shell.command import UNKNOWN, Redirect
from flyball_sdk.guard.shell.scope import EMPTY, Feed, Text
from flyball_sdk.guard.shell.words import heredoc_number

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.commands import Commands

_OPERATORS = frozenset({">", ">>", ">|", "&>", "&>>", "<", "<>", ">&", "<&", ">&-", "<&-"})
_WRITING = frozenset({">", ">>", ">|", "&>", "&>>"})


@dataclass(slots=True)
class Found:
    """The redirects of one statement; `arguments` are words of the command that stand behind a redirect."""

    feed: Feed | None = None
    redirects: tuple[Redirect, ...] = ()
    # (operator, path) of standard output
    outputs: list[tuple[str, str]] = field(default_factory=list)
    arguments: list[Node] = field(default_factory=list)


def gather(shell: Commands, nodes: Sequence[Node], feed: Feed | None) -> Found:
    """Read the redirects among `nodes`."""
    found = Found(feed)
    for node in nodes:
        if node.type == "file_redirect":
            _file(shell, node, found)
        elif node.type == "heredoc_redirect":
            found.feed = Feed(UNKNOWN)
    return found


def _herestring(shell: Commands, raw: str) -> Feed:
    number = heredoc_number(raw)
    expander = shell.expander
    if 0 <= number < len(shell.bodies):
        heredoc = shell.bodies[number]
        expander.offset = -1
        text = heredoc.body if heredoc.literal else expander.heredoc(heredoc.body)
    else:
        text = expander.inner(raw) + "\n"
    return Feed(text, expander.take_sources())


def _file(shell: Commands, node: Node, found: Found) -> None:
    operator, descriptor = "", ""
    targets: list[Node] = []
    for child in node.children:
        kind = child.type
        if kind == "file_descriptor":
            descriptor = shell.raw(child)
        elif kind in _OPERATORS:
            start = child.start_byte
            here = (
                shell.code.startswith("<<<", start - 2) if kind == "<" else shell.code.startswith("<>", start)
            )
            operator = ("<<<" if kind == "<" else "<>") if here else kind
        elif targets and targets[-1].end_byte == child.start_byte:
            targets.append(child)
        elif targets:
            found.arguments.append(child)
        else:
            targets.append(child)
    if not targets:
        return
    raw = shell.code[targets[0].start_byte : targets[-1].end_byte]
    _tie(shell, found, operator, descriptor, raw)


def plain(shell: Commands, raw: Sequence[tuple[str, str, str]], feed: Feed | None) -> Found:
    """The redirects of a command that needed no parser: (operator, descriptor, raw target)."""
    found = Found(feed)
    for operator, descriptor, target in raw:
        _tie(shell, found, operator, descriptor, target)
    return found


def _tie(shell: Commands, found: Found, operator: str, descriptor: str, raw: str) -> None:
    if operator in {">&", "<&"} and (raw.rstrip("-").isdigit() or raw == "-"):
        return
    if operator == "<<<":
        found.feed = _herestring(shell, raw)
        return
    path = shell.expander.inner(raw)
    operator = "&>" if operator == ">&" else operator
    found.redirects += (Redirect(operator, path),)
    if operator in _WRITING and descriptor in {"", "1"}:
        found.outputs.append((operator, path))
    elif operator in {"<", "<>"} and descriptor in {"", "0"}:
        known = shell.file(path)
        found.feed = Feed(known.text, known.sources) if known else Feed(UNKNOWN)


def write(shell: Commands, outputs: list[tuple[str, str]], printed: Text) -> Text:
    """The files now hold what was printed; returns what is left for the one who reads."""
    for operator, path in outputs[:-1]:
        # all are opened, the last one is written to
        if not operator.endswith(">>"):
            shell.write(path, EMPTY)
    operator, path = outputs[-1]
    old = shell.file(path) if operator.endswith(">>") else None
    shell.write(path, old + printed if old else printed)
    return EMPTY
