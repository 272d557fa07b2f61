"""What tracing and the guard must know of a wire format; one module each in `flyball_sdk.integrations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(slots=True, kw_only=True)
class Asked:
    """A tool that the model asks the app to run.

    `arguments` is None when they are no complete JSON object, `raw` is their text. `kind` is the format's own type of call,
    by which an answer is built; `rewrite` puts other arguments in the response. `digest` stands for the arguments.
    """

    call_id: str
    name: str
    arguments: Mapping[str, Any] | None
    raw: str = ""
    kind: str = ""
    rewrite: Callable[[Mapping[str, Any]], None] | None = None
    digest: str = ""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a response holds: attributes of its span, tools it asks for, and its messages in the conventions' schema."""

    attributes: dict[str, Any] = field(default_factory=dict)
    calls: list[Asked] = field(default_factory=list)
    said: Callable[[], list[dict[str, Any]]] = list


@dataclass(slots=True, kw_only=True)
class Told:
    """What the model is told to be: system prompt, tools and settings."""

    system: Any = None
    tools: Any = None
    settings: dict[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Puts a stream together again, chunk by chunk."""

    def feed(self, chunk: Any) -> bool:
        """Take a chunk; whether a tool is being asked for in it."""
        ...

    def response(self) -> dict[str, Any]:
        """What the chunks make so far, in the form of a response."""
        ...

    def rewrite(self, held: list[Any], asked: Asked, arguments: str) -> None:
        """Put other arguments of a call in the chunks that hold it."""
        ...


class Dialect(Protocol):
    """One wire format."""

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the request beyond model and provider."""
        ...

    def told(self, body: Mapping[str, Any]) -> Told:
        """System prompt, tools, settings."""
        ...

    def heard(self, body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """System instructions (parts) and messages, in the conventions' schema."""
        ...

    def goal(self, body: Mapping[str, Any]) -> str:
        """The words of who built the agent and of who uses it, for the guard."""
        ...

    def results(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What tools answered since the model last spoke: call id and text."""
        ...

    def answer(self, response: Any) -> Answer:
        """What a response holds; it may be a client's object or a dictionary."""
        ...

    def reader(self) -> Reader:
        """For a stream."""
        ...

    def typed(self, response: dict[str, Any]) -> Any:
        """A response put together from a stream, as the client would have returned it."""
        ...

    def refusal(self, asked: Asked, why: str) -> dict[str, Any]:
        """The answer to a call that may not run, ready to be appended to what is sent next."""
        ...


SETTINGS = (
    "model", "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "stop",
    "stop_sequences", "seed", "frequency_penalty", "presence_penalty", "tool_choice", "parallel_tool_calls",
    "reasoning_effort", "reasoning", "thinking", "verbosity", "text", "response_format", "output_config", "n",
)  # fmt: skip
"""Parameters of a request that say how a model behaves; part of the configuration's digest."""


def settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the request sets."""
    return {name: body[name] for name in SETTINGS if name in body}


def present(attributes: dict[str, Any]) -> dict[str, Any]:
    """Without what is not there."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}
