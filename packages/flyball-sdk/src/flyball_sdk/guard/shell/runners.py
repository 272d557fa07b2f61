"""Tools of a trade that run commands for their user: git, package managers, terminals, schedulers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.bounds import CODE_DEPTH_MAX
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

_GIT_VALUED = frozenset(
    {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"}
)
# configuration whose value git gives to a shell (git-config manual)
_GIT_CODE = ("core.sshcommand", "core.pager", "core.editor", "core.fsmonitor", "core.askpass", "sequence.editor",
             "diff.external", "gpg.program", "credential.helper", "uploadpack.packobjectshook")  # fmt: skip
_GIT_ENV = (
    "GIT_SSH_COMMAND",
    "GIT_EDITOR",
    "GIT_PAGER",
    "GIT_SEQUENCE_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_PROXY_COMMAND",
)


def _git(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    words, at, printed = call.words, 1, EMPTY
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "-c" and at + 1 < len(words):
            _git_config(shell, call, *words[at + 1].partition("=")[::2])
        at += 2 if words[at] in _GIT_VALUED else 1
    for variable in _GIT_ENV:
        if variable in call.env:
            shell.shell(call.env[variable], call, f"git {variable}")
    verb, rest = (words[at], words[at + 1 :]) if at < len(words) else ("", [])
    alias = shell.scope.aliases.get(f"git {verb}")
    if alias is not None:
        return _git_alias(shell, call, alias, rest)
    if verb == "config" and len(rest) > 1:
        operands = [word for word in rest if not word.startswith("-") and word != "set"]
        if len(operands) > 1:
            _git_config(shell, call, operands[0], operands[1], store=True)
    elif verb in {
        "rebase",
        "bisect",
        "submodule",
        "filter-branch",
        "difftool",
        "mergetool",
        "clone",
        "fetch",
        "for-each-repo",
    }:
        printed += _git_code(shell, call, verb, rest)
    return printed + shell.printed(call, name)


def _git_config(shell: Machine, call: Call, key: str, value: str, *, store: bool = False) -> None:
    if key.startswith("alias."):
        shell.scope.aliases[f"git {key[6:]}"] = value
    elif not store and (
        key.lower() in _GIT_CODE or key.lower().endswith((".cmd", ".textconv", ".clean", ".smudge"))
    ):
        if key.lower() == "credential.helper" and not value.startswith("!"):
            return
        shell.shell(value.removeprefix("!"), call, f"git -c {key}")


def _git_alias(shell: Machine, call: Call, alias: str, rest: list[str]) -> Text:
    if alias.startswith("!"):
        return shell.shell(alias[1:] + ' "$@"', call, "git alias", ["git", *rest])
    return (
        shell.run(call.behind("git alias", ["git", *alias.split(), *rest]))
        if len(call.where.via) < CODE_DEPTH_MAX
        else EMPTY
    )


def _git_code(shell: Machine, call: Call, verb: str, rest: list[str]) -> Text:
    printed = EMPTY
    if verb == "bisect" and rest[:1] == ["run"]:
        return shell.run(call.behind("git bisect run", rest[1:])) if rest[1:] else EMPTY
    if verb == "submodule" and "foreach" in rest:
        words = [
            word for word in rest[rest.index("foreach") + 1 :] if word not in {"--recursive", "-q", "--quiet"}
        ]
        return shell.shell(" ".join(words), call, "git submodule foreach")
    options = {"rebase": ("-x", "--exec"), "difftool": ("-x", "--extcmd"), "clone": ("-u", "--upload-pack"),
               "fetch": ("--upload-pack",)}.get(verb, ())  # fmt: skip
    for at, word in enumerate(rest):
        option, equals, value = word.partition("=")
        filters = verb == "filter-branch" and option.endswith("-filter")
        if option in options or filters:
            code = value if equals else rest[at + 1] if at + 1 < len(rest) else ""
            printed += shell.shell(code, call, f"git {verb} {option}")
    return printed


# the verbs behind which a command stands, and the options that take a value
_RUN: Mapping[str, tuple[frozenset[str], frozenset[str]]] = MappingProxyType(
    {
        name: (frozenset(verbs.split()), frozenset(valued.split()))
        for name, verbs, valued in (
            ("npm", "exec x", "-p --package -c --call -w --workspace --prefix"), ("pnpm", "exec dlx", "-C --dir --filter"),
            ("yarn", "exec dlx", "-p --package --cwd"), ("bun", "x", ""), ("poetry", "run", "-C --directory -P --project"),
            ("uv", "run tool", "-p --python --with --project --directory --extra --group --env-file --package --from -m"),
            ("pipenv", "run", "--python"), ("conda", "run", "-n --name -p --prefix --cwd"),
            ("mamba", "run", "-n --name -p --prefix --cwd"), ("micromamba", "run", "-n --name -p --prefix --cwd"),
            ("bundle", "exec", "--gemfile"), ("rbenv", "exec", ""), ("pyenv", "exec", ""), ("nodenv", "exec", ""),
            ("asdf", "exec", ""), ("mise", "exec x", "-C --cd"), ("rye", "run", ""), ("hatch", "run", "-e --env -p"),
            ("pdm", "run", "-p --project"), ("pixi", "run", "-e --environment --manifest-path"), ("pipx", "run", "--spec"),
            ("composer", "exec", "-d"), ("cabal", "exec", ""), ("stack", "exec", ""), ("opam", "exec", "--switch"),
            ("direnv", "exec", ""), ("ip", "exec", "-n"), ("lerna", "exec", ""), ("nx", "exec", ""), ("devbox", "run", ""),
            ("aws-vault", "exec", ""), ("chamber", "exec", ""), ("op", "run", "--env-file"), ("doppler", "run", "-p -c"),
            ("infisical", "run", "--env"), ("sops", "exec-env exec-file", ""), ("perf", "record stat trace", "-e -o -F -p"),
            ("rr", "record", ""), ("snap", "run", "--shell"), ("flatpak", "run", "--command --branch --arch"),
            ("screen", "", ""), ("accelerate", "launch", ""), ("coverage", "run", ""), ("tmux", "", ""),
        )
    }
)  # fmt: skip
# one more word stands between the verb and the command: a directory, a profile, a name space
_ONE_MORE = frozenset({"direnv", "aws-vault", "chamber", "ip"})
_PYTHON_RUN = frozenset({"coverage", "accelerate"})


def _behind(name: str, words: list[str]) -> int:
    """The index of the command behind the verb of a runner, 0 if there is none."""
    verbs, valued = _RUN[name]
    at, seen, more = 1, False, name in _ONE_MORE
    while at < len(words):
        word = words[at]
        if word.startswith("-") and len(word) > 1:
            if name == "uv" and word == "-m" and seen:
                return at
            at += 2 if word in valued else 1
            continue
        if seen and not more:
            return at
        if seen:
            more = False
        elif word in verbs:
            # `uv tool run` has two verbs
            seen = word != "tool"
        elif name not in {"ip", "uv"}:
            return 0
        at += 1
    return 0


def _run(shell: Machine, call: Call, name: str) -> Text:
    shell.emit(call, name)
    words = call.words
    for option in ("-c", "--call"):
        if name == "npm" and option in words[:-1]:
            return shell.shell(words[words.index(option) + 1], call, "npm exec")
    at = _behind(name, words)
    if not at:
        return shell.printed(call, name)
    command = words[at:]
    if name in _PYTHON_RUN or command[0] == "-m" or command[0].endswith(".py"):
        command = ["python", *command]
    if len(command) == 1 and " " in command[0] and name in {"sops", "hatch", "composer", "yarn"}:
        return shell.shell(command[0], call, f"{name} {words[1]}")
    return shell.run(call.behind(f"{name} {words[1]}", command))


def _tmux(shell: Machine, call: Call, name: str) -> Text:
    """`tmux new CMD` and its like run code; `send-keys` and `screen -X stuff` type it into a shell."""
    shell.emit(call, name)
    words = call.words
    typed = next((at for at, word in enumerate(words) if word in {"send-keys", "send", "stuff"}), 0)
    if typed:
        keys: list[str] = []
        rest = iter(words[typed + 1 :])
        for word in rest:
            if word in {"-t", "-N"}:
                next(rest, "")
            elif word in {"Enter", "C-m", "KPEnter"}:
                keys.append("\n")
            elif not word.startswith("-"):
                keys.append(
                    word.replace("\\n", "\n").replace("^M", "\n").replace("\\r", "\n").replace("\\015", "\n")
                )
        code = "".join(keys)
        return shell.shell(code, call, f"{name} {words[typed]}") if code.strip(UNKNOWN + "\n ") else EMPTY
    verbs = {"new", "new-session", "neww", "new-window", "splitw", "split-window", "respawn-pane", "respawn-window",
             "run", "run-shell", "popup", "display-popup", "if-shell", "if", "pipe-pane", "pipep"}  # fmt: skip
    start = next((at for at, word in enumerate(words) if word in verbs), 0) if name == "tmux" else 0
    if name == "tmux" and not start:
        return shell.printed(call, name)
    valued = {
        "-s",
        "-n",
        "-c",
        "-t",
        "-x",
        "-y",
        "-e",
        "-F",
        "-f",
        "-l",
        "-S",
        "-L",
        "-T",
        "-p",
        "-h",
        "-d" if name != "tmux" else "",
    }
    at = start + 1
    while at < len(words) and words[at].startswith("-"):
        takes = words[at] in valued if name == "tmux" else words[at][-1] in "SsTtehL" and len(words[at]) > 1
        at += 2 if takes else 1
    rest_words = words[at:]
    if not rest_words:
        return EMPTY
    if name == "screen" and "-X" in words:
        return (
            EMPTY
            if "exec" not in words
            else shell.run(call.behind(name, words[words.index("exec") + 1 :] or ["sh"]))
        )
    return (
        shell.shell(" ".join(rest_words), call, name)
        if len(rest_words) == 1
        else shell.run(call.behind(name, rest_words))
    )


def _scheduled(shell: Machine, call: Call, name: str) -> Text:
    """`at`, `batch` and `crontab -`: what they read runs later."""
    shell.emit(call, name)
    feed = call.feed
    known = None
    operands = [word for word in call.words[1:] if not word.startswith("-")]
    if "-f" in call.words[1:-1]:
        known = shell.file(call.words[call.words.index("-f") + 1])
    elif name == "crontab" and operands:
        known = shell.file(operands[0])
    text = known.text if known else feed.text if feed else ""
    if text.strip() in {"", UNKNOWN}:
        return EMPTY
    call.feed = None
    if name == "crontab":
        text = "\n".join(filter(None, map(_cron_line, text.splitlines())))
    return shell.shell(text, call, name) if text.strip(UNKNOWN + "\n ") else EMPTY


def _cron_line(line: str) -> str:
    """The command of a line of a crontab: behind five fields, or behind one that begins with `@`."""
    line = line.strip(" \t" + UNKNOWN)
    if not line or line[0] == "#":
        return ""
    count = 1 if line[0] == "@" else 5
    fields = line.split(None, count)
    return fields[count] if len(fields) > count and (count == 1 or fields[0][0] in "*0123456789") else ""


Runner = Callable[["Machine", Call, str], Text]
HANDLERS: Mapping[str, Runner] = MappingProxyType(
    {
        **dict.fromkeys(_RUN, _run), "git": _git, "tmux": _tmux, "screen": _tmux, "crontab": _scheduled,
        "at": _scheduled, "batch": _scheduled,
    }
)  # fmt: skip
