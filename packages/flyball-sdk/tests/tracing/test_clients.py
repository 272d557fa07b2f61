"""The real clients against a server that speaks their formats: one span for each call, as the conventions have it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from model_servers import Provider
from spans_held import Spans, attributes

Traced = Callable[..., Spans]
ASK: dict[str, Any] = {"max_tokens": 50, "model": "claude-x"}


def say(wanted: str) -> Any:
    return [{"role": "user", "content": wanted}]


class Client:
    """One way to call a model: a client, its API, sync or async, whole or streamed."""

    def __init__(self, api: str, *, asynchronous: bool, stream: bool) -> None:
        self.api, self.asynchronous, self.stream = api, asynchronous, stream

    def __str__(self) -> str:
        kinds = ("async" if self.asynchronous else "sync", "stream" if self.stream else "whole")
        return "-".join((self.api, *kinds))

    def ask(self, url: str, wanted: str, **more: Any) -> list[Any]:
        """Call, and read all of it: the response, or the chunks."""
        if self.asynchronous:
            return asyncio.run(self._aask(url, wanted, more))
        with self._client(url) as client:
            got = self._create(client)(**self._body(wanted), **more)
            return list(got) if self.stream else [got]

    async def _aask(self, url: str, wanted: str, more: dict[str, Any]) -> list[Any]:
        async with self._client(url) as client:
            got = await self._create(client)(**self._body(wanted), **more)
            return [one async for one in got] if self.stream else [got]

    def _client(self, url: str) -> Any:
        package: Any = anthropic if self.api == "anthropic" else openai
        # there is no TLS here: reading the certificates is most of what making a client takes
        kind = package.DefaultAsyncHttpxClient if self.asynchronous else package.DefaultHttpxClient
        more: dict[str, Any] = {"api_key": "k", "max_retries": 0, "http_client": kind(verify=False)}
        if self.api == "anthropic":
            made = package.AsyncAnthropic if self.asynchronous else package.Anthropic
            return made(base_url=url, **more)
        made = package.AsyncOpenAI if self.asynchronous else package.OpenAI
        return made(base_url=f"{url}/v1", **more)

    def _create(self, client: Any) -> Any:
        return {
            "anthropic": lambda: client.messages.create,
            "chat": lambda: client.chat.completions.create,
            "responses": lambda: client.responses.create,
        }[self.api]()

    def _body(self, wanted: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "anthropic": {
                **ASK,
                "messages": say(wanted),
                "stop_sequences": ["x"],
                "extra_body": {"temperature": 0.5},
            },
            "chat": {"model": "gpt-x", "messages": say(wanted), "temperature": 0.5, "seed": 7, "stop": "x"},
            "responses": {"model": "gpt-x", "input": wanted, "temperature": 0.5, "max_output_tokens": 50},
        }[self.api]
        if self.stream:
            body["stream"] = True
            if self.api == "chat":
                body["stream_options"] = {"include_usage": True}
        return body


CLIENTS = [
    Client(api, asynchronous=asynchronous, stream=stream)
    for api in ("anthropic", "chat", "responses")
    for asynchronous in (False, True)
    for stream in (False, True)
]
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


@every_client
def test_a_call_is_one_span_with_what_was_asked_and_answered(
    client: Client, provider: Provider, traced: Traced
) -> None:
    spans = traced()
    client.ask(provider.url, "text")
    span = spans.one()
    told = attributes(span)
    asked = "claude-x" if client.api == "anthropic" else "gpt-x"
    assert told["gen_ai.request.model"] == asked
    assert told["gen_ai.response.model"] == f"{asked}-1"
    assert told["gen_ai.provider.name"] == ("anthropic" if client.api == "anthropic" else "openai")
    assert told["gen_ai.response.id"]
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.usage.input_tokens"] == 130  # cached ones are part of it, however the provider counts
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.usage.cache_read.input_tokens"] == 100
    if client.api != "chat":
        assert told["gen_ai.usage.cache_creation.input_tokens"] == 20
    if client.api != "anthropic":
        assert told["gen_ai.usage.reasoning.output_tokens"] == 3
    assert told["gen_ai.response.finish_reasons"] in (("end_turn",), ("stop",), ("completed",))
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", provider.server_address[1])
    assert told.get("gen_ai.request.stream", False) == client.stream
    assert ("gen_ai.response.time_to_first_chunk" in told) == client.stream
    assert 0 <= told.get("gen_ai.response.time_to_first_chunk", 0) < 30
    assert not any("messages" in name or "instructions" in name for name in told)


@every_client
def test_tools_that_were_asked_for_are_told_by_name_id_and_digest_alone(
    client: Client, provider: Provider, traced: Traced
) -> None:
    spans = traced()
    client.ask(provider.url, "tools")
    client.ask(provider.url, "tools")
    first, second = spans.all()
    asked = [[dict(event.attributes or {}) for event in span.events] for span in (first, second)]
    assert [one["gen_ai.tool.call.id"] for one in asked[0]] == ["call_1", "call_2"]
    assert asked[0] == asked[1]
    assert asked[0][0]["flyball.tool.arguments.digest"] != asked[0][1]["flyball.tool.arguments.digest"]
    assert "git status" not in first.to_json()


@every_client
def test_content_is_told_where_asked_for_and_without_secrets(
    client: Client, provider: Provider, traced: Traced
) -> None:
    spans = traced(capture_content=True)
    client.ask(provider.url, "password=hunter2hunter2\ntools")
    told = attributes(spans.one())
    assert "hunter2" not in str(told)
    assert "<*>" in told["gen_ai.input.messages"]
    assert "Hello there" in told["gen_ai.output.messages"]
    assert "git status" in told["gen_ai.output.messages"]


@every_client
@pytest.mark.parametrize("wanted", ["429", "500"])
def test_an_error_is_the_apps_and_told(
    client: Client, wanted: str, provider: Provider, traced: Traced
) -> None:
    spans = traced()
    with pytest.raises((anthropic.APIStatusError, openai.APIStatusError)) as raised:
        client.ask(provider.url, wanted)
    assert attributes(spans.one())["error.type"] == type(raised.value).__name__
    assert spans.one().status.description.startswith(wanted)  # type: ignore[union-attr]


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.stream], ids=str)
def test_a_stream_that_breaks_off_is_told_with_what_came(
    client: Client, provider: Provider, traced: Traced
) -> None:
    spans = traced()
    with pytest.raises(Exception, match=r"(?i)connection|closed|body|read|peer") as raised:
        client.ask(provider.url, "cut")
    told = attributes(spans.one())
    assert told["error.type"] == type(raised.value).__name__
    assert told["gen_ai.response.time_to_first_chunk"] >= 0
    assert told["gen_ai.response.id"]


def test_a_provider_that_is_away_is_told(traced: Traced) -> None:
    spans = traced()
    with pytest.raises(openai.APIConnectionError):
        openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0).responses.create(
            model="m", input="x"
        )
    assert attributes(spans.one())["error.type"] == "APIConnectionError"


def test_retries_are_one_call(provider: Provider, traced: Traced) -> None:
    spans = traced()
    client = anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=2)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**ASK, messages=say("429"))
    assert len(provider.seen) == 3
    assert len(spans.all()) == 1


def test_helpers_of_the_clients_are_traced_once(provider: Provider, traced: Traced) -> None:
    spans = traced()
    claude = anthropic.Anthropic(api_key="k", base_url=provider.url)
    with claude.messages.stream(**ASK, messages=say("tools")) as stream:
        assert "".join(stream.text_stream) == "Hello there"
        assert [block.type for block in stream.get_final_message().content] == [
            "text",
            "tool_use",
            "tool_use",
        ]
    gpt = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    with gpt.chat.completions.stream(model="gpt-x", messages=say("text")) as chat:
        assert chat.get_final_completion().choices[0].message.content == "Hello there"
    with gpt.responses.stream(model="gpt-x", input="text") as responses:
        assert responses.get_final_response().output_text == "Hello there"
    raw = gpt.chat.completions.with_raw_response.create(model="gpt-x", messages=say("text"))
    assert raw.parse().choices[0].message.content == "Hello there"
    assert raw.headers["content-type"] == "application/json"
    assert [span.name for span in spans.all()] == ["chat claude-x", "chat gpt-x", "chat gpt-x", "chat gpt-x"]


async def _helpers(url: str) -> list[str]:
    async with (
        anthropic.AsyncAnthropic(api_key="k", base_url=url) as claude,
        claude.messages.stream(**ASK, messages=say("text")) as stream,
    ):
        first = await stream.get_final_text()
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as gpt:
        raw = await gpt.chat.completions.with_raw_response.create(
            model="gpt-x",
            messages=say("text"),
            stream=True,
        )
        second = [chunk.choices[0].delta.content or "" async for chunk in raw.parse() if chunk.choices]
    return [first, "".join(second)]


def test_helpers_of_the_async_clients_are_traced_once(provider: Provider, traced: Traced) -> None:
    spans = traced()
    assert asyncio.run(_helpers(provider.url)) == ["Hello there", "Hello there"]
    assert [span.name for span in spans.all()] == ["chat claude-x", "chat gpt-x"]


def test_a_stream_that_the_app_stops_reading_ends_its_span_then(provider: Provider, traced: Traced) -> None:
    spans = traced()
    claude = anthropic.Anthropic(api_key="k", base_url=provider.url)
    stream = claude.messages.create(**ASK, messages=say("tools"), stream=True)
    next(iter(stream))
    stream.close()
    assert attributes(spans.one())["gen_ai.response.id"] == "msg_1"
    gpt = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    with gpt.chat.completions.stream(model="gpt-x", messages=say("tools")) as chat:
        next(iter(chat))
    assert len(spans.all()) == 2
    del chat


def test_a_client_that_was_used_before_is_traced_after(provider: Provider, traced: Traced) -> None:
    client = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    client.responses.create(model="gpt-x", input="text")
    spans = traced()
    client.responses.create(model="gpt-x", input="text")
    assert len(spans.all()) == 1


def test_another_prompt_tool_or_setting_is_another_configuration(provider: Provider, traced: Traced) -> None:
    spans = traced()
    client = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    told: list[dict[str, Any]] = [
        {"instructions": "Be kind."},
        {"instructions": "Be kind."},
        {"instructions": "Be brief."},
        {"instructions": "Be kind.", "temperature": 1},
        {
            "instructions": "Be kind.",
            "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}],
        },
    ]
    for one in told:
        client.responses.create(model="gpt-x", input="text", **one)
    seen = [attributes(span)["flyball.config.digest"] for span in spans.all()]
    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
