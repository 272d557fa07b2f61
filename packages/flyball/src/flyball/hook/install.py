"""`flyball install` and `uninstall` of the hook: settings files of others, changed whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flyball.errors import ConfigurationError, FlyballError, InputError
from flyball.hook import claude, codex, files, installed, merged
from flyball.hook.command import Client, Fail, Hook, bash_program, timeout_program

Scope = Literal["user", "project"]
_VERSION_S = 20.0
PROGRAMS: Mapping[Client, str] = {"claude-code": "claude", "codex": "codex"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a client is looked at: its program, its environment and the folder of the project."""

    client: Client
    guard_folder: Path
    environment: Mapping[str, str]
    folder: Path

    def program(self) -> Path | None:
        """The client's program on the path."""
        found = shutil.which(PROGRAMS[self.client], path=self.environment.get("PATH"))
        return Path(found) if found else None

    def version(self) -> tuple[int, ...]:
        """The client's version; empty when it is not here or does not say."""
        program = self.program()
        if program is None:
            return ()
        try:
            said = subprocess.run(  # noqa: S603 - the client that the user has on the path
                [program, "--version"],
                capture_output=True, text=True, timeout=_VERSION_S, check=False, errors="replace",
                env=dict(self.environment), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ()
        return claude.version_of(said.stdout)

    def settings_file(self, scope: Scope) -> Path:
        """The file that the hook is installed in."""
        where = claude if self.client == "claude-code" else codex
        return where.settings_file(scope, self.environment, self.folder)


def install(
    place: Place, *, scope: Scope, fail: Fail, via: claude.Via, port: int, trust: bool
) -> installed.Installed:
    """Put the hook into the client's settings; doing it again changes what is asked otherwise and nothing else.

    Raises:
        ConfigurationError: the settings cannot be read, kept or written; they are as they were.
        InputError: what is asked for cannot guard.
    """
    _can_be_asked_for(place, scope=scope, fail=fail, via=via)
    guard, file = place.guard_folder, place.settings_file(scope)
    was = files.read(file)
    settings = files.json_object(file, was)
    hook = Hook(
        client=place.client, fail=fail, port=port, guard_folder=guard,
        python=installed.python(), timeout=timeout_program(), bash=bash_program(),
    )  # fmt: skip
    token = installed.token_of(guard, place.client)
    ours = claude.handlers(hook, via, token) if place.client == "claude-code" else codex.handlers(hook)
    wanted = merged.with_ours(settings, ours, str(file))
    known = _without_elsewhere(place, file)
    record = installed.Installed(
        client=place.client, scope=scope, file=str(file), fail=fail, via=via, python=str(hook.python),
        handlers={event: installed.digest_of(handler) for event, handler in ours.items()},
        copy=installed.put_copy(guard),
    )  # fmt: skip
    installed.save(guard, {**known, place.client: record})
    if wanted != settings:
        files.replace(file, files.json_text(wanted), was=was, mode=0o600 if via == "http" else None)
    if trust and place.client == "codex":
        _trust(place)
    return record


def _can_be_asked_for(place: Place, *, scope: Scope, fail: Fail, via: claude.Via) -> None:
    if via == "command":
        return
    if place.client != "claude-code":
        raise InputError("codex has no HTTP hooks: --via command")
    if scope == "project":
        raise InputError("an HTTP hook holds a token, which a project's settings would share: --scope user")
    version = place.version()
    if fail == "closed" and version < claude.FAILS_CLOSED_FROM:
        needed = ".".join(map(str, claude.FAILS_CLOSED_FROM))
        here = ".".join(map(str, version)) or "not found here"
        raise InputError(
            f"an HTTP hook fails closed from Claude Code {needed}, this is {here}: --via command, or --fail open"
        )


def _without_elsewhere(place: Place, file: Path) -> dict[str, installed.Installed]:
    """What stays known; the client's hook in another file is taken out first, or each call would be asked twice."""
    try:
        known = installed.load(place.guard_folder)
    except ConfigurationError:
        known = {}
    before = known.get(place.client)
    if before is not None and os.path.realpath(before.file) != os.path.realpath(file):
        _take_out(Path(before.file))
    return known


def _trust(place: Place) -> None:
    program = place.program()
    if program is None:
        raise ConfigurationError(
            "codex is not on the path, so its trust cannot be written: use `/hooks` in codex"
        )
    with codex.app_server(program, place.environment) as server:
        hooks = codex.known(server, place.folder)
        codex.trust(server, hooks)
        if why := codex.untrusted(codex.known(server, place.folder)):
            raise FlyballError(f"codex did not take the trust: {'; '.join(why)}")


def uninstall(place: Place) -> list[str]:
    """Take the hook out wherever it is known or usual; the files that were changed.

    Raises:
        ConfigurationError: a file cannot be read, kept or written; that one is as it was.
    """
    try:
        known = installed.load(place.guard_folder)
    except ConfigurationError:
        known = {}
    before = known.pop(place.client, None)
    candidates = [place.settings_file("user"), place.settings_file("project")]
    if before is not None:
        candidates.insert(0, Path(before.file))
    changed = [str(file) for file in dict.fromkeys(candidates) if _take_out(file)]
    files.remove(installed.token_file(place.guard_folder, place.client))
    if before is not None:
        installed.save(place.guard_folder, known)
    return changed


def _take_out(file: Path) -> bool:
    """Whether a hook of ours was in the file."""
    was = files.read(file)
    if was is None:
        return False
    settings: dict[str, Any] = files.json_object(file, was)
    wanted = merged.without_ours(settings, str(file))
    if wanted == settings:
        return False
    files.replace(file, files.json_text(wanted), was=was)
    return True
