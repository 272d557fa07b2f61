"""Code that comes from elsewhere, cannot be read, or is started by way of a program that is not a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import options
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

SHELLS = frozenset(
    {
        "sh",
        "posh",
        "sash",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "fish",
        "csh",
        "tcsh",
        "ash",
        "mksh",
        "rbash",
        "pwsh",
        "busybox",
        "elvish",
        "xonsh",
        "nu",
    }
)
INTERPRETERS = SHELLS | frozenset(
    {
        "eval",
        "python",
        "python2",
        "python3",
        "node",
        "nodejs",
        "perl",
        "ruby",
        "php",
        "lua",
        "osascript",
        "Rscript",
        "deno",
        "bun",
        "tclsh",
        "source",
        ".",
    }
)
FETCHERS = frozenset(
    {
        "curl",
        "wget",
        "fetch",
        "aria2c",
        "lynx",
        "lwp-request",
        "GET",
        "http",
        "https",
        "nc",
        "ncat",
        "socat",
        "ftp",
        "tftp",
        "scp",
        "aws",
        "gsutil",
        "lwp-download",
        "xh",
    }
)
# programs whose business it is to name a shell
_NAMES_SHELLS = frozenset({
    "echo", "printf", "grep", "egrep", "fgrep", "rg", "cat", "ls", "which", "type", "command", "file", "stat", "ldd", "chsh", "useradd", "usermod", "adduser", "docker",
    "podman", "kubectl", "oc", "nerdctl", "ssh", "sudo", "su", "doas", "env", "exec", "nohup", "timeout", "find", "xargs", "test", "[", "[[", "export", "head", "tail", "sed",
    "readlink", "realpath", "dirname", "basename", "cp", "mv", "ln", "rm", "chmod", "chown", "tmux", "screen", "git", "man", "whereis", "dpkg", "rpm", "apt", "apt-get", "pacman",
    "brew", "time", "strings", "md5sum", "sha256sum", "shellcheck", "shfmt", "ps", "pgrep", "pkill", "touch", "install", "tee", "diff", "local", "declare", "set",
    "read", "sh", "bash", "zsh", "dash", "ksh", "fish", "csh", "tcsh", "ash", "crontab", "systemd-run", "parallel", "watch", "alias", "case", "curl", "wget", "make-help", "sort",
    "wc", "cut", "tr", "uniq", "less", "more", "vi", "nano", "code", "getent", "getopt", "date", "tar", "zip", "unzip", "docker-compose", "cd", "mkdir", "jq", "update-alternatives",
    "dpkg-reconfigure", "nc", "ncat", "netcat", "socat", "locate", "du", "df", "awk-print", "comm", "mkfifo", "chroot-list", "whatis", "yum", "dnf", "npm", "fork-bomb", "lsof", "fuser",
})  # fmt: skip
NAMES_SHELL = (
    r"/(?:ba|da|z|k|c|tc|a|fi)?sh\b|\b(?:ba|da|z|k)?sh\b|socket|connect|/inet/tcp|fsockopen|--exec-path"
)
_SHELL_WORD = re.compile(
    r"(?:^|[\s'\"`(=:,!|;{\[])(?:/usr)?/bin/(?:ba|da|z|k|c|tc|a|fi)?sh\b(?!\.)|(?:^|[\s'\";:])!(?:/bin/)?(?:ba|z)?sh\b|^(?:ba|da|z|k)?sh$"
)
# stands in all that `_DISGUISED` finds, and begins with letters that a search can leap to
_SHELL_PATH = re.compile(r"/bin/(?:ba|da|z|k)?sh")
# a shell whose streams are tied to the terminal it came from, or that a macro of some program is told to run
_DISGUISED = Pattern(
    r"/bin/(?:ba|da|z|k)?sh\s+(?:-\w\s+)*[012]?[<>]&?\s?(?:[012]\b|/dev/tty|\$\(tty)|"
    r"(?:system|exec|esyscmd|popen|spawn|execl?p?|USING|install\"\s*:|PostUp\s*=)\W{1,4}/bin/(?:ba|da|z|k)?sh\b|(?:^|\s)!\s*/bin/(?:ba|da|z|k)?sh\b"
)
_SPAWN = re.compile(
    r"\b(?:os\.exec\w*|pty\.spawn|posix_spawn|execvp?e?|Process\.spawn|Kernel\.exec|spawn_sync|child_process|io\.popen|os\.execute|system|exec|spawn|popen|shell|passthru|proc_open|shell_exec|run|callproc|term)\b"
)


def shell(command: Command, _scene: Scene) -> Iterator[Effect]:
    """A shell or interpreter that is fed by something that is not known."""
    fed = command.stdin is not None and UNKNOWN in command.stdin
    unknown_words = any(UNKNOWN in word or word.startswith("/dev/fd/") for word in command.words)
    reading = fed and not [
        word
        for word in command.words
        if word[:1] != "-" and command.name not in ("source", ".") and not word.startswith("/dev/fd/")
    ]
    if command.sources and (reading or unknown_words):
        fetched = [one for one in command.sources if one in FETCHERS]
        if fetched:
            yield effect(
                "exec.remote_code", f"{command.name} runs what {fetched[0]} fetched", command, by=fetched[0]
            )
            return
    if reading and command.name in SHELLS:
        yield effect(
            "exec.opaque",
            f"{command.name} runs what {', '.join(command.sources) or 'something'} says",
            command,
        )
    for word in command.words:
        if word.startswith(("http://", "https://", "ftp://")) and command.name in (
            "deno",
            "osascript",
            "bun",
            "source",
            ".",
        ):
            yield effect("exec.remote_code", word, command, by=command.name)


def disguised(text: str) -> str:
    """The piece of a shell text that starts a shell in disguise, "" if there is none."""
    found = _DISGUISED.search(text) if _SHELL_PATH.search(text) else None
    return (found[0] or "").strip() if found else ""


def escape(command: Command) -> Iterator[Effect]:
    """A shell that is started by way of a program which is not one: its words name the shell, or it is told to spawn it.

    A shell with nothing to run is one too: it waits for whoever reaches its terminal.
    """
    if command.name in SHELLS:
        yield from _bare_shell(command)
        return
    if command.name in _NAMES_SHELLS:
        yield from _hosted(command)
        return
    for word in command.words:
        if "sh" in word and _SHELL_WORD.search(word) and _starts(word):
            yield effect("exec.shell", f"{command.name}: {word[:80]}", command, by=command.name)
            return
    if command.name in _LANGUAGES:
        text = " ".join(command.words)
        if _CONNECTS.search(text) and _SPAWN.search(text):
            yield effect("net.reverse_shell", f"{command.name}: {text[:80]}", command)


def _hosted(command: Command) -> Iterator[Effect]:
    """Programs that often name a shell, in the form in which they start one that waits."""
    words = command.words
    if (
        command.name in ("tmux", "screen", "systemd-run")
        and any(_SHELL_WORD.search(word) for word in words if len(word) < _SHORT)
    ) or (
        command.name == "git"
        and any(word.startswith("--exec-path=") and word[12:13] != "/" for word in words)
    ):
        yield effect("exec.shell", " ".join((command.name, *words))[:80], command)


def _starts(word: str) -> bool:
    return len(word) < _SHORT or word[0] in "-!" or "!" in word or _SPAWN.search(word) is not None


def _bare_shell(command: Command) -> Iterator[Effect]:
    away = next(
        (one.path for one in command.redirects if one.path.startswith(("/dev/tcp/", "/dev/udp/"))), ""
    )
    if away:
        yield effect("net.reverse_shell", f"{command.name} to {away}", command)
        return
    fed = command.stdin is not None or command.sources or any(one.op == "<" for one in command.redirects)
    if not fed and command.name != "busybox" and all(word in _WAITS for word in command.words):
        said = " ".join((*command.via, command.name))
        yield effect("exec.shell", f"{said} with nothing to run", command)


# a word this short that names a shell is an argument, not prose
_SHORT = 24
_WAITS = frozenset({"-i", "-l", "-p", "--login", "-il", "-li", "-s", "-", "-a"})
_LANGUAGES = frozenset({"julia", "tclsh", "wish", "R", "Rscript", "erl", "elixir", "ghci", "groovy", "jjs", "jrunscript", "octave", "gawk", "lua", "php", "ruby",
                        "perl", "node", "scala", "jshell"})  # fmt: skip
_CONNECTS = re.compile(r"\bsocket\b|connect\(|TCPSocket|/inet/tcp|fsockopen|stream_socket_client")


def apple_script(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`osascript`: `do shell script`, or keystrokes to a terminal."""
    text = " ".join(command.words)
    if re.search(r"do (?:shell )?script|keystroke", text):
        yield effect("exec.shell", text[:100], command, by="osascript")
    elif any(word.endswith((".osa", ".scpt", ".applescript")) for word in command.words):
        yield effect("exec.load", text[:100], command)


