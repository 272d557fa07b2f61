"""Tools and what they do: each adapter reads one kind of tool's input and tells the effects it would have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flyball_sdk.guard.adapters import edit, generic, http, shell, sql
from flyball_sdk.guard.adapters.reading import Reading, unread
from flyball_sdk.guard.call import INPUT_BYTES_MAX
from flyball_sdk.guard.scene import Scene

Adapter = Callable[[Scene], Reading]
# How deep and how wide an input may be: more asks, unread.
DEPTH_MAX = 64
VALUES_MAX = 5_000
# a shell call with few fields needs no walk: its text has a bound of its own
USUAL_FIELDS = 4

_BY_NAME: Mapping[str, Adapter] = {**shell.TOOLS, **edit.TOOLS, **sql.TOOLS, **http.TOOLS}


def read(scene: Scene) -> Reading:
    """The effects of a call, and how well it could be read. Never raises."""
    call = scene.call
    adapter = _BY_NAME.get(call.tool_name)
    command = call.tool_input.get("command")
    if adapter is shell.bash and isinstance(command, str) and len(call.tool_input) <= USUAL_FIELDS:
        return shell.of_text(command, scene)
    too_much = _too_much(call.tool_input)
    if too_much:
        return unread(too_much)
    if adapter is None:
        adapter = generic.adapter_for(scene)
    return adapter(scene)


def _too_much(tool_input: Mapping[str, Any]) -> str:
    """Which bound the input passes, "" if none. Walks at most `VALUES_MAX` values."""
    left, characters = VALUES_MAX, 0
    todo: list[tuple[Any, int]] = [(tool_input, 0)]
    while todo:
        value, depth = todo.pop()
        left -= 1
        if left < 0:
            return f"more than {VALUES_MAX} values"
        if depth > DEPTH_MAX:
            return f"deeper than {DEPTH_MAX}"
        if isinstance(value, str):
            characters += len(value)
            if characters > INPUT_BYTES_MAX:
                return f"more than {INPUT_BYTES_MAX} characters"
        elif isinstance(value, (Mapping, list, tuple)) and len(value) > left:
            return f"more than {VALUES_MAX} values"
        elif isinstance(value, Mapping):
            todo.extend((one, depth + 1) for pair in value.items() for one in pair)
        elif isinstance(value, (list, tuple)):
            todo.extend((one, depth + 1) for one in value)
    return ""
