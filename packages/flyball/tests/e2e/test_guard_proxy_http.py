"""`flyball guard proxy --url`: the official client over streamable HTTP, a real server, and servers that misbehave."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast

import httpx
import pytest
from flyball.guard_proxy.strict import MESSAGE_BYTES_MAX
from harness.guard_proxied import HELLO, SERVER, Client
from harness.server import FlyballProcess, free_ports, running
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Generator[FlyballProcess]:
    folder = tmp_path_factory.mktemp("guard") / "data"
    policies = folder / "guard" / "policies"
    policies.mkdir(parents=True)
    (policies / "team.yaml").write_text("name: team\nmode: enforce\n")
    with running(folder) as server:
        yield server


@contextmanager
def _process(arguments: list[str], log: Path, port: int) -> Generator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *arguments], stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                httpx.post(f"http://127.0.0.1:{port}/none")
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _proxy(guard: FlyballProcess, folder: Path, url: str) -> Generator[str]:
    """The proxy before `url`; gives its own address."""
    (port,) = free_ports(1)
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")
    options = [
        "--url",
        url,
        "--port",
        str(port),
        "--name",
        name,
        "--server",
        guard.url,
        "--data",
        str(guard.folder),
    ]
    with _process(["-m", "flyball", "guard", "proxy", *options], folder / "proxy.log", port):
        yield f"http://127.0.0.1:{port}/mcp"


@asynccontextmanager
async def _client(url: str) -> AsyncGenerator[Client]:
    client = Client(Path(os.devnull))
    async with (
        streamable_http_client(url) as (read, write, *_),
        ClientSession(
            read, write, sampling_callback=client.sampled, elicitation_callback=client.elicited
        ) as session,
    ):
        await session.initialize()
        client.session = session
        yield client


def _approve(guard: FlyballProcess, approval: str) -> int:
    command = [sys.executable, "-m", "flyball", "guard", "approve", approval, "--server", guard.url]
    return subprocess.run([*command, "--data", str(guard.folder)], check=False).returncode


@pytest.fixture
def notes(guard: FlyballProcess, tmp_path: Path) -> Generator[str]:
    """The proxy before a real server; its address."""
    (port,) = free_ports(1)
    with (
        _process(["-P", str(SERVER), str(tmp_path), str(port)], tmp_path / "server.log", port),
        _proxy(guard, tmp_path, f"http://127.0.0.1:{port}/mcp") as url,
    ):
        yield url


async def test_calls_are_judged_and_what_was_asked_runs_after_approval(
    guard: FlyballProcess, notes: str, tmp_path: Path
) -> None:
    kept = tmp_path / "notes"
    async with _client(notes) as client:
        assert len((await client.session.list_tools()).tools) == 8
        assert await client.call("write_note", name="a", text="one") == (False, "done")
        failed, text = await client.call("delete_note", name="a")
        assert (failed, "tools.delete" in text, (kept / "a").exists()) == (True, True, True)
        approval = re.search(r"apr_[0-9a-f]+", text)
        assert approval
        assert _approve(guard, approval[0]) == 0
        assert await client.call("delete_note", name="a") == (False, "done")
        assert not (kept / "a").exists()


async def test_requests_of_the_server_come_in_events_and_are_refused(notes: str) -> None:
    async with _client(notes) as client:
        for tool, asks in (("think", "sampling"), ("who", "elicitation")):
            with pytest.raises(Exception, match=f"mcp.{asks}"):
                await client.call(tool)
        assert client.asked == []


async def test_two_clients_use_the_same_ids(notes: str) -> None:
    async with _client(notes) as one, _client(notes) as other:
        assert await one.call("write_note", name="a", text="one") == (False, "done")
        assert await other.call("read_note", name="a") == (False, "one")


def test_what_is_odd_is_refused_before_the_server(notes: str, tmp_path: Path) -> None:
    kind = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    with httpx.Client(headers=kind) as client:
        session = client.post(
            notes, json={"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO}
        )
        client.headers["mcp-session-id"] = session.headers["mcp-session-id"]
        call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_note","arguments":%s}}'
        twice = client.post(notes, content=call % '{"name":"a","name":"b"}')
        assert (twice.json()["id"], "twice" in twice.json()["error"]["message"]) == (1, True)
        batch = client.post(notes, content=f"[{call % '{}'}]")
        assert (batch.status_code, "batch" in batch.text) == (400, True)
        huge = client.post(notes, content=call % json.dumps({"name": "x" * MESSAGE_BYTES_MAX}))
        assert "longer than" in huge.json()["error"]["message"]
        other = {"mcp-method": "tools/list"}
        mirrored = client.post(notes, content=call % '{"name":"a"}', headers=other)
        assert "mcp-method" in mirrored.json()["error"]["message"]
        for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
            assert client.post(notes, content=call % '{"name":"a"}', headers=headers).status_code == 403
        plain = client.post(notes, content=call % '{"name":"a"}', headers={"content-type": "text/plain"})
        assert plain.status_code == 400
        assert client.post(notes.replace("/mcp", "/other"), content=b"{}").status_code == 404
        right = client.post(
            notes, content=call % '{"name":"a","text":"t"}', headers={"mcp-name": "write_note"}
        )
        assert "done" in right.text
    assert [path.name for path in (tmp_path / "notes").glob("*")] == ["a"]


class _Scripted:
    """An HTTP server that answers POST as a test says, and keeps the headers that it got."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                scripted.seen.append({name.lower(): value for name, value in self.headers.items()})
                status, headers, body = scripted.answers[self.path]
                self.send_response(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


_PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
_PONG = (200, {"content-type": "application/json"}, b'{"jsonrpc":"2.0","id":1,"result":{}}')


def test_a_redirect_is_followed_within_the_origin_alone(guard: FlyballProcess, tmp_path: Path) -> None:
    with _Scripted() as server, _Scripted() as other, _proxy(guard, tmp_path, f"{server.origin}/mcp") as url:

        def ping() -> dict[str, Any]:
            answer = httpx.post(url, json=_PING, headers={"authorization": "Bearer t0ken", "cookie": "c=1"})
            return cast("dict[str, Any]", answer.json())

        other.answers["/mcp"] = _PONG
        server.answers["/mcp"] = (307, {"location": f"{other.origin}/mcp"}, b"")
        assert "another origin" in ping()["error"]["message"]
        assert other.seen == []
        assert server.seen[-1]["authorization"] == "Bearer t0ken"
        assert "cookie" not in server.seen[-1]
        server.answers["/mcp"] = (302, {"location": "/new"}, b"")
        assert "would lose" in ping()["error"]["message"]
        server.answers["/mcp"] = (308, {"location": "/new"}, b"")
        server.answers["/new"] = _PONG
        assert ping()["result"] == {}
        server.answers["/new"] = (307, {"location": "/mcp"}, b"")
        assert "more than 3 times" in ping()["error"]["message"]


def test_what_a_server_answers_is_bounded_and_read_strictly(guard: FlyballProcess, tmp_path: Path) -> None:
    with _Scripted() as server, _proxy(guard, tmp_path, f"{server.origin}/mcp") as url:

        def ping(
            body: bytes,
            kind: str = "application/json",
            status: int = 200,
            also: tuple[str, str] = ("x-more", "none"),
        ) -> httpx.Response:
            server.answers["/mcp"] = (status, {"content-type": kind, also[0]: also[1]}, body)
            return httpx.post(url, json=_PING)

        assert "longer than" in ping(b" " * (MESSAGE_BYTES_MAX + 1)).json()["error"]["message"]
        assert "twice" in ping(b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":1}}').json()["error"]["message"]
        assert "status 200" in ping(b'{"jsonrpc":"2.0","id":2,"result":{}}').json()["error"]["message"]
        assert "compresses" in ping(b"x", also=("content-encoding", "gzip")).json()["error"]["message"]
        denied = ping(b"no", "text/plain", 401, also=("www-authenticate", "Bearer"))
        assert (denied.status_code, denied.headers["www-authenticate"]) == (401, "Bearer")
        stream = b'id: 1\ndata: {"jsonrpc":"2.0","id":9,"result":{}}\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
        answer = ping(stream, "text/event-stream")
        assert (
            answer.text == 'id: 1\ndata: \n\nevent: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'
        )
        ping(b"data: " + b"x" * (MESSAGE_BYTES_MAX + 10_000), "text/event-stream")
        assert ping(_PONG[2]).json()["result"] == {}
    told = (tmp_path / "proxy.log").read_text()
    assert "1 streams that broke off" in told
    assert "answers of the server that nobody asked for" in told
