"""LiteLLM, the real one: it calls OpenAI's client below, and there is one span all the same."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flyball_sdk.guard import Guard, GuardBlocked
from model_servers import Provider
from spans_held import Spans, attributes, decisions
from test_clients import say
from test_guard import ORDER, calls_of, id_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    litellm: Any = pytest.importorskip("litellm")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """LiteLLM leaves connections of a loop that has ended to the garbage collector: here, not in another test."""
    yield
    gc.collect()


pytestmark = pytest.mark.filterwarnings("ignore")  # LiteLLM's own
Traced = Callable[..., Spans]
MODELS = {"openai/gpt-x": "/v1", "anthropic/claude-x": ""}
KINDS = [
    (model, asynchronous, stream)
    for model in MODELS
    for asynchronous in (False, True)
    for stream in (False, True)
]
every_kind = pytest.mark.parametrize(("model", "asynchronous", "stream"), KINDS)


def ask(model: str, *, asynchronous: bool, stream: bool, url: str, wanted: str) -> list[Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": say(wanted),
        "api_key": "k",
        "api_base": url + MODELS[model],
    }
    body |= {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    body |= {"num_retries": 0, "max_retries": 0}
    if not asynchronous:
        got = litellm.completion(**body)
        return list(got) if stream else [got]

    async def run() -> list[Any]:
        got = await litellm.acompletion(**body)
        return [one async for one in got] if stream else [got]

    return asyncio.run(run())


@every_kind
def test_a_call_is_one_span(
    model: str, *, asynchronous: bool, stream: bool, provider: Provider, traced: Traced
) -> None:
    spans = traced(capture_content=True)
    got = ask(model, asynchronous=asynchronous, stream=stream, url=provider.url, wanted="tools")
    assert got
    told = attributes(spans.one())
    name, _, bare = model.partition("/")
    assert (told["gen_ai.provider.name"], told["gen_ai.request.model"]) == (name, bare)
    assert told["gen_ai.usage.input_tokens"] == 130
    assert told["gen_ai.usage.output_tokens"] == 7
    assert told["gen_ai.usage.cache_read.input_tokens"] == 100
    assert told["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert "Hello there" in told["gen_ai.output.messages"]
    assert [dict(event.attributes or {})["gen_ai.tool.call.id"] for event in spans.one().events] == [
        "call_1",
        "call_2",
    ]


@every_kind
def test_of_a_batch_what_is_not_allowed_has_its_answer(
    model: str, *, asynchronous: bool, stream: bool, provider: Provider, traced: Traced
) -> None:
    spans = traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked) as raised:
        ask(model, asynchronous=asynchronous, stream=stream, url=provider.url, wanted="bad")
    blocked = raised.value
    assert [decision.action for decision in blocked.decisions] == ["allow", "block", "allow"]
    assert [id_of(one) for one in calls_of(blocked.response)] == ORDER
    assert isinstance(blocked.response, litellm.ModelResponse)
    assert [(one["role"], one["tool_call_id"]) for one in blocked.results] == [("tool", "call_2")]
    assert [one["flyball.guard.action"] for one in decisions(spans.one())] == ["allow", "block", "allow"]


@every_kind
def test_in_audit_nothing_is_changed(
    model: str, *, asynchronous: bool, stream: bool, provider: Provider, traced: Traced
) -> None:
    spans = traced(policy=Guard.of_catalogue("audit"))
    got = ask(model, asynchronous=asynchronous, stream=stream, url=provider.url, wanted="bad")
    assert len(got) > (3 if stream else 0)
    assert stream or [call.function.name for call in calls_of(got[0])] == ["Bash"] * 3
    assert [one["flyball.guard.would"] for one in decisions(spans.one())] == ["allow", "block", "allow"]


@pytest.mark.parametrize("model", MODELS)
def test_an_error_is_told(model: str, provider: Provider, traced: Traced) -> None:
    spans = traced()
    with pytest.raises(litellm.RateLimitError):
        ask(model, asynchronous=False, stream=False, url=provider.url, wanted="429")
    assert attributes(spans.one())["error.type"] == "RateLimitError"


def test_a_stream_is_still_one_of_litellms(provider: Provider, traced: Traced) -> None:
    spans = traced()
    stream = litellm.completion(
        "openai/gpt-x", say("text"), api_key="k", api_base=f"{provider.url}/v1", stream=True
    )
    assert isinstance(stream, litellm.CustomStreamWrapper)
    assert stream.custom_llm_provider == "openai"
    next(stream)
    stream.close()
    assert attributes(spans.one())["gen_ai.response.id"]
