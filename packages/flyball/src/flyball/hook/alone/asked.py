"""A client's event as a question to the guard. Pure, but for what names the caller."""

from __future__ import annotations

import posix

from .wire import Unanswered, clean, encode

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes 4 ms to import
    from typing import Any

INPUT_BYTES_MAX = 256 * 1024
"""A larger tool input is judged by its ends, so that the best it can get is a question."""
OUTPUT_CHARS_MAX = 64 * 1024
ENTRIES_MAX = 1_000
"""Entries of a list or an object of a tool input that is too large."""
DEPTH_MAX = 64
CANARY = "flyball-canary"
EVALUATE, OBSERVE = "/v1/guard/evaluate", "/v1/guard/observe"


def request_of(
    client: str, event: dict[str, Any], failure_mode: str, deadline_ms: int
) -> tuple[str, dict[str, Any]]:
    """The path and the body that an event asks with; no path for an event that the guard has no part in.

    Raises:
        Unanswered: the event lacks what its kind must have.
    """
    kind = event.get("hook_event_name")
    context: dict[str, Any] = {
        "session_id": _text(event, "session_id", 100),
        "agent_name": _text(event, "agent_type") or client,
        "user_id": f"uid:{posix.getuid()}",
        "cwd": _text(event, "cwd", 4096),
        "tool_call_id": _text(event, "tool_use_id"),
        "client": client,
        "event": clean(str(kind), 40),
    }
    body: dict[str, Any] = {"context": context, "failure_mode": failure_mode, "deadline_ms": deadline_ms}
    if kind == "SessionStart":
        nonce = posix.urandom(8).hex()
        body.update(
            tool_name="Bash", tool_input={"command": f": {CANARY} {nonce}"}, decision_id=f"cn_{nonce}"
        )
        return EVALUATE, body
    if kind not in {"PreToolUse", "PostToolUse", "PostToolUseFailure"}:
        return "", body
    tool, given = event.get("tool_name"), event.get("tool_input")
    if not isinstance(tool, str) or not tool:
        raise Unanswered("the client's event names no tool")
    body["tool_name"] = tool[:200]
    body["tool_input"], left_out = bounded(given if isinstance(given, dict) else {"input": given})
    if left_out:
        context["input_left_out"] = left_out
    if kind != "PreToolUse":
        output = event.get("tool_response", event.get("error", ""))
        body["tool_output"] = ends_of(
            output if isinstance(output, str) else encode(output), OUTPUT_CHARS_MAX
        )[0]
        return OBSERVE, body
    call = context["tool_call_id"][:80] or posix.urandom(8).hex()
    body["decision_id"] = f"{client}:{context['session_id']}:{call}"
    return EVALUATE, body


def bounded(given: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The tool input, and how many of its characters were left out: the middles of what is too long."""
    size = len(encode(given))
    if size <= INPUT_BYTES_MAX:
        return given, 0
    short = _shortened(given, 16 * 1024, DEPTH_MAX)
    if len(encode(short)) > INPUT_BYTES_MAX:
        short = {"input": ends_of(encode(given), INPUT_BYTES_MAX // 8)[0]}
    return short, max(1, size - len(encode(short)))


def _shortened(value: Any, chars: int, depth: int) -> Any:
    if isinstance(value, str):
        return ends_of(value, chars)[0]
    if depth == 0:
        return None
    if isinstance(value, dict):
        kept = list(value.items())[:ENTRIES_MAX]
        return {key[:256]: _shortened(inner, chars, depth - 1) for key, inner in kept}
    if isinstance(value, list):
        return [_shortened(inner, chars, depth - 1) for inner in value[:ENTRIES_MAX]]
    return value


def ends_of(text: str, chars: int) -> tuple[str, int]:
    """A text of at most `chars` characters: both ends of a longer one; and how many were left out."""
    if len(text) <= chars:
        return text, 0
    half = (chars - 1) // 2
    return f"{text[:half]}\n{text[-half:]}", len(text) - 2 * half


def _text(event: dict[str, Any], key: str, chars: int = 200) -> str:
    value = event.get(key)
    return value[:chars] if isinstance(value, str) else ""
