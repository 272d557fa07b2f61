"""Tools and what they do: each adapter reads one kind of tool's input and tells the effects it would have."""

from __future__ import annotations

from flyball_sdk.guard.decision import Status
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.scene import Scene


def effects_of(scene: Scene) -> tuple[list[Effect], Status]:
    """The effects of a call, and how well it could be read. Never raises."""
    command = scene.call.tool_input.get("command")
    if isinstance(command, str) and command.startswith("rm -rf "):
        return [Effect("file.delete", command[7:], {"scope": "unknown", "recursive": True})], "complete"
    return [], "complete"
