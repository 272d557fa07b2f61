"""Content on spans, where somebody asked for it: redacted, bounded, in the shapes of the GenAI conventions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flyball_sdk.redact import WILDCARD, redact_text, redact_value

TEXT_CHARS_MAX = 4_096
"""Of one text; what is left out is told by its length."""
CONTENT_CHARS_MAX = 65_536
"""Of one attribute; messages beyond it are left out, the oldest first."""
DEPTH_MAX = 16
WIDTH_MAX = 256


def clean(value: Any, key: str = "", depth: int = 0) -> Any:
    """A value as JSON knows it, with secrets taken out of every text."""
    if isinstance(value, str):
        return cut(value, key)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= DEPTH_MAX:
        return "..."
    if isinstance(value, Mapping):
        pairs = list(value.items())[:WIDTH_MAX]
        return {redact_text(str(name)[:256]): clean(one, str(name), depth + 1) for name, one in pairs}
    if isinstance(value, (list, tuple)):
        return [clean(one, key, depth + 1) for one in value[:WIDTH_MAX]]
    return cut(str(value), key)


def cut(value: str, key: str = "") -> str:
    """A text without secrets, bounded. A margin is redacted with it, so that no secret is cut in two and shown."""
    seen = value[: 2 * TEXT_CHARS_MAX]
    safe = redact_value(key, seen) if key else redact_text(seen)
    if safe == WILDCARD or len(safe) <= TEXT_CHARS_MAX >= len(value):
        return safe
    return f"{safe[:TEXT_CHARS_MAX]}... ({len(value)} characters)"


def one(value: Any) -> str:
    """A tool's arguments or result as one attribute."""
    written = json.dumps(clean(value), ensure_ascii=False, default=str)
    if len(written) <= CONTENT_CHARS_MAX:
        return written
    return json.dumps({"left_out_characters": len(written)})


def messages(said: list[dict[str, Any]]) -> str:
    """Messages, parts or definitions as one attribute: as many of the last as fit."""
    kept: list[str] = []
    left = CONTENT_CHARS_MAX
    for message in reversed(said):
        written = json.dumps(clean(message), ensure_ascii=False, default=str)
        left -= len(written) + 2
        if left < 0:
            break
        kept.append(written)
    return f"[{', '.join(reversed(kept))}]"


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """One message of the conventions' schema."""
    return {"role": role, "parts": list(parts)}


def text_part(content: str) -> dict[str, Any]:
    """Words."""
    return {"type": "text", "content": content}


def call_part(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """A tool that the model asked for."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def result_part(call_id: str, result: Any) -> dict[str, Any]:
    """What a tool answered."""
    return {"type": "tool_call_response", "id": call_id, "response": result}
