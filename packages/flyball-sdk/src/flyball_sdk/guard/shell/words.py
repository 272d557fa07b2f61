"""From raw text to the words that a program receives: quotes, variables, substitutions, splitting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.arithmetic import arithmetic
from flyball_sdk.guard.shell.bounds import WORDS_MAX
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.heredocs import MARK
from flyball_sdk.guard.shell.params import parameter
from flyball_sdk.guard.shell.scan import braces, end_of_ansi, skip, unescape
from flyball_sdk.guard.shell.scope import Value, flat

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

_LOOK = re.compile(r"[\\'\"`$<>]")
_BEYOND_BACKSLASH = re.compile(r"[\n'\"`$<>]")
_BACKSLASH = re.compile(r"\\(.)")
_QUOTED = re.compile(r"[\\\"`$]")
_HEREDOC = re.compile(r"[\\`$]")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BACKTICK_ESCAPE = re.compile(r"\\([\\`$])")
# a word that is all quotes and dollars takes about .4 us a character
_CHARACTERS_A_STEP = 4
# a long value is copied and looked through again wherever it is used
_COPIED_A_STEP = 48
_BLANK = " \t\n"
# Variables that stand for programs by convention: as a command word they mean these.
CONVENTIONAL = {
    "AR": "ar", "AS": "as", "AWK": "awk", "BASH": "bash", "BROWSER": "browser", "CARGO": "cargo", "CC": "cc",
    "CMAKE": "cmake", "CPP": "cpp", "CXX": "c++", "DOCKER": "docker", "EDITOR": "editor", "GIT": "git", "GO": "go",
    "GREP": "grep", "JAVA": "java", "LD": "ld", "MAKE": "make", "NODE": "node", "NPM": "npm", "PAGER": "pager",
    "PERL": "perl", "PIP": "pip", "PYTHON": "python", "PYTHON3": "python3", "RUBY": "ruby", "RUSTC": "rustc",
    "SED": "sed", "SHELL": "sh", "VISUAL": "editor",
}  # fmt: skip


class Expander:
    """Expands the raw words of one evaluation; what it needs to know or run it asks the evaluator for.

    `sources` gathers the programs whose output went into what was expanded, until somebody takes it. `offset` is where
    the raw word stands in the code, -1 where it does not stand there.
    """

    __slots__ = ("doubtful", "naming", "offset", "shell", "sources")

    def __init__(self, shell: Machine) -> None:
        self.shell = shell
        self.sources: tuple[str, ...] = ()
        self.offset = -1
        # whether a command word is being expanded
        self.naming = False
        # a variable that was used and may have another value
        self.doubtful = ""

    def take_sources(self) -> tuple[str, ...]:
        """The sources gathered since the last time."""
        sources, self.sources = self.sources, ()
        return sources

    def words(self, raw: str, offset: int = -1) -> list[str]:
        """The words that one raw word becomes: none, one or many."""
        if not _LOOK.search(raw):
            if "{" not in raw or not ("," in raw or ".." in raw):
                return [raw]
        elif raw[0] == raw[-1] and raw[0] in "'\"" and len(raw) > 1:
            inner = raw[1:-1]
            if ("'" not in inner) if raw[0] == "'" else not _QUOTED.search(inner):
                return [inner]
        self.shell.meter.step(1 + len(raw) // _CHARACTERS_A_STEP)
        self.offset = offset
        if "{" in raw and ("," in raw or ".." in raw):
            self.offset = -1
            words = [word for one in braces(raw) for word in self._fields(one, split=True)]
        else:
            words = self._fields(raw, split=True)
        if len(words) > WORDS_MAX:
            self.shell.meter.noted = "words"
            del words[WORDS_MAX:]
        return words

    def inner(self, raw: str) -> str:
        """A raw word as one text, not split: of an assignment, a redirect, a default."""
        if not _LOOK.search(raw):
            return raw
        self.shell.meter.step(1 + len(raw) // _CHARACTERS_A_STEP)
        return " ".join(self._fields(raw, split=False))

    def heredoc(self, body: str) -> str:
        """The body of a here-document whose delimiter was not quoted."""
        self.shell.meter.step(1 + len(body) // _CHARACTERS_A_STEP)
        return " ".join(self._quoted(body, _HEREDOC)) if _HEREDOC.search(body) else body

    # what `parameter` asks

    def get(self, name: str) -> Value | None:
        """The value of a parameter, None where it is not known; its sources are gathered."""
        value, sources = self.shell.lookup(name)
        if isinstance(value, str) and len(value) >= _COPIED_A_STEP:
            self.shell.meter.step(len(value) // _COPIED_A_STEP)
        if self.shell.scope.maybes and name in self.shell.scope.maybes:
            self.doubtful = name
        if value is None and self.naming and name.isdigit():
            # a text has no arguments unless it says so; elsewhere it may be part of a script that does
            return ""
        if sources:
            self.sources += sources
        return value

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""
        self.shell.scope.assign(name, value)

    def command_word(self, raw: str, offset: int = -1) -> list[str]:
        """The words of a raw command word; a variable that stands for a program by convention is that program."""
        if raw.isalnum():
            return [raw]
        if "$" in raw:
            name = raw.strip('"').removeprefix("$").removeprefix("{").removesuffix("}")
            if name in CONVENTIONAL and self.shell.lookup(name)[0] is None:
                return [CONVENTIONAL[name]]
            self.naming = True
            words = self.words(raw, offset)
            self.naming = False
            return words
        return self.words(raw, offset)

    def _fields(self, raw: str, *, split: bool) -> list[str]:
        if not _BEYOND_BACKSLASH.search(raw):
            return ["".join(_BACKSLASH.split(raw))]
        fields: list[str] = []
        current: list[str] = []
        at, length = 0, len(raw)
        while at < length:
            found = _LOOK.search(raw, at)
            if not found:
                current.append(raw[at:])
                break
            start = found.start()
            if start > at:
                current.append(raw[at:start])
            char = raw[start]
            value: Value
            if char in "\\'":
                at = self._literal(raw, start, current)
                continue
            if char == '"' or (char == "$" and raw[start + 1 : start + 2] == '"'):
                start += char == "$"
                at = skip(raw, start)
                inner = self._quoted(raw[start + 1 : at - 1 if raw[at - 1] == '"' else at], _QUOTED)
                self._append(inner, fields, current)
                continue
            value, at = self._dollar(raw, start)
            if split and char in "$`" and raw[start + 1 : start + 2] != "'":
                self._split(value, fields, current)
            else:
                current.append(value if isinstance(value, str) else " ".join(value))
        if current:
            fields.append("".join(current))
        return fields

    @staticmethod
    def _literal(raw: str, start: int, current: list[str]) -> int:
        """Take what a backslash or a single quote keeps as it is; the index behind it."""
        if raw[start] == "\\":
            end = start + 2
            if raw[start + 1 : end] != "\n":
                current.append(raw[start + 1 : end])
            return end
        end = raw.find("'", start + 1)
        end = len(raw) if end < 0 else end
        current.append(raw[start + 1 : end])
        return end + 1

    @staticmethod
    def _append(words: list[str], fields: list[str], current: list[str]) -> None:
        """Go on with `current` by words that are not to be split: the first joins it, the last stays open."""
        for position, word in enumerate(words):
            if position:
                fields.append("".join(current))
                current.clear()
            current.append(word)

    def _split(self, value: Value, fields: list[str], current: list[str]) -> None:
        """Go on with `current` by what an unquoted expansion gave: it is split at blanks, or at a known IFS."""
        text = value if isinstance(value, str) else " ".join(value)
        if text == UNKNOWN or (
            text and not any(char in text for char in _BLANK) and "IFS" not in self.shell.scope.variables
        ):
            current.append(text)
            return
        separators = flat(self.shell.scope.variables.get("IFS", _BLANK))
        for char in separators:
            text = text.replace(char, "\n")
        if not separators:
            current.append(text)
            return
        if text.startswith("\n") and current:
            fields.append("".join(current))
            current.clear()
        parts = [part for part in text.split("\n") if part]
        self._append(parts, fields, current)
        if text.endswith("\n") and parts:
            fields.append("".join(current))
            current.clear()

    def _quoted(self, text: str, look: re.Pattern[str]) -> list[str]:
        """The words of what stands in double quotes: one, but for `"$@"` and `"${a[@]}"`."""
        fields: list[str] = []
        current: list[str] = [""]
        at = 0
        while found := look.search(text, at):
            start = found.start()
            current.append(text[at:start])
            if text[start] == "\\":
                at = start + 2
                following = text[start + 1 : at]
                if following != "\n":
                    current.append(following if following in {"$", "`", "\\", '"'} else "\\" + following)
                continue
            if text[start] == '"' or (text[start] == "$" and text[start + 1 : start + 2] == "'"):
                current.append(text[start])
                at = start + 1
                continue
            value, at = self._dollar(text, start)
            if isinstance(value, str):
                current.append(value)
            elif not value and text == text[start:at]:
                return []
            else:
                self._append(value, fields, current)
        current.append(text[at:])
        fields.append("".join(current))
        return fields

    def _dollar(self, raw: str, start: int) -> tuple[Value, int]:  # noqa: PLR0911 a line for each kind of expansion
        """The value of what opens at `start`, one of `$` backtick `<` `>`, and the index behind it."""
        char, following = raw[start], raw[start + 1 : start + 2]
        if char == "`":
            end = skip(raw, start)
            return self._substitution(_BACKTICK_ESCAPE.sub(r"\1", raw[start + 1 : end - 1]), -1), end
        if char in "<>":
            if following != "(":
                return char, start + 1
            end = skip(raw, start + 1)
            return self.shell.process(
                raw[start + 2 : end - 1], self._place(start + 2), output=char == ">"
            ), end
        if following == "'":
            end = end_of_ansi(raw, start + 2)
            return unescape(raw[start + 2 : end - 1]), end
        if following == "(":
            end = skip(raw, start)
            inner = raw[start + 2 : end - 1]
            if inner.startswith("(") and inner.endswith(")"):
                return self._arithmetic(inner[1:-1]), end
            return self._substitution(inner, self._place(start + 2)), end
        if following == "{":
            end = skip(raw, start)
            value = parameter(raw[start + 2 : end - 1], self)
            return UNKNOWN if value is None else value, end
        found = _NAME.match(raw, start + 1)
        if not found:
            return "$", start + 1
        value = self.get(found[0])
        if isinstance(value, list) and found[0] not in {"@", "*"}:
            value = flat(value)
        return UNKNOWN if value is None else value, found.end()

    def _place(self, index: int) -> int:
        return self.offset + index if self.offset >= 0 else -1

    def _substitution(self, code: str, offset: int) -> str:
        output = self.shell.nested(code, offset)
        if output.sources:
            self.sources += output.sources
        text = output.text.rstrip("\n")
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def _arithmetic(self, text: str) -> str:
        value = arithmetic(self.inner(text), lambda name: flat(self.get(name) or ""))
        return UNKNOWN if value is None else str(value)


def heredoc_number(raw: str) -> int:
    """The number of the lifted here-document that a raw here-string stands for, -1 if it is a real here-string."""
    if len(raw) > 2 and raw[0] == MARK == raw[-1] and raw[1:-1].isdigit():  # noqa: PLR2004
        return int(raw[1:-1])
    return -1
