"""Programs that make commands of what they find or read: `find`, `xargs`, `parallel`; and `env`, `su`, `busybox`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.bounds import WORDS_MAX
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

_FIND_EXEC = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_SUBSHELL = frozenset(["sh", "bash", "dash", "zsh", "ksh", "ash"])


def _find(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    words = call.words
    printed = shell.printed(call, name)
    if _FIND_EXEC.isdisjoint(words):
        return printed
    roots: list[str] = []
    for word in words[1:]:
        if word[:1] in {"-", "(", "!"} and word not in {"-L", "-H", "-P"}:
            break
        roots.append(word)
    found = [f"{root.rstrip('/')}/{UNKNOWN}" for root in roots if not root.startswith("-")] or [
        f"./{UNKNOWN}"
    ]
    at = 1
    while at < len(words):
        if words[at] not in _FIND_EXEC:
            at += 1
            continue
        end = at + 1
        while end < len(words) and words[end] != ";" and not (words[end] == "+" and words[end - 1] == "{}"):
            end += 1
        command: list[str] = []
        for word in words[at + 1 : end]:
            command += found if word == "{}" else [word.replace("{}", found[0])]
        if command:
            printed += shell.apart(call.behind(f"{name} {words[at]}", command[:WORDS_MAX]))
        at = end + 1
    return printed


def _fd(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    for at, word in enumerate(call.words[:-1]):
        if word in {"-x", "-X", "--exec", "--exec-batch"}:
            rest = call.words[at + 1 :]
            command = [UNKNOWN if part in {"{}", "{/}", "{//}", "{.}"} else part for part in rest]
            return shell.apart(
                call.behind(f"{name} {word}", command if "{" in "".join(rest) else [*command, UNKNOWN])
            )
    return shell.printed(call, name)


_XARGS_LONG = frozenset({"--arg-file", "--delimiter", "--max-procs", "--process-slot-var"})


def _xargs(shell: Machine, call: Call, name: str) -> Text:
    """GNU xargs: what it reads becomes words, or takes the place of the mark of `-I`."""
    words = call.words
    mark, delimiter, file, at = "", "", "", 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) else ""
        at += 1
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            mark = (value or "{}") if option == "--replace" else mark
            delimiter = "\n" if option == "--null" else delimiter
            at += option in _XARGS_LONG and not equals
            continue
        for index, letter in enumerate(word[1:], 2):
            value = word[index:] or following
            if letter == "0":
                delimiter = "\n"
            elif letter == "i":
                mark = word[index:] or "{}"
                break
            elif letter in "IJadEsnLPRS":
                mark = value if letter in "IJ" else mark
                delimiter = value if letter == "d" else delimiter
                file = value if letter == "a" else file
                at += not word[index:]
                break
            elif letter in "el":
                break
    shell.emit(call, name)
    command = words[at:] or ["echo"]
    return _spread(shell, call, name, command, _items(shell, call, file, delimiter, lines=bool(mark)), mark)


def _items(shell: Machine, call: Call, file: str, delimiter: str, *, lines: bool) -> list[str]:
    """The words that are read: from a file or from standard input; one unknown word where they are not known."""
    known = shell.file(file) if file else None
    text = known.text if known else UNKNOWN if file or not call.feed else call.feed.text
    if call.feed and not file:
        call.sources += call.feed.sources
    call.feed = None
    if text == UNKNOWN:
        return [UNKNOWN]
    if delimiter or lines:
        items = [
            part.strip() if lines else part
            for part in text.replace(delimiter or "\n", "\n").split("\n")
            if part
        ]
    else:
        try:
            items = shlex.split(text)
        except ValueError:
            items = text.split()
    if len(items) > WORDS_MAX:
        shell.meter.noted = "words"
    return items[:WORDS_MAX]


def _spread(shell: Machine, call: Call, name: str, command: list[str], items: list[str], mark: str) -> Text:
    if not mark:
        if command[0] in _SUBSHELL and len(command) == 2 and command[1] == "-c":  # noqa: PLR2004
            # each item is the code of a shell of its own
            return _each(shell, call, name, [[*command, item] for item in shell.meter.rounds(items)])
        return shell.apart(call.behind(name, [*command, *items]))
    items = list(shell.meter.rounds(items))
    return _each(shell, call, name, [[word.replace(mark, item) for word in command] for item in items])


def _each(shell: Machine, call: Call, name: str, commands: list[list[str]]) -> Text:
    printed = EMPTY
    for words in commands:
        printed += shell.apart(call.behind(name, words))
    return printed


_PARALLEL_MARK = re.compile(r"\{(?:[./#%0-9]|//|/\.)*\}")
_PARALLEL_VALUED = frozenset(
    [
        "-j",
        "--jobs",
        "-P",
        "--max-procs",
        "-S",
        "--sshlogin",
        "--sshloginfile",
        "-a",
        "--arg-file",
        "-d",
        "--delimiter",
        "-N",
        "-n",
        "--max-args",
        "-L",
        "-I",
        "--colsep",
        "-C",
        "--joblog",
        "--results",
        "--tmpdir",
        "--timeout",
        "--delay",
        "--load",
        "--workdir",
        "--wd",
        "--retries",
        "--halt",
        "--block",
        "--memfree",
        "--nice",
        "--tagstring",
        "--shuf-by",
    ]
)


def _parallel(shell: Machine, call: Call, name: str) -> Text:
    """GNU parallel: a command line for each argument, run by a shell; without one the lines are the commands."""
    shell.emit(call, name)
    words, at = call.words, 1
    while at < len(words) and words[at].startswith("-") and len(words[at]) > 1:
        at += 2 if words[at] in _PARALLEL_VALUED else 1
    command: list[str] = []
    while at < len(words) and not words[at].startswith(":::"):
        command.append(words[at])
        at += 1
    items = [word for word in words[at + 1 :] if not word.startswith(":::")] if at < len(words) else []
    if at < len(words) and words[at].startswith("::::"):
        items = [UNKNOWN]
    elif at >= len(words):
        items = _items(shell, call, "", "\n", lines=True)
    call.feed = None
    line = " ".join(command)
    printed = EMPTY
    for item in shell.meter.rounds(items):
        quoted = item if UNKNOWN in item or not command else shlex.quote(item)
        code = quoted.join(_PARALLEL_MARK.split(line))
        if code.lstrip().startswith(UNKNOWN) or (not command and UNKNOWN in item):
            shell.unknown(call, "code")
            continue
        printed += shell.shell(f"{code} {quoted}".strip() if code == line else code, call, name)
    return printed


def _env(shell: Machine, call: Call, name: str) -> Text:
    words, env = call.words[1:], dict(call.env)
    while words:
        word = words[0]
        if word.startswith(("-S", "--split-string")):
            text = word[2:] if word.startswith("-S") and len(word) > 2 else word.partition("=")[2]  # noqa: PLR2004
            rest = words[1:] if text else words[2:]
            words = [*_split(text or (words[1] if len(words) > 1 else "")), *rest]
        elif word in {"-u", "-C", "--unset", "--chdir", "-P", "--argv0", "-a"}:
            words = words[2:]
        elif word.startswith("-") and word[1:2] in "iv0" and word.endswith("S") and len(word) < 5:  # noqa: PLR2004
            words = ["-S", *words[1:]]
        elif word.startswith("-"):
            words = words[1:]
        elif _ASSIGNMENT.match(word):
            variable, _, env[variable] = word.partition("=")
            words = words[1:]
        else:
            break
    if words:
        call.env = env
        return shell.apart(call.behind(name, words))
    shell.emit(call, name)
    return shell.printed(call, name)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _su(shell: Machine, call: Call, name: str) -> Text:
    """`su` and `runuser` take their options anywhere."""
    shell.emit(call, name)
    words = call.words
    for at, word in enumerate(words[1:], 1):
        following = words[at + 1] if at + 1 < len(words) else ""
        if word in {"-c", "--command", "--session-command"} or (
            word[:1] == "-" != word[1:2] and word.endswith("c")
        ):
            return shell.shell(following, call, name)
        if word.startswith(("--command=", "--session-command=")):
            return shell.shell(word.partition("=")[2], call, name)
        if name == "runuser" and word in {"-u", "--user"}:
            rest = words[at + 2 :]
            rest = rest[1:] if rest[:1] == ["--"] else rest
            return shell.apart(call.behind(name, rest)) if rest else EMPTY
    return shell.apart(call.behind(name, ["sh"])) if call.feed else EMPTY


def _busybox(shell: Machine, call: Call, name: str) -> Text:
    if len(call.words) > 1 and not call.words[1].startswith("-"):
        return shell.apart(call.behind(name, call.words[1:]))
    shell.emit(call, name)
    return shell.printed(call, name)


Carrier = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Carrier] = MappingProxyType(
    {
        "find": _find, "gfind": _find, "fd": _fd, "fdfind": _fd, "xargs": _xargs, "gxargs": _xargs,
        "parallel": _parallel, "env": _env, "genv": _env, "su": _su, "runuser": _su, "busybox": _busybox,
        "toybox": _busybox, "k3s": _busybox, "microk8s": _busybox,
    }
)  # fmt: skip
