"""A tool call as it reaches the wall, and what is known of who makes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A call whose input is larger than this is not read: it asks (262,144 bytes of JSON).
INPUT_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Context:
    """Who calls, where and in which trace. Empty where it is not known.

    `cwd` is the directory that relative paths begin at; `environment` is `deployment.environment.name` of the agent
    (not of what it acts on: see `Target`); `goal` is what the user asked for, in the user's own words.
    """

    session_id: str = ""
    agent_name: str = ""
    user_id: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    tool_call_id: str = ""
    client: str = ""
    cwd: str = ""
    goal: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool: its name, its input as the model wrote it, and the context."""

    tool_name: str
    tool_input: Mapping[str, Any]
    context: Context = field(default_factory=Context)

    def digest(self) -> str:
        """The SHA-256 of name and input, in hex: equal for equal calls, whatever the order of their keys."""
        text = json.dumps([self.tool_name, self.tool_input], sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