def fetched_and_run(commands: Sequence[Command]) -> Iterator[Effect]:
    """A file that one command of a text fetches and a later one runs."""
    fetched: dict[str, str] = {}
    for command in commands:
        if fetched:
            runs = (
                next((word for word in command.words if word[:1] != "-"), "")
                if command.name in INTERPRETERS
                else command.path
            )
            if runs and runs.rpartition("/")[2] in fetched and (command.name in INTERPRETERS or "/" in runs):
                yield effect(
                    "exec.remote_code", f"{runs} from {fetched[runs.rpartition('/')[2]]}", command, saved=True
                )
        if command.name in ("curl", "wget", "aria2c", "fetch"):
            fetched.update(
                dict.fromkeys(
                    _saved_as(command),
                    next((w for w in command.words if "/" in w and w[:1] != "-"), "elsewhere"),
                )
            )
        elif fetched and command.name == "" and command.redirects:  # what a language writes after it fetched
            fetched.update(
                dict.fromkeys((one.path.rpartition("/")[2] for one in command.redirects), "elsewhere")
            )


def _saved_as(command: Command) -> Iterator[str]:
    words = command.words
    yield ""  # a program that fetched: what it writes next may be that
    for at, word in enumerate(words):
        if (
            word in ("-o", "-O", "--output", "--output-document")
            and at + 1 < len(words)
            and "://" not in words[at + 1]
        ):
            yield words[at + 1].rpartition("/")[2]
        elif "://" in word:
            yield word.partition("?")[0].rpartition("/")[2]
    for one in command.redirects:
        yield one.path.rpartition("/")[2]


