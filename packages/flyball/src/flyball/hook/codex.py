"""Codex: where its hooks are, what ours looks like there, and whether Codex trusts it.

Codex passes over a hook that nobody has trusted, without a word in its answers. What it holds of each hook only Codex
itself can say: its app server lists the hooks with a hash and a state of trust, and writes the trust that its own
`/hooks` writes. Tried with 0.171.0 (tests/agents).

Source: https://developers.openai.com/codex/hooks
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from flyball.errors import ConfigurationError, FlyballError
from flyball.hook import files
from flyball.hook.command import CLIENT_TIMEOUT_S, RUN, Hook
from flyball.hook.merged import Handler

Scope = Literal["user", "project"]
EVENTS = ("PreToolUse", "PostToolUse", "SessionStart")
_ANSWER_S = 15.0
_LINES_MAX = 1_000
_LINE_BYTES_MAX = 4 * 1024 * 1024


def home(environment: Mapping[str, str]) -> Path:
    """The folder of the user's settings."""
    given = environment.get("CODEX_HOME")
    return Path(given) if given else Path.home() / ".codex"


def settings_file(scope: Scope, environment: Mapping[str, str], folder: Path) -> Path:
    """The file that the hook is installed in."""
    return (home(environment) if scope == "user" else folder / ".codex") / "hooks.json"


def handlers(hook: Hook) -> dict[str, Handler]:
    """What stands in hooks.json, by event."""
    return {
        event: {"type": "command", "command": hook.command(event), "timeout": CLIENT_TIMEOUT_S}
        for event in EVENTS
    }


def obstacles(environment: Mapping[str, str], folder: Path) -> list[str]:
    """Why Codex would run no hook at all, as its configuration says it."""
    why: list[str] = []
    for path in (home(environment) / "config.toml", folder / ".codex" / "config.toml"):
        try:
            settings = tomllib.loads((files.read(path) or b"").decode())
        except (ConfigurationError, ValueError) as error:
            why.append(f"{path} cannot be read: {' '.join(str(error).split())[:200]}")
            continue
        features = settings.get("features")
        off = [
            name
            for name in ("hooks", "codex_hooks")
            if isinstance(features, dict) and features.get(name) is False
        ]
        why += [f"{path}: features.{name} = false switches every hook off" for name in off]
    return why


@dataclass(frozen=True, slots=True)
class Known:
    """What Codex itself holds of one hook of ours."""

    event: str
    key: str
    hash: str
    trusted: bool
    enabled: bool


@dataclass(slots=True)
class AppServer:
    """Codex's own app server on a pipe: one question at a time."""

    _ask: IO[str]
    _answer: IO[str]
    _number: int = field(default=0)

    def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """The result.

        Raises:
            FlyballError: it refuses, or answers nothing of the kind.
        """
        self._number += 1
        self._ask.write(json.dumps({"id": self._number, "method": method, "params": parameters}) + "\n")
        self._ask.flush()
        for _ in range(_LINES_MAX):
            line = self._answer.readline(_LINE_BYTES_MAX)
            if not line:
                break
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("id") == self._number:
                if "result" in said:
                    return said["result"]
                raise FlyballError(f"codex app-server refuses {method}: {str(said.get('error'))[:200]}")
        raise FlyballError(f"codex app-server does not answer {method}")


@contextmanager
def app_server(codex: Path, environment: Mapping[str, str]) -> Generator[AppServer]:
    """A running app server, ended afterwards, and ended after 15 s whatever it does.

    Raises:
        FlyballError: it cannot be started, or does not speak.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the program that the user named or has on the path
            [codex, "app-server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=dict(environment), text=True, errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise FlyballError(f"{codex} cannot be started: {error.strerror}") from error
    ends = threading.Timer(_ANSWER_S, process.kill)
    ends.start()
    with process:
        if process.stdin is None or process.stdout is None:  # pragma: no cover - both were asked for
            raise FlyballError("codex app-server has no pipes")
        try:
            server = AppServer(process.stdin, process.stdout)
            server.call("initialize", {"clientInfo": {"name": "flyball", "version": "1"}})
            yield server
        except (BrokenPipeError, UnicodeError) as error:
            raise FlyballError("codex app-server ended while it was asked") from error
        finally:
            ends.cancel()
            process.kill()


def known(server: AppServer, folder: Path) -> list[Known]:
    """What Codex holds of our hooks for a session in `folder`.

    Raises:
        FlyballError: it does not say so in the form that is known.
    """
    try:
        data = server.call("hooks/list", {"cwds": [os.fspath(folder)]})["data"]
        return [
            Known(
                str(one["eventName"]), str(one["key"]), str(one["currentHash"]),
                one["trustStatus"] in {"trusted", "managed"}, one["enabled"] is True,
            )
            for one in data[0]["hooks"]
            if f"/{RUN}" in str(one.get("command"))
        ]  # fmt: skip
    except (KeyError, IndexError, TypeError) as error:
        raise FlyballError("this codex lists its hooks in a form that is not known here") from error


def trust(server: AppServer, hooks: list[Known]) -> None:
    """Have Codex write down that these hooks are trusted, as its own `/hooks` does.

    Raises:
        FlyballError: it refuses.
    """
    value = {hook.key: {"trusted_hash": hook.hash} for hook in hooks}
    edit = {"keyPath": "hooks.state", "value": value, "mergeStrategy": "upsert"}
    server.call("config/batchWrite", {"edits": [edit]})


def untrusted(hooks: list[Known]) -> list[str]:
    """Why Codex would pass over ours."""
    lists = {hook.event for hook in hooks}
    wanted = {event[0].lower() + event[1:] for event in EVENTS}
    why = [f"Codex does not see the hook of {event}" for event in sorted(wanted - lists)]
    why += [
        f"Codex passes over the hook of {hook.event}: nobody has trusted it (`/hooks` in codex, or --trust)"
        for hook in hooks
        if not hook.trusted
    ]
    return why + [f"the hook of {hook.event} is switched off in Codex" for hook in hooks if not hook.enabled]
