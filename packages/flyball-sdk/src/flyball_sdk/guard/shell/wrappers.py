"""Programs that start the command behind their own options: `sudo`, `env`, `timeout`, `ssh`, `docker run` and their like.

Each row is read off the program's manual: which options take a value, how many words stand before the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import EMPTY, Call, Text, Where

if TYPE_CHECKING:
    from flyball_sdk.guard.shell.machine import Machine

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


_SSH = frozenset({"ssh", "autossh"})
# options of ssh_config whose value is a command of this machine
_SSH_CODE = re.compile(r"(?:-o)?(?:Proxy|Local|KnownHosts)Command[= ](.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How the words of a wrapper are read.

    `valued` are the short options that take a value, `long` the long ones; `before` words stand before the command.
    `code` are options whose value is shell code, `joined` says that the words of the command are joined and given to
    a shell. `kept`: the wrapper matters itself. `host`: the word before the command is where it runs.
    """

    valued: str = ""
    long: frozenset[str] = frozenset()
    before: int = 0
    code: frozenset[str] = frozenset()
    joined: bool = False
    assigns: bool = False
    kept: bool = False
    host: bool = False
    # without a command it starts a shell that reads its input
    reads: bool = False


def _row(valued: str = "", long: str = "", before: int = 0, code: str = "", **more: bool) -> Wrapper:
    return Wrapper(valued, frozenset(long.split()), before, frozenset(code.split()), **more)


_SUDO_LONG = "user group host prompt chdir chroot close-from command-timeout role type other-user login-class auth-type"
_SU = _row(
    "gGwsT",
    "group supp-group shell whitelist-environment",
    0,
    "c command session-command",
    kept=True,
    reads=True,
)

