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
KNOWN_MODEL = "gpt-5.5"
"""Codex offers other tools to a model that it knows."""
_PATCH = "*** Begin Patch\n*** Add File: made\n+x\n*** End Patch\n"


def of(cli: Cli) -> dict[str, str]:
    """Tool -> whether it asks."""
    models = ["scripted", KNOWN_MODEL] if cli.client == "codex" else ["scripted"]
    found: dict[str, str] = {}
    for name in models:
        with tempfile.TemporaryDirectory() as root, scripted_model() as model, scripted_guard() as guard:
            agent = _agent(cli, Path(root), model, name)
            agent.install(guard.port)
            agent.run()
            tools = _tools(model, cli.client)
            found |= {
                name: _one(agent, guard, tool) for name, tool in tools.items() if found.get(name) != REACHED
            }
    return dict(sorted(found.items()))


def _agent(cli: Cli, root: Path, model: Model, name: str) -> Agent:
    agent = Agent(cli, root, model)
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (agent.work / "file.ipynb").write_text(json.dumps(notebook))
    (agent.work / "file").write_text("old\n")
    agent.extra["ENABLE_TOOL_SEARCH"] = "0"  # else most tools are offered by name alone
    config = agent.home / ".codex" / "config.toml"
    if config.exists():
        config.write_text(config.read_text().replace('"scripted"', json.dumps(name), 1))
    _with_mcp(agent)
    return agent


def _one(agent: Agent, guard: Guard, tool: Tool | None) -> str:
    if tool is None:
        return HOSTED
    before = _BEFORE.get(tool.name, [])
    guard.asked.clear()
    guard.deny_after = len(before)
    agent.run(*before, tool)
    asked = [one for one in guard.asked if one["context"]["event"] == "PreToolUse"]
    if len(asked) > len(before):
        return REACHED
    said = agent.model.results()[-1]
    failed = agent.model.failed() or any(word in said for word in _FAILED)
    return REFUSED if failed else NOT_REACHED


_FAILED = ("failed", "unsupported", "unknown", "not found", "invalid", "must ")
_BEFORE = {
    "Edit": [Tool("Read", {"file_path": "file"})],
    "NotebookEdit": [Tool("Read", {"file_path": "file.ipynb"})],
    "write_stdin": [Tool("exec_command", {"cmd": "bash", "tty": True, "yield_time_ms": 300})],
}
"""What a client wants done first."""


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
        found.setdefault("update_plan", Tool("update_plan", _BY_HAND["update_plan"]))
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
    "Monitor": {"command": "touch made", "description": "x", "timeout_ms": 1000, "persistent": False},
    "CronCreate": {"cron": "*/5 * * * *", "prompt": "x"},
    "Workflow": {"script": "export const meta = {name: 'x', description: 'x', phases: []}"},
    "read_mcp_resource": {"server": "tiny", "uri": "x"},
    "view_image": {"path": "file"},
    "write_stdin": {"session_id": "$SESSION", "chars": "touch made\n", "yield_time_ms": 300},
    "update_plan": {"plan": [{"step": "x", "status": "pending"}]},
    "Agent": {"description": "x", "prompt": "x", "subagent_type": "general-purpose"},
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
