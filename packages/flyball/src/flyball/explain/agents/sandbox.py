"""Sandbox: where a language model may read a repository. One command at a time, in bubblewrap, and nothing comes out but text.

A repository is hostile: links that lead out, git settings that run code, scripts that eat the machine, texts that give
orders. So every reading of it, `read_file` and `search_code` as well as `bash`, is a process in name spaces of its own:
the repository read-only at /repo, system programs read-only, an empty home and environment, a small /tmp, no network (not
even loopback's services), no /proc, no other file. Bounds hold on CPU, memory, processes, output and time: the kernel's for
each process, and a watch over all of them together. A server that is root runs it as nobody, so that the kernel counts its
processes and it reads only what everybody may. Where bubblewrap is missing or may not start, all is refused; nothing is
ever read outside of it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc
from flyball_sdk.redact import redact_text

from flyball.explain.agents.syscalls import filter_of

CPU_S_MAX = 5
"""CPU seconds of one process."""
SECONDS_MAX = 10.0
"""Of one command, by the clock."""
MEMORY_BYTES_MAX = 512 * 1024 * 1024
"""Address space of one process, and resident memory of all together."""
PROCESSES_MAX = 64
"""At once; what is above when the watch looks ends the command."""
KERNEL_PROCESSES_MAX = 128
"""The same by the kernel, which looks at every fork, where the watch comes too late for a bomb. On old kernels it counts
all processes of a user."""
_NOBODY = "65534"
"""Who the sandbox runs as where the server is root: the kernel bounds no processes of root's, in no name space."""
FILE_BYTES_MAX = 4 * 1024 * 1024
"""Of one file in /tmp."""
TMP_BYTES_MAX = 16 * 1024 * 1024
OUTPUT_BYTES_MAX = 16_000
"""Of one command: what a model can read at once."""
ARGUMENT_CHARS_MAX = 2_000
"""Of a command, a path or a text to search for."""
LINES_MAX = 400
"""Of a file that is read at once."""
HITS_MAX = 60
WATCH_S = 0.02

