"""What code of other scripting languages would do, found by their literals: no parser, so only what stands there plainly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flyball_sdk.guard.shell.acts import Act
from flyball_sdk.guard.shell.command import UNKNOWN, Redirect
from flyball_sdk.guard.shell.scan import unescape

# Longer code is not searched; what it does stays unknown.
_BYTES_MAX = 64 * 1024
_ACTS_MAX = 200
_LITERAL = r"""(?:"((?:[^"\\]|\\.){0,8192})"|'((?:[^'\\]|\\.){0,8192})'|`((?:[^`\\]|\\.){0,8192})`)"""
_ASSIGNED = re.compile(r"[$@]?\b([A-Za-z_]\w*)\s*=\s*" + _LITERAL, re.DOTALL)
_NAME = re.compile(r"\s*\(?\s*[$@]?([A-Za-z_]\w*)\s*[),;}\n]")
_JOINED = re.compile(r"\s*(?:\.(?!\w+\()|\+|~|<>)")
_ARGUMENT = re.compile(r"\s*,?\s*\[?\s*(?:" + _LITERAL + r"|(\]))", re.DOTALL)

# calls that give their first literal to a shell, by language
_SHELL: Mapping[str, str] = MappingProxyType(
    {
        "node": r"\b(?:execSync|exec)\s*\(", "deno": r"\bexec\s*\(", "bun": r"\b(?:execSync|exec)\s*\(|\$(?=`)",
        "perl": r"\b(?:system|exec|readpipe)\b\s*\(?|\bopen\b[^;]{0,80}?['\"]-?\|['\"]\s*,",
        "ruby": r"\b(?:system|exec|spawn|popen|capture2e?|capture3)\b\s*\(?",
        "php": r"\b(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\(",
        "lua": r"\b(?:execute|popen)\s*\(?", "tclsh": r"\bexec\b", "R": r"\b(?:system2?|shell)\s*\(", "Rscript": r"\b(?:system2?|shell)\s*\(",
        "julia": r"\b(?:run|read)\s*\((?=`)", "osascript": r"do shell script", "elixir": r"System\.(?:cmd|shell)\s*\(?",
        "groovy": r"(?!)", "scala": r"(?!)", "guile": r"\(system\*?\s", "ghc": r"\b(?:system|callCommand)\b",
        "irb": r"\b(?:system|exec)\b\s*\(?", "jshell": r"\bexec\s*\(", "expect": r"\b(?:spawn|exec|system)\b",
        "wish": r"\bexec\b", "gjs": r"spawn_command_line_(?:a?sync)\s*\(", "jrunscript": r"\bexec\s*\(",
        "octave": r"\b(?:system|shell_cmd)\s*\(",
    }
)  # fmt: skip
# calls whose literals are the words of a command
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "node": r"\b(?:spawnSync|spawn|execFileSync|execFile)\s*\(",
        "deno": r"\bCommand\s*\(|\brun\s*\(\s*\{\s*cmd\s*:",
        "bun": r"\b(?:spawnSync|spawn)\s*\(",
    }
)
# calls on paths, and the command they amount to
_PATHS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\b(?:rmSync|rmdirSync|fs\.rm|promises\.rm|fs\.rmdir|rimraf|rmtree|remove_tree|rm_rf|rm_r|remove_entry_secure)\b(?:\.sync)?\s*\(?", ("rm", "-rf")),
    (r"\b(?:remove_dir|removeSync|remove_entry)\b\s*\(?", ("rm", "-rf")),
    (r"\b(?:unlinkSync|unlink|os\.remove|File\.delete|FileUtils\.rm|file\.remove|Deno\.removeSync|Deno\.remove)\b\s*\(?", ("rm",)),
    (r"\bDir\.(?:rmdir|delete)\b\s*\(?|\brmdir\b\s*\(?", ("rmdir",)),
    (r"\b(?:writeFileSync|writeFile|File\.write|file_put_contents|truncateSync)\b\s*\(?", (">",)),
    (r"\b(?:readFileSync|readFile|File\.read|file_get_contents|IO\.read|readfile)\b\s*\(?", ("cat",)),
    (r"\b(?:chmodSync|fs\.chmod)\b\s*\(", ("chmod", UNKNOWN)),
    (r"\b(?:fetch|http\.get|https\.get|axios\.get|Net::HTTP\.get|URI\.open|LWP::Simple::get)\b\s*\(?", ("curl",)),
)  # fmt: skip
_BACKTICKS = re.compile(r"`((?:[^`\\]|\\.){1,8192})`", re.DOTALL)
_QUOTED_CODE = re.compile(r"(?:(?<![\w$@%])qx|%x)\s{0,4}([{(\[</|!~])")
_TCL = re.compile(r"\b(?:spawn|exec|system)\s+(?:-\w+\s+)*([^\s\"'{\[$-][^\n;\]]{0,1000})")
_SOCKET = re.compile(r"\b(?:socket|Socket|TCPSocket|fsockopen|net\.connect|net\.Socket|createConnection)\b")
_SHELL_WORD = re.compile(r"""['"`/ ](?:sh|bash|zsh|cmd(?:\.exe)?|powershell)\b""")
_EVAL = re.compile(
    r"\b(?:eval|Function|instance_eval|loadstring|assert)\s*\(?\s*(?:atob|Buffer\.from|base64|decode|MIME|unpack|Base64|gzinflate|str_rot13)"
)
_BLANK_UNKNOWN = re.compile(r"#\{[^}]*\}|\$\{[^}]*\}")


