"""A guard that follows a script: answers as told, or fails as told, which the real one does not do on demand.

What it answers is chosen by a word in the call: BLOCK, ASK, MODIFY, SILENT (modify without asking), anything else is
allowed; a canary is blocked by rule guard.canary. What fails is chosen by `fault`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from flyball.errors import InputError
from flyball.hook.http import Asked, respond

Fault = Literal["", "crash", "timeout", "bad json", "http 500", "slow body", "no action"]
FAULTS: tuple[Fault, ...] = ("crash", "timeout", "bad json", "http 500", "slow body", "no action")


@dataclass
class Guard:
    """Where it listens, what it was asked, and how it behaves."""

    port: int
    fault: Fault = ""
    audit: bool = False
    deny_after: int | None = None
    """Calls that are allowed before all others are denied; None: the script decides."""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    observed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    tokens: set[str] = field(default_factory=set[str])

    def decide(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer by the contract."""
        said = json.dumps(question["tool_input"])
        known = question.get("decision_id", "d_1")
        action, rule = "allow", ""
        if "flyball-canary" in said:
            action, rule = "block", "guard.canary"
        calls = sum(one["context"]["event"] == "PreToolUse" for one in self.asked)
        if self.deny_after is not None and calls > self.deny_after:
            action, rule = "block", rule or "test.all"
        for word in ("BLOCK", "ASK", "MODIFY", "SILENT"):
            if word in said:
                action, rule = {"SILENT": "modify"}.get(word, word.lower()), f"test.{word.lower()}"
        answer: dict[str, Any] = {
            "action": "allow" if self.audit else action, "would": action, "mode": "audit" if self.audit else "enforce",
            "decision_id": known, "reason": "the script says so", "severity": "high", "safer": "do less",
            "rules_triggered": [{"rule": rule, "severity": "high"}] if rule else [], "results": [],
            "modified_input": None, "evaluation_status": "complete", "latency_ms": 0.1,
        }  # fmt: skip
        if answer["action"] == "modify":
            changed = said.replace("MODIFY", "changed").replace("SILENT", "changed")
            answer |= {"modified_input": json.loads(changed), "confirm": "SILENT" not in said}
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the script."""


class _Handler(BaseHTTPRequestHandler):
    guard: Guard
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.guard.tokens.add(str(self.headers.get("authorization")))
        if self.guard.fault and not self.path.endswith("observe"):
            self._fail(self.guard.fault)
            return
        path, _, query = self.path.partition("?")
        if path.startswith("/v1/guard/hook/"):
            self._send(*_hook(self.guard, path.rpartition("/")[2], query, body))
            return
        self._send(*_evaluate(self.guard, self.path, body))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _fail(self, fault: Fault) -> None:
        if fault == "timeout":
            time.sleep(20)
        elif fault == "bad json":
            self._send(200, b'{"action": "allow"')
        elif fault == "no action":
            self._send(200, b'{"action": "certainly"}')
        elif fault == "http 500":
            self._send(500, b'{"error": "broken", "kind": "engine"}')
        elif fault == "slow body":
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n"
            )
            for _ in range(200):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        self.close_connection = True


@contextlib.contextmanager
def scripted_guard(port: int = 0) -> Generator[Guard]:
    """A guard on loopback, on this port or a free one."""
    guard = Guard(0)
    server = _Server(("127.0.0.1", port), type("Bound", (_Handler,), {"guard": guard}))
    guard.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield guard
    finally:
        server.shutdown()
        server.server_close()


def _evaluate(guard: Guard, path: str, body: bytes) -> tuple[int, bytes]:
    question = json.loads(body)
    if path.endswith("observe"):
        guard.observed.append(question)
        return 204, b""
    guard.asked.append(question)
    return 200, json.dumps(guard.decide(question)).encode()


def _hook(guard: Guard, client: str, query: str, body: bytes) -> tuple[int, bytes]:
    async def post(path: str, question: bytes) -> tuple[int, bytes]:
        return _evaluate(guard, path, question)

    try:
        return asyncio.run(respond(client, body, post, Asked.of(query.encode())))
    except InputError as error:
        return 400, json.dumps({"error": str(error)}).encode()
