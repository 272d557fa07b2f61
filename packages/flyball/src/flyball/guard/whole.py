"""A call as a person reads it before approving it: all of it, nothing cut, nothing that cannot be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball_sdk.guard.words import visible


def whole_call(tool_name: str, call: Any) -> list[str]:
    """The call, all of it, a line for each of its lines; unseen characters as their numbers."""
    shown = [visible(tool_name, len(tool_name))]

    def walk(name: str, value: Any, depth: int) -> None:
        pad = "  " * depth
        if isinstance(value, Mapping):
            for key, part in value.items():
                walk(str(key), part, depth)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                walk(f"{name}[{number}]", part, depth)
        else:
            text = value if isinstance(value, str) else repr(value)
            lines = [visible(line, len(line)) for line in text.split("\n")]
            head = f"{pad}{visible(name, len(name))}: "
            shown.append(head + lines[0])
            shown.extend(" " * len(head) + line for line in lines[1:])

    walk("", call, 1)
    return shown
