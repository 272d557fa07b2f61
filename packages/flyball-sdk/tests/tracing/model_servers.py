"""A local server that speaks the wire formats of Anthropic and OpenAI, as their documentation shows them.

What it answers is said by the last line of the user's message: `text`, `tools`, `bad`, `429`, `500`, `cut`, `slow`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SAFE, BAD = {"command": "ls"}, {"command": "rm -rf /"}
Call = tuple[str, str, str]
"""Id, name, arguments as JSON."""


def calls_for(wanted: str) -> list[Call]:
    """What the model asks for."""
    safe, bad = json.dumps(SAFE), json.dumps(BAD)
    if wanted == "tools":
        return [("call_1", "Bash", safe), ("call_2", "Bash", '{"command": "git status"}')]
    if wanted == "bad":
        return [("call_1", "Bash", safe), ("call_2", "Bash", bad), ("call_3", "Bash", '{"command": "pwd"}')]
    if wanted == "force":
        return [("call_1", "Bash", '{"command": "git push -f upstream feature/x"}')]
    if wanted == "half":
        return [("call_1", "Bash", '{"command": "ls')]
    return []


def _pieces(text: str) -> list[str]:
    return [text[at : at + 5] for at in range(0, len(text), 5)]


class Handler(BaseHTTPRequestHandler):
    """One provider for all."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Quiet."""

    def do_POST(self) -> None:
        """Answer as asked."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        wanted = self._wanted(body)
        if wanted in ("429", "500"):
            error = {
                "type": "error",
                "error": {"type": "rate_limit_error", "message": "no", "code": "rate_limit"},
            }
            self._whole(int(wanted), error, {"Retry-After": "0"})
            return
        kind = (
            "anthropic" if "/messages" in self.path else "responses" if "/responses" in self.path else "chat"
        )
        if not body.get("stream"):
            self._whole(200, globals()[f"{kind}_whole"](wanted))
            return
        events = list(globals()[f"{kind}_events"](wanted))
        self._stream(events[:-2] if wanted == "cut" else events, kind, cut=wanted == "cut")

    def _wanted(self, body: dict[str, Any]) -> str:
        said = body["input"] if "input" in body else body["messages"]
        if isinstance(said, list):
            users = [one["content"] for one in said if one.get("role") == "user"]
            said = users[-1] if users else "text"
        if isinstance(said, list):
            said = said[-1].get("text", "text")
        return str(said).splitlines()[-1].strip()

    def _whole(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        written = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(written)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    def _stream(self, events: list[Any], kind: str, *, cut: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            name = "" if kind == "chat" else f"event: {event['type']}\n"
            self._chunk(f"{name}data: {json.dumps(event)}\n\n")
        if cut:
            self.connection.close()
            self.close_connection = True
            return
        if kind == "chat":
            self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


# -- Anthropic ---------------------------------------------------------------------------------------------------

_USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 20,
    "output_tokens": 7,
}


def anthropic_whole(wanted: str) -> dict[str, Any]:
    """A message."""
    calls = calls_for(wanted)
    tools = [
        {"type": "tool_use", "id": i, "name": n, "input": json.loads(a)}
        for i, n, a in calls
        if wanted != "half"
    ]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x-1", "stop_sequence": None,
        "stop_reason": "tool_use" if calls else "end_turn", "usage": _USAGE,
        "content": [{"type": "text", "text": "Hello there"}, *tools],
    }  # fmt: skip


def anthropic_events(wanted: str) -> Iterator[dict[str, Any]]:
    """The same as events."""
    whole = anthropic_whole("text")
    usage = {**_USAGE, "output_tokens": 1}
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for piece in ("Hello", " there"):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    for index, (call_id, name, arguments) in enumerate(calls_for(wanted), start=1):
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for piece in _pieces(arguments):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    reason = "tool_use" if calls_for(wanted) else "end_turn"
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 7},
    }
    yield {"type": "message_stop"}


# -- chat completions --------------------------------------------------------------------------------------------

_CHAT_USAGE = {
    "prompt_tokens": 130, "completion_tokens": 7, "total_tokens": 137,
    "prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 3},
}  # fmt: skip


def chat_whole(wanted: str) -> dict[str, Any]:
    """A completion."""
    calls = [
        {"id": i, "type": "function", "function": {"name": n, "arguments": a}}
        for i, n, a in calls_for(wanted)
    ]
    message = {"role": "assistant", "content": "Hello there", **({"tool_calls": calls} if calls else {})}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if calls else "stop",
        "logprobs": None,
    }
    return {
        "id": "chatcmpl_1", "object": "chat.completion", "created": 1, "model": "gpt-x-1", "choices": [choice],
        "usage": _CHAT_USAGE, "system_fingerprint": "fp_1", "service_tier": "default",
    }  # fmt: skip


def chat_events(wanted: str) -> Iterator[dict[str, Any]]:
    """The same as chunks."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": "chatcmpl_1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-x-1",
            "choices": [choice],
        }

    yield chunk({"role": "assistant", "content": ""})
    for piece in ("Hello", " there"):
        yield chunk({"content": piece})
    for index, (call_id, name, arguments) in enumerate(calls_for(wanted)):
        head = {
            "index": index,
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        yield chunk({"tool_calls": [head]})
        for piece in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls" if calls_for(wanted) else "stop")
    yield {**chunk({}), "choices": [], "usage": _CHAT_USAGE}


# -- responses ---------------------------------------------------------------------------------------------------


def responses_whole(wanted: str) -> dict[str, Any]:
    """A response."""
    said = {
        "type": "message", "id": "m_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Hello there", "annotations": []}],
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-x-1", "status": "completed",
        "output": [said, *map(_item, calls_for(wanted))], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {
            "input_tokens": 130, "output_tokens": 7, "total_tokens": 137,
            "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    }  # fmt: skip


def _item(call: Call) -> dict[str, Any]:
    call_id, name, arguments = call
    return {
        "type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": arguments,
        "status": "completed",
    }  # fmt: skip


def responses_events(wanted: str) -> Iterator[dict[str, Any]]:
    """The same as events."""
    whole = responses_whole(wanted)
    made: list[dict[str, Any]] = [
        {
            "type": "response.created",
            "response": {**whole, "status": "in_progress", "output": [], "usage": None},
        }
    ]
    said = whole["output"][0]
    made.append({"type": "response.output_item.added", "output_index": 0, "item": {**said, "content": []}})
    part = {"type": "output_text", "text": "", "annotations": []}
    at = {"item_id": "m_1", "output_index": 0, "content_index": 0}
    made.append({"type": "response.content_part.added", **at, "part": part})
    made += [
        {"type": "response.output_text.delta", **at, "delta": one, "logprobs": []}
        for one in ("Hello", " there")
    ]
    made.append({"type": "response.output_item.done", "output_index": 0, "item": said})
    for index, item in enumerate(whole["output"][1:], start=1):
        at = {"item_id": item["id"], "output_index": index}
        made.append(
            {"type": "response.output_item.added", "output_index": index, "item": {**item, "arguments": ""}}
        )
        made += [
            {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            for piece in _pieces(item["arguments"])
        ]
        made.append(
            {
                "type": "response.function_call_arguments.done",
                **at,
                "name": item["name"],
                "arguments": item["arguments"],
            }
        )
        made.append({"type": "response.output_item.done", "output_index": index, "item": item})
    made.append({"type": "response.completed", "response": whole})
    for number, event in enumerate(made):
        yield {**event, "sequence_number": number}


class Provider(ThreadingHTTPServer):
    """The server; `seen` has what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        """On a free port of this machine."""
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running() -> Generator[Provider, None, None]:
    """Until the block is left."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
