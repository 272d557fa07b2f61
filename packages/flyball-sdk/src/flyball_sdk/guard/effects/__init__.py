"""What programs do: for each name of a program, the acts that its words ask for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects import (
    cloud,
    databases,
    execute,
    files,
    git,
    iac,
    kubernetes,
    network,
    secrets,
    services,
    system,
    tamper,
)
from flyball_sdk.guard.effects.execute import SHELLS, escape, preload
from flyball_sdk.guard.effects.files import written
from flyball_sdk.guard.effects.make import Reader
from flyball_sdk.guard.effects.secrets import read_by
from flyball_sdk.guard.effects.services import untabled
from flyball_sdk.guard.effects.tamper import canary, switches, tampering
from flyball_sdk.guard.linear import Look
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

EFFECTS_MAX = 500
_WRITES = frozenset({">", ">>", ">|", "&>", "&>>", "<>"})


def _table() -> dict[str, tuple[Reader, ...]]:
    table: dict[str, tuple[Reader, ...]] = {}
    for module in (
        files,
        git,
        iac,
        kubernetes,
        cloud,
        services,
        databases,
        network,
        secrets,
        execute,
        system,
    ):
        for name, reader in module.READERS.items():
            table[name] = (*table.get(name, ()), reader)
    return table


# one look: a text without any of these names no secret, no guard, no shell and no verb that deletes. It has no anchors:
# what is found in one command is also found in the lines of all
SUSPECT = Look(f"(?i){secrets.MARKS}|{tamper.TOUCHES}|{execute.NAMES_SHELL}|{services.DELETING}")

READERS = _table()
"""Program -> what reads its command line. A name in more than one module is read by each."""

# of any other program what it writes, what is set for it and what it names is all there is to read
_KNOWN = READERS.keys() | SHELLS | {":"}


def of_commands(commands: Sequence[Command], scene: Scene) -> list[Effect]:
    """All effects of the commands, each read by itself; reading ends where there are more than `EFFECTS_MAX`."""
    texts = [_text(command) for command in commands]
    suspect = SUSPECT.finds("\n".join(texts))
    alone = len(texts) == 1
    own = scene.protected.paths
    effects: list[Effect] = []
    if (
        len(commands) > databases.COMMANDS_MAX
        and sum(one.name in databases.CLIENTS for one in commands) > databases.COMMANDS_MAX
    ):
        effects.append(Effect("call.unread", f"more than {databases.COMMANDS_MAX} commands with SQL"))
        return effects
    for command, text in zip(commands, texts, strict=True):
        near = command.name == "kill" or (
            bool(own) and (command.cwd != "" or any(one in text for one in own))
        )
        if suspect or near or command.name in _KNOWN or command.redirects or command.env:
            _add(effects, command, scene, suspect=near or (suspect and (alone or SUSPECT.finds(text))))
            if len(effects) > EFFECTS_MAX:
                break
    return effects


def _text(command: Command) -> str:
    """All words of a command."""
    text = f"{command.cwd} {command.path or command.name} {' '.join(command.words)}"
    return f"{text} {' '.join([one.path for one in command.redirects])}" if command.redirects else text


def _add(effects: list[Effect], command: Command, scene: Scene, *, suspect: bool) -> None:
    """Add what its program does, what it writes, which secrets it reads, what it tampers with."""
    name = command.name
    readers = READERS.get(name)
    if readers:
        for reader in readers:
            effects += islice(reader(command, scene), EFFECTS_MAX + 1)
    elif suspect:
        effects += untabled(command, scene)
    for one in command.redirects:
        if one.op in _WRITES:
            effects += written(one.path, command, scene, append=one.op in (">>", "&>>"))
    if suspect or name in SHELLS:
        effects += read_by(command)
        effects += escape(command)
        effects += tampering(command, scene)
    if command.env:
        effects += preload(command)
        effects += switches(command)
    if name == ":":
        effects += canary(command)
