"""The real shop against a real server: deploy releases, wait for what follows, ask on every face."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
from flyball.cli.demo_children import Shop
from harness.server import FlyballProcess, running
from mcp import Client

ASK_EVERY_S = 0.5
CALL_MAX_S = 60.0
SERVICE = "checkout"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveShop:
    """A server that the shop sends to."""

    server: FlyballProcess
    shop: Shop
    releases: Mapping[str, str]

    def deploy(self, release: str, version: str) -> str:
        """Announce the deploy, as a pipeline would, then do it; returns the change's id."""
        change = {"service": SERVICE, "version": version, "environment": self.shop.environment}
        change |= {"kind": "deploy", "commit": self.releases[release]}
        made = httpx.post(f"{self.server.url}/api/v1/changes", json=change, timeout=CALL_MAX_S)
        assert made.status_code == 201, made.text
        self.shop.deploy(release, version)
        return made.json()["id"]

    def until(self, path: str, enough: Callable[[Any], bool], *, within_s: float) -> Any:
        """Ask until the answer is enough; fails with the last answer when that takes longer."""
        deadline = time.monotonic() + within_s
        answer: Any = None
        while time.monotonic() < deadline:
            answer = self.get(path)
            if enough(answer):
                return answer
            time.sleep(ASK_EVERY_S)
        raise AssertionError(f"{path} within {within_s:g} s: {str(answer)[:3_000]}")

    def get(self, path: str, **query: str) -> Any:
        """The JSON of a GET that succeeds."""
        answer = httpx.get(f"{self.server.url}{path}", params=query or None, timeout=CALL_MAX_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """A write."""
        return httpx.post(f"{self.server.url}{path}", json=body, timeout=CALL_MAX_S)

    def page(self, path: str) -> str:
        """The HTML of a page."""
        answer = httpx.get(f"{self.server.url}{path}", timeout=CALL_MAX_S)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/html")
        return answer.text

    def cli(self, *arguments: str) -> str:
        """What `flyball ARGUMENTS` writes to standard output, on wide lines."""
        command = [sys.executable, "-m", "flyball", *arguments, "--server", self.server.url]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=CALL_MAX_S,
            env=os.environ | {"COLUMNS": "4000"},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mcp(self, tool: str, **arguments: Any) -> str:
        """What an MCP tool says."""
        return anyio.run(self._mcp, tool, arguments)

    async def _mcp(self, tool: str, arguments: Mapping[str, Any]) -> str:
        async with Client(f"{self.server.url}/mcp") as client:
            result = await client.call_tool(tool, dict(arguments))
            assert not result.is_error, result.content
            return "\n".join(part.text for part in result.content if part.type == "text")


@contextlib.contextmanager
def live_shop(folder: Path, environment: Mapping[str, str]) -> Generator[LiveShop]:
    """A server on `folder` and the shop, open for customers, running v1."""
    with running(folder / "data", environment=dict(environment)) as server:
        shop = Shop.start(server.otlp_url, folder)
        try:
            yield LiveShop(server=server, shop=shop, releases=shop.opened()["releases"])
        finally:
            shop.stop()
