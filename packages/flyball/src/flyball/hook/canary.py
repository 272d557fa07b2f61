"""The canary: the very handler that stands in a client's settings is run with a call that the guard must catch.

The call is harmless if it runs: `: flyball-canary NONCE`, a shell's no-op. In audit the guard lets it pass and the hook
says that it would not have; it says so of no other call.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import orjson

from flyball.hook.alone.asked import CANARY
from flyball.hook.command import CLIENT_TIMEOUT_S
from flyball.hook.merged import Handler

Outcome = Literal["caught", "audited", "unanswered", "passed"]
BLOCKS = 2
"""The exit code that stops a call."""
_SAID_CHARS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What became of one.

    `caught` and `audited`: the guard decided. `unanswered`: the call was stopped, because no guard answered.
    `passed`: it would have run.
    """

    outcome: Outcome
    said: str
    ms: float


LONG_CHARS = 20_000
"""More than the relay reads (`alone/relay.bash`): such a call takes the other way through the hook."""


def run(handler: Handler, folder: Path, environment: Mapping[str, str], *, chars: int = 0) -> Canary:
    """Run a handler as the client would, in the project's folder and the client's environment.

    The call has at least so many `chars`: the hook has a short way for short calls, and both must be shown to hold.
    """
    nonce = secrets.token_hex(8)
    event = {
        "hook_event_name": "PreToolUse",
        "session_id": CANARY,
        "cwd": os.fspath(folder),
        "tool_name": "Bash",
        "tool_use_id": nonce,
        "tool_input": {"command": f": {CANARY} {nonce}", "description": "x" * chars},
    }
    begun = time.perf_counter()
    how = _over_http if handler.get("type") == "http" else _as_command
    stopped, said = how(handler, orjson.dumps(event), folder, environment)
    ms = (time.perf_counter() - begun) * 1000
    return Canary(
        outcome=outcome_of(nonce, said, stopped=stopped), said=said[:_SAID_CHARS_MAX], ms=round(ms, 1)
    )


def outcome_of(nonce: str, said: str, *, stopped: bool) -> Outcome:
    """What the handler's words show; only the guard knows both its rule and this nonce."""
    decided = "guard.canary" in said and nonce in said
    if stopped:
        return "caught" if decided else "unanswered"
    return "audited" if decided else "passed"


def _as_command(
    handler: Handler, event: bytes, folder: Path, environment: Mapping[str, str]
) -> tuple[bool, str]:
    try:
        done = subprocess.run(  # noqa: S603 - what the client itself runs at each call
            ["/bin/sh", "-c", str(handler.get("command", ""))],
            input=event, capture_output=True, timeout=CLIENT_TIMEOUT_S, check=False, cwd=folder,
            env=dict(environment),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, f"the hook took more than {CLIENT_TIMEOUT_S} s, past which the client runs the call"
    except OSError as error:
        return False, f"/bin/sh cannot be run: {error.strerror}"
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    return done.returncode == BLOCKS, said


def _over_http(
    handler: Handler, event: bytes, folder: Path, environment: Mapping[str, str]
) -> tuple[bool, str]:
    del folder, environment
    headers = {str(name): str(value) for name, value in dict(handler.get("headers") or {}).items()}
    closed = handler.get("onFailure") == "block"
    try:
        answer = httpx.post(
            str(handler.get("url")), content=event, timeout=CLIENT_TIMEOUT_S, trust_env=False,
            headers={**headers, "content-type": "application/json"},
        )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return closed, f"nothing answers: {error}"
    if not answer.is_success:
        return closed, answer.text
    return '"deny"' in answer.text, answer.text
