"""The shop's HTTP server, without the shop."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from shop.web import Reply, Request, Server

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close says that the connection broke off."""


def _fail(request: Request) -> Reply:
    raise RuntimeError(request.ids["why"])


@pytest.fixture
def server() -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener, {"GET /": lambda _: Reply(body={"ok": True}), "GET /fail/{why}": _fail})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.drain(1.0)
    thread.join()
    listener.close()


def _exchange(server: Server, said: bytes) -> bytes:
    """Send something, read what comes, break off; returns when the server has seen it."""
    before = set(threading.enumerate())
    with socket.create_connection(server.socket.getsockname(), 5.0) as client:
        client.sendall(said)
        answer = client.recv(4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
    return answer


def test_a_client_that_goes_away_is_no_error(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    answer = _exchange(server, b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n")
    assert answer.endswith(b'{"ok": true}')
    assert "Traceback" not in capfd.readouterr().err


def test_a_handler_that_raises_is_a_500(server: Server) -> None:
    assert _exchange(server, b"GET /fail/now HTTP/1.1\r\nhost: shop\r\n\r\n").startswith(b"HTTP/1.1 500 ")
