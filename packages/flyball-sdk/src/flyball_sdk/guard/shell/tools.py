"""Programs with a small language of their own in which a command can stand: tar, rsync, awk, sed, vim, gdb and more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scan import unescape
from flyball_sdk.guard.shell.scope import Call, Text

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

_STRING = r'"((?:[^"\\]|\\.){0,4096})"'
_AWK_SYSTEM = re.compile(r"\bsystem\s*\(")
_AWK_PIPE = re.compile(rf"{_STRING}\s*\|&?\s*getline|\|&?\s*{_STRING}", re.DOTALL)
_AWK_SHELL = re.compile(rf'print[^"|]{{0,80}}{_STRING}\s*\|\s*"(?:/bin/)?(?:ba|da|z|k)?sh\b[^"]*"', re.DOTALL)
_AWK_ASSIGNED = re.compile(rf"\b([A-Za-z_]\w*)\s*=\s*{_STRING}", re.DOTALL)
# a string, a name, a field, or the end of an expression
_AWK_PART = re.compile(rf"\s*(?:{_STRING}|([A-Za-z_]\w*)|(\$\w+)|([)|;}}]))", re.DOTALL)
_AWK_PARTS_MAX = 64
_SED_COMMAND = re.compile(r"(?:^|[;\n{])\s*(?:\d+|\$|/[^/]*/)?\s*(?:,\s*(?:\d+|\$|/[^/]*/)\s*)?e\s+([^\n]+)")
_EDITOR = re.compile(r"(?:^|[:|+])\s*(?:silent!?\s+|exe(?:cute)?\s+['\"])?!+\s*([^'\"].*)", re.DOTALL)
_EDITOR_CALL = re.compile(r"(?:system|os\.system|os\.execute)\(\s*['\"]([^'\"]+)['\"]")
_DEBUGGER = re.compile(r"(?:^|\n)\s*(?:!|shell\s|make\s|platform shell\s|process launch .*--\s)\s*(.+)")


def _values(words: list[str], options: tuple[str, ...]) -> list[str]:
    """The values of options, given as the next word, behind `=`, or glued to a short one."""
    values: list[str] = []
    for at, word in enumerate(words[1:], 1):
        if word in options:
            values.append(words[at + 1] if at + 1 < len(words) else "")
            continue
        option, equals, value = word.partition("=")
        if equals and option.startswith("--") and option in options:
            values.append(value)
    return values


# options whose value is shell code, by program
_OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tar": ("-I", "--use-compress-program", "--to-command", "-F", "--info-script", "--new-volume-script",
                "--rsh-command", "--rmt-command"),
        "rsync": ("-e", "--rsh", "--rsync-path"), "scp": ("-S",), "sftp": ("-S",), "zip": ("-TT", "--unzip-command"),
        "tcpdump": ("-z",), "sort": ("--compress-program",), "split": ("--filter",), "man": ("-P", "--pager", "-H", "--html"),
        "wget": (), "make": ("--eval",), "sqlite3": (), "nmap": (), "ansible": ("-a", "--args"), "capsh": ("-c",),
        "cpio": ("--rsh-command",), "entr": (), "nc": ("-e", "-c", "--exec", "--sh-exec"), "ncat": ("-e", "-c", "--exec", "--sh-exec"),
        "netcat": ("-e", "-c"), "socat": (), "ctr": (), "less": (), "pic": (), "logrotate": (), "nodemon": ("-x", "--exec"),
        "watchexec": (), "inotifywait": (), "cmake": (), "docker-machine": (), "unzip": (), "gpg": (),
    }
)  # fmt: skip


def _options(shell: Machine, call: Call, name: str) -> Text:
    printed = shell.program(call, name)
    for code in _values(call.words, _OPTIONS["tar" if name.endswith("tar") else name]):
        printed += shell.shell(code, call, name)
    if name.endswith("tar"):
        for word in call.words:
            if word.startswith(("--checkpoint-action=exec=", "exec=")):
                printed += shell.shell(word.partition("exec=")[2], call, name)
    return printed


def _socat(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    for word in call.words[1:]:
        kind, _, rest = word.partition(":")
        if kind.upper() in {"EXEC", "SYSTEM", "SHELL"}:
            code = rest.partition(",")[0]
            shell.shell(code.strip("'\""), call, name)
    return shell.printed(call, name)


def _awk_programs(shell: Machine, words: list[str]) -> list[str]:
    """The texts of the programs of awk: of files that are known, of `-e`, or of its first operand."""
    programs = _values(words, ("-e", "--source"))
    for path in _values(words, ("-f", "--file")):
        known = shell.file(path)
        programs += [known.text] if known else []
    rest = iter(words[1:])
    for word in rest:
        if programs:
            break
        if word in {"-F", "-v", "-f", "--field-separator", "--assign"}:
            next(rest, "")
        elif not word.startswith("-") or word == "-":
            programs.append(word)
    return programs


def _awk(shell: Machine, call: Call, name: str) -> Text:
    printed = shell.program(call, name)
    for text in _awk_programs(shell, call.words):
        if "system" not in text and "|" not in text:
            continue
        known = {found[1]: unescape(found[2]) for found in _AWK_ASSIGNED.finditer(text)}
        codes = [unescape(found[1]) for found in _AWK_SHELL.finditer(text)]
        codes += [unescape(found[1] or found[2] or "") for found in _AWK_PIPE.finditer(text)]
        codes += [_awk_expression(text, found.end(), known) for found in _AWK_SYSTEM.finditer(text)]
        for code in codes:
            if code.lstrip().startswith(UNKNOWN):
                shell.unknown(call, "code")
            elif code:
                printed += shell.shell(code, call, name)
    return printed


def _awk_expression(text: str, at: int, known: Mapping[str, str]) -> str:
    """The text of a concatenation: strings, variables that were given a string, and what is not known."""
    parts: list[str] = []
    for _ in range(_AWK_PARTS_MAX):
        found = _AWK_PART.match(text, at)
        if not found:
            return "".join([*parts, UNKNOWN])
        if found[4]:
            break
        parts.append(unescape(found[1]) if found[1] is not None else known.get(found[2] or "", UNKNOWN))
        at = found.end()
    return "".join(parts)


def _sed(shell: Machine, call: Call, name: str) -> Text:
    printed = shell.program(call, name)
    scripts = _values(call.words, ("-e", "--expression"))
    if not scripts:
        scripts = [word for word in call.words[1:] if not word.startswith("-")][:1]
    for script in scripts:
        if "e" in script:
            for found in _SED_COMMAND.finditer(script):
                printed += shell.shell(found[1], call, name)
    return printed


def _editor(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    codes = _values(call.words, ("-c", "--cmd", "-S", "-e", "--eval", "--command"))
    codes += [word for word in call.words[1:] if word.startswith(("+", "!", ":"))]
    if call.feed and name in {"ed", "ex", "vi", "vim"}:
        codes += call.feed.text.splitlines()
    for code in codes:
        found = _EDITOR.search(code) or _EDITOR_CALL.search(code)
        if found:
            shell.shell(found[1], call, name)
    return shell.printed(call, name)


def _debugger(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    for code in _values(call.words, ("-ex", "-iex", "--eval-command", "-o", "--one-line", "-O")):
        for found in _DEBUGGER.finditer(code):
            shell.shell(found[1], call, name)
    if "--args" in call.words:
        return shell.run(call.behind(name, call.words[call.words.index("--args") + 1 :] or ["true"]))
    if name == "lldb" and "--" in call.words[:-1]:
        return shell.run(call.behind(name, call.words[call.words.index("--") + 1 :]))
    return shell.printed(call, name)


Tool = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Tool] = MappingProxyType(
    {
        **{name: _options for name, options in _OPTIONS.items() if options},
        "gtar": _options, "bsdtar": _options, "socat": _socat,
        **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), _awk), "sed": _sed, "gsed": _sed,
        **dict.fromkeys(("vim", "vi", "nvim", "ex", "ed", "view", "vimdiff", "rvim", "emacs", "ssh-keygen", "less"), _editor),
        "gdb": _debugger, "lldb": _debugger,
    }
)  # fmt: skip
