"""The command line that stands in a client's settings. Pure, but for finding the programs it names.

    timeout -k 1 7 bash --norc --noprofile -p RELAY PYTHON RUN claude-code closed 4320 5000 DATA/guard || { ... }
    timeout -k 1 7 PYTHON -B -I -S RUN claude-code closed 4320 5000 DATA/guard || { ... }

The second where there is no bash, and for events that are rare.

Claude Code and Codex run a call whose hook fails, whatever way it fails: only exit code 2 or a well-formed denial stops
it. So every other end of the hook is made into 2 here, a missing interpreter and a hook that hangs among them, before
the client's own time is up. The line depends on no PATH, no working folder and no variable: each program is named by
its place, `-I` reads no PYTHON variable, `-B` writes nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from flyball.errors import ConfigurationError

Client = Literal["claude-code", "codex"]
CLIENTS: tuple[Client, ...] = ("claude-code", "codex")
Fail = Literal["closed", "open"]

CLIENT_TIMEOUT_S = 10
"""What the settings give the hook; past it the client runs the call."""
_TIMEOUT_S = 7
_KILL_AFTER_S = 1
"""Together they leave the client two seconds to hear of it."""
DEADLINE_MS = 5_000
"""For the guard's answer, connecting included, so that it is the hook that says what did not come."""
RUN, RELAY = "hook/alone/run.py", "hook/alone/relay.bash"
"""In the guard's folder; where it stands in a command line, that is ours."""
GUARDING = ("PreToolUse", "ConfigChange")
"""Events whose hook stands between the agent and what it wants."""
RELAYED = ("PreToolUse", "PostToolUse", "PostToolUseFailure")
"""Events of every call, which bash passes on: it starts in 2 ms, the interpreter in 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What the command lines of one installation have in common."""

    client: Client
    fail: Fail
    port: int
    guard_folder: Path
    python: Path
    timeout: tuple[str, ...]
    """What ends a process after a time, with its arguments; see `timeout_program`."""
    bash: Path | None = None
    """What runs the relay; None where it is not here: see `bash_program`."""

    def command(self, event: str) -> str:
        """The line for one of the client's events."""
        run = self.guard_folder / RUN
        starts = (self.python, "-B", "-I", "-S", run)
        if self.bash is not None and event in RELAYED:
            starts = (self.bash, "--norc", "--noprofile", "-p", self.guard_folder / RELAY, self.python, run)
        words = (*self.timeout, *starts, self.client, self.fail, self.port, DEADLINE_MS, self.guard_folder)
        return f"{shlex.join(str(word) for word in words)} || {self._otherwise(event)}"

    def _otherwise(self, event: str) -> str:
        """What becomes of a hook that ends with anything but 0; 10 and 11 are those of `alone`."""
        if event == "SessionStart":
            return f"echo {_notice('does NOT guard this session')}"
        if event not in GUARDING:
            return "true"
        if self.fail == "open":
            return f"{{ [ $? = 10 ] && exit 2; echo {_notice('did not answer: this call ran UNGUARDED')}; }}"
        recover = (
            "flyball: this hook fails closed, so nothing was run. A person can start the guard with `flyball up`,"
            f" ask `flyball status {self.client}`, or take the hook out: `flyball uninstall {self.client}`."
        )
        return (
            '{ c=$?; [ $c = 10 ] || [ $c = 11 ] || echo "flyball: the hook did not run (exit code $c)" >&2;'
            f" [ $c = 10 ] || echo {shlex.quote(recover)} >&2; exit 2; }}"
        )


def _notice(what: str) -> str:
    return shlex.quote(orjson.dumps({"systemMessage": f"flyball {what}"}).decode())


def timeout_program() -> tuple[str, ...]:
    """What ends a process after a time on this machine: GNU timeout, else perl (macOS has no timeout).

    Raises:
        ConfigurationError: there is neither, and without one a hook that hangs would let the call run.
    """
    for place in ("/usr/bin/timeout", "/bin/timeout", "/opt/homebrew/bin/timeout", "/usr/local/bin/timeout"):
        if os.access(place, os.X_OK):
            return (place, "-k", str(_KILL_AFTER_S), str(_TIMEOUT_S))
    if os.access("/usr/bin/perl", os.X_OK):
        return ("/usr/bin/perl", "-e", "alarm shift; exec @ARGV", str(_TIMEOUT_S))
    raise ConfigurationError("a hook needs `timeout` (coreutils) or /usr/bin/perl, and neither is here")


def interpreter() -> Path:
    """The Python that the hook runs on: the one below this environment, which outlives it.

    A version manager's shim is none: it would start a shell at each call.
    """
    return Path(getattr(sys, "_base_executable", "") or sys.executable)


def bash_program() -> Path | None:
    """Bash where it belongs; None on systems without it."""
    return next((Path(place) for place in ("/bin/bash", "/usr/bin/bash") if os.access(place, os.X_OK)), None)
