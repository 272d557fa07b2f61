"""How the catalogue is written: short names for what every rule says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball_sdk.guard.rule import Example


def shell(*commands: str) -> tuple[Example, ...]:
    """Examples that are shell commands."""
    return tuple(Example(command) for command in commands)


def tool(name: str, **tool_input: Any) -> Example:
    """An example that is a call of another tool."""
    return Example(tool_input, name)


def beside(command: str, files: Mapping[str, str]) -> Example:
    """A shell command with files that can be read beside it."""
    return Example(command, files=files)
