"""What would switch off, blind or bypass the guard itself.

Under the same Unix user this is a strong fence, not a boundary (docs/how-to/guard-a-coding-agent.md).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import effect
from flyball_sdk.guard.scene import Protected, Scene
from flyball_sdk.guard.shell.command import Command

# Files that hold the hooks of clients, the guard's policies, its log and its keys.
GUARDED = re.compile(
    r"(?:^|[/\s'\"=:@])\.claude(?:/(?:settings(?:\.local)?\.json|hooks(?:/|$)|\*|plugins(?:/|$))|/?$)|(?:^|/)\.claude\.json$|managed-settings\.(?:json|d\b)|managed-mcp\.json|/etc/claude-code|ClaudeCode/managed|"
    r"(?:^|[/\s'\"=:@])\.codex(?:/(?:config\.toml|hooks\.json|requirements\.toml|trust[\w.-]*|\*|rules(?:/|$))|/?$)|/etc/codex|(?:^|[/\s'\"=:@])\.flyball(?:/|$)|flyball[\w/.-]*/(?:guard|tokens?|policies|operator)\b|"
    r"flyball[\w./-]*/(?:hook/|guard/|client\.py)|(?:^|/)flyball\.ya?ml$|operator\.token|flyball_sdk|site-packages/flyball"
)
# a command without one of these touches nothing that is known by name
TOUCHES = r"claude|codex|flyball|operator\.token|v1/guard"
_TOUCHES = re.compile(TOUCHES, re.IGNORECASE)
_SWITCHES = re.compile(
    r"(?:FLYBALL_\w+|CLAUDE_CONFIG_DIR|CODEX_HOME|DISABLE_HOOKS|CLAUDE_CODE_DISABLE_HOOKS|CLAUDE_CODE_SIMPLE|CLAUDE_CODE_SAFE_MODE|CLAUDE_CODE_MANAGED_SETTINGS_PATH)"
)
# words of `flyball` that only the operator may say, alone or behind `guard`, `hook` and `install`
_OPERATORS = frozenset({"uninstall", "setup"})
_GUARDS = frozenset({"guard", "hook", "install"})
_GUARD_WORDS = frozenset({
    "pause", "resume", "approve", "deny", "apply", "remove", "enforce", "disable", "lockdown", "policy", "exceptions", "except", "token", "mode", "set", "open", "allow", "pin", "uninstall",
})  # fmt: skip
# how the clients are started without their hooks
_LOOSENS = ("--settings", "--dangerously-skip-permissions", "--bare", "--safe-mode", "--setting-sources", "--disable-hooks", "--dangerously-bypass-approvals-and-sandbox", "--yolo",
            "disableAllHooks", "--dangerously-bypass-hook-trust", "--full-auto", "hooks=", "features.hooks", "features.codex_hooks", "--disable")  # fmt: skip
_ENDERS = frozenset({"kill", "pkill", "killall", "systemctl", "service", "launchctl", "tmux", "screen"})
_INSTALLERS = frozenset({"pip", "pip3", "uv", "pipx", "npm", "apt", "apt-get", "brew"})
_RESTORES = frozenset({"checkout", "restore", "clean", "stash", "reset", "rm", "mv", "apply", "update-index"})
_ASKS = frozenset({"curl", "wget", "http", "https", "xh", "nc", "ncat", "socat"})
_FINDS = frozenset({"-delete", "-exec", "-execdir", "-fprint"})
# programs that show a path and change nothing of it
_SHOWS = frozenset({
    "cat", "ls", "head", "tail", "less", "more", "stat", "grep", "rg", "jq", "wc", "diff", "file", "find", "echo", "printf", "test", "[", "[[", "tree", "du", "cd", "bat", "sha256sum", "md5sum",
    "readlink", "realpath", "git", "pip", "uv", "python", "python3", "make", "pytest", "ruff", "mkdir", "kill", "claude", "codex", "flyball", *_ASKS,
})  # fmt: skip


def switches(command: Command) -> Iterator[Effect]:
    """Environment variables that would point a client or the guard elsewhere."""
    for name in command.env:
        if _SWITCHES.fullmatch(name):
            yield effect("guard.tamper", f"{name} is set", command, how="environment")


def tampering(command: Command, scene: Scene) -> Iterator[Effect]:
    """Every way this command would touch the guard: what it writes, and what its words say."""
    own = scene.protected
    for one in command.redirects:
        if one.op != "<" and guarded_path(_from(command.cwd, one.path), own):
            yield effect("guard.tamper", one.path, command, how="write")
    how = _how(command, " ".join((command.path or command.name, *command.words)), own)
    if how:
        yield effect("guard.tamper", " ".join((command.name, *command.words))[:120], command, how=how)


def _how(command: Command, text: str, own: Protected) -> str:  # noqa: PLR0911 - a table of ways
    """The way in which a command touches the guard, "" if it does not."""
    name, words = command.name, command.words
    if name in ("kill", "skill") and any(word.isdigit() and int(word) in own.pids for word in words):
        return "ends the server"
    if name in _ASKS and any(f":{port}" in text for port in own.ports) and "/guard" in text:
        return "api"
    touched = [word for word in words if word[:1] != "-" and guarded_path(_from(command.cwd, word), own)]
    if not touched and not _TOUCHES.search(text):
        return ""
    if name == "flyball" or (name.startswith("python") and words[:2] == ("-m", "flyball")):
        return _operators(words)
    if name in ("claude", "codex") and any(flag in text for flag in _LOOSENS):
        return "client without the guard"
    if name in _ENDERS and "flyball" in text:
        return "ends the server"
    if name in _INSTALLERS and re.search(r"\b(?:uninstall|remove|purge)\b.*flyball", text):
        return "uninstall"
    if "operator.token" in text or re.search(r"tokens?/[\w-]+\.token", text):
        return "token"
    return "write" if touched and _changes(command) else ""


def _operators(words: tuple[str, ...]) -> str:
    said = [word for word in words if word[:1] != "-" and word != "flyball"]
    acts = said[:1] and (
        said[0] in _OPERATORS or (said[0] in _GUARDS and not _GUARD_WORDS.isdisjoint(said[1:]))
    )
    return (
        "command"
        if acts or (said[:1] == ["install"] and any(word.startswith("--fail") for word in words))
        else ""
    )


def _changes(command: Command) -> bool:
    """Whether a program does more with the paths it is given than to show them."""
    name, words = command.name, command.words
    if name == "git":
        return not _RESTORES.isdisjoint(words)
    if name == "find":
        return not _FINDS.isdisjoint(words)
    if name in ("sed", "perl"):
        return any(word.startswith(("-i", "--in-place")) for word in words)
    return name not in _SHOWS


def _from(cwd: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(cwd, path)) if cwd and path[:1] not in ("/", "~", "-") else path


def guarded_path(path: str, own: Protected) -> bool:
    """Whether whoever writes this path would touch the guard."""
    return GUARDED.search(path) is not None or any(
        path == one or path.startswith(one + "/") for one in own.paths
    )


def canary(command: Command) -> Iterator[Effect]:
    """The guard's own trial call: `: flyball-canary NONCE` does nothing if it runs."""
    if command.name == ":" and command.words[:1] == ("flyball-canary",):
        yield effect("guard.canary", " ".join(command.words[1:2]), command)
