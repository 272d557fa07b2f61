"""Programs that write, copy or fetch files: what a later command finds in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import Call, Text

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine


def _operands(words: list[str]) -> list[str]:
    return [word for word in words[1:] if not word.startswith("-")]


def _tee(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    feed = call.feed
    text = Text(feed.text, feed.sources) if feed else Text(UNKNOWN)
    for path in _operands(call.words):
        old = shell.file(path) if {"-a", "--append"}.intersection(call.words) else None
        shell.write(path, old + text if old else text)
    return text


def _copy(shell: Machine, call: Call, name: str) -> Text:
    paths = _operands(call.words)
    if len(paths) > 1:
        for path in paths[:-1]:
            known = shell.file(path)
            if known:
                shell.write(paths[-1], known)
                shell.write(f"{paths[-1]}/{path.rpartition('/')[2]}", known)
    return shell.program(call, name)


def _fetch(shell: Machine, call: Call, name: str) -> Text:
    """`curl -o FILE`, `wget -O FILE`: the file holds what nobody here knows; so does one named by the address."""
    words, target = call.words, ""
    option = "o" if name == "curl" else "O"
    for at, word in enumerate(words[1:], 1):
        following = words[at + 1] if at + 1 < len(words) else ""
        if word in {"--output", "--output-document", "--out"}:
            target = following
        elif word.startswith(("--output=", "--output-document=", "--out=")):
            target = word.partition("=")[2]
        elif word.startswith("-") and not word.startswith("--") and option in word:
            target = word.partition(option)[2] or following
    address = next((word for word in reversed(words) if "/" in word and not word.startswith("-")), "")
    remote = (
        name != "curl"
        or any(word[:1] == "-" != word[1:2] and "O" in word for word in words)
        or "--remote-name" in words
    )
    if not target and remote:
        target = address.partition("?")[0].rpartition("/")[2]
    printed = shell.program(call, name)
    if target and target != "-":
        shell.write(target, Text(UNKNOWN, (name,)))
    return printed


def _dd(shell: Machine, call: Call, name: str) -> Text:
    target = next((word[3:] for word in call.words if word.startswith("of=")), "")
    if target and call.feed:
        shell.write(target, Text(call.feed.text, call.feed.sources))
    return shell.program(call, name)


Writer = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Writer] = MappingProxyType(
    {
        "tee": _tee, "sponge": _tee, "cp": _copy, "mv": _copy, "install": _copy, "ln": _copy, "curl": _fetch,
        "wget": _fetch, "aria2c": _fetch, "dd": _dd,
    }
)  # fmt: skip