WRAPPERS: Mapping[str, Wrapper] = MappingProxyType(
    {
        # privileges and other users
        "sudo": _row("ugpCrtThRDUa", _SUDO_LONG, assigns=True, kept=True),
        "doas": _row("uC", kept=True),
        "pkexec": _row("", "user", kept=True),
        "su": _SU,
        "runuser": _row("ugGwsT", "user group supp-group shell", 0, "c command session-command", kept=True),
        "setpriv": _row(
            "", "ruid euid rgid egid reuid regid groups inh-caps ambient-caps bounding-set securebits pdeathsig "
            "selinux-label apparmor-profile", kept=True),
        "sg": _row("", "", 1, "c", kept=True), "newgrp": _row(kept=True),
        "gosu": _row("", "", 1, kept=True), "su-exec": _row("", "", 1, kept=True),
        "fakeroot": _row("lsbi", "lib faked"), "capsh": _row(),
        # scheduling, limits, terminals
        "timeout": _row("ks", "kill-after signal", 1), "gtimeout": _row("ks", "kill-after signal", 1),
        "nohup": _row(), "nice": _row("n", "adjustment"), "setsid": _row(), "setarch": _row("", "", 1),
        "linux32": _row(), "linux64": _row(), "i386": _row(), "x86_64": _row(),
        "ionice": _row("cnpPu", "class classdata pid"), "stdbuf": _row("ioe", "input output error"),
        "time": _row("fo", "format output"), "gtime": _row("fo", "format output"), "command": _row(),
        "builtin": _row(), "exec": _row("a"), "noglob": _row(), "nocorrect": _row(), "coproc": _row(),
        "then": _row(), "do": _row(), "else": _row(), "!": _row(), "{": _row(),
        "chrt": _row("TPDp", "sched-runtime sched-period sched-deadline pid", 1), "taskset": _row("p", "pid", 1),
        "cpulimit": _row("lpe", "limit pid exe"), "prlimit": _row("po", "pid output"), "numactl": _row(
            "NCmipx", "cpunodebind physcpubind membind interleave preferred"),
        "chronic": _row(), "unbuffer": _row(), "catchsegv": _row(), "ts": _row(), "ltrace": _row("aAeDfFlnopsuwxX"),
        "strace": _row("abeEIoOpPsSuXU", "attach trace output user env string-limit expr"), "truss": _row("ouSvwxsmT"),
        "valgrind": _row(), "perf": _row("", "", 1), "rr": _row("", "", 1), "heaptrack": _row(), "multitime": _row("nsr"),
        "xvfb-run": _row("nefswp", "server-num error-file auth-file server-args wait"), "dbus-run-session": _row(
            "", "config-file dbus-daemon"), "dbus-launch": _row(), "caffeinate": _row("tw"),
        "logsave": _row("", "", 1), "softlimit": _row("acdflmoprstu"), "chpst": _row("ubeiC/nmdopfctl"),
        "with-contenv": _row(), "tini": _row("pe"), "dumb-init": _row("r", "rewrite"), "ld.so": _row(),
        "ld-linux-x86-64.so.2": _row("", "library-path preload audit argv0"), "rlwrap": _row("abcCDefFgHlmMOpPqrRsStwz"),
        "faketime": _row("f", "", 1), "proxychains": _row("f"), "proxychains4": _row("f"), "torsocks": _row(
            "auP", "user pass"), "tsocks": _row(), "firejail": _row(), "aa-exec": _row("pni", "profile namespace"),
        "start-stop-daemon": _row("", "", 1), "daemonize": _row("acepolu"), "batch": _row(), "entr": _row(),
        "script": _row("EIOBTmo", "echo log-in log-out log-io log-timing logging-format output-limit", 1, "c command"),
        "flock": _row("wEx", "timeout wait conflict-exit-code", 1, "c command"),
        "watch": _row("nq", "interval equexit", joined=True), "hyperfine": _row("wrmMspSuLDPnNiI", "warmup runs",
            0, "prepare setup cleanup", joined=True),
        "systemd-run": _row("utpHMGdP", "unit property description slice uid gid nice working-directory setenv machine "
            "host service-type on-active on-boot on-calendar", kept=True),
        "systemd-inhibit": _row("", "what who why mode"), "systemd-nspawn": _row("DxiMubU", "directory machine bind",
            kept=True), "run-one": _row(), "cronitor": _row("", "", 2), "retry": _row("td", "times delay"),
        # roots, name spaces, other machines
        "chroot": _row("", "", 1, kept=True), "unshare": _row("SGRw", "setuid setgid root wd map-user map-group "
            "propagation setgroups", kept=True), "nsenter": _row("tSGrw", "target setuid setgid root wd", kept=True),
        "bwrap": _row(kept=True), "proot": _row("rbqwkR", kept=True), "ip-netns-exec": _row("", "", 1),
        "ssh": _row("BbcDEeFIiJLlmOopPQRSWw", "", 1, joined=True, kept=True, host=True, reads=True),
        "rsh": _row("l", "", 1, joined=True, kept=True, host=True), "mosh": _row("", "ssh port", 1, kept=True, host=True),
        "sshpass": _row("pfdeP"), "autossh": _row("MBbcDEeFIiJLlmOopQRSWw", "", 1, joined=True, kept=True, host=True),
        "pdsh": _row("wxlutfR", joined=True, kept=True), "clush": _row("wxglft", joined=True, kept=True),
        "openvt": _row("cl", "console"), "torify": _row(), "ssh-agent": _row("aEOPt"), "setlock": _row("", "", 1),
        "setuidgid": _row("", "", 1, kept=True), "envuidgid": _row("", "", 1), "s6-setuidgid": _row("", "", 1, kept=True),
        "envdir": _row("", "", 1), "systemd-cat": _row("tp", "identifier priority stderr-priority"), "eatmydata": _row(),
        "cgexec": _row("g"), "choom": _row("np", "adjust pid"), "uclampset": _row("mMp"), "trickle": _row("sudwtlL"),
        "schedtool": _row("pnaM"), "ksu": _row("ncrp", "", 0, "e", kept=True), "genie": _row("", "", 0, "c"),
        "arch-chroot": _row("u", "", 1, kept=True), "lxc-attach": _row("nuvs", "name", kept=True), "nq": _row(),
        "tsp": _row("LNDSCtcfplr"), "timelimit": _row("tTsS"), "sem": _row(
            "j", "jobs id"), "rustup": _row("", "", 2),
        "wine": _row(), "qemu-x86_64": _row("ELg"), "box64": _row(),
        "ccache": _row(), "distcc": _row(), "please": _row("u", "user", kept=True), "sudoedit": _row(
            kept=True), "dzdo": _row("u", kept=True), "pfexec": _row("P", kept=True),
        # tool chains
        "npx": _row("pc", "package call", 0, "c call", kept=True), "bunx": _row("", "package", kept=True),
        "pnpx": _row("", "package", kept=True), "uvx": _row("p", "from with python index-url", kept=True),
        "direnv-exec": _row("", "", 1), "dotenv": _row("fe", "file"),
        "doppler": _row(), "envchain": _row("", "", 1), "aws-vault": _row(), "chamber": _row(),
        "nix-shell": _row("pIA", "attr", 0, "run command", kept=True), "guix": _row(kept=True),
        "xterm": _row("T", "", 0, "e"), "gnome-terminal": _row("", "title"), "konsole": _row("", "", 0, "e"),
        "x-terminal-emulator": _row("", "", 0, "e"), "tmate": _row("S", "", 0, "c"),
    }
)  # fmt: skip


