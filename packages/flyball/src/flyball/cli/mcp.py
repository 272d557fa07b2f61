"""`flyball mcp`: the MCP tools on standard input and output, answered by the server at `--server`."""

from __future__ import annotations

import os
import signal
from typing import Annotated, Any

import typer

from flyball.cli.exit_codes import INTERRUPTED


def mcp(
    *,
    server: Annotated[str | None, typer.Option(help="The server's address [http://127.0.0.1:4320]")] = None,
) -> None:
    """Serve the MCP tools on stdio, for coding agents. Without a server each tool tells how to start one."""
    import anyio  # noqa: PLC0415 - `flyball --help` stays quick
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    from flyball.cli.client import call, server_url  # noqa: PLC0415
    from flyball.errors import InputError  # noqa: PLC0415
    from flyball.mcp.server import mcp_server  # noqa: PLC0415
    from flyball.queries.questions import Question  # noqa: PLC0415

    url = server_url(server)

    async def ask(question: Question, arguments: dict[str, Any]) -> Any:
        path = question.path
        query = {name: value for name, value in arguments.items() if f"{{{name}}}" not in path}
        for name, value in arguments.items():
            text = str(value)
            if f"{{{name}}}" in path and not text.replace("_", "").replace("-", "").isalnum():
                raise InputError(f"{name} is an id, this is {text[:64]!r}")
            path = path.replace(f"{{{name}}}", text)
        if "{" in path:
            raise InputError(f"{question.name} needs {path.partition('{')[2].partition('}')[0]}")
        return await anyio.to_thread.run_sync(lambda: call("GET", url, f"/api/v1{path}", query=query))

    async def serve() -> None:
        tools = mcp_server(ask, link=lambda _: url)
        async with stdio_server() as (read, write):
            await tools.run(read, write, tools.create_initialization_options())

    # a thread waits for the next line of stdin and cannot be interrupted: Ctrl-C ends the process past it
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    anyio.run(serve)
