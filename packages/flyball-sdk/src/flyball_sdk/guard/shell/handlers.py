"""Which code knows what a command starts, by the command's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell import (
    builtins,
    carriers,
    containers,
    escapes,
    files,
    interpreters,
    runners,
    tools,
)
from flyball_sdk.guard.shell.scope import Call, Text
from flyball_sdk.guard.shell.wrappers import WRAPPERS, wrapped

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

Handler = Callable[["Machine", Call, str], Text]

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **dict.fromkeys(WRAPPERS, wrapped),
        **builtins.HANDLERS,
        **carriers.HANDLERS,
        **containers.HANDLERS,
        **runners.HANDLERS,
        **files.HANDLERS,
        **tools.HANDLERS,
        **escapes.HANDLERS,
        **interpreters.HANDLERS,
    }
)
_VERSIONED = re.compile(r"([a-z]+?)-?\d+(?:\.\d+)*(?:\.exe)?|([a-z]+)\.exe")


def handler(name: str, *, path: bool) -> Handler | None:
    """Who knows what the program `name` starts; `python3.12` is python. One with a `path` is no builtin."""
    found = HANDLERS.get(name)
    if path and name in builtins.HANDLERS:
        return None
    if found or not (name[-1].isdigit() or name.endswith(".exe")):
        return found
    versioned = _VERSIONED.fullmatch(name)
    return interpreters.HANDLERS.get(versioned[1] or versioned[2]) if versioned else None
