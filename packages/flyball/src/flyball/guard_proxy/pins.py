"""What the tools of a server were when they were first seen: a definition that changes later asks until it is accepted.

A description is text that a model follows. A server that shows a harmless one at first and another one later (or one
tool more) would choose what the model does; so each is known by its hash. Kept in DATA/guard/pins/SERVER.json.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from flyball_sdk.guard.words import visible

from flyball.errors import ConfigurationError, InputError
from flyball.guard_proxy.told import Told
from flyball.hook import files

FOLDER = "pins"
TOOLS_MAX = 500
"""Tools of one server that are pinned; calls of further ones ask."""
NAME_CHARS_MAX = 128
KEPT_CHARS_MAX = 500
"""How much of a description is kept, for a person to compare."""
PARTS = ("title", "description", "inputSchema", "outputSchema", "annotations")
SERVER = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""A server's name."""

Pin = dict[str, str]


def pins_file(guard_folder: Path, server: str) -> Path:
    """Where a server's pins are.

    Raises:
        InputError: that is no name of a server.
    """
    if not SERVER.fullmatch(server):
        raise InputError(f"a server's name is lower-case letters, digits, - and _, this is {server[:64]!r}")
    return guard_folder / FOLDER / f"{server}.json"


def pin_of(tool: Mapping[str, Any]) -> Pin:
    """A definition as it is pinned: a hash of all of it and of each part, and the beginning of what it says."""
    parts = {part: _digest(tool.get(part)) for part in PARTS}
    said = str(tool.get("description") or "")[:KEPT_CHARS_MAX]
    return {"hash": _digest([tool.get("name"), parts]), "says": said, **parts}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class Pinned:
    """What a file of pins holds: tools as they were accepted, and those that are different or new now."""

    tools: dict[str, Pin] = field(default_factory=dict[str, Pin])
    changed: dict[str, Pin] = field(default_factory=dict[str, Pin])

    def differs(self, name: str) -> str:
        """How the tool is not what was pinned, in words; empty where it is."""
        now, before = self.changed.get(name), self.tools.get(name)
        if now is None:
            return "" if before is not None else "is not among the tools that were pinned"
        if before is None:
            return "is new since the tools were pinned"
        parts = [part for part in PARTS if now.get(part) != before.get(part)]
        return f"has another {' and '.join(parts)} than when it was pinned"


def load(path: Path) -> Pinned | None:
    """The pins in that file; None where there is none.

    Raises:
        ConfigurationError: it holds something else.
    """
    text = files.read(path)
    if text is None:
        return None
    try:
        given = json.loads(text)
        return Pinned(_pins(given["tools"]), _pins(given["changed"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} holds no pins ({type(error).__name__}): restore it, or remove it to pin anew"
        ) from error


def _pins(given: Any) -> dict[str, Pin]:
    return {str(name): {str(k): str(v) for k, v in pin.items()} for name, pin in given.items()}


def save(path: Path, pinned: Pinned) -> None:
    """Write them, whole or not at all, mode 0600.

    Raises:
        ConfigurationError: they cannot be written.
    """
    given = {"tools": pinned.tools, "changed": pinned.changed}
    files.write_ours(path, json.dumps(given, indent=1).encode() + b"\n")


def pinned(path: Path) -> Pinned:
    """The pins that must be there.

    Raises:
        InputError: nothing is pinned there.
        ConfigurationError: the file cannot be read.
    """
    found = load(path)
    if found is None:
        raise InputError(
            f"nothing is pinned in {path}: a server's tools are pinned when they are first listed"
        )
    return found


def accept(path: Path) -> Pinned:
    """Take what is different or new as what was pinned; gives what was there before.

    Raises:
        InputError: nothing is pinned there.
        ConfigurationError: the file cannot be read or written.
    """
    before = pinned(path)
    save(path, Pinned({**before.tools, **before.changed}, {}))
    return before


def shown(found: Pinned, *, accepted: bool) -> str:
    """What is different, for a person: every unseen character visible."""
    if not found.changed:
        return f"{len(found.tools)} tools are as they were pinned\n"
    told: list[str] = []
    for name, now in found.changed.items():
        told.append(f"{visible(name)} {found.differs(name)}")
        if name in found.tools:
            told.append(f"  was: {visible(found.tools[name]['says'], KEPT_CHARS_MAX)}")
        told.append(f"  now: {visible(now['says'], KEPT_CHARS_MAX)}")
    end = (
        "they are accepted, and may be called"
        if accepted
        else "their calls ask until they are accepted (--accept)"
    )
    return "\n".join([*told, end]) + "\n"


@dataclass(slots=True)
class Pins:
    """The pins of the server that is proxied. What the operator accepts meanwhile is seen at the next call."""

    path: Path
    told: Told
    _pinned: Pinned = field(init=False)
    _first: bool = field(init=False)
    """Whether what is listed now is what is pinned: from nothing until the first listing is over."""
    _begun: bool = False
    _saved: bool = True
    _stamp: tuple[int, int] = (0, 0)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        found = load(self.path)
        self._pinned, self._first = found or Pinned(), found is None
        self._stamp = self._stamped()

    def listed(self, tools: Sequence[Any], *, begins: bool, ends: bool) -> None:
        """Take in a page of a listing: its first, its last."""
        with self._lock:
            self._refresh()
            if begins and self._begun:
                self._first = False
            self._begun = True
            told = [self._one(tool) for tool in tools if isinstance(tool, dict)]
            if ends:
                self._first = False
            if any(told) or not self._stamp[1]:
                self._save()
        for sentence in told:
            if sentence and not sentence.startswith("pinned"):
                self.told.counted("changes of tools", sentence)

    def doubt(self, name: str) -> str:
        """Why calls of this tool ask; empty where they need not."""
        with self._lock:
            self._refresh()
            return "" if self._first else self._pinned.differs(name)

    def _one(self, tool: Mapping[str, Any]) -> str:
        """Pin a tool or note how it differs; gives what changed in the file, in words."""
        name, pinned = tool.get("name"), self._pinned
        if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
            return ""
        now, before = pin_of(tool), pinned.tools.get(name)
        if before is None and self._first and len(pinned.tools) < TOOLS_MAX:
            pinned.tools[name] = now
            return f"pinned {name}"
        if before is not None and before["hash"] == now["hash"]:
            return f"pinned {name}" if pinned.changed.pop(name, None) else ""
        if pinned.changed.get(name, {}).get("hash") == now["hash"] or len(pinned.changed) >= TOOLS_MAX:
            return ""
        pinned.changed[name] = now
        return f"the tool {name} {pinned.differs(name)}; its calls ask until `flyball guard pin {self.path.stem} --accept`"

    def _stamped(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size

    def _refresh(self) -> None:
        """What the file says now, where somebody wrote it; one that was taken away changes nothing."""
        stamp = self._stamped()
        if stamp == self._stamp or not stamp[1]:
            return
        try:
            found = load(self.path)
        except ConfigurationError as error:
            self.told.say(str(error))
            found = None
        self._stamp = stamp
        if found is not None:
            self._pinned, self._first = found, False

    def _save(self) -> None:
        try:
            save(self.path, self._pinned)
        except ConfigurationError as error:
            if self._saved:
                self.told.say(f"{error}; pins hold for this process alone")
            self._saved = False
            return
        self._saved, self._stamp = True, self._stamped()
