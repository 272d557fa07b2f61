"""`flyball mcp`: the MCP tools on standard input and output, answered by the server at `--server`."""

from __future__ import annotations

import os
import re
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
    from flyball.commands.table import Command  # noqa: PLC0415
    from flyball.errors import InputError  # noqa: PLC0415
    from flyball.mcp.server import mcp_server  # noqa: PLC0415
    from flyball.queries.questions import Question  # noqa: PLC0415

    url = server_url(server)

    def placed(name: str, path: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The path with its arguments in it, and the others."""
        query = {field: value for field, value in arguments.items() if f"{{{field}}}" not in path}
        for field, value in arguments.items():
            text = str(value)
            if f"{{{field}}}" in path and not re.fullmatch(r"\w[\w.-]*", text):
                raise InputError(f"{field} is an id, this is {text[:64]!r}")
            path = path.replace(f"{{{field}}}", text)
        if "{" in path:
            raise InputError(f"{name} needs {path.partition('{')[2].partition('}')[0]}")
        return f"/api/v1{path}", query

    async def ask(question: Question, arguments: dict[str, Any]) -> Any:
        path, query = placed(question.name, question.path, arguments)
        return await anyio.to_thread.run_sync(lambda: call("GET", url, path, query=query))

    async def do(command: Command, arguments: dict[str, Any]) -> Any:
        path, body = placed(command.name, command.path, arguments)
        return await anyio.to_thread.run_sync(lambda: call("POST", url, path, body=body))

    async def serve() -> None:
        tools = mcp_server(ask, do, base_url=url)
        async with stdio_server() as (read, write):
            await tools.run(read, write, tools.create_initialization_options())

    # a thread waits for the next line of stdin and cannot be interrupted: Ctrl-C ends the process past it
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    anyio.run(serve)
