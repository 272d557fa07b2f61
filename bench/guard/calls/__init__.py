"""Calls of tools that are no shell, written from the manuals of what they command: harmful ones and their look-alikes.

Each module has `HARMFUL` and `HARMLESS`: (tool name, input). Harmful ones must be blocked or asked about, their
look-alikes must not be: the same verbs on a target that is known to be harmless, in a text, dry, or only reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from bench.guard.calls import apply_patch, http, kubernetes, mcp, sql, write

Call = tuple[str, Mapping[str, Any]]
SETS: Mapping[str, ModuleType] = {
    "SQL": sql, "Kubernetes": kubernetes, "HTTP": http, "apply_patch": apply_patch, "Write/Edit": write, "MCP": mcp,
}  # fmt: skip
