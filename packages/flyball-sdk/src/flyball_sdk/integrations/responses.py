"""OpenAI's responses: the wire format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flyball_sdk import semconv
from flyball_sdk.integrations.chat import of_openai, texts
from flyball_sdk.tracing import content
from flyball_sdk.tracing.dialect import Answer, Asked, Dialect, Told, settings
from flyball_sdk.tracing.reading import get, items, joined, number, parsed, plain, text

_RESULTS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "local_shell_call": "local_shell_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
    "computer_call": "computer_call_output",
}
"""Items that the app is asked to run, and the item that answers each. What OpenAI runs itself is not here."""


class Responses(Dialect):
    """The wire format."""

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the request."""
        form = text(body, "text", "format", "type")
        conversation = body.get("conversation")
        return {
            semconv.GEN_AI_CONVERSATION_ID: conversation
            if isinstance(conversation, str)
            else text(conversation, "id"),
            semconv.GEN_AI_REQUEST_MAX_TOKENS: number(body, "max_output_tokens"),
            semconv.GEN_AI_REQUEST_TEMPERATURE: get(body, "temperature"),
            semconv.GEN_AI_REQUEST_TOP_P: get(body, "top_p"),
            semconv.GEN_AI_OUTPUT_TYPE: "json" if form.startswith("json") else form or None,
            **of_openai(body, "responses"),
        }

    def told(self, body: Mapping[str, Any]) -> Told:
        """Instructions (or the reference of a stored prompt), tools, settings."""
        return Told(
            system=body.get("instructions") or body.get("prompt"),
            tools=body.get("tools"),
            settings=settings(body),
        )

    def heard(self, body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Instructions and input items."""
        system = [content.text_part(one) for one in texts(body.get("instructions"))]
        said = body.get("input")
        if isinstance(said, str):
            return system, [content.message("user", content.text_part(said))]
        return system, [_message(one) for one in items(said)]

    def goal(self, body: Mapping[str, Any]) -> str:
        """The words of the instructions and of the user."""
        said = body.get("input")
        if isinstance(said, str):
            return joined([*texts(body.get("instructions")), said])
        users = [one for one in items(said) if text(one, "role") in ("user", "system", "developer")]
        return joined(
            [
                *texts(body.get("instructions")),
                *(part for one in users for part in texts(get(one, "content"))),
            ]
        )

    def results(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Outputs of tools among the input items."""
        outputs = set(_RESULTS.values())
        return [
            (text(one, "call_id"), _output(get(one, "output")))
            for one in items(body, "input")
            if text(one, "type") in outputs
        ]

    def answer(self, response: Any) -> Answer:
        """What a response holds."""
        usage = get(response, "usage")
        why = text(response, "incomplete_details", "reason") or text(response, "status")
        model = get(response, "model")
        return Answer(
            attributes={
                semconv.GEN_AI_RESPONSE_ID: text(response, "id"),
                semconv.GEN_AI_RESPONSE_MODEL: model if isinstance(model, str) else None,
                semconv.GEN_AI_RESPONSE_FINISH_REASONS: [why] if why else None,
                semconv.GEN_AI_USAGE_INPUT_TOKENS: number(usage, "input_tokens"),
                semconv.GEN_AI_USAGE_OUTPUT_TOKENS: number(usage, "output_tokens"),
                semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: number(
                    usage, "input_tokens_details", "cached_tokens"
                ),
                semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: number(
                    usage, "input_tokens_details", "cache_write_tokens"
                ),
                semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: number(
                    usage, "output_tokens_details", "reasoning_tokens"
                ),
                semconv.OPENAI_RESPONSE_SERVICE_TIER: text(response, "service_tier"),
            },
            calls=[_asked(one) for one in items(response, "output") if text(one, "type") in _RESULTS],
            said=lambda: [content.message("assistant", *(_part(one) for one in items(response, "output")))],
        )

    def reader(self) -> Stream:
        """For a stream."""
        return Stream()

    def typed(self, response: dict[str, Any]) -> Any:
        """As the client's own `Response`, which the last event holds."""
        whole = response.get("whole")
        if whole is not None:
            return whole
        from openai.types.responses import Response  # noqa: PLC0415 - a stream of this client was read: it is there

        return Response.construct(**response)

    def refusal(self, asked: Asked, why: str) -> dict[str, Any]:
        """The output item that belongs to the call."""
        made: dict[str, Any] = {
            "type": _RESULTS.get(asked.kind, "function_call_output"), "call_id": asked.call_id, "output": why,
        }  # fmt: skip
        if asked.kind == "local_shell_call":
            made = {"type": made["type"], "id": asked.call_id, "output": why, "status": "incomplete"}
        elif asked.kind == "shell_call":
            made["output"] = [{"stdout": "", "stderr": why, "outcome": {"type": "exit", "exit_code": 126}}]
        elif asked.kind == "apply_patch_call":
            made["status"] = "failed"
        return made


def _asked(item: Any) -> Asked:
    """A call. Only a function's arguments are JSON; the others are told as the guard's adapters know such tools."""
    kind = text(item, "type")
    call_id = text(item, "call_id")
    if kind == "function_call":
        raw = text(item, "arguments")

        def rewrite(arguments: Mapping[str, Any]) -> None:
            _put(item, "arguments", json.dumps(dict(arguments)))

        name, arguments = text(item, "name"), parsed(raw)
        return Asked(call_id=call_id, name=name, arguments=arguments, raw=raw, kind=kind, rewrite=rewrite)
    if kind == "custom_tool_call":
        return Asked(
            call_id=call_id, name=text(item, "name"), arguments={"input": text(item, "input")}, kind=kind
        )
    action = get(item, "action")
    if kind == "shell_call":
        command = "\n".join(one for one in items(action, "commands") if isinstance(one, str))
        return Asked(call_id=call_id, name="Bash", arguments={"command": command}, kind=kind)
    if kind == "local_shell_call":
        words = [one for one in items(action, "command") if isinstance(one, str)]
        return Asked(call_id=call_id, name="exec_command", arguments={"command": words}, kind=kind)
    if kind == "apply_patch_call":
        return Asked(
            call_id=call_id,
            name="apply_patch",
            arguments={"input": _patch(get(item, "operation"))},
            kind=kind,
        )
    return Asked(call_id=call_id, name="computer", arguments=dict(plain(action) or {}), kind=kind)


def _patch(operation: Any) -> str:
    """An operation on a file in the words of a patch, which the guard reads."""
    verbs = {"create_file": "Add", "update_file": "Update", "delete_file": "Delete"}
    head = f"*** {verbs.get(text(operation, 'type'), 'Update')} File: {text(operation, 'path')}"
    return joined(["*** Begin Patch", head, text(operation, "diff"), "*** End Patch"])


def _put(item: Any, name: str, value: Any) -> None:
    if isinstance(item, dict):
        item[name] = value
    else:
        setattr(item, name, value)


def _output(output: Any) -> str:
    return (
        output if isinstance(output, str) else joined(texts(output)) or json.dumps(plain(output), default=str)
    )


def _message(item: Any) -> dict[str, Any]:
    """An item of the input."""
    if role := text(item, "role"):
        return content.message(role, *(content.text_part(said) for said in texts(get(item, "content"))))
    return content.message("tool" if text(item, "type") in _RESULTS.values() else "assistant", _part(item))


def _part(item: Any) -> dict[str, Any]:
    kind = text(item, "type")
    if kind == "message":
        return content.text_part(joined(texts(get(item, "content"))))
    if kind == "reasoning":
        return {"type": "reasoning", "content": joined(texts(get(item, "summary")))}
    if kind in _RESULTS:
        asked = _asked(item)
        return content.call_part(
            asked.call_id, asked.name, asked.arguments if asked.arguments is not None else asked.raw
        )
    if kind in _RESULTS.values():
        return content.result_part(text(item, "call_id"), _output(get(item, "output")))
    return {"type": kind or "unknown"}


class Stream:
    """The events of a streamed response. The last one holds the response; until then the items that were done."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._whole: Any = None
        self._head: Any = None
        self._items: dict[int, Any] = {}

    def feed(self, chunk: Any) -> bool:
        """Take an event; whether it is of a tool."""
        kind, index = text(chunk, "type"), number(chunk, "output_index")
        if kind in ("response.completed", "response.incomplete", "response.failed"):
            self._whole = get(chunk, "response")
            return any(text(one, "type") in _RESULTS for one in items(self._whole, "output"))
        if kind in ("response.created", "response.in_progress"):
            self._head = get(chunk, "response")
        if index is not None and kind in ("response.output_item.added", "response.output_item.done"):
            self._items[index] = get(chunk, "item")
        return index is not None and text(self._items.get(index), "type") in _RESULTS

    def response(self) -> dict[str, Any]:
        """The response so far. Items of the last event are the ones that the app is handed."""
        if self._whole is None:
            head = plain(self._head) or {}
            return {**head, "output": [self._items[index] for index in sorted(self._items)]}
        names = ("id", "model", "status", "incomplete_details", "usage", "service_tier", "output")
        return {"whole": self._whole, **{name: get(self._whole, name) for name in names}}

    def rewrite(self, held: list[Any], asked: Asked, arguments: str) -> None:
        """Every event that holds the call's arguments: the first piece holds all, the others nothing."""
        indexes = {index for index, item in self._items.items() if text(item, "call_id") == asked.call_id}
        first = True
        for event in held:
            if number(event, "output_index") not in indexes:
                continue
            kind = text(event, "type")
            if kind == "response.function_call_arguments.delta":
                event.delta, first = (arguments if first else ""), False
            elif kind == "response.function_call_arguments.done":
                event.arguments = arguments
            elif kind == "response.output_item.done":
                event.item.arguments = arguments
