"""What programs do: for each name of a program, the acts that its words ask for."""

from __future__ import annotations

from collections.abc import Iterator

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
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

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


# one look that costs a microsecond: a command without any of these names no secret, no guard, no shell and no verb that deletes
SUSPECT = Pattern(f"(?i){secrets.MARKS}|{tamper.TOUCHES}|{execute.NAMES_SHELL}|{services.DELETING}")

READERS = _table()
"""Program -> what reads its command line. A name in more than one module is read by each."""


def of_command(command: Command, scene: Scene) -> Iterator[Effect]:
    """All effects of one command: what its program does, what it writes, which secrets it reads, what it tampers with."""
    own = scene.protected
    text = " ".join(
        (command.cwd, command.path or command.name, *command.words, *(one.path for one in command.redirects))
    )
    suspect = (
        SUSPECT.search(text) is not None
        or command.name == "kill"
        or (bool(own.paths) and (command.cwd != "" or any(one in text for one in own.paths)))
    )
    readers = READERS.get(command.name)
    if readers:
        for reader in readers:
            yield from reader(command, scene)
    elif suspect:
        yield from untabled(command, scene)
    for one in command.redirects:
        if one.op in _WRITES:
            append = one.op in (">>", "&>>")
            yield from written(one.path, command, scene, append=append)
    if suspect or command.name in SHELLS:
        yield from read_by(command)
        yield from escape(command)
        yield from tampering(command, scene)
    if command.env:
        yield from preload(command)
        yield from switches(command)
    if command.name == ":":
        yield from canary(command)
