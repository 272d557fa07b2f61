"""The relay says what the hook process says, and asks it wherever it cannot speak itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flyball.hook import installed
from flyball.hook.command import RELAY, RUN, bash_program
from harness.scripted_guard import FAULTS, Fault, Guard, scripted_guard

BASH = bash_program()
pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash here: the hook is Python alone")

Said = tuple[int, bytes, bytes]


@dataclass
class Hook:
    """One installation's programs."""

    folder: Path
    guard: Guard
    port: int
    deadline_ms: int = 300
    python: str = str(installed.python())

    def relayed(self, event: bytes, **environment: str) -> Said:
        start = (str(BASH), "--norc", "--noprofile", "-p", str(self.folder / RELAY), self.python)
        return self._run((*start, str(self.folder / RUN)), event, environment)

    def by_python(self, event: bytes) -> Said:
        return self._run((self.python, "-B", "-I", "-S", str(self.folder / RUN)), event, {})

    def _run(self, start: tuple[str, ...], event: bytes, environment: dict[str, str]) -> Said:
        words = (*start, "claude-code", "closed", str(self.port), str(self.deadline_ms), str(self.folder))
        done = subprocess.run(
            words, input=event, capture_output=True, check=False, env=environment, timeout=20
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    installed.put_copy(tmp_path)
    installed.token_of(tmp_path, "claude-code")
    with scripted_guard() as guard:
        yield Hook(tmp_path, guard, guard.port)


def event(command: str = "ls", kind: str = "PreToolUse", **more: Any) -> bytes:
    call = {"tool_name": "Bash", "tool_input": {"command": command}, "tool_use_id": "t1", "session_id": "s1"}
    return json.dumps({"hook_event_name": kind, **call, **more}).encode()


EVENTS = {
    "allowed": event(),
    "blocked": event("BLOCK"),
    "asked": event("ASK"),
    "modified": event("MODIFY"),
    "modified without a word": event("SILENT"),
    "a result": event(kind="PostToolUse", tool_response={"stdout": "x"}),
    "no event of ours": event(kind="Stop"),
    "long": event("BLOCK " + "x" * 60_000),
    "as long as the relay reads": event("BLOCK".ljust(16384 - len(event("")))),
    "not ASCII": '{"hook_event_name": "PreToolUse", "tool_use_id": "t1", "tool_name": "Bash", "tool_input": {"command": "BLOCK é %s \\\\"}}'.encode(),
    "the end of a line in it": event("BLOCK\n$(touch made)\n`id`"),
    "no JSON": b"{",
    "a NUL": b'{"hook_event_name": "PreToolUse", "tool_name": "x\0", "tool_input": {}}',
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_it_says_what_the_process_says(hook: Hook, name: str) -> None:
    said = hook.relayed(EVENTS[name])
    assert said == hook.by_python(EVENTS[name])
    assert (said[0] == 10) == ("BLOCK" in EVENTS[name].decode())


def test_an_ordinary_call_needs_no_python(hook: Hook) -> None:
    hook.python = "/nonexistent"
    assert hook.relayed(event()) == (0, b"", b"")
    assert hook.relayed(event("BLOCK"))[0] == 10
    assert hook.relayed(event("x" * 20_000))[0] == 127


@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_is_told_by_the_process(hook: Hook, fault: Fault) -> None:
    hook.guard.fault = fault
    said = hook.relayed(event())
    assert said[0] == 11
    assert b"no answer from the guard" in said[2]
    assert (hook.folder / "unanswered.log").read_text().count("\n") == 1


def test_a_server_that_is_away_and_a_token_that_is_none(hook: Hook) -> None:
    (hook.folder / "tokens" / "claude-code.token").chmod(0o600)
    (hook.folder / "tokens" / "claude-code.token").write_text("a b\r\nX: y\n")
    hook.relayed(event())
    assert not any("\n" in token for token in hook.guard.tokens)
    hook.port = 1
    assert hook.relayed(event())[0] == 11


def test_the_environment_is_no_way_in(hook: Hook) -> None:
    trap = hook.folder / "trap"
    trap.write_text("echo trapped; exit 0\n")
    said = hook.relayed(
        event("BLOCK"),
        BASH_ENV=str(trap), ENV=str(trap), PORT="1", IFS="0", LC_ALL="C.UTF-8",
        **{"BASH_FUNC_printf%%": "() { exit 0; }", "BASH_FUNC_read%%": "() { exit 0; }"},
    )  # fmt: skip
    assert said[0] == 10
    assert b"trapped" not in said[1]


def test_who_calls_is_who_runs_the_hook(hook: Hook) -> None:
    hook.deadline_ms = 5_000
    hook.relayed(event())
    hook.by_python(event())
    relayed, asked = hook.guard.asked
    assert relayed == asked