def packages(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Package managers: what is installed from an address instead of the index runs code from there."""
    words = command.words
    given = options(
        words,
        (
            "-i",
            "--index-url",
            "--extra-index-url",
            "-r",
            "-c",
            "--registry",
            "-f",
            "--find-links",
            "--target",
            "-t",
            "--prefix",
            "--git",
            "--path",
            "--root",
        ),
    )
    if not {"install", "add", "i", "download", "exec", "run", "dlx", "x", "get", "ci"} & set(
        words[:3]
    ) and command.name not in ("npx", "pipx", "uvx", "bunx", "easy_install"):
        return
    elsewhere = [
        word
        for word in (
            *given.words,
            *given.all("--git", "-i", "--index-url", "--extra-index-url", "--registry", "-f", "--find-links"),
        )
        if re.match(r"(git\+|https?:|git:|ssh:|git@|ftp:)", word)
    ]
    strange = [
        word
        for word in elsewhere
        if not re.search(
            r"github\.com|gitlab\.com|bitbucket\.org|pypi\.org|npmjs\.org|pytorch\.org|huggingface\.co|127\.0\.0\.1|localhost",
            word,
        )
    ]
    if strange:
        yield effect("package.install", strange[0], command, elsewhere=True)
    elif {"install", "add", "i"} & set(words[:3]):
        yield effect("package.install", " ".join(given.words[1:])[:120], command, elsewhere=False)


def loader(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that load a library or a debugger into something."""
    words = " ".join(command.words)
    if command.name in ("gdb", "lldb", "strace", "ltrace", "frida") and not re.search(
        r"(^| )(-p|--pid|-x|-ex|--attach)( |=|$)", words
    ):
        return
    if command.name == "gdb" and not re.search(r"-p|attach|!|shell|python|call", words):
        return
    if command.name == "openssl" and "-engine" not in words and "-provider" not in words:
        return
    yield effect("exec.load", f"{command.name} {words}"[:120], command)


def preload(command: Command) -> Iterator[Effect]:
    """`LD_PRELOAD=... COMMAND`, and other variables that load code."""
    for name in (
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "DYLD_INSERT_LIBRARIES",
        "LD_AUDIT",
        "BASH_ENV",
        "PROMPT_COMMAND",
        "PYTHONSTARTUP",
        "PERL5OPT",
        "GIT_SSH_COMMAND",
        "PAGER",
        "GIT_EXTERNAL_DIFF",
    ):
        value = command.env.get(name)
        if value and (
            name
            in ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "LD_AUDIT", "BASH_ENV", "PROMPT_COMMAND", "PERL5OPT")
            or "/bin/sh" in value
            or "sh -c" in value
        ):
            yield effect("exec.load", f"{name}={value}"[:120], command)


READERS: Mapping[str, Reader] = (
    dict.fromkeys(INTERPRETERS - {"busybox", "php", "osascript"}, shell)
    | dict.fromkeys(("pip", "pip3", "npm", "pnpm", "yarn", "npx", "pipx", "uvx", "bun", "bunx", "gem", "go", "cpan", "easy_install", "conda", "mamba", "uv"), packages)
    | dict.fromkeys(("gdb", "lldb", "frida", "openssl"), loader)
    | {"osascript": apple_script}
)  # fmt: skip
