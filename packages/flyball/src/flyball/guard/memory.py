"""What a session learns of a call that was made, and of what a tool answered."""

from __future__ import annotations

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.session import Session

_PATHS = ("file_path", "path", "notebook_path")
_TEXTS = ("content", "new_string", "text")


def remember(session: Session, call: ToolCall) -> None:
    """A call goes through: what it writes may be run later."""
    session.steps += 1
    given = call.tool_input
    path = next((given[name] for name in _PATHS if isinstance(given.get(name), str)), None)
    text = next((given[name] for name in _TEXTS if isinstance(given.get(name), str)), None)
    if path and text is not None:
        session.wrote(path, text)


def observe(session: Session, call: ToolCall, output: str) -> None:
    """A tool answered; a no-op until taint is read."""
    del session, call, output
