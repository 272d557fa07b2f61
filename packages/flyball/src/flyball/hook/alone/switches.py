"""Which settings would switch the hook off. Pure.

Claude Code takes changed settings up while a session runs, a project's as well as the user's, and asks its
ConfigChange hooks first; a file that is no JSON takes all its hooks away. Tried with 2.1.197 and 2.1.332.
"""

from __future__ import annotations

from .wire import encode, parse

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes 4 ms to import
    from typing import Any

VARIABLES = ("CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE")
"""Environment variables that switch every hook off; settings can set them as `env`."""


def switched_off(text: bytes | None, ours: str, *, holds_ours: bool) -> str:
    """Why a settings file with this text (None: no file) would switch the hook off; empty when it would not.

    Args:
        text: What the file holds.
        ours: What the command line of the hook contains and no other's does.
        holds_ours: Whether this is the file that the hook was installed in.
    """
    if text is None:
        return "the file with the hook is gone" if holds_ours else ""
    try:
        settings: Any = parse(text)
    except Exception:  # noqa: BLE001 - the scanner's own errors are of several kinds
        return "it is no JSON, so that none of its hooks run"
    if not isinstance(settings, dict):
        return "it is no JSON object, so that none of its hooks run"
    if settings.get("disableAllHooks"):
        return "disableAllHooks"
    variables = settings.get("env")
    for name in VARIABLES:
        if isinstance(variables, dict) and variables.get(name):
            return f"env.{name}"
    hooks = settings.get("hooks")
    before = encode(hooks.get("PreToolUse")) if isinstance(hooks, dict) else ""
    return "the hook is gone" if holds_ours and encode(ours)[1:-1] not in before else ""