_PROGRAM = "bwrap"
_TMP = "/tmp"  # noqa: S108 - the sandbox' own, gone with it
_PATH = "/usr/bin:/bin"
_INSIDE = (
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/share/git-core",
    "/etc/alternatives",
)
"""What of the system is there: programs and their libraries. No /etc, no /usr/local, no home, no data."""
_LINKS = (("usr/bin", "/bin"), ("usr/lib", "/lib"), ("usr/lib32", "/lib32"), ("usr/lib64", "/lib64"))
_UNPRINTABLE = re.compile(
    r"[^\t\n\x20-\x7e\xa0-\uffff]|[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command said; `stopped` is why it was ended, empty when it ended itself."""

    text: str
    code: int
    stopped: str = ""


class Refused(Exception):
    """The sandbox cannot be had; the text says why, in a word or two first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A repository to read in. `hidden` are folders that stay empty inside though they lie in it: the data folder."""

    repository: Path
    hidden: tuple[Path, ...] = ()
    program: str = _PROGRAM
    _one: anyio.Lock = field(default_factory=anyio.Lock)

    async def read_file(self, path: str, first_line: int = 1) -> Ran:
        """Lines of a file of the repository."""
        _argument(path)
        first = max(1, min(first_line, 10_000_000))
        return await self.run(
            ["sed", "-n", f"{first},{first + LINES_MAX - 1}p;{first + LINES_MAX}q", "--", f"./{path}"]
        )

    async def search_code(self, text: str) -> Ran:
        """Lines that hold a text, with file and line number."""
        _argument(text)
        flags = ["-rnIF", "--exclude-dir=.git", f"--max-count={HITS_MAX}", "-e", text, "--", "."]
        return await self.run(["grep", *flags])

    async def bash(self, command: str) -> Ran:
        """A command."""
        _argument(command)
        return await self.run(["bash", "--noprofile", "--norc", "-c", command])

    async def run(self, argv: Sequence[str]) -> Ran:
        """Run a program in the sandbox.

        Raises:
            Refused: it cannot be had here.
        """
        async with self._one:
            rules = filter_of(platform.machine())
            if not rules:
                raise Refused(f"refused: no filter of system calls is known for {platform.machine()}")
            with tempfile.TemporaryFile() as file:
                file.write(rules)
                file.seek(0)
                return await _ran([*self._wrapped(file.fileno()), *argv], file.fileno())

    async def probe(self) -> str:
        """Why the sandbox cannot be had, empty when it can: the very wrapping is tried."""
        try:
            tried = await self.run(["true"])
        except Refused as error:
            return str(error)
        return (
            "" if tried.code == 0 else f"refused: bubblewrap cannot start here ({tried.text[:200].strip()})"
        )

    def _wrapped(self, rules: int) -> list[str]:
        program = _found(self.program)
        if not program:
            raise Refused("refused: bubblewrap is missing (Debian package bubblewrap)")
        repository = self.repository.resolve()
        if not repository.is_dir() or repository in {Path("/"), Path.home().resolve()}:
            raise Refused("refused: a repository is a folder, and neither a home nor the root")
        if os.geteuid() == 0 and (shut := _shut(repository)):
            raise Refused(
                f"refused: root reads a repository as nobody, who may not enter {shut}: run flyball as the user of the"
                " repository, or let others read it"
            )
        argv = [
            *_as_nobody(), program, "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534", "--hostname",
            "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", "--setenv", "PATH", _PATH,
            "--setenv", "HOME", "/home", "--setenv", "LC_ALL", "C.UTF-8", "--setenv", "GIT_PAGER", "cat",
        ]  # fmt: skip
        for place in _INSIDE:
            argv += ["--ro-bind-try", place, place]
        for target, place in _LINKS:
            argv += ["--symlink", target, place]
        argv += [
            "--dev",
            "/dev",
            "--remount-ro",
            "/dev",
            "--size",
            str(TMP_BYTES_MAX),
            "--tmpfs",
            _TMP,
            "--dir",
            "/home",
        ]
        argv += ["--ro-bind", str(repository), "/repo"]
        for folder in self._masked(repository):
            argv += ["--size", "4096", "--tmpfs", f"/repo/{folder}", "--remount-ro", f"/repo/{folder}"]
        return [*argv, "--chdir", "/repo", "--remount-ro", "/", "--seccomp", str(rules), "--", *_limits()]

    def _masked(self, repository: Path) -> list[Path]:
        inside = [one.resolve() for one in self.hidden]
        if any(repository == one or repository.is_relative_to(one) for one in inside):
            raise Refused("refused: a repository is not in the data folder")
        return [
            one.relative_to(repository) for one in inside if one.is_relative_to(repository) and one.is_dir()
        ]


def _shut(repository: Path) -> str:
    """The folder on the way that others may not enter, empty where there is none."""
    return next(
        (str(one) for one in reversed((repository, *repository.parents)) if not one.stat().st_mode & 0o001),
        "",
    )


def _as_nobody() -> list[str]:
    """Before bubblewrap itself, for the kernel goes by who made the name space."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--"]


def _limits() -> list[str]:
    return [
        "prlimit", f"--cpu={CPU_S_MAX}:{CPU_S_MAX}", f"--as={MEMORY_BYTES_MAX}", f"--nproc={KERNEL_PROCESSES_MAX}",
        f"--fsize={FILE_BYTES_MAX}", "--nofile=128", "--core=0", "--",
    ]  # fmt: skip


def _found(program: str) -> str:
    places = [Path(program)] if program.startswith("/") else [Path(one) / program for one in _PATH.split(":")]
    return next((str(one) for one in places if os.access(one, os.X_OK)), "")


def _argument(text: str) -> None:
    if (
        not 0 < len(text) <= ARGUMENT_CHARS_MAX
        or "\0" in text
        or (not text.isascii() and not text.isprintable())
    ):
        raise Refused(f"refused: 1 to {ARGUMENT_CHARS_MAX} printable characters are taken")


async def _ran(argv: Sequence[str], rules: int) -> Ran:
    """Start it, read it to a bound, watch it, end it. The outer process has no environment either: pid 1 would show it."""
    process = await anyio.open_process(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": _PATH},
        cwd="/",
        pass_fds=(rules,),
    )
    kept, why, code, watch = bytearray(), "", -1, _Watch(process)
    try:
        with anyio.move_on_after(SECONDS_MAX) as clock:
            async with anyio.create_task_group() as group:
                group.start_soon(watch.run)
                why = await _read(process, kept)
                group.cancel_scope.cancel()
            why = why or watch.why
        why = why or (f"longer than {SECONDS_MAX:g} s" if clock.cancelled_caught else "")
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            code = await process.wait()
            await process.aclose()
    return Ran(text=_clean(bytes(kept)), code=code, stopped=why)


async def _read(process: anyio.abc.Process, kept: bytearray) -> str:
    """Read to the end or to the bound."""
    stream = process.stdout
    while stream is not None:
        try:
            chunk = await stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            break
        kept += chunk[: OUTPUT_BYTES_MAX + 1 - len(kept)]
        if len(kept) > OUTPUT_BYTES_MAX:
            del kept[OUTPUT_BYTES_MAX:]
            return f"more than {OUTPUT_BYTES_MAX} bytes of output"
    await process.wait()
    return ""


@dataclass(slots=True)
class _Watch:
    """Looks at all processes of a sandbox together, and ends it where they are too many or too large."""

    process: anyio.abc.Process
    why: str = ""

    async def run(self) -> None:
        while not self.why:
            await anyio.sleep(WATCH_S)
            count, resident = _family(self.process.pid)
            if count > PROCESSES_MAX:
                self.why = f"more than {PROCESSES_MAX} processes"
            elif resident > MEMORY_BYTES_MAX:
                self.why = f"more than {MEMORY_BYTES_MAX >> 20} MB of memory"
        self.process.kill()


def _family(root: int) -> tuple[int, int]:
    """How many processes descend from one, and their resident bytes. What ends meanwhile is not counted."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                told = Path(entry.path, "stat").read_text("latin-1").rpartition(")")[2].split()
                parents[int(entry.name)] = (int(told[1]), int(told[21]))
            except (OSError, IndexError, ValueError):
                continue
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in parents.items():
        children.setdefault(parent, []).append(pid)
    family, todo = 0, [root]
    resident = 0
    while todo:
        pid = todo.pop()
        for child in children.get(pid, ()):
            family += 1
            resident += parents[child][1] * os.sysconf("SC_PAGE_SIZE")
            todo.append(child)
    return family, resident


def _clean(data: bytes) -> str:
    """Text that can be shown: secrets replaced, nothing that controls a terminal or hides."""
    return redact_text(_UNPRINTABLE.sub("?", data.decode("utf-8", "replace")))
