"""Tools that run a shell text: what it would run, program by program."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flyball_sdk.guard.adapters import edit
from flyball_sdk.guard.adapters.reading import Reading, unread
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects import EFFECTS_MAX, of_commands
from flyball_sdk.guard.effects.execute import disguised, fetched_and_run
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell import ShellState, program

# A partial parse raises scrutiny: these words in a text that could not be parsed whole ask.
_GRAVE = re.compile(
    r"\b(?:rm\s+-\w*r|mkfs|dd\s+.*of=|git\s+(?:push|reset|clean)|terraform|kubectl|drop\s+(?:table|database)|/dev/sd|chmod\s+-R|curl[^|]*\|\s*(?:ba)?sh)\b",
    re.IGNORECASE,
)
_ENV: Mapping[str, str] = {"TMPDIR": "/tmp", "HOME": "~"}  # noqa: S108 - a name


def bash(scene: Scene) -> Reading:
    """`Bash`, `exec_command`, `shell`, ...: the command in `command`, `cmd`, `script` or `code`."""
    tool_input = scene.call.tool_input
    for name in ("command", "cmd", "script", "code", "input"):
        text = tool_input.get(name)
        if isinstance(text, (list, tuple)):
            text = _joined(text)
        if isinstance(text, str):
            return of_text(text, scene, name)
    return unread("a shell tool without a command")


def _joined(words: Sequence[object]) -> str:
    """A command as a list: `["bash", "-lc", TEXT]` is the text, any other list its words, quoted."""
    parts = [str(word) for word in words]
    return " ".join("'" + part.replace("'", "'\\''") + "'" for part in parts)


def of_text(text: str, scene: Scene, found_in: str = "command") -> Reading:
    """The effects of a shell text."""
    found = program(text, ShellState(scene.session.scripts, _ENV))
    if found.too_much:
        return unread(f"the command passes a bound: {found.too_much}")
    effects = of_commands(found.commands, scene)
    if len(effects) > EFFECTS_MAX:
        return unread(f"more than {EFFECTS_MAX} effects")
    for command in found.commands:
        if command.name == "apply_patch":  # Codex' own tool, as a program of its shell
            effects += edit.patched(command.stdin or " ".join(command.words), scene).effects
    if len(found.commands) > 1:
        effects += fetched_and_run(found.commands)
    for one in found.opaque:
        effects.append(Effect("exec.opaque", one.why, span=one.span, found_in=found_in))
    disguise = disguised(text)
    if disguise:
        effects.append(Effect("exec.shell", disguise, found_in=found_in))
    if found.partial and not effects and _GRAVE.search(text):
        effects.append(
            Effect(
                "exec.opaque", "the command could not be parsed whole", {"partial": True}, found_in=found_in
            )
        )
    return Reading(effects, "partial" if found.partial else "complete", found.written)


TOOLS = dict.fromkeys(
    ("Bash", "bash", "exec_command", "shell", "local_shell", "run_shell_command", "run_command", "execute_command", "run_terminal_cmd", "terminal", "TerminalExecute", "shell_command",
     "BashTool", "Monitor", "execute_bash", "run_in_terminal"),
    bash,
)  # fmt: skip
