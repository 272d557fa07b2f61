"""The one place that knows the parser: a text becomes a tree of nodes whose offsets are offsets of the text."""

from __future__ import annotations

import re
import threading
import time
import warnings

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from flyball_sdk.guard.shell.bounds import (
    NODES_MAX,
    PARSE_SECONDS_MAX,
    PREEMPTED_MAX,
    Meter,
    TooMuch,
)

_LANGUAGE = Language(tree_sitter_bash.language())
# `{a,b}` and `{1..3}` are words; the grammar errs on some of them
_BRACES = re.compile(rb"(?<![$\\])\{[^\s{}$`'\"\\;|&<>()]*(?:,|\.\.)[^\s{}$`'\"\\;|&<>()]*\}")


class _Local(threading.local):
    """A parser is not to be shared by threads."""

    def __init__(self) -> None:
        self.parser = Parser(_LANGUAGE)
        with warnings.catch_warnings():
            # what is to take its place, a hook, leaks the text it reads (0.26.1: .8 MB for a text of many errors)
            warnings.simplefilter("ignore", DeprecationWarning)
            self.parser.timeout_micros = int(PARSE_SECONDS_MAX * 1e6)  # pyright: ignore[reportDeprecated]


_local = _Local()


def parse(text: str, meter: Meter) -> Node:
    """The root of the syntax tree; raises `TooMuch` where parsing takes too long or the tree is too large.

    The parser sees one byte for each character, `?` for what is not ASCII: so its byte offsets are offsets in `text`,
    and nothing in Unicode can lead it astray. A here-string is shown to it as `<` and `<>` as `>`: the grammar takes
    the first only before other redirects, the second never; a brace expansion as letters. Who reads a redirect looks at the text.
    """
    shown = text.encode("ascii", "replace").replace(b"\0", b"?")
    if b"{" in shown:
        shown = _BRACES.sub(lambda found: b"x" * len(found[0]), shown)
    if b"<" in shown:
        shown = shown.replace(b"<<<", b"  <").replace(b"<>", b"> ")
    if meter.parsing > PARSE_SECONDS_MAX:
        raise TooMuch("steps")
    begin = time.thread_time()
    root = _parsed(shown, begin)
    meter.parsing += time.thread_time() - begin
    meter.nodes += root.descendant_count
    if meter.nodes > NODES_MAX:
        raise TooMuch("nodes")
    return root


def _parsed(shown: bytes, begin: float) -> Node:
    """The root. The parser's own clock is the wall's: where others had the machine meanwhile, it is asked again."""
    for _ in range(PREEMPTED_MAX):
        try:
            return _local.parser.parse(shown).root_node
        except ValueError:
            _local.parser.reset()
            if time.thread_time() - begin >= PARSE_SECONDS_MAX / 2:
                break
    raise TooMuch("steps")
