"""The shell's own commands that change what later commands mean: variables, directory, functions, code in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.filters import FILTERS
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text, Value, Where, flat, join_path

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine


def _inner(call: Call, name: str) -> Where:
    """Where code stands that a builtin runs in the same shell."""
    where = call.where
    sources = where.sources + call.sources
    return Where(-1, where.span, (*where.via, name), where.host, sources)


def _cd(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    targets = [word for word in call.words[1:] if not word.startswith("-") or word == "-"]
    target = targets[0] if targets else "~"
    if name == "popd" or target == "-":
        target = UNKNOWN
    shell.scope.cwd = target if UNKNOWN in target else join_path(shell.scope.cwd, target)
    return EMPTY


def _declare(shell: Machine, call: Call, name: str) -> Text:
    scope = shell.scope
    exports = name == "export" or any(word.startswith("-") and "x" in word for word in call.words)
    for word in call.words[1:]:
        if word.startswith(("-", "+")):
            continue
        variable, equals, value = word.partition("=")
        if equals:
            scope.assign(variable, value, call.sources if UNKNOWN in value else ())
        if exports:
            known = scope.variables.get(variable)
            if known is not None:
                scope.exported[variable] = flat(known)
    if not call.words[1:] or exports:
        # what is exported is for the rules to see: PATH, LD_PRELOAD and the like
        call.env = shell.inherit(call.env)
        shell.emit(call, name)
    return EMPTY


def _unset(shell: Machine, call: Call, name: str) -> Text:
    if any(word.startswith("HIST") for word in call.words):
        shell.emit(call, name)  # what would no longer be recorded is for the rules to see
    for word in call.words[1:]:
        if not word.startswith("-"):
            shell.scope.assign(word, "")
            shell.scope.functions.pop(word, None)
            shell.scope.exported.pop(word, None)
    return EMPTY


def _set(shell: Machine, call: Call, name: str) -> Text:
    words = call.words[1:]
    while words and words[0][:1] in {"-", "+"} and words[0] != "--":
        words = words[2:] if words[0].endswith("o") else words[1:]
    if words:
        shell.scope.arguments = words[1:] if words[0] == "--" else words
    elif len(call.words) == 1:
        shell.emit(call, name)
    return EMPTY


def _shift(shell: Machine, call: Call, name: str) -> Text:
    del name
    count = int(call.words[1]) if len(call.words) > 1 and call.words[1].isdigit() else 1
    if shell.scope.arguments:
        del shell.scope.arguments[:count]
    return EMPTY


def _read(shell: Machine, call: Call, name: str) -> Text:
    array, names, at = "", [], 1
    words = call.words
    while at < len(words):
        if words[at].startswith("-") and len(words[at]) > 1:
            letter = words[at][-1]
            if letter == "a":
                array = words[at + 1] if at + 1 < len(words) else ""
            at += 2 if letter in "adiNnptu" else 1
        else:
            names.append(words[at])
            at += 1
    feed = call.feed
    line = UNKNOWN if feed is None else feed.line()
    sources = feed.sources if feed and UNKNOWN in line else ()
    if name in {"mapfile", "readarray"}:
        rest = feed.text if feed else UNKNOWN
        values: Value = [line, *rest.splitlines()] if UNKNOWN not in rest else [UNKNOWN]
        shell.scope.assign(names[0] if names else "MAPFILE", values, sources)
    elif array:
        shell.scope.assign(array, line.split() or [""], sources)
    else:
        _assign_fields(shell, names or ["REPLY"], line, sources)
    return EMPTY


def _assign_fields(shell: Machine, names: list[str], line: str, sources: tuple[str, ...]) -> None:
    """The fields of a line go to the names; the last one takes the rest."""
    separators = flat(shell.scope.variables.get("IFS", " \t\n"))
    for char in separators[1:]:
        line = line.replace(char, separators[0])
    fields = (
        line.split(separators[0] if separators.strip() else None, len(names) - 1) if separators else [line]
    )
    for position, name in enumerate(names):
        field = fields[position] if position < len(fields) else UNKNOWN if UNKNOWN in line else ""
        shell.scope.assign(name, field.strip(" \t") if separators else field, sources)


def _eval(shell: Machine, call: Call, name: str) -> Text:
    words = call.words[2:] if call.words[1:2] == ["--"] else call.words[1:]
    code = " ".join(words)
    if code.lstrip().startswith(UNKNOWN):
        shell.emit(call, name)
        return shell.unknown(call, "code")
    return shell.source(code, _inner(call, name), call.feed)


def _source(shell: Machine, call: Call, name: str) -> Text:
    words = call.words[2:] if call.words[1:2] == ["--"] else call.words[1:]
    if not words:
        return EMPTY
    stdin = words[0] in {"/dev/stdin", "/dev/fd/0", "-"}
    known = shell.file(words[0]) or (Text(call.feed.text, call.feed.sources) if stdin and call.feed else None)
    if not known or known.text.strip() == UNKNOWN:
        call.sources += known.sources if known else ()
        shell.emit(call, name)
        return Text(UNKNOWN, (name,))
    arguments = shell.scope.arguments
    if len(words) > 1:
        shell.scope.arguments = words[1:]
    try:
        inner = _inner(call, f"{name} {words[0]}")
        return shell.source(
            known.text, Where(-1, inner.span, inner.via, inner.host, inner.sources + known.sources)
        )
    finally:
        shell.scope.arguments = arguments


def _alias(shell: Machine, call: Call, name: str) -> Text:
    del name
    for word in call.words[1:]:
        alias, equals, code = word.partition("=")
        if equals:
            shell.scope.aliases[alias] = code
    return EMPTY


def _unalias(shell: Machine, call: Call, name: str) -> Text:
    del name
    for word in call.words[1:]:
        shell.scope.aliases.pop(word, None)
    return EMPTY


def _trap(shell: Machine, call: Call, name: str) -> Text:
    words = [word for word in call.words[1:] if word not in {"--", "-p", "-l"}]
    if len(words) > 1 and words[0] not in {"", "-"}:
        shell.shell(words[0], call, name, [name, *(shell.scope.arguments or [])])
    return EMPTY


def _printf(shell: Machine, call: Call, name: str) -> Text:
    if call.words[1:2] == ["-v"] and len(call.words) > 3:  # noqa: PLR2004
        text = FILTERS["printf"](call.words[3:], None, shell.file)
        shell.scope.assign(call.words[2], UNKNOWN if text is None else text, call.sources)
        return EMPTY
    return shell.program(call, name)


def _silent(shell: Machine, call: Call, name: str) -> Text:
    """Commands that test or end: nothing to write down unless they write."""
    if call.redirects:
        shell.emit(call, name)
    return EMPTY


def _command(shell: Machine, call: Call, name: str) -> Text:
    """`command`, `builtin`, `exec`, `coproc`, `!`: they run what stands behind them past functions and aliases."""
    words = call.words[1:]
    while words and words[0].startswith("-") and len(words[0]) > 1:
        if name == "command" and words[0][-1] in "vV":
            return Text(words[-1] + "\n") if len(words) > 1 else EMPTY
        words = words[2:] if name == "exec" and words[0][-1] == "a" else words[1:]
    if not words:
        if call.redirects:
            shell.emit(call, name)
        return EMPTY
    return shell.run(call.behind(name, words))


Builtin = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Builtin] = MappingProxyType(
    {
        "cd": _cd, "pushd": _cd, "popd": _cd, "chdir": _cd, "export": _declare, "declare": _declare,
        "typeset": _declare, "local": _declare, "readonly": _declare, "unset": _unset, "set": _set, "shift": _shift,
        "read": _read, "mapfile": _read, "readarray": _read, "eval": _eval, "source": _source, ".": _source,
        "alias": _alias, "unalias": _unalias, "trap": _trap, "printf": _printf, "[": _silent, "test": _silent,
        "[[": _silent, "}": _silent, "command": _command, "builtin": _command, "exec": _command, "coproc": _command,
    }
)  # fmt: skip
