"""The commonest texts need no parser: words, pipes, `&&`, `||`, `;` and plain redirects, nothing nested.

A test holds that they are evaluated as the parser would have it.
"""

from __future__ import annotations

import re

# a variable whose extent is plain
_VARIABLE = r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\}|[0-9@?])"
_PLAIN_WORD = r"[\w./:,@%+^*?=~\[\]-]+|\{\}"
_BRACES = r"\{[\w./:,@%+^*?=~-]*\}"
_WORD = rf"""(?:{_PLAIN_WORD}|'[^']*'|"(?:[^"\\$`]|\\[\s\S]|{_VARIABLE})*"|\\[^\n]|{_BRACES}|{_VARIABLE})+"""
_END = r"(?=[ \t;|&]|\Z)"
# behind blanks: a plain word, a quoted one, an operator, any other raw word, a redirect (descriptor, operator, raw
# target or copied descriptor), or anything else: then the parser is asked
_TOKEN = re.compile(
    rf"""[ \t]*(?:((?:{_PLAIN_WORD}){_END})|'([^']*)'{_END}|(\|\|?|&&|;)|([012]?)(>>?|<|&>)"""
    rf"""(?:[ \t]*({_WORD})|(?<=>)&([012]){_END})|({_WORD})|\Z|([\s\S]))""",
    re.ASCII,
)
# of more tokens the parser is to say whether they are too many
_TOKENS_MAX = 1_000
_PLAIN, _QUOTED, _OPERATOR, _DESCRIPTOR, _REDIRECT, _TARGET, _COPY, _RAW, _ELSE = range(1, 10)
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


def simple(text: str) -> list[Pipeline] | None:
    """The pipelines of a text that needs no parser; None for one that does."""
    commands: list[Simple] = []
    operator = ""
    pipelines: list[Pipeline] = []
    current = Simple(0)
    words = current.words
    for count, found in enumerate(_TOKEN.finditer(text)):
        if count > _TOKENS_MAX:
            return None
        kind = found.lastindex
        if not words and not current.redirects and kind:
            current.start = found.start(_DESCRIPTOR if kind in {_TARGET, _COPY} else kind) - (kind == _QUOTED)
        if kind == _PLAIN:
            word = found[1]
            if not words and ("=" in word or word in _RESERVED):
                return None
            words.append(word)
        elif kind == _QUOTED:
            words.append(found[2])
        elif kind == _RAW:
            if not words and "=" in found[8]:
                return None
            current.raw.append(len(words))
            words.append(found[8])
        elif kind == _OPERATOR:
            if not words:
                return None
            current.end = found.start()
            commands.append(current)
            current = Simple(found.end())
            words = current.words
            if found[3] != "|":
                pipelines.append((operator, commands))
                commands, operator = [], found[3]
        elif kind == _TARGET:
            current.redirects.append((found[5], found[4], found[6]))
        elif kind is None:
            break
        elif kind != _COPY:
            return None
    current.end = len(text.rstrip(" \t"))
    if words:
        commands.append(current)
    elif current.redirects or commands or operator in {"&&", "||"} or not pipelines:
        return None
    if commands:
        pipelines.append((operator, commands))
    return pipelines
