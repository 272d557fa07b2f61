"""Anthropic's Messages: `messages.create` and `messages.stream`, on every client that speaks them."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from flyball_sdk import semconv
from flyball_sdk.integrations import clients
from flyball_sdk.tracing import content
from flyball_sdk.tracing.dialect import Answer, Asked, Dialect, Told, settings
from flyball_sdk.tracing.reading import get, items, joined, number, parsed, plain, text

_PROVIDERS = {"Bedrock": "aws.bedrock", "Vertex": "gcp.vertex_ai"}


def patch(module: ModuleType) -> None:
    """Trace the client."""
    messages = Messages()
    clients.patch(module, lambda path: messages if path.endswith("/v1/messages") else None, provider)


def provider(client: Any, host: str) -> str:
    """Who serves the model."""
    del host
    kind = type(client).__name__
    return next((name for part, name in _PROVIDERS.items() if part in kind), "anthropic")


class Messages(Dialect):
    """The wire format."""

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the request."""
        stops = items(body, "stop_sequences")
        return {
            semconv.GEN_AI_REQUEST_MAX_TOKENS: number(body, "max_tokens"),
            semconv.GEN_AI_REQUEST_TEMPERATURE: get(body, "temperature"),
            semconv.GEN_AI_REQUEST_TOP_P: get(body, "top_p"),
            semconv.GEN_AI_REQUEST_TOP_K: get(body, "top_k"),
            semconv.GEN_AI_REQUEST_STOP_SEQUENCES: [one for one in stops if isinstance(one, str)] or None,
            semconv.GEN_AI_OUTPUT_TYPE: "json" if get(body, "output_config", "format") else None,
        }

    def told(self, body: Mapping[str, Any]) -> Told:
        """System prompt, tools, settings."""
        return Told(system=body.get("system"), tools=body.get("tools"), settings=settings(body))

    def heard(self, body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """System instructions and messages."""
        system = [content.text_part(one) for one in _texts(body.get("system"))]
        said = [
            content.message(text(one, "role"), *_parts(get(one, "content")))
            for one in items(body, "messages")
        ]
        return system, said

    def goal(self, body: Mapping[str, Any]) -> str:
        """The words of the system prompt and of the user."""
        users = [one for one in items(body, "messages") if text(one, "role") == "user"]
        return joined(
            [*_texts(body.get("system")), *(said for one in users for said in _texts(get(one, "content")))]
        )

    def results(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Tool results of the last message."""
        last = items(body, "messages")[-1:]
        blocks = [
            block for one in last for block in items(one, "content") if text(block, "type") == "tool_result"
        ]
        return [(text(block, "tool_use_id"), joined(_texts(get(block, "content")))) for block in blocks]

    def answer(self, response: Any) -> Answer:
        """What a message holds. Anthropic counts cached tokens beside the others; the conventions count all in one."""
        usage = get(response, "usage")
        read, made = number(usage, "cache_read_input_tokens"), number(usage, "cache_creation_input_tokens")
        fresh = number(usage, "input_tokens")
        stop = text(response, "stop_reason")
        return Answer(
            attributes={
                semconv.GEN_AI_RESPONSE_ID: text(response, "id"),
                semconv.GEN_AI_RESPONSE_MODEL: text(response, "model"),
                semconv.GEN_AI_RESPONSE_FINISH_REASONS: [stop] if stop else None,
                semconv.GEN_AI_USAGE_INPUT_TOKENS: None
                if fresh is None
                else fresh + (read or 0) + (made or 0),
                semconv.GEN_AI_USAGE_OUTPUT_TOKENS: number(usage, "output_tokens"),
                semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: read,
                semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: made,
                semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: number(
                    usage, "output_tokens_details", "thinking_tokens"
                ),
            },
            calls=[_asked(one) for one in items(response, "content") if text(one, "type") == "tool_use"],
            said=lambda: [content.message("assistant", *_parts(get(response, "content")))],
        )

    def reader(self) -> Stream:
        """For a stream."""
        return Stream()

    def typed(self, response: dict[str, Any]) -> Any:
        """As the client's own `Message`."""
        from anthropic.types import Message  # noqa: PLC0415 - a stream of this client was read: it is there

        return Message.construct(**response)

    def refusal(self, asked: Asked, why: str) -> dict[str, Any]:
        """A `tool_result` that is an error."""
        return {"type": "tool_result", "tool_use_id": asked.call_id, "is_error": True, "content": why}


def _asked(block: Any) -> Asked:
    def rewrite(arguments: Mapping[str, Any]) -> None:
        if isinstance(block, dict):
            block["input"] = dict(arguments)
        else:
            block.input = dict(arguments)

    found = get(block, "input")
    return Asked(
        call_id=text(block, "id"),
        name=text(block, "name"),
        arguments=parsed(found),
        raw=str(found),
        rewrite=rewrite,
    )


def _texts(said: Any) -> list[str]:
    """The texts of a content, which is one or holds some."""
    return [said] if isinstance(said, str) else [text(one, "text") for one in items(said)]


def _parts(said: Any) -> list[dict[str, Any]]:
    """A content as parts of the conventions' schema."""
    return [content.text_part(said)] if isinstance(said, str) else [_part(one) for one in items(said)]


def _part(block: Any) -> dict[str, Any]:
    kind = text(block, "type")
    if kind == "text":
        return content.text_part(text(block, "text"))
    if kind == "tool_use":
        return content.call_part(text(block, "id"), text(block, "name"), get(block, "input"))
    if kind == "tool_result":
        return content.result_part(text(block, "tool_use_id"), plain(get(block, "content")))
    if kind == "thinking":
        return {"type": "reasoning", "content": text(block, "thinking")}
    return {"type": kind or "unknown"}


class Stream:
    """The events of a streamed message, put together."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, list[str]] = {}
        self._closed: set[int] = set()

    def feed(self, chunk: Any) -> bool:
        """Take an event; whether it is of a tool."""
        kind, index = text(chunk, "type"), number(chunk, "index") or 0
        if kind == "message_start":
            self._message = dict(plain(get(chunk, "message")))
        elif kind == "content_block_start":
            self._blocks[index] = dict(plain(get(chunk, "content_block")))
            self._pieces[index] = []
        elif kind == "content_block_delta":
            self._piece(index, get(chunk, "delta"))
        elif kind == "content_block_stop":
            self._closed.add(index)
        elif kind == "message_delta":
            self._message["stop_reason"] = get(chunk, "delta", "stop_reason")
            told = plain(get(chunk, "usage")) or {}
            known = plain(self._message.get("usage")) or {}
            self._message["usage"] = {
                **known,
                **{key: one for key, one in dict(told).items() if one is not None},
            }
        return kind.startswith("content_block") and text(self._blocks.get(index), "type") == "tool_use"

    def _piece(self, index: int, delta: Any) -> None:
        kind = text(delta, "type")
        if kind == "signature_delta":
            self._blocks[index]["signature"] = text(delta, "signature")
        elif kind in ("text_delta", "input_json_delta", "thinking_delta"):
            name = {"text_delta": "text", "thinking_delta": "thinking"}.get(kind, "partial_json")
            self._pieces[index].append(text(delta, name))

    def response(self) -> dict[str, Any]:
        """The message so far; a tool whose block is not closed has no arguments yet."""
        return {**self._message, "content": [self._block(index) for index in sorted(self._blocks)]}

    def _block(self, index: int) -> dict[str, Any]:
        block, said = self._blocks[index], "".join(self._pieces[index])
        kind = text(block, "type")
        if kind in ("tool_use", "server_tool_use"):
            complete = parsed(said) if index in self._closed else None
            return {**block, "input": complete if complete is not None else said}
        return {**block, kind: text(block, kind) + said} if kind in ("text", "thinking") else block

    def rewrite(self, held: list[Any], asked: Asked, arguments: str) -> None:
        """The first piece of the block's JSON holds all, the others nothing."""
        indexes = {index for index, block in self._blocks.items() if block.get("id") == asked.call_id}
        pieces = [
            get(event, "delta")
            for event in held
            if number(event, "index") in indexes and text(event, "delta", "type") == "input_json_delta"
        ]
        for place, delta in enumerate(pieces):
            delta.partial_json = arguments if place == 0 else ""
