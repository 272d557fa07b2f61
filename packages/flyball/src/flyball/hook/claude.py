"""Claude Code: where its settings are, what the hook looks like in them, and what would keep it from running.

Tried with 2.1.197 and 2.1.332 (tests/agents): `disableAllHooks` in any settings, a project's own included, switches
the user's hooks off; so do CLAUDE_CODE_SIMPLE and CLAUDE_CODE_SAFE_MODE, from the environment or a user's `env`, and a
user's file that is no JSON. Settings that change are taken up by running sessions, unless a ConfigChange hook refuses
them. From 2.1.295 `onFailure: "block"` makes a failed hook block; older ones pass over it.

Source: https://code.claude.com/docs/en/hooks, https://code.claude.com/docs/en/settings
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flyball.errors import ConfigurationError
from flyball.hook import files
from flyball.hook.alone.switches import VARIABLES
from flyball.hook.command import CLIENT_TIMEOUT_S, GUARDING, Hook
from flyball.hook.merged import HTTP_PATH, Handler

Via = Literal["command", "http"]
Kind = Literal["managed", "user", "project", "local"]
Scope = Literal["user", "project"]
EVENTS = ("PreToolUse", "PostToolUse", "PostToolUseFailure", "SessionStart", "ConfigChange")
OVER_HTTP = ("PreToolUse", "PostToolUse", "PostToolUseFailure")
FAILS_CLOSED_FROM = (2, 1, 295)
"""The first version whose `onFailure: "block"` makes a failed HTTP hook block."""


def home(environment: Mapping[str, str]) -> Path:
    """The folder of the user's settings."""
    given = environment.get("CLAUDE_CONFIG_DIR")
    return Path(given) if given else Path.home() / ".claude"


def settings_file(scope: Scope, environment: Mapping[str, str], folder: Path) -> Path:
    """The file that the hook is installed in."""
    return (home(environment) if scope == "user" else folder / ".claude") / "settings.json"


def handlers(hook: Hook, via: Via, token: str) -> dict[str, Handler]:
    """What stands in the settings, by event."""
    made: dict[str, Handler] = {}
    for event in EVENTS:
        if via == "http" and event in OVER_HTTP:
            handler: Handler = {
                "type": "http",
                "url": f"http://127.0.0.1:{hook.port}{HTTP_PATH}{hook.client}?fail={hook.fail}",
                "headers": {"Authorization": f"Bearer {token}"},
            }
        else:
            handler = {"type": "command", "command": hook.command(event)}
            if event in OVER_HTTP[1:]:
                handler["async"] = (
                    True  # a result is told beside the agent's next step, which does not wait for it
                )
        handler["timeout"] = CLIENT_TIMEOUT_S
        if event in GUARDING and hook.fail == "closed":
            handler["onFailure"] = "block"
        made[event] = handler
    return made


@dataclass(frozen=True, slots=True)
class Source:
    """One file of settings that Claude Code reads, whoever wrote it; `broken` says why it cannot be read."""

    kind: Kind
    path: Path
    settings: Mapping[str, Any]
    broken: str = ""


def sources(environment: Mapping[str, str], folder: Path) -> list[Source]:
    """Every file of settings that is in force for a session in `folder`."""
    return [_source(kind, path) for kind, path in _places(environment, folder) if path.exists()]


def _places(environment: Mapping[str, str], folder: Path) -> list[tuple[Kind, Path]]:
    managed = Path(
        "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
    )
    drop_ins = sorted((managed / "managed-settings.d").glob("*.json"))
    found: list[tuple[Kind, Path]] = [
        ("managed", path) for path in (managed / "managed-settings.json", *drop_ins)
    ]
    return [
        *found,
        ("user", home(environment) / "settings.json"),
        ("project", folder / ".claude" / "settings.json"),
        ("local", folder / ".claude" / "settings.local.json"),
    ]


def _source(kind: Kind, path: Path) -> Source:
    try:
        return Source(kind, path, files.json_object(path, files.read(path)))
    except ConfigurationError as error:
        return Source(kind, path, {}, str(error))


def obstacles(
    found: Sequence[Source], file: Path, environment: Mapping[str, str], *, over_http: bool
) -> list[str]:
    """Why hooks that stand in `file` would not run, each in one sentence; empty when they do."""
    why = [f"{name} is set in this environment" for name in VARIABLES if environment.get(name)]
    if not any(os.path.realpath(source.path) == os.path.realpath(file) for source in found):
        why.append(f"{file} is not read here: it is gone, or CLAUDE_CONFIG_DIR or the folder is another one")
    for source in found:
        why += [f"{source.path}: {what}" for what in _obstacles(source, over_http=over_http)]
    return why


def _obstacles(source: Source, *, over_http: bool) -> Iterator[str]:
    settings = source.settings
    if source.broken:
        yield f"cannot be read, so that its hooks do not run ({source.broken})"
    if settings.get("disableAllHooks"):
        yield "disableAllHooks switches every hook off"
    if settings.get("allowManagedHooksOnly") and source.kind == "managed":
        yield "allowManagedHooksOnly lets no hook of yours run"
    if over_http and "allowedHttpHookUrls" in settings:
        yield "allowedHttpHookUrls may keep the hook from asking"
    variables = settings.get("env")
    for name in (*VARIABLES, "CLAUDE_CONFIG_DIR"):
        if isinstance(variables, dict) and variables.get(name):
            yield f"env.{name} switches hooks off"


def version_of(said: str) -> tuple[int, ...]:
    """The version in what `claude --version` prints; empty where there is none."""
    found = re.search(r"\b(\d{1,6})\.(\d{1,6})\.(\d{1,6})\b", said[:200])
    return tuple(int(part) for part in found.groups()) if found else ()
