"""A Model Context Protocol server on stdio with one tool, `note`, that writes a file: python tiny_mcp.py FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TOOL = {
    "name": "note",
    "description": "Writes a note",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


def answer(method: str, parameters: dict[str, Any], file: Path) -> dict[str, Any]:
    """The result of one request."""
    if method == "initialize":
        known = parameters.get("protocolVersion", "2025-06-18")
        return {
            "protocolVersion": known,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tiny", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        file.write_text(str(parameters.get("arguments")))
        return {"content": [{"type": "text", "text": "noted"}]}
    return {}


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {}, Path(sys.argv[1]))
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + "\n")
            sys.stdout.flush()
