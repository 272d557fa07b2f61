"""Where quotes, substitutions and braces end in the raw text of a word; nothing is expanded here."""

from __future__ import annotations

import re

from flyball_sdk.guard.shell.bounds import WORDS_MAX
from flyball_sdk.guard.shell.command import UNKNOWN

_IN_COMMAND = re.compile(r"[\\'\"`$()#]")
_IN_QUOTES = re.compile(r"[\\\"`$]")
_IN_BRACES = re.compile(r"[\\'\"`$}]")
_IN_BACKTICKS = re.compile(r"[\\`]")
_LOOK = {")": _IN_COMMAND, '"': _IN_QUOTES, "}": _IN_BRACES, "`": _IN_BACKTICKS}
_CASE = re.compile(r"(?<![\w$-])(case\s|esac\b)")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|0?([0-7]{1,3})|c(.)|(.))", re.DOTALL
)
_ESCAPED = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}
_RANGE = re.compile(r"(-?\d{1,9}|[A-Za-z])\.\.(-?\d{1,9}|[A-Za-z])(?:\.\.(-?\d{1,9}))?")
_SURROGATES = (0xD800, 0xDFFF)
_UNICODE_MAX = 0x10FFFF


def _in_case(text: str, start: int, end: int) -> bool:
    """Whether a `case` that was opened after `start` is still open at `end`: its patterns end in a bare bracket."""
    opened = 0
    for found in _CASE.finditer(text, start, end):
        opened += 1 if found[1].startswith("case") else -1
    return opened > 0


def skip(text: str, start: int) -> int:
    """The index behind what opens at `start`: one of `"`, a backtick, `(`, `$(`, `${`; the text's end if it stays open."""
    at = start + 1 if text[start] == "$" else start
    stack = [({"(": ")", "{": "}"}.get(text[at], text[at]), at + 1)]
    at += 1
    has_case = "case" in text
    while stack:
        closer, opened = stack[-1]
        found = _LOOK[closer].search(text, at)
        if not found:
            return len(text)
        at = found.start()
        char = text[at]
        if char == closer and not (char == ")" and has_case and _in_case(text, opened, at)):
            stack.pop()
            at += 1
        else:
            at = _enter(text, at, char, stack)
    return at


def _enter(text: str, at: int, char: str, stack: list[tuple[str, int]]) -> int:  # noqa: PLR0911 a line for each character
    """Step over or into what stands at `at`; the index to go on from."""
    following = text[at + 1 : at + 2]
    if char == "\\":
        return at + 2
    if char == "'":
        return _end_of_single(text, at)
    if char == "#":
        if text[at - 1] in " \t\n;(":
            end = text.find("\n", at)
            return len(text) if end < 0 else end
        return at + 1
    if char == "$":
        if following == "'" and stack[-1][0] != '"':
            return end_of_ansi(text, at + 2)
        if following not in {"(", "{"}:
            return at + 1
        char = following
        at += 1
    if char == ")":
        return at + 1
    stack.append(({"(": ")", "{": "}"}.get(char, char), at + 1))
    return at + 1


def _end_of_single(text: str, at: int) -> int:
    end = text.find("'", at + 1)
    return len(text) if end < 0 else end + 1


def end_of_ansi(text: str, at: int) -> int:
    """The index behind the quote that closes a `$'`; `at` is behind the opening one."""
    while at < len(text) and text[at] != "'":
        at += 2 if text[at] == "\\" else 1
    return min(at + 1, len(text))


def _unescaped(found: re.Match[str]) -> str:
    if found[6]:
        return _ESCAPED.get(found[6], found[6] if found[6] in "\\'\"?" else found[0])
    if found[5]:
        return chr(ord(found[5]) & 0x1F)
    number = int(found[4], 8) & 0xFF if found[4] else int(found[1] or found[2] or found[3], 16)
    # a NUL separates names (find -print0): a newline splits alike, and NUL means unknown here
    return (
        "\n"
        if not number
        else chr(number)
        if number <= _UNICODE_MAX and not _SURROGATES[0] <= number <= _SURROGATES[1]
        else "\ufffd"
    )


def unescape(text: str) -> str:
    """The text of `$'..'`, `printf` and `echo -e` with its escapes resolved (bash manual, ANSI-C quoting)."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def split_raw(text: str) -> list[str]:
    """Raw words between blanks, as in the value of an array, `(a "b c" $(d))`; quotes are kept."""
    words: list[str] = []
    start = -1
    at = 0
    while at < len(text):
        char = text[at]
        if char in " \t\n":
            if start >= 0:
                words.append(text[start:at])
            start = -1
            at += 1
            continue
        if start < 0:
            start = at
        at = step_over(text, at)
    if start >= 0:
        words.append(text[start:])
    return words


def step_over(text: str, at: int) -> int:  # noqa: PLR0911 a line for each character
    """The index behind one character of a raw word, or behind the quote or substitution that it opens."""
    char = text[at]
    if char == "\\":
        return at + 2
    if char == "'":
        return _end_of_single(text, at)
    if char in '"`':
        return skip(text, at)
    if char == "$" and text[at + 1 : at + 2] in {"(", "{"}:
        return skip(text, at)
    if char in "<>" and text[at + 1 : at + 2] == "(":
        return skip(text, at + 1)
    if char == "$" and text[at + 1 : at + 2] == "'":
        return end_of_ansi(text, at + 2)
    return at + 1


def _series(inner: str) -> list[str] | None:
    """What `{1..3}` or `{a..c}` gives; None if it is no such thing, one unknown word where it is too long."""
    found = _RANGE.fullmatch(inner)
    if not found or found[1].lstrip("-").isdigit() != found[2].lstrip("-").isdigit():
        return None
    number = found[1].lstrip("-").isdigit()
    first, last = (int(found[1]), int(found[2])) if number else (ord(found[1]), ord(found[2]))
    step = abs(int(found[3] or 1)) or 1
    if abs(last - first) // step >= WORDS_MAX:
        return [UNKNOWN]
    width = max(len(found[1]), len(found[2])) if number and ("0" in {found[1][:1], found[2][:1]}) else 0
    values = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    return [str(value).zfill(width) if number else chr(value) for value in values]


def _pieces(text: str, start: int) -> tuple[list[str], int] | None:
    """The alternatives of the brace that opens at `start`, and the index behind it; None if it is literal."""
    pieces: list[str] = []
    depth, at, piece = 0, start + 1, start + 1
    while at < len(text):
        char = text[at]
        if char == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif char == "}":
            pieces.append(text[piece:at])
            if len(pieces) > 1:
                return pieces, at + 1
            series = _series(pieces[0])
            return (series, at + 1) if series else None
        elif char == "," and not depth:
            pieces.append(text[piece:at])
            piece = at + 1
        at = step_over(text, at)
    return None


def braces(text: str) -> list[str]:
    """The raw words that brace expansion makes of a raw word, `WORDS_MAX` at most (then one of them is unknown)."""
    done: list[str] = []
    todo = [("", text)]
    while todo:
        before, rest = todo.pop()
        at = 0
        while at < len(rest):
            made = _pieces(rest, at) if rest[at] == "{" else None
            if made:
                break
            at = step_over(rest, at)
        else:
            done.append(before + rest)
            continue
        pieces, end = made
        if len(done) + len(todo) + len(pieces) > WORDS_MAX:
            done.append(before + rest[:at] + UNKNOWN)
            continue
        todo.extend((before + rest[:at], piece + rest[end:]) for piece in reversed(pieces))
    return done
