"""A scripted language model on loopback that speaks the wire protocols of OpenAI (and so Ollama) and Anthropic."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HELD_MAX_S = 300.0


@dataclass(frozen=True, slots=True)
class Calls:
    """An answer that calls tools: name and arguments (as text where they are no JSON object)."""

    tools: Sequence[tuple[str, Mapping[str, Any] | str]]
    input_tokens: int = 100
    output_tokens: int = 20


def story(
    *sentences: tuple[str, Sequence[str]],
    other: Sequence[tuple[str, str, Sequence[str]]] = (),
    input_tokens: int = 100,
    output_tokens: int = 20,
) -> Calls:
    """The answer that ends it: sentences with ids, other causes as cause, object, ids."""
    told = {
        "sentences": [{"text": text, "evidence": list(ids)} for text, ids in sentences],
        "other_causes": [{"cause": c, "object": o, "evidence": list(ids)} for c, o, ids in other],
    }
    return Calls([("final_result", told)], input_tokens, output_tokens)


@dataclass(frozen=True, slots=True)
class Raw:
    """Any answer: status, headers, bytes; after `delay_s`, `repeat` times the body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_s: float = 0.0
    repeat: int = 1


@dataclass(slots=True)
class ScriptedModel:
    """Answers by its script, step by step; the last step again for ever. `asked` holds what came.

    While `answering` is not set, every answer waits for it, HELD_MAX_S at most.
    """

    script: Sequence[Calls | Raw]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    paths: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    released: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)

    def step(self) -> Calls | Raw:
        """The step for the call that came last."""
        return self.script[min(len(self.asked), len(self.script)) - 1]

    def results(self) -> list[str]:
        """What tools answered, as the model got it."""
        found: list[str] = []
        for message in self.asked[-1]["messages"]:
            content = message["content"]
            if message["role"] == "tool":
                found.append(str(content))
            elif isinstance(content, list):
                parts: list[dict[str, Any]] = content
                results = [part["content"] for part in parts if part["type"] == "tool_result"]
                found += [one if isinstance(one, str) else one[0]["text"] for one in results]
        return found


@contextmanager
def scripted(*script: Calls | Raw) -> Generator[ScriptedModel]:
    """Run a scripted model."""
    model = ScriptedModel(script)
    model.answering.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(model))
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.released.set()
        model.answering.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            asked = json.loads(self.rfile.read(length))
            model.asked.append(asked)
            model.paths.append(self.path)
            model.headers.append({key.lower(): value for key, value in self.headers.items()})
            model.answering.wait(HELD_MAX_S)
            step = model.step()
            if isinstance(step, Raw):
                self.send_raw(step)
                return
            made = _anthropic(asked, step) if self.path.endswith("/messages") else _openai(asked, step)
            self.send_raw(Raw(200, json.dumps(made).encode(), {"content-type": "application/json"}))

        def send_raw(self, raw: Raw) -> None:
            if raw.delay_s:
                model.released.wait(raw.delay_s)
            try:
                self.send_response(raw.status)
                for key, value in raw.headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", str(len(raw.body) * raw.repeat))
                self.end_headers()
                for _ in range(raw.repeat):
                    self.wfile.write(raw.body)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            pass

    return Handler


def _openai(asked: Mapping[str, Any], step: Calls) -> dict[str, Any]:
    final = next((arguments for name, arguments in step.tools if name == "final_result"), None)
    schema = asked.get("response_format", {}).get("type") == "json_schema"
    if schema and final is not None:  # as Ollama is asked: the answer is the text
        message = {"role": "assistant", "content": _text(final)}
        return _completion(asked, step, message, "stop")
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": _text(arguments)}}
        for n, (name, arguments) in enumerate(step.tools)
    ]
    return _completion(asked, step, {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls")


def _completion(
    asked: Mapping[str, Any], step: Calls, message: Mapping[str, Any], finish: str
) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.mktime((2031, 1, 1, 0, 0, 0, 0, 0, 0))),
        "model": asked["model"],
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {
            "prompt_tokens": step.input_tokens,
            "completion_tokens": step.output_tokens,
            "total_tokens": step.input_tokens + step.output_tokens,
        },
    }


def _anthropic(asked: Mapping[str, Any], step: Calls) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [
            {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": arguments}
            for n, (name, arguments) in enumerate(step.tools)
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": step.input_tokens, "output_tokens": step.output_tokens},
    }


def _text(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)
