"""The one place that knows the parser: a text becomes a tree of nodes whose offsets are offsets of the text."""

from __future__ import annotations

import re
import threading
import time

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from flyball_sdk.guard.shell.bounds import (
    HOOKLESS_BYTES_MAX,
    NODES_MAX,
    PARSE_SECONDS_MAX,
    Meter,
    TooMuch,
)

_LANGUAGE = Language(tree_sitter_bash.language())
# `{a,b}` and `{1..3}` are words; the grammar errs on some of them
_BRACES = re.compile(rb"(?<![$\\])\{[^\s{}$`'\"\\;|&<>()]*(?:,|\.\.)[^\s{}$`'\"\\;|&<>()]*\}")
_CHUNK_BYTES = 4_096


class _Local(threading.local):
    """A parser is not to be shared by threads."""

    def __init__(self) -> None:
        self.parser = Parser(_LANGUAGE)


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
    begin = time.thread_time()
    left = PARSE_SECONDS_MAX - meter.parsing
    if left <= 0:
        raise TooMuch("steps")
    parser = _local.parser
    if len(shown) <= HOOKLESS_BYTES_MAX:
        root = parser.parse(shown).root_node
    else:
        root = _parse_watched(parser, shown, begin + left)
    meter.parsing += time.thread_time() - begin
    meter.nodes += root.descendant_count
    if meter.nodes > NODES_MAX:
        raise TooMuch("nodes")
    return root


def _parse_watched(parser: Parser, shown: bytes, until: float) -> Node:
    def read(offset: int, _point: object) -> bytes:
        return shown[offset : offset + _CHUNK_BYTES]

    def late(_offset: int, _error: bool) -> bool:  # noqa: FBT001 the parser calls it
        return time.thread_time() > until

    try:
        return parser.parse(read, progress_callback=late).root_node
    except ValueError:
        parser.reset()
        raise TooMuch("steps") from None
