"""Programs that run a command in another place: containers, pods, virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text, Where

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

# short options of `docker run` and `docker exec` that take no value, and long ones
_DOCKER_FLAGS = frozenset("ditPq")
_DOCKER_LONG = frozenset(
    [
        "--rm",
        "--privileged",
        "--init",
        "--interactive",
        "--tty",
        "--detach",
        "--read-only",
        "--publish-all",
        "--no-healthcheck",
        "--quiet",
        "--oom-kill-disable",
        "--sig-proxy",
        "--disable-content-trust",
        "--no-deps",
        "--service-ports",
        "--use-aliases",
        "--build",
        "--no-TTY",
        "--help",
        "--replace",
        "--rmi",
        "--debug",
        "--tls",
        "--tlsverify",
        "--all",
        "--latest",
        "--no-tty",
        "--remote",
        "-T",
    ]
)
_DOCKER_NOUNS = frozenset({"container", "compose"})


def _docker(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    words = call.words
    at = _skip(words, 1, "D")
    verb = words[at] if at < len(words) else ""
    if verb in _DOCKER_NOUNS:
        at = _skip(words, at + 1, "")
        verb = words[at] if at < len(words) else ""
    if verb not in {"exec", "run", "create"}:
        return shell.printed(call, name)
    start = at + 1
    at = _skip(words, start, "")
    host = words[at] if at < len(words) else ""
    command = words[at + 1 :]
    for index, word in enumerate(words[start:at], start):
        if word.startswith("--entrypoint"):
            command = [word.partition("=")[2] or "".join(words[index + 1 : index + 2]), *command]
    return _inside(shell, call, f"{name} {verb}", host, command)


def _skip(words: list[str], at: int, flags: str) -> int:
    """The index behind the options of docker or podman."""
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        word = words[at]
        if word == "--":
            return at + 1
        if word.startswith("--") or word in _DOCKER_LONG:
            at += 1 if "=" in word or word in _DOCKER_LONG else 2
        else:
            plain = all(letter in _DOCKER_FLAGS or letter in flags for letter in word[1:])
            glued = word[1] not in _DOCKER_FLAGS and len(word) > 2  # noqa: PLR2004
            at += 1 if plain or glued else 2
    return at


def _inside(shell: Machine, call: Call, via: str, host: str, command: list[str]) -> Text:
    """Run a command elsewhere."""
    where = call.where
    call = replace(call, where=Where(where.base, where.span, where.via, host or where.host, where.sources))
    return shell.run(call.behind(via, command)) if command else Text(UNKNOWN, (via.split(maxsplit=1)[0],))


def _kubectl(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    words = call.words
    verbs = {"exec", "debug", "run"}
    verb = next((word for word in words[1:] if word in verbs), "")
    if not verb:
        return shell.printed(call, name)
    at = words.index(verb) + 1
    target, command = "", []
    while at < len(words):
        if words[at] == "--":
            command = words[at + 1 :]
            break
        if words[at] in {"-c", "--container", "-n", "--namespace", "-f", "--image", "--target", "--context"}:
            at += 1
        elif not words[at].startswith("-"):
            if target and verb == "exec":
                command = words[at:]
                break
            target = target or words[at]
        at += 1
    return _inside(shell, call, f"{name} {verb}", target, command)


def _dashed(shell: Machine, call: Call, name: str) -> Text:
    """Programs whose command stands behind `--`, or behind a verb: `vagrant ssh -c`, `lxc exec NAME -- CMD`."""
    shell.emit(call, name)
    words = call.words
    if "-c" in words[1:-1]:
        return shell.shell(words[words.index("-c") + 1], call, name)
    if "--command" in words[1:-1]:
        return shell.shell(words[words.index("--command") + 1], call, name)
    if "--" in words[1:-1]:
        return _inside(shell, call, name, name, words[words.index("--") + 1 :])
    for at, word in enumerate(words[1:], 1):
        if word.startswith("--command="):
            return shell.shell(word.partition("=")[2], call, name)
        if word in {"exec", "exec-command", "shell"} and name in {"lxc", "incus", "adb", "machinectl"}:
            rest = words[at + 1 :] if name == "adb" else words[at + 2 :]
            return shell.shell(" ".join(rest), call, name) if rest else EMPTY
    return shell.printed(call, name)


Container = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Container] = MappingProxyType(
    {
        **dict.fromkeys(("docker", "podman", "nerdctl", "docker-compose", "finch"), _docker), "kubectl": _kubectl,
        "oc": _kubectl,
        **dict.fromkeys(("minikube", "vagrant", "lxc", "incus", "adb", "gcloud", "machinectl", "multipass",
                         "flatpak-spawn", "distrobox", "toolbox", "wsl"), _dashed),
    }
)  # fmt: skip
