"""Programs whose words, input or files are code: shells, Python and the other scripting languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.python import python_acts
from flyball_sdk.guard.shell.scope import EMPTY, Call, Feed, Text, Where
from flyball_sdk.guard.shell.scripts import script_acts

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.acts import Act
    from flyball_sdk.guard.shell.machine import Machine

_SHELLS = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "mksh",
    "ash",
    "rbash",
    "fish",
    "csh",
    "tcsh",
    "pwsh",
    "lksh",
    "yash",
    "oksh",
    "posh",
    "hush",
    "rzsh",
]
_SHELL_VALUED = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file", "--init-command", "-C"})
_STDIN = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "-"})
# Programs that make code of bytes that nobody can read: what comes out of them is not to be run unseen.
_DECODERS = frozenset(
    [
        "base64",
        "base32",
        "basenc",
        "xxd",
        "openssl",
        "gpg",
        "gunzip",
        "zcat",
        "gzip",
        "xz",
        "unxz",
        "bzip2",
        "bunzip2",
        "bzcat",
        "zstd",
        "uudecode",
        "tr",
        "rev",
        "awk",
        "gawk",
        "perl",
        "python",
        "python2",
        "python3",
        "ruby",
        "node",
        "php",
    ]
)


def _shell_words(words: list[str]) -> tuple[str | None, list[str]]:
    """The code behind `-c` (None without one) and the words behind code or options."""
    at, coded = 1, False
    while at < len(words):
        word = words[at]
        if word in _SHELL_VALUED:
            at += 2
            continue
        if word[:1] not in {"-", "+"} or word == "-":
            break
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            coded = coded or word in {"--command", "--c"}
        elif word.lower() in {"-command", "-encodedcommand"}:
            coded = True
        else:
            coded = coded or "c" in word
            at += word.endswith("o") and "c" in word
    return (words[at] if at < len(words) else "", words[at + 1 :]) if coded else (None, words[at:])


def _sh(shell: Machine, call: Call, name: str) -> Text:  # noqa: PLR0911 a line for each place code comes from
    code, rest = _shell_words(call.words)
    if code is not None:
        if code.lstrip().startswith(UNKNOWN):
            shell.emit(call, name)
            return shell.unknown(call, "code")
        return shell.shell(code, call, f"{name} -c", rest)
    if rest and rest[0] not in _STDIN and "-s" not in call.words:
        return _file(shell, call, name, rest)
    if not call.feed:
        shell.emit(call, name)
        return EMPTY
    text = call.feed.text
    if text.lstrip().startswith(UNKNOWN) or not text:
        shell.emit(call, name)
        if _DECODERS.intersection(call.feed.sources):
            return shell.unknown(call, "decoded code")
        return shell.printed(call, name)
    feed, call.feed = call.feed, None
    call.sources += feed.sources
    return shell.shell(text, call, name, [name, *rest[rest[:1] != [] and rest[0] in _STDIN :]])


def _file(shell: Machine, call: Call, name: str, rest: list[str]) -> Text:
    known = shell.file(rest[0])
    if not known or known.text.lstrip().startswith(UNKNOWN):
        call.sources += known.sources if known else ()
        shell.emit(call, name)
        return shell.printed(call, name)
    call.sources += known.sources
    return shell.shell(known.text, call, f"{name} {rest[0]}", rest)


# how each language takes code in its words: short options, and those that take another value
_CODE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "python": ("c", "WXQ"), "pypy": ("c", "WX"), "node": ("ep", "rC"), "nodejs": ("ep", "r"), "deno": ("", ""),
        "bun": ("ep", "r"), "perl": ("eE", "IMmx"), "ruby": ("e", "ICrEKW"), "php": ("rBRE", "dczftS"),
        "lua": ("e", "l"), "luajit": ("e", "lbj"), "tclsh": ("", ""), "Rscript": ("e", ""), "R": ("e", "f"),
        "julia": ("eE", "CJtpLH"), "osascript": ("e", "ls"), "elixir": ("e", "r"), "groovy": ("e", "cpi"),
        "scala": ("e", ""), "guile": ("c", "Lls"), "ghc": ("e", ""), "irb": ("", "rI"), "jshell": ("", ""),
        "expect": ("c", "f"), "wish": ("", ""), "gjs": ("c", ""), "jrunscript": ("e", "lf"), "octave": ("", ""),
    }
)  # fmt: skip
_LONG_CODE = frozenset({"--eval", "--print", "--command", "--run", "--exec"})
_LONG_VALUED = frozenset({"--require", "--import", "--loader"})


def _language(name: str) -> str:
    for language in _CODE:
        if name.startswith(language):
            return language
    return name


def _code_words(words: list[str], name: str) -> tuple[list[str], list[str], bool]:
    """The codes given in words, the words behind the options, and whether a module is run (`-m`)."""
    code, valued = _CODE[name]
    codes: list[str] = []
    at = 1
    while at < len(words):
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) else ""
        if word[:1] != "-" or len(word) == 1:
            break
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            if option in _LONG_CODE:
                codes.append(value if equals else following)
            at += 2 if not equals and option in _LONG_CODE | _LONG_VALUED else 1
            continue
        step = 1
        for index, letter in enumerate(word[1:], 2):
            if letter == "m" and name in {"python", "pypy"}:
                return codes, [word[index:] or following, *words[at + 1 + (not word[index:]) :]], True
            if letter in code:
                codes.append(word[index:] or following)
            if letter in code or letter in valued:
                step = 1 if word[index:] else 2
                break
        at += step
        if codes and name in {"python", "pypy"}:
            break
    return codes, words[at:], False


def _interpreter(shell: Machine, call: Call, name: str) -> Text:
    language = _language(name)
    codes, rest, module = _code_words(call.words, language)
    if language in {"deno", "bun"} and rest[:1] == ["eval"]:
        codes, rest = rest[1:2], rest[2:]
    feed = call.feed
    script = None
    if not codes and not module and rest and rest[0] not in _STDIN:
        script = shell.file(rest[0])
        call.sources += script.sources if script else ()
    shell.emit(call, name)
    if codes:
        _acts(shell, call, name, "\n".join(codes), f"{name} -{_CODE[language][0][:1]}")
    elif script:
        if not script.text.lstrip().startswith(UNKNOWN):
            _acts(shell, call, name, script.text, f"{name} {rest[0]}", rest)
    elif feed and not module and (not rest or rest[0] in _STDIN):
        if not feed.text.lstrip().startswith(UNKNOWN):
            _acts(shell, call, name, feed.text, name)
        elif _DECODERS.intersection(feed.sources):
            shell.unknown(call, "decoded code")
    return shell.printed(call, name)


def _acts(
    shell: Machine, call: Call, name: str, code: str, via: str, arguments: list[str] | None = None
) -> None:
    """Write down what a script does to the world outside its process."""
    if code.lstrip().startswith(UNKNOWN):
        shell.unknown(call, "code")
        return
    shell.meter.step(1 + len(code) // 64)
    shell.deeper()
    try:
        if name.startswith(("python", "pypy")):
            acts, why, partial = python_acts(code, arguments or ["-c", *call.words[3:]])
        else:
            acts, why, partial = script_acts(code, _language(name))
        shell.partial = shell.partial or partial
        if why:
            shell.unknown(call, why)
        for act in acts:
            perform(shell, call, act, via)
    finally:
        shell.meter.code -= 1


def perform(shell: Machine, call: Call, act: Act, via: str) -> None:
    """One act of a script: shell code, a command by its words, or a file that is opened."""
    where = call.where
    inner = Where(-1, where.span, (*where.via, via), where.host, where.sources + call.sources)
    feed = Feed(act.stdin) if act.stdin is not None else None
    made = Call(list(act.words), inner, feed, act.redirects, call.env)
    if act.code is None:
        if act.words and act.words[0]:
            shell.run(made)
        else:
            shell.emit(made, "", [])
    elif act.code.lstrip().startswith(UNKNOWN):
        shell.unknown(call, "code")
    else:
        call = Call([], call.where, feed, (), call.env, call.sources)
        shell.shell(act.code, call, via)


Handler = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {**dict.fromkeys(_CODE, _interpreter), **dict.fromkeys(_SHELLS, _sh)}
)
