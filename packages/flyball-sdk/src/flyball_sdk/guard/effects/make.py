"""How an effect is made of a command: its object, its attributes, and how it was reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.paths import Place
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

Reader = Callable[[Command, Scene], Iterable[Effect]]
"""What one program does: its command line becomes effects."""


def effect(
    act: str,
    what: str,
    command: Command,
    *,
    target: Target | None = None,
    confidence: float = 1.0,
    **attributes: Any,
) -> Effect:
    """An effect of this command."""
    if command.host:
        attributes["runs_at"] = command.host
    if "files" in attributes:
        attributes["sends_file"] = bool(attributes["files"])
    return Effect(act, what, attributes, target, command.span, "command", command.via, confidence)


def on_place(act: str, place: Place, command: Command, **attributes: Any) -> Effect:
    """An effect on a path, with where the path lies."""
    return effect(
        act,
        place.path,
        command,
        scope=place.scope,
        whole=place.whole,
        regenerable=place.regenerable,
        **attributes,
    )
