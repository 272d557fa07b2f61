"""A language model that follows a script: the real Claude Code and Codex talk to it on loopback, without a key.

It speaks the streaming side of Anthropic's messages and of OpenAI's responses. Each turn asks for the next tool of the
script; when all results are there it says "done". Calls without tools (titles, summaries) are answered with a word.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Tool:
    """One call that the model asks for. A text as input is a custom tool's (Codex's apply_patch)."""

    name: str
    given: dict[str, Any] | str
    namespace: str = ""


@dataclass
class Model:
    """What the model will ask for, and what it was sent."""

    port: int
    script: list[Tool] = field(default_factory=list[Tool])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    offered: set[str] = field(default_factory=set[str])
    times: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """For each answer: when its request was whole, and when the answer was sent."""

    def failed(self) -> bool:
        """Whether the client calls the last result an error."""
        results = _results(self.requests[-1])
        return bool(results) and results[-1].get("is_error") is True

    def results(self) -> list[str]:
        """What came back for each call, as text, in order."""
        last: list[str] = []
        for request in self.requests:
            found = [_text(item) for item in _results(request)]
            last = found if len(found) >= len(last) else last
        return last


@contextlib.contextmanager
def scripted_model() -> Generator[Model]:
    """A model on a free port of loopback."""
    model = Model(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body leave in one write

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it so
            pass

        def do_GET(self) -> None:
            self._send("application/json", b'{"data": [], "models": []}')

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("content-length", 0)))
            came = time.perf_counter()
            body = json.loads(text or b"{}")
            model.requests.append(body)
            model.offered |= {name for tool in body.get("tools", []) for name in _names(tool)}
            events = _messages(model, body) if "messages" in self.path else _responses(model, body)
            said = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
            self._send("text/event-stream", said.encode())
            model.times.append((came, time.perf_counter()))

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield model
    server.shutdown()
    server.server_close()


def _names(tool: dict[str, Any]) -> Iterable[str]:
    name = str(tool.get("name") or tool.get("type"))
    if tool.get("type") == "namespace":
        return [f"{name}.{inner.get('name')}" for inner in tool.get("tools", [])]
    return [name]


def _results(request: dict[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    for message in request.get("messages", []):
        if isinstance(message.get("content"), list):
            blocks += [block for block in message["content"] if block.get("type") == "tool_result"]
    inputs = request.get("input", [])
    return blocks + [item for item in inputs if str(item.get("type")).endswith("call_output")]


def _text(item: dict[str, Any]) -> str:
    said = item.get("content", item.get("output", ""))
    return said if isinstance(said, str) else json.dumps(said)


def _next(model: Model, request: dict[str, Any]) -> tuple[int, Tool | None]:
    done = len(_results(request))
    wanted = model.script[done] if done < len(model.script) and request.get("tools") else None
    if wanted and isinstance(wanted.given, dict) and "$SESSION" in wanted.given.values():
        # the number of a shell that an earlier call started
        number = re.findall(r"session ID (\d+)", _text(_results(request)[-1]))
        known = int(number[-1]) if number else 0
        given = {key: known if value == "$SESSION" else value for key, value in wanted.given.items()}
        wanted = Tool(wanted.name, given, wanted.namespace)
    return done, wanted


def _messages(model: Model, request: dict[str, Any]) -> list[dict[str, Any]]:
    done, tool = _next(model, request)
    start = {"input_tokens": 1, "output_tokens": 1}
    message = {
        "id": f"msg_{done}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [],
    }
    if tool:
        block = {"type": "tool_use", "id": f"toolu_{done}", "name": tool.name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(tool.given)}
    else:
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": "done"}
    stop = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    return [
        {
            "type": "message_start",
            "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": start},
        },
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]


def _responses(model: Model, request: dict[str, Any]) -> list[dict[str, Any]]:
    done, tool = _next(model, request)
    if tool is None:
        said = [{"type": "output_text", "text": "done"}]
        item: dict[str, Any] = {"type": "message", "id": "msg", "role": "assistant", "content": said}
    elif isinstance(tool.given, str):
        item = {"type": "custom_tool_call", "name": tool.name, "input": tool.given}
    else:
        item = {"type": "function_call", "name": tool.name, "arguments": json.dumps(tool.given)}
    if tool:
        item |= {"id": f"item_{done}", "call_id": f"call_{done}"}
        item |= {"namespace": tool.namespace} if tool.namespace else {}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return [
        {"type": "response.created", "response": {"id": f"resp_{done}"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": f"resp_{done}", "usage": usage}},
    ]
