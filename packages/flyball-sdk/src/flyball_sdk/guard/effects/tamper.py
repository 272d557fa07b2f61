"""What would switch off, blind or bypass the guard itself.

Under the same Unix user this is a strong fence, not a boundary (docs/how-to/guard.md runs it under another user).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import effect
from flyball_sdk.guard.shell.command import Command

# Files that hold the hooks of clients, the guard's policies, its log and its keys.
GUARDED = re.compile(
    r"(?:^|[/\s'\"=:@])\.claude(?:/(?:settings(?:\.local)?\.json|hooks(?:/|$)|\*|plugins(?:/|$))|/?$)|(?:^|/)\.claude\.json$|managed-settings\.json|managed-mcp\.json|/etc/claude-code|ClaudeCode/managed|"
    r"(?:^|[/\s'\"=:@])\.codex(?:/(?:config\.toml|hooks\.json|requirements\.toml|trust[\w.-]*|\*|rules(?:/|$))|/?$)|/etc/codex|(?:^|[/\s'\"=:@])\.flyball(?:/|$)|flyball[\w/.-]*/(?:guard|tokens?|policies|operator)\b|"
    r"flyball[\w./-]*/(?:hook/|guard/|client\.py)|(?:^|/)flyball\.ya?ml$|operator\.token|flyball_sdk|site-packages/flyball"
)
TOUCHES = r"claude|codex|flyball|operator\.token|:43(?:17|18|20)"
_TOUCHES = re.compile(TOUCHES, re.IGNORECASE)
# Words of `flyball` that only the operator may say.
_OPERATORS = frozenset({"uninstall", "setup"})
_GUARD_WORDS = frozenset(
    {
        "pause",
        "resume",
        "approve",
        "deny",
        "audit-mode",
        "enforce",
        "disable",
        "lockdown",
        "policy",
        "exceptions",
        "except",
        "token",
        "mode",
        "set",
        "open",
        "allow",
        "pin",
    }
)
_SWITCHES = re.compile(
    r"^(?:FLYBALL_\w+|CLAUDE_CONFIG_DIR|CODEX_HOME|DISABLE_HOOKS|CLAUDE_CODE_DISABLE_HOOKS|CLAUDE_CODE_SIMPLE)$"
)
_CLIENTS = frozenset({"claude", "codex"})
_LOOSENS = ("--settings", "--dangerously-skip-permissions", "--bare", "--setting-sources", "--disable-hooks", "--dangerously-bypass-approvals-and-sandbox", "--yolo", "disableAllHooks",
            "--dangerously-bypass-hook-trust", "--full-auto", "hooks=", "features.hooks", "features.codex_hooks", "--disable")  # fmt: skip
_ENDERS = frozenset({"kill", "pkill", "killall", "systemctl", "service", "launchctl", "tmux", "screen"})
# programs that show a path and change nothing of it
_SHOWS = frozenset(
    {
        "cat",
        "ls",
        "head",
        "tail",
        "less",
        "more",
        "stat",
        "grep",
        "rg",
        "jq",
        "wc",
        "diff",
        "file",
        "find",
        "echo",
        "printf",
        "test",
        "[",
        "[[",
        "tree",
        "du",
        "cd",
        "bat",
        "sha256sum",
        "md5sum",
        "readlink",
        "realpath",
        "git",
        "pip",
        "uv",
        "python",
        "python3",
        "make",
        "pytest",
        "ruff",
    }
)
_DIRECT = frozenset({"flyball", "flyball.exe"})
_PORTS = re.compile(
    r"(?:127\.0\.0\.1|localhost|\[::1\]|0\.0\.0\.0|127\.1):43(?:17|18|20)\b.*(?:/api/v1/guard|/v1/guard)"
)


def switches(command: Command) -> Iterator[Effect]:
    """Environment variables that would point a client or the guard elsewhere."""
    for name in command.env:
        if _SWITCHES.match(name):
            yield effect("guard.tamper", f"{name} is set", command, how="environment")


def tampering(command: Command) -> Iterator[Effect]:
    """Every way this command would touch the guard."""
    for one in command.redirects:
        if one.op != "<" and GUARDED.search(one.path):
            yield effect("guard.tamper", one.path, command, how="write")
    words = command.words
    text = " ".join((command.path or command.name, *words))
    if ":43" in text and _PORTS.search(text) and command.name in ("curl", "wget", "http", "xh", "nc"):
        yield effect("guard.tamper", text[:120], command, how="api")
    elif _TOUCHES.search(text):
        yield from _touching(command, text)


def _touching(command: Command, text: str) -> Iterator[Effect]:
    words, name = command.words, command.name
    if name in _DIRECT or (name.startswith("python") and words[:2] == ("-m", "flyball")):
        said = [word for word in words if word[:1] != "-" and word != "flyball"]
        if said[:1] and (
            said[0] in _OPERATORS
            or (said[0] in ("guard", "hook", "install") and set(said[1:]) & (_GUARD_WORDS | {"uninstall"}))
            or (said[0] == "install" and "--fail" in text)
        ):
            yield effect("guard.tamper", text[:120], command, how="command")
        return
    if name in _CLIENTS and any(flag in text for flag in _LOOSENS):
        yield effect("guard.tamper", text[:120], command, how="client without the guard")
    elif name in _ENDERS and re.search(r"flyball", text):
        yield effect("guard.tamper", text[:120], command, how="ends the server")
    elif name in ("pip", "pip3", "uv", "pipx", "npm", "apt", "apt-get", "brew") and re.search(
        r"\b(?:uninstall|remove|purge)\b.*flyball", text
    ):
        yield effect("guard.tamper", text[:120], command, how="uninstall")
    elif (
        name == "git"
        and {"checkout", "restore", "clean", "stash", "reset", "rm", "mv", "apply", "update-index"}
        & set(words)
        and any(GUARDED.search(word) for word in words)
    ):
        yield effect("guard.tamper", text[:120], command, how="version control")
    elif (
        name == "sed"
        and any(word.startswith("-i") or word == "--in-place" for word in words)
        and any(GUARDED.search(word) for word in words)
    ):
        yield effect("guard.tamper", text[:120], command, how="write")
    elif "operator.token" in text or re.search(r"tokens?/[\w-]+\.token", text):
        yield effect("guard.tamper", text[:120], command, how="token")
    elif (
        name == "find" and GUARDED.search(text) and ({"-delete", "-exec", "-execdir", "-fprint"} & set(words))
    ) or (name not in _SHOWS and any(GUARDED.search(word) for word in words)):
        yield effect("guard.tamper", text[:120], command, how="write")


def canary(command: Command) -> Iterator[Effect]:
    """The guard's own trial call: `: flyball-canary NONCE` does nothing if it runs."""
    if command.name == ":" and command.words[:1] == ("flyball-canary",):
        yield effect("guard.canary", " ".join(command.words[1:2]), command)


def guarded_path(path: str) -> bool:
    """Whether a tool that writes this path would touch the guard."""
    return GUARDED.search(path) is not None
