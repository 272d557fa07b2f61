"""The commonest texts need no parser: words, pipes, `&&`, `||`, `;` and plain redirects, nothing nested.

A test holds that they are evaluated as the parser would have it.
"""

from __future__ import annotations

import re

# a variable whose extent is plain; all of its name, so that a text can be read in one way alone (in two, an open quote behind
# ten variables took 18 s)
_VARIABLE = r"\$(?:[A-Za-z_]\w*(?!\w)|\{[A-Za-z_]\w*\}|[0-9@?])"
# letters are written out: one table look-up a character
_LETTER = r"[A-Za-z0-9_./:,@%+^*?=~\[\]-]"
_PLAIN_WORD = f"{_LETTER}+"
_BRACES = r"\{[\w./:,@%+^*?=~-]*\}"
_WORD = rf"""(?:{_LETTER}|'[^']*'|"(?:[^"\\$`]|\\[\s\S]|{_VARIABLE})*"|\\[^\n]|{_BRACES}|{_VARIABLE})+"""
# before a blank, an operator or the end
_END = r"(?![^ \t;|&])"
# behind blanks: plain words, one in single or in double quotes, an escaped character, the mark of find, an operator, a
# redirect (descriptor, operator, raw target or copied descriptor), any other raw word, or anything else: then the parser
# is asked
_TOKEN = re.compile(
    rf"""[ \t]*(?:({_PLAIN_WORD}(?:[ \t]+{_PLAIN_WORD})*){_END}|'([^']*)'{_END}|"([^"\\$`]*)"{_END}|\\([^\n]){_END}"""
    rf"""|(\{{\}}){_END}|(\|\|?|&&|;)|([012]?)(>>?|<|&>)(?:[ \t]*({_WORD})|(?<=>)&([012]){_END})|({_WORD})|\Z|([\s\S]))""",
    re.ASCII,
)
# of more tokens the parser is to say whether they are too many
_TOKENS_MAX = 1_000
_CHARS_MAX = 16 * 1024
_PLAIN, _SINGLE, _DOUBLE, _ESCAPED, _MARK, _OPERATOR = range(1, 7)
_DESCRIPTOR, _REDIRECT, _TARGET, _COPY, _RAW, _ELSE = range(7, 13)
# the group with which a token begins
_FIRST = (0, _PLAIN, _SINGLE, _DOUBLE, _ESCAPED, _MARK, _OPERATOR, 0, 0, _DESCRIPTOR, _DESCRIPTOR, _RAW)
_QUOTED = frozenset({_SINGLE, _DOUBLE, _ESCAPED})
_REDIRECTS = frozenset({_TARGET, _COPY})
# words that are not a command where a command stands
_RESERVED = frozenset(
    [
        "if",
        "then",
        "else",
        "elif",
        "fi",
        "case",
        "esac",
        "for",
        "select",
        "while",
        "until",
        "do",
        "done",
        "in",
        "function",
        "time",
        "coproc",
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "unset",
        "unsetenv",
        "[",
        "[[",
        "let",
    ]
)


class Simple:
    """A simple command: its words, its redirects as (operator, descriptor, raw target), and where it stands.

    `words` are as they are, but for those at the indexes `raw`, which are to be expanded.
    """

    __slots__ = ("end", "raw", "redirects", "start", "words")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.words: list[str] = []
        self.raw: list[int] = []
        self.redirects: list[tuple[str, str, str]] = []


# the commands of a pipeline and the operator before it
Pipeline = tuple[str, list[Simple]]


def simple(text: str) -> list[Pipeline] | None:  # noqa: C901, PLR0911, PLR0912 a call for each token costs half as much again
    """The pipelines of a text that needs no parser; None for one that does."""
    if len(text) > _CHARS_MAX:
        return None
    commands: list[Simple] = []
    pipelines: list[Pipeline] = []
    operator = ""
    current = Simple(-1)
    words = current.words
    tokens = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastindex
        if kind is None:
            break
        tokens += 1
        if kind == _ELSE or tokens > _TOKENS_MAX:
            return None
        if kind == _OPERATOR:
            if not words:
                return None
            current.end = found.start()
            commands.append(current)
            current = Simple(-1)
            words = current.words
            if found[_OPERATOR] != "|":
                pipelines.append((operator, commands))
                commands, operator = [], found[_OPERATOR]
            continue
        if current.start < 0:
            current.start = found.start(_FIRST[kind]) - (kind in _QUOTED)
        word = found[kind]
        if kind == _PLAIN:
            plain = word.split()
            tokens += len(plain)
            if not words and ("=" in plain[0] or plain[0] in _RESERVED):
                return None
            words += plain
            continue
        if kind == _RAW:
            if not words and ("=" in word or word in _RESERVED):
                return None
            current.raw.append(len(words))
        elif kind == _TARGET:
            current.redirects.append((found[_REDIRECT], found[_DESCRIPTOR], word))
        if kind not in _REDIRECTS:
            words.append(word)
    if words:
        current.end = len(text.rstrip(" \t"))
        commands.append(current)
    elif current.start >= 0 or commands or operator != ";":
        return None
    if commands:
        pipelines.append((operator, commands))
    return pipelines