def wrapped(shell: Machine, call: Call, name: str) -> Text:
    """Run what a wrapper starts; written down itself where it matters or starts nothing."""
    wrapper = WRAPPERS[name]
    words, env, code, at, host = _read(wrapper, call)
    if wrapper.kept or (at >= len(words) and not code):
        shell.emit(call, name)
    if host:
        where = call.where
        call.where = Where(where.base, where.span, where.via, host, where.sources)
    printed = EMPTY
    if name in _SSH:
        code += [found[1] for word in words if (found := _SSH_CODE.fullmatch(word))]
    for text in code:
        printed += shell.shell(text, call, name)
    if at >= len(words):
        if wrapper.reads and call.feed and not code:
            return shell.run(call.behind(name, ["sh"]))
        return printed if code else shell.printed(call, name)
    if env:
        call.env = {**call.env, **env}
    if wrapper.joined:
        return shell.shell(" ".join(words[at:]), call, name)
    return shell.run(call.behind(name, words[at:]))


def _read(wrapper: Wrapper, call: Call) -> tuple[list[str], dict[str, str], list[str], int, str]:
    """The words, assignments and code found, the index of the command, and the host."""
    words = call.words
    env: dict[str, str] = {}
    code: list[str] = []
    at, before, host = 1, wrapper.before, ""
    while at < len(words):
        word = words[at]
        if word == "--":
            at += 1
            if not before:
                break
        elif word.startswith("-") and len(word) > 1:
            at = _option(wrapper, words, at, code)
        elif wrapper.assigns and _ASSIGNMENT.match(word):
            key, _, env[key] = word.partition("=")
            at += 1
        elif before:
            before -= 1
            host = word if wrapper.host else ""
            at += 1
        else:
            break
    return words, env, code, at, host


def _option(wrapper: Wrapper, words: list[str], at: int, code: list[str]) -> int:
    """Read one word of options; the index behind it and its value."""
    word = words[at]
    following = words[at + 1] if at + 1 < len(words) else ""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if name in wrapper.code:
            code.append(value if equals else following)
        return at + (1 if equals or name not in wrapper.long | wrapper.code else 2)
    for index, letter in enumerate(word[1:], 2):
        if letter in wrapper.code:
            code.append(word[index:] or following)
        if letter in wrapper.code or letter in wrapper.valued:
            return at + (1 if word[index:] else 2)
    return at + 1


def unknown_words(words: list[str]) -> bool:
    """Whether any word has an unknown part."""
    return any(UNKNOWN in word for word in words)
