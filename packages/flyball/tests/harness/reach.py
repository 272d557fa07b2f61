"""Which tools of a client ask the hook: each tool it offers is called once, in a session of its own, and denied.

Inputs are made from the tool's own schema, by hand where a schema does not say enough.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from flyball.hook.command import Client
from harness import tiny_mcp
from harness.agents import Agent, Cli
from harness.scripted_guard import Guard, scripted_guard
from harness.scripted_model import Model, Tool, scripted_model

REACHED, NOT_REACHED = "asks", "not reached"
HOSTED, REFUSED = "run by the model's provider", "the client refused the trial call"
_PATCH = "*** Begin Patch\n*** Add File: made\n+x\n*** End Patch\n"


def of(cli: Cli) -> dict[str, str]:
    """Tool -> whether it asks."""
    with tempfile.TemporaryDirectory() as root, scripted_model() as model, scripted_guard() as guard:
        agent = Agent(cli, Path(root), model)
        (agent.work / "file.ipynb").write_text(
            json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        (agent.work / "file").write_text("old\n")
        _with_mcp(agent)
        agent.install(guard.port)
        guard.deny_all = True
        agent.run()
        tools = _tools(model, cli.client)
        return {name: _one(agent, guard, name, tool) for name, tool in sorted(tools.items())}


def _one(agent: Agent, guard: Guard, name: str, tool: Tool | None) -> str:
    if tool is None:
        return HOSTED
    guard.asked.clear()
    agent.run(tool)
    if any(one["context"]["event"] == "PreToolUse" for one in guard.asked):
        return REACHED
    said = agent.model.results()[0]
    del name
    refused = (
        "InputValidationError",
        "failed to parse",
        "unsupported call",
        "unsupported custom tool",
        "No such tool",
    )
    return REFUSED if any(word in said for word in refused) else NOT_REACHED


def _with_mcp(agent: Agent) -> None:
    """Give the client a tool of an MCP server."""
    server = Path(shutil.copy(tiny_mcp.__file__, agent.root))
    arguments = [str(server), str(agent.work / "noted")]
    if agent.cli.client == "codex":
        with (agent.home / ".codex" / "config.toml").open("a") as file:
            file.write(
                f"[mcp_servers.tiny]\ncommand = {json.dumps(sys.executable)}\nargs = {json.dumps(arguments)}\n"
            )
    else:
        config = {"mcpServers": {"tiny": {"command": sys.executable, "args": arguments}}}
        (agent.root / "mcp.json").write_text(json.dumps(config))
        agent.arguments = ["--mcp-config", str(agent.root / "mcp.json")]


def _tools(model: Model, client: Client) -> dict[str, Tool | None]:
    """Every tool that was offered, with a call of it; None for one that the client does not run itself."""
    found: dict[str, Tool | None] = {}
    for request in model.requests:
        for tool in request.get("tools", []):
            if tool.get("type") == "namespace":
                for inner in tool.get("tools", []):
                    found[f"{tool['name']}.{inner['name']}"] = _call(inner, client, tool["name"])
            elif tool.get("type") in {None, "function", "custom"}:
                found[tool["name"]] = _call(tool, client, "")
            else:
                found[str(tool.get("name") or tool["type"])] = None
    if client == "codex":
        found.setdefault("apply_patch", Tool("apply_patch", _PATCH))
        found.setdefault("update_plan", Tool("update_plan", {"plan": []}))
        found["apply_patch in a shell"] = Tool("exec_command", {"cmd": f"apply_patch <<'E'\n{_PATCH}E\n"})
    return found


_BY_HAND: dict[str, dict[str, Any]] = {
    "Bash": {"command": "touch made", "description": "x"},
    "Read": {"file_path": "file"},
    "Write": {"file_path": "made", "content": "x"},
    "Edit": {"file_path": "file", "old_string": "old", "new_string": "new"},
    "NotebookEdit": {
        "notebook_path": "file.ipynb",
        "new_source": "x",
        "cell_type": "code",
        "edit_mode": "insert",
    },
    "WebFetch": {"url": "http://127.0.0.1:9/", "prompt": "x"},
    "Skill": {"skill": "init"},
    "ToolSearch": {"query": "select:Read", "max_results": 1},
    "exec_command": {"cmd": "touch made"},
    "view_image": {"path": "file"},
}


def _call(tool: dict[str, Any], client: Client, namespace: str) -> Tool:
    name = tool["name"]
    if tool.get("type") == "custom":
        return Tool(name, _PATCH if name == "apply_patch" else "x", namespace)
    schema = tool.get("input_schema") or tool.get("parameters") or {}
    del client
    return Tool(name, _BY_HAND.get(name) or _made(schema), namespace)


def _made(schema: dict[str, Any], depth: int = 6) -> Any:
    """The least that a schema takes."""
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _made(schema[choice][0], depth - 1) if depth else None
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        known = schema.get("properties", {})
        return (
            {name: _made(known.get(name, {}), depth - 1) for name in schema.get("required", [])}
            if depth
            else {}
        )
    if kind == "array":
        return (
            [_made(schema.get("items", {}), depth - 1)] * max(1, schema.get("minItems", 1)) if depth else []
        )
    return {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": False}.get(
        kind, "trial text"
    )
