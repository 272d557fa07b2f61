"""A terminal or a pipe: paragraphs, severities, templates; text from apps is never markup."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity

_STYLES = {
    "TRACE": "dim",
    "DEBUG": "dim",
    "INFO": "blue",
    "WARN": "yellow",
    "ERROR": "red",
    "FATAL": "magenta",
}
_PIPE_COLUMNS = 100_000
"""As wide as any line: what is piped is cut by nobody."""


class Terminal(Console):
    """Standard output: wraps at a terminal's width, never in a pipe; a reader that goes away is said so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)
        if not self.is_terminal:
            self.width = _PIPE_COLUMNS

    def on_broken_pipe(self) -> None:
        """Let main.py end quietly: rich would end the process with 1."""
        raise BrokenPipeError

    def say(self, text: Text | str, *, indent: int = 0, style: str = "") -> None:
        """One paragraph whose further lines stay under its first one."""
        words = text if isinstance(text, Text) else Text(text, style=style)
        self.print(Padding(words, (0, 0, 0, indent)) if self.is_terminal else Text(" " * indent) + words)


def severity_text(number: int) -> Text:
    """Glyph and word in their colour."""
    severity = Severity.of(number)
    name = severity.name if severity else "-"
    return Text(f"{severity.glyph} {name}", style=_STYLES.get(name, "dim"))


def template_text(template: str) -> Text:
    """A template with its wildcards marked; control characters are shown, not obeyed."""
    text = Text()
    for position, part in enumerate(clean(template).split(WILDCARD)):
        if position:
            text.append(WILDCARD, style="yellow")
        text.append(part)
    return text


def clean(text: str) -> str:
    """Text from an app without control characters: it must not move the cursor or change colours."""
    return "".join(c if c.isprintable() else "�" if c not in "\n\t" else " " for c in text)


def limits(view: Any, console: Terminal) -> None:
    """What an answer could not see."""
    for limit in view["limits"]:
        console.say(f"limit: {clean(limit)}", indent=2, style="dim")
