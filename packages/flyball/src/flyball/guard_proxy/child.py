"""The server as a child process: what it is given of the environment, and that it ends when the proxy does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from flyball.errors import ConfigurationError, InputError

PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a server is given of the environment without being asked for; `--env NAME` gives it more."""
STOP_SECONDS = 1.0
"""How long a server may take to end by itself, first after its input ended, then after SIGTERM: in all less than the
4 s after which the official client kills what it started, this proxy."""
_PR_SET_PDEATHSIG = 1
_ORPHANED = 70
"""Exit code of a child whose parent went away while it started (EX_SOFTWARE of sysexits.h)."""


def environment_for(given: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The named variables that are set, and no other.

    Raises:
        InputError: a name is none, or is not set.
    """
    for name in names:
        if "=" in name or not name:
            raise InputError(
                f"--env takes the name of a variable and no value, this is {name.partition('=')[0][:64]}"
            )
        if name not in given:
            raise InputError(f"--env {name[:64]}: there is no such variable in the environment")
    return {name: given[name] for name in (*PASSED_ON, *names) if name in given}


def start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The server, its stderr being ours. To be called from the thread that lives as long as the process.

    Raises:
        ConfigurationError: it cannot be run.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - the command that the user asks for
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            bufsize=0,
            start_new_session=True,
            preexec_fn=_dies_with_its_parent(),  # noqa: PLW1509 - no thread is running yet
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(f"the server {command[0][:200]!r} cannot be run: {why}") from error


def _dies_with_its_parent() -> Callable[[], None] | None:
    """Called in the child before the server: on Linux it is killed when this process ends, however it ends."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bound() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(_ORPHANED)

    return bound


def stop(child: subprocess.Popen[bytes]) -> int:
    """End the server and what it started: its input ends, then SIGTERM, then SIGKILL. Gives its exit code."""
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            _tell_group(child, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=STOP_SECONDS)
            break
    _tell_group(child, signal.SIGKILL)  # what it started and left behind
    return child.poll() or 0


def _tell_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # the group is the child's own session: its number is not used again while a process of it is there
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