def _first(groups: Sequence[str | None]) -> str:
    value = next((group for group in groups if group is not None), "")
    return _BLANK_UNKNOWN.sub(UNKNOWN, unescape(value))


def _literals(code: str, at: int, known: Mapping[str, str]) -> list[str]:
    """The literals behind `at`, one after the other, in a list or not; or a variable that was given one."""
    values: list[str] = []
    while (found := _ARGUMENT.match(code, at)) and not found[4] and len(values) < _ACTS_MAX:
        values.append(_first(found.groups()[:3]))
        at = found.end()
        if _JOINED.match(code, at):
            values[-1] += UNKNOWN
            break
    if not values and (named := _NAME.match(code, at)) and named[1] in known:
        values.append(known[named[1]])
    return values


def _called(code: str, language: str, known: Mapping[str, str]) -> list[Act]:
    acts: list[Act] = []
    for found in re.finditer(_SHELL.get(language, r"(?!)"), code):
        values = _literals(code, found.end(), known)
        if len(values) > 1 and language in {"perl", "ruby", "irb", "elixir"}:
            acts.append(Act(tuple(values)))
        elif values:
            acts.append(Act(code=values[0]))
    if language in {"expect", "tclsh", "wish"}:
        acts += [Act(code=found[1]) for found in _TCL.finditer(code)]
    if language in _WORDS:
        for found in re.finditer(_WORDS[language], code):
            values = _literals(code, found.end(), known)
            # with `shell: true` the words are joined
            acts += [Act(tuple(values))] if values else []
    return acts


def _backticks(code: str) -> list[str]:
    """What stands in backticks, `qx{}` and `%x()`."""
    inner = [found[1] for found in _BACKTICKS.finditer(code)]
    for found in _QUOTED_CODE.finditer(code):
        closer = {"{": "}", "(": ")", "[": "]", "<": ">"}.get(found[1], found[1])
        end = code.find(closer, found.end())
        inner += [code[found.end() : end]] if end > 0 else []
    return inner


def _on_paths(code: str, known: Mapping[str, str]) -> list[Act]:
    acts: list[Act] = []
    for pattern, words in _PATHS:
        for found in re.finditer(pattern, code):
            values = _literals(code, found.end(), known)
            if not values:
                continue
            acts.append(Act((*words, values[0])) if words != (">",) else _written(values[0]))
    return acts


def _written(path: str) -> Act:
    return Act(redirects=(Redirect(">", path),))


def script_acts(code: str, language: str) -> tuple[list[Act], str, bool]:
    """The acts of code in `language`, why it is opaque ("" if it is not), and whether it was read in part only."""
    if len(code) > _BYTES_MAX:
        return [], "", True
    known = {found[1]: _first(found.groups()[1:4]) for found in _ASSIGNED.finditer(code)}
    acts = _called(code, language, known)
    if language in {"perl", "ruby", "irb", "php"}:
        acts += [Act(code=_BLANK_UNKNOWN.sub(UNKNOWN, inner)) for inner in _backticks(code)]
    acts += _on_paths(code, known)
    if _SOCKET.search(code) and _SHELL_WORD.search(code):
        acts.append(Act(("reverse-shell",)))
    return acts[:_ACTS_MAX], "decoded code" if _EVAL.search(code) else "", False
