"""What an MCP server is called where nobody says: by its command or its address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from flyball.errors import InputError

NAME_CHARS_MAX = 64
_LAUNCHERS = frozenset(
    {
        "npx",
        "npm",
        "exec",
        "node",
        "bun",
        "bunx",
        "deno",
        "run",
        "uv",
        "uvx",
        "pipx",
        "python",
        "docker",
        "env",
        "sh",
    }
)
_ENDS = re.compile(r"\.(?:py|js|mjs|cjs|ts|sh|exe)$")


def name_of(command: Sequence[str], url: str) -> str:
    """The name in lower-case letters, digits, - and _.

    Raises:
        InputError: there is nothing to make one of.
    """
    found = plain(urlsplit(url).hostname or "") if url else _of_command(command)
    if not found:
        raise InputError("the server has no name that could be made of its command: give one with --name")
    return found


def _of_command(command: Sequence[str]) -> str:
    for word in command:
        base = _ENDS.sub("", word.rpartition("/")[2].partition("@")[0])
        launcher = base in _LAUNCHERS or re.fullmatch(r"python[0-9.]+", base)
        if not launcher and not word.startswith("-") and "=" not in word and (name := plain(base)):
            return name
    return plain(command[0].rpartition("/")[2]) if command else ""


def plain(text: str) -> str:
    """The text as a name; no two underscores in a row, as `mcp__SERVER__TOOL` is taken apart by them."""
    return (
        re.sub(r"_{2,}", "_", re.sub(r"[^a-z0-9_]+", "-", text.lower()))
        .strip("-_")[:NAME_CHARS_MAX]
        .strip("-_")
    )
