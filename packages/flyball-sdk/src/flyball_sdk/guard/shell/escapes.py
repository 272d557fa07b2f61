"""Programs that are no shells and still run shell code: clients with a `!`, macro processors, `make`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

# Words and input that are longer are not searched.
_TEXT_MAX = 16 * 1024
# Escapes of one text that are followed.
_ESCAPES_MAX = 50
_BANG = re.compile(r"(?:^|[;\n])\s*:?!\s*([^\n]+)")
_SQL = re.compile(r"\\!\s*([^\n]+)|\b(?:PROGRAM|program)\s+'((?:[^']|'')+)'")
# in `$(shell ..)` one level of brackets may stand
_MAKE_SHELL = re.compile(r"\$\(shell\s+((?:[^()]|\([^()]*\))+)\)")
_MAKE_VARIABLE = re.compile(r"\$[({][^(){}]*[)}]|\$[@<^?*+]")

# what shell code looks like in the words and the input of a program, from its manual
_PATTERNS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "psql": _SQL,
        **dict.fromkeys(("mysql", "mariadb"), re.compile(r"(?:\\!|(?:^|[;\n])\s*system\s)\s*([^\n]+)")),
        "sqlite3": re.compile(r"\.(?:shell|system)\s+([^\n]+)"),
        **dict.fromkeys(("lftp", "ftp", "sftp", "mail", "mailx", "dc", "psftp", "smbclient", "telnet", "gdbtui", "w3m"), _BANG),
        "m4": re.compile(r"e?syscmd\(\s*[`\[]*([^)'\]]+)"),
        **dict.fromkeys(("rpm", "rpmquery", "rpmdb", "rpmspec", "rpmverify"), re.compile(r"%\(((?:[^()]|\([^()]*\))+)\)")),
        "gnuplot": re.compile(r"system[\s(]+[\"']([^\"']+)|(?:^|[;\n])\s*!\s*([^\n]+)"),
        "dmsetup": re.compile(r"\A(?!ls\Z|--)(/.+)"),
        "clisp": re.compile(r"run-shell-command\s+\"([^\"]+)"),
        "emacs": re.compile(r"shell-command\S*\s+\"([^\"]+)"),
        "slsh": re.compile(r"system\s*\(\s*\"([^\"]+)"),
    }
)  # fmt: skip


def _escaping(shell: Machine, call: Call, name: str) -> Text:
    printed = shell.program(call, name)
    pattern = _PATTERNS[name]
    texts = [*call.words[1:], call.feed.text if call.feed else ""]
    count = 0
    for text in texts:
        for found in pattern.finditer(text[:_TEXT_MAX]):
            count += 1
            code = next(group for group in found.groups() if group is not None)
            if count <= _ESCAPES_MAX and code.strip(UNKNOWN + " "):
                shell.shell(code.replace("''", "'"), call, name)
    return printed


def _make(shell: Machine, call: Call, name: str) -> Text:
    """The recipes of a makefile that is known, all of them: which target is made is not followed."""
    shell.emit(call, name)
    words = call.words
    paths = [words[at + 1] for at, word in enumerate(words[:-1]) if word in {"-f", "--file", "--makefile"}]
    folder = next(
        (words[at + 1] + "/" for at, word in enumerate(words[:-1]) if word in {"-C", "--directory"}), ""
    )
    texts = [word.partition("=")[2] for word in words if word.startswith("--eval=")]
    for path in paths or [folder + file for file in ("GNUmakefile", "makefile", "Makefile")]:
        known = shell.file(path)
        if known:
            texts.append(known.text)
            break
    for text in texts:
        for found in _MAKE_SHELL.finditer(text[:_TEXT_MAX]):
            shell.shell(found[1], call, name)
        code = _recipes(text[:_TEXT_MAX])
        if code:
            shell.shell(code, call, name)
    return EMPTY if not shell.wanted else Text(UNKNOWN, (name,))


def _recipes(text: str) -> str:
    """The lines of recipes, with what make expands in them unknown."""
    lines: list[str] = []
    for line in text.replace("\\\n\t", "").split("\n"):
        recipe = (
            line[1:]
            if line.startswith("\t")
            else line.partition(";")[2]
            if ":" in line.partition(";")[0]
            else ""
        )
        recipe = _MAKE_VARIABLE.sub(UNKNOWN, recipe.lstrip(" @-+").replace("$$", "\ue002")).replace(
            "\ue002", "$"
        )
        # a recipe that begins with a variable is a compiler, most of the time
        if recipe and not recipe.startswith(UNKNOWN):
            lines.append(recipe)
    return "\n".join(lines)


Escaping = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Escaping] = MappingProxyType(
    {**dict.fromkeys(_PATTERNS, _escaping), **dict.fromkeys(("make", "gmake", "bmake"), _make)}
)
