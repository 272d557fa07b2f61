"""A relay between a client and Flyball that keeps what the client sent, as JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@contextmanager
def relay(to: str, requests: list[Mapping[str, Any]]) -> Generator[str]:
    """Keeps each request and passes it on as it came, chunked."""

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = b"".join(self._chunks())
            requests.append(json.loads(content))
            headers = {"content-type": self.headers["content-type"]}
            answer = httpx.post(f"{to}{self.path}", content=iter([content]), headers=headers, trust_env=False)
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _chunks(self) -> Generator[bytes]:
            assert self.headers["transfer-encoding"] == "chunked"
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
