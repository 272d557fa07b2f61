"""OpenAI's chat completions: the wire format, which LiteLLM speaks, too, whatever provider is behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flyball_sdk import semconv
from flyball_sdk.tracing import content
from flyball_sdk.tracing.dialect import Answer, Asked, Dialect, Told, settings
from flyball_sdk.tracing.reading import get, items, joined, number, parsed, plain, text

_SYSTEM = ("system", "developer")


class Chat(Dialect):
    """The wire format."""

    def __init__(self, openai: bool = True) -> None:  # noqa: FBT001, FBT002 - two makes of it
        """Of OpenAI's own client, or of another that speaks it."""
        self._openai = openai

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the request."""
        stops = [body["stop"]] if isinstance(body.get("stop"), str) else items(body, "stop")
        choices = number(body, "n")
        limit = number(body, "max_completion_tokens")
        attributes = {
            semconv.GEN_AI_REQUEST_MAX_TOKENS: limit if limit is not None else number(body, "max_tokens"),
            semconv.GEN_AI_REQUEST_TEMPERATURE: _real(body, "temperature"),
            semconv.GEN_AI_REQUEST_TOP_P: _real(body, "top_p"),
            semconv.GEN_AI_REQUEST_FREQUENCY_PENALTY: _real(body, "frequency_penalty"),
            semconv.GEN_AI_REQUEST_PRESENCE_PENALTY: _real(body, "presence_penalty"),
            semconv.GEN_AI_REQUEST_SEED: number(body, "seed"),
            semconv.GEN_AI_REQUEST_STOP_SEQUENCES: [one for one in stops if isinstance(one, str)] or None,
            semconv.GEN_AI_REQUEST_CHOICE_COUNT: choices if choices != 1 else None,
            semconv.GEN_AI_OUTPUT_TYPE: _output_type(get(body, "response_format")),
        }
        return attributes | of_openai(body, "chat_completions") if self._openai else attributes

    def told(self, body: Mapping[str, Any]) -> Told:
        """The messages that open a conversation as its system prompt, tools, settings."""
        system: list[Any] = []
        for one in items(body, "messages"):
            if text(one, "role") not in _SYSTEM:
                break
            system.append(get(one, "content"))
        return Told(system=system, tools=body.get("tools") or body.get("functions"), settings=settings(body))

    def heard(self, body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Messages; a system prompt is one of them."""
        return [], [_message(one) for one in items(body, "messages")]

    def goal(self, body: Mapping[str, Any]) -> str:
        """The words of the system prompt and of the user."""
        said = [one for one in items(body, "messages") if text(one, "role") in ("user", *_SYSTEM)]
        return joined(part for one in said for part in texts(get(one, "content")))

    def results(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The tool messages at the end."""
        found: list[tuple[str, str]] = []
        for one in reversed(items(body, "messages")):
            if text(one, "role") != "tool":
                break
            found.append((text(one, "tool_call_id"), joined(texts(get(one, "content")))))
        return found

    def answer(self, response: Any) -> Answer:
        """What a completion holds."""
        choices = items(response, "choices")
        usage = get(response, "usage")
        attributes = {
            semconv.GEN_AI_RESPONSE_ID: text(response, "id"),
            semconv.GEN_AI_RESPONSE_MODEL: text(response, "model"),
            semconv.GEN_AI_RESPONSE_FINISH_REASONS: [
                why for one in choices if (why := text(one, "finish_reason"))
            ]
            or None,
            semconv.GEN_AI_USAGE_INPUT_TOKENS: number(usage, "prompt_tokens"),
            semconv.GEN_AI_USAGE_OUTPUT_TOKENS: number(usage, "completion_tokens"),
            semconv.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: number(
                usage, "prompt_tokens_details", "cached_tokens"
            ),
            semconv.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: number(
                usage, "prompt_tokens_details", "cache_write_tokens"
            ),
            semconv.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: number(
                usage, "completion_tokens_details", "reasoning_tokens"
            ),
        }
        if self._openai:
            attributes[semconv.OPENAI_RESPONSE_SERVICE_TIER] = text(response, "service_tier")
            attributes[semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT] = text(response, "system_fingerprint")
        return Answer(
            attributes=attributes,
            calls=[asked for one in choices for asked in _calls(get(one, "message"))],
            said=lambda: [_message(get(one, "message")) for one in choices],
        )

    def reader(self) -> Stream:
        """For a stream."""
        return Stream()

    def typed(self, response: dict[str, Any]) -> Any:
        """As the client's own `ChatCompletion`."""
        if not self._openai:
            from litellm import ModelResponse  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

            return ModelResponse(**response)
        from openai.types.chat import ChatCompletion  # noqa: PLC0415 - a stream of this client was read: it is there

        return ChatCompletion.construct(**response)

    def refusal(self, asked: Asked, why: str) -> dict[str, Any]:
        """A tool message; a function message for calls of the old kind, which have no id."""
        if asked.kind == "function_call":
            return {"role": "function", "name": asked.name, "content": why}
        return {"role": "tool", "tool_call_id": asked.call_id, "content": why}


def of_openai(body: Mapping[str, Any], api: str) -> dict[str, Any]:
    """What only OpenAI's requests have."""
    tier = text(body, "service_tier")
    return {
        semconv.OPENAI_API_TYPE: api,
        semconv.OPENAI_REQUEST_SERVICE_TIER: tier if tier != "auto" else None,
    }


def _real(body: Mapping[str, Any], name: str) -> float | None:
    found = body.get(name)
    return found if isinstance(found, (int, float)) else None


def _output_type(form: Any) -> str | None:
    if form is None:
        return None
    return "text" if text(form, "type") == "text" else "json"


def _calls(message: Any) -> list[Asked]:
    old = get(message, "function_call")
    calls = [
        _asked(one, get(one, "function") or get(one, "custom"), text(one, "id"))
        for one in items(message, "tool_calls")
    ]
    return calls + ([_asked(None, old, "", kind="function_call")] if old is not None else [])


def _asked(call: Any, inner: Any, call_id: str, kind: str = "tool") -> Asked:
    """A call. A custom tool has a text for input, which is its only argument."""
    custom = call is not None and text(call, "type") == "custom"
    raw = text(inner, "input" if custom else "arguments")

    def rewrite(arguments: Mapping[str, Any]) -> None:
        name = "input" if custom else "arguments"
        made = str(arguments.get("input", "")) if custom else json.dumps(dict(arguments))
        if isinstance(inner, dict):
            inner[name] = made
        else:
            setattr(inner, name, made)

    arguments = {"input": raw} if custom else parsed(raw)
    return Asked(
        call_id=call_id, name=text(inner, "name"), arguments=arguments, raw=raw, kind=kind, rewrite=rewrite
    )


def texts(said: Any) -> list[str]:
    """The texts of a content, which is one or holds some."""
    return [said] if isinstance(said, str) else [text(one, "text") for one in items(said)]


def _message(one: Any) -> dict[str, Any]:
    role = text(one, "role")
    if role == "tool":
        result = content.result_part(text(one, "tool_call_id"), plain(get(one, "content")))
        return content.message(role, result)
    parts = [content.text_part(said) for said in texts(get(one, "content")) if said]
    if reasoning := text(one, "reasoning_content"):
        parts.insert(0, {"type": "reasoning", "content": reasoning})
    parts += [
        content.call_part(
            asked.call_id, asked.name, asked.arguments if asked.arguments is not None else asked.raw
        )
        for asked in _calls(one)
    ]
    return content.message(role, *parts)


class Stream:
    """The chunks of a streamed completion, put together."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, chunk: Any) -> bool:
        """Take a chunk; whether it is of a tool."""
        for name in ("id", "model", "created", "service_tier", "system_fingerprint"):
            if (found := get(chunk, name)) is not None:
                self._head[name] = found
        if (usage := get(chunk, "usage")) is not None:
            self._head["usage"] = plain(usage)
        asks = False
        for choice in items(chunk, "choices"):
            asks = self._choice(choice) or asks
        return asks

    def _choice(self, choice: Any) -> bool:
        index = number(choice, "index") or 0
        made = self._choices.setdefault(
            index, {"role": "assistant", "content": [], "reasoning": [], "calls": {}}
        )
        delta = get(choice, "delta")
        made["content"].append(text(delta, "content"))
        made["reasoning"].append(text(delta, "reasoning_content"))
        if why := text(choice, "finish_reason"):
            made["finish_reason"] = why
        calls = items(delta, "tool_calls")
        for call in calls:
            self._call(
                made["calls"].setdefault(number(call, "index") or 0, {"id": "", "type": "function"}), call
            )
        old = get(delta, "function_call")
        if old is not None:
            _add(made.setdefault("old", {"name": "", "arguments": ""}), old, "arguments")
        return bool(calls) or old is not None

    def _call(self, made: dict[str, Any], call: Any) -> None:
        made["id"] = made["id"] or text(call, "id")
        kind = "custom" if get(call, "custom") is not None else "function"
        made["type"] = kind
        argument = "input" if kind == "custom" else "arguments"
        _add(made.setdefault(kind, {"name": "", argument: ""}), get(call, kind), argument)

    def response(self) -> dict[str, Any]:
        """The completion so far."""
        choices = [self._made(index, one) for index, one in sorted(self._choices.items())]
        return {**self._head, "object": "chat.completion", "choices": choices}

    def _made(self, index: int, one: dict[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": one["role"], "content": "".join(one["content"]) or None}
        if reasoning := "".join(one["reasoning"]):
            message["reasoning_content"] = reasoning
        if one["calls"]:
            message["tool_calls"] = [call for _, call in sorted(one["calls"].items())]
        if "old" in one:
            message["function_call"] = one["old"]
        return {"index": index, "message": message, "finish_reason": one.get("finish_reason")}

    def rewrite(self, held: list[Any], asked: Asked, arguments: str) -> None:
        """The first piece of the call's arguments holds all, the others nothing."""
        first = True
        for chunk in held:
            for choice in items(chunk, "choices"):
                calls = self._choices[number(choice, "index") or 0]["calls"]
                for call in items(choice, "delta", "tool_calls"):
                    inner = get(call, "function")
                    if inner is not None and calls[number(call, "index") or 0]["id"] == asked.call_id:
                        inner.arguments = arguments if first else ""
                        first = False


def _add(made: dict[str, Any], piece: Any, argument: str) -> None:
    made["name"] = made["name"] or text(piece, "name")
    made[argument] += text(piece, argument)
