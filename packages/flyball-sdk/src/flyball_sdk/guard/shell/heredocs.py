"""Here-documents are lifted out of a text before it is parsed, and stand in it as here-strings.

Their bodies are what the grammar errs on most, and what makes a text long: whole programs, with quotes of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flyball_sdk.guard.shell.bounds import HEREDOCS_MAX, Meter, TooMuch
from flyball_sdk.guard.shell.scan import end_of_ansi

# Stands around the number of a lifted body; the outermost text cannot hold it (see `program`).
MARK = "\ue000"

_LOOK = re.compile(r"[\\'\"`$()#\n<}]")
_DELIMITER = re.compile(r"<<(-?)[ \t]*((?:'[^'\n]*'|\"[^\"\n]*\"|\\.|[^\s;&|<>()'\"\\`])+)")
_QUOTES = re.compile(r"\\(.)|['\"]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """One lifted body; a `literal` one had a quoted delimiter and is not expanded."""

    body: str
    literal: bool


@dataclass(slots=True)
class _Pending:
    start: int
    end: int
    tabs: bool
    delimiter: str
    literal: bool
    body: str = ""


class _Lifter:
    """One pass over a text with a stack of what is open: `"`, a backtick, `)`, `}` or `))` of arithmetic."""

    def __init__(self, text: str, meter: Meter) -> None:
        self.text = text
        self.meter = meter
        self.at = 0
        self.stack: list[str] = []
        self.pending: list[_Pending] = []
        # (start, end, replacement) in the order of the text
        self.edits: list[tuple[int, int, _Pending | None]] = []

    def run(self) -> None:
        """Find every here-document and its body."""
        while found := _LOOK.search(self.text, self.at):
            self.meter.step(2)
            self.at = found.start() + 1
            char = found[0]
            top = self.stack[-1] if self.stack else ""
            if char == "\\":
                self.at += 1
            elif top in {'"', "}", "))"}:
                self._quoted(char, top)
            else:
                self._command(char, top)

    def _quoted(self, char: str, top: str) -> None:
        if char == top or (char == ")" and top == "))" and self.text.startswith("))", self.at - 1)):
            self.at += len(top) - 1
            self.stack.pop()
        elif char == "$":
            self._dollar()
        elif char == "`":
            self.stack.append("`")
        elif top == "}" and char == '"':
            self.stack.append('"')

    def _dollar(self) -> None:
        following = self.text[self.at : self.at + 2]
        if following == "((":
            self.stack.append("))")
            self.at += 2
        elif following[:1] in {"(", "{"}:
            self.stack.append(")" if following[0] == "(" else "}")
            self.at += 1
        elif following[:1] == "'" and '"' not in self.stack[-1:]:
            self.at = end_of_ansi(self.text, self.at + 1)

    def _command(self, char: str, top: str) -> None:
        if char == top:
            self.stack.pop()
        elif char == "'":
            end = self.text.find("'", self.at)
            self.at = len(self.text) if end < 0 else end + 1
        elif char == "$":
            self._dollar()
        elif char == "(":
            arithmetic = self.text.startswith("((", self.at - 1)
            self.stack.append("))" if arithmetic else ")")
            self.at += arithmetic
        elif char in {'"', "`"}:
            self.stack.append(char)
        elif char == "\n" and self.pending:
            self._bodies()
        elif char == "<":
            self._redirect()
        elif char == "#" and self.text[self.at - 2 : self.at - 1] in {"", " ", "\t", "\n", ";", "("}:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def _redirect(self) -> None:
        if self.text.startswith("<<", self.at):
            self.at += 2
            return
        found = _DELIMITER.match(self.text, self.at - 1)
        if not found:
            return
        self.at = found.end()
        delimiter = _QUOTES.sub(lambda quote: quote[1] or "", found[2])
        one = _Pending(found.start(), found.end(), found[1] == "-", delimiter, delimiter != found[2])
        if len(self.edits) >= HEREDOCS_MAX:
            raise TooMuch("heredocs")
        self.pending.append(one)
        self.edits.append((one.start, one.end, one))

    def _bodies(self) -> None:
        """Take the bodies of all that is pending; `at` stands behind a newline."""
        start = self.at
        for one in self.pending:
            one.body = self._body(one)
        self.pending.clear()
        self.edits.append((start, self.at, None))

    def _body(self, one: _Pending) -> str:
        if one.delimiter and not (one.tabs or self.stack):
            return self._plain_body(one.delimiter)
        lines: list[str] = []
        while self.at < len(self.text):
            self.meter.step()
            end = self.text.find("\n", self.at)
            line = self.text[self.at : end if end >= 0 else len(self.text)]
            stripped = line.lstrip("\t") if one.tabs else line
            # bash also takes the delimiter that stands before the bracket of its substitution
            if stripped == one.delimiter or (self.stack and stripped.rstrip(')"`; \t') == one.delimiter):
                self.at += len(line) - len(stripped) + len(one.delimiter)
                if stripped == one.delimiter and end >= 0:
                    self.at = end + 1
                break
            lines.append(stripped)
            self.at = end + 1 if end >= 0 else len(self.text)
        return "".join(line + "\n" for line in lines)

    def _plain_body(self, delimiter: str) -> str:
        """What stands before the first line that is the delimiter; all of the text where there is none."""
        text, start = self.text, self.at
        end = start if self._ends(start, delimiter) else text.find(f"\n{delimiter}\n", start) + 1
        if not end and text.endswith("\n" + delimiter, start):
            end = len(text) - len(delimiter)
        found = end > 0
        if not found:
            end = len(text)
        self.at = min(end + len(delimiter) + 1, len(text))
        body = text[start:end]
        if body and not body.endswith("\n"):
            body += "\n"
        self.meter.step(body.count("\n") + found)
        return body

    def _ends(self, at: int, delimiter: str) -> bool:
        """Whether the line that begins at `at` is the delimiter."""
        end = at + len(delimiter)
        return self.text.startswith(delimiter, at) and self.text[end : end + 1] in {"", "\n"}


def lift(text: str, bodies: list[Heredoc], meter: Meter) -> tuple[str, list[tuple[int, int]]]:
    """The text with each here-document as `<<<` and a mark; the bodies are appended to `bodies`.

    Returns also where the new text was cut: pairs of an offset in it and the same place's offset in the old one.
    """
    if "<<" not in text:
        return text, []
    lifter = _Lifter(text, meter)
    lifter.run()
    pieces: list[str] = []
    cuts: list[tuple[int, int]] = []
    length = last = 0
    for start, end, one in lifter.edits:
        piece = text[last:start]
        if one:
            piece += f"<<<{MARK}{len(bodies)}{MARK} "
            bodies.append(Heredoc(one.body, one.literal))
        pieces.append(piece)
        length += len(piece)
        last = end
        cuts.append((length, end))
    pieces.append(text[last:])
    return "".join(pieces), cuts
