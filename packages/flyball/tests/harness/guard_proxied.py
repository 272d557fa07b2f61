"""A real `flyball guard proxy` in front of the real MCP server of mcp_server.py, as a client starts it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TextIO, cast

import mcp_types as types
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

SERVER = Path(__file__).with_name("mcp_server.py")
HELLO: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"sampling": {}, "elicitation": {}, "roots": {}},
    "clientInfo": {"name": "test", "version": "1"},
}
ANSWER_SECONDS_MAX = 30.0


@dataclass
class Proxied:
    """How the proxy is started. `folder` is the MCP server's, `data` the guard's."""

    data: Path
    folder: Path
    flyball: str
    name: str = "notes"
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        guard = ["guard", "proxy", "--server", self.flyball, "--data", str(self.data), "--name", self.name]
        server = [sys.executable, "-P", str(SERVER), str(self.folder)]
        return ["-m", "flyball", *guard, *self.options, "--", *server]

    @property
    def notes(self) -> list[str]:
        """What the server has written: the side effect."""
        return sorted(path.name for path in (self.folder / "notes").glob("*"))

    @property
    def calls(self) -> list[str]:
        """The tools that the server was really asked for."""
        file = self.folder / "calls"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Client]:
        """The official client's session through the proxy."""
        parameters = StdioServerParameters(command=sys.executable, args=self.arguments, env=self.environment)
        errors = self.folder / "stderr"
        client = Client(errors)
        with errors.open("w") as log:
            async with (
                stdio_client(parameters, errlog=cast("TextIO", log)) as (read, write),
                ClientSession(
                    read, write, sampling_callback=client.sampled, elicitation_callback=client.elicited
                ) as session,
            ):
                await session.initialize()
                client.session = session
                yield client

    def raw(self) -> Raw:
        """The proxy with pipes that a test writes itself."""
        return Raw(self)


class Client:
    """The official client, and what was asked of it."""

    session: ClientSession

    def __init__(self, errors: Path) -> None:
        self.asked: list[str] = []
        self._errors = errors

    @property
    def told(self) -> str:
        """What the proxy and the server said on stderr."""
        return self._errors.read_text()

    async def call(self, tool: str, **arguments: Any) -> tuple[bool, str]:
        """(whether it is an error, its text)."""
        result = await self.session.call_tool(tool, arguments)
        return bool(result.is_error), "".join(getattr(one, "text", "") for one in result.content)

    async def sampled(self, context: Any, params: Any) -> types.CreateMessageResult:
        del context, params
        self.asked.append("sampling")
        said = types.TextContent(type="text", text="a thought")
        return types.CreateMessageResult(role="assistant", content=said, model="m")

    async def elicited(self, context: Any, params: Any) -> types.ElicitResult:
        del context, params
        self.asked.append("elicitation")
        return types.ElicitResult(action="accept", content={"name": "Ann"})


class Raw:
    """The proxy's pipes."""

    def __init__(self, proxied: Proxied) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *proxied.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | proxied.environment,
        )
        self._received = b""
        self.ask("initialize", HELLO)
        self.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any], *, id: int | str = 1) -> dict[str, Any]:  # noqa: A002
        """The answer to a request."""
        self.write(
            json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode() + b"\n"
        )
        return self.read()

    def tool(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, id="call")

    def read(self) -> dict[str, Any]:
        """The next message."""
        assert self.process.stdout is not None
        ends = time.monotonic() + ANSWER_SECONDS_MAX
        while b"\n" not in self._received:
            ready, _, _ = select.select([self.process.stdout], [], [], ends - time.monotonic())
            data = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
            assert data, "no answer"
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)

    def end(self) -> tuple[int, str]:
        """Close the input; the exit code and what was told."""
        _, told = self.process.communicate(timeout=ANSWER_SECONDS_MAX)
        return self.process.returncode, told.decode()
