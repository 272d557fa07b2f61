"""`agent`, `tool`, `span`, `conversation`: whatever kind of function is under them, it stays what it was."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest
from flyball_sdk import agent, conversation, span, tool
from flyball_sdk.tracing import runtime
from model_servers import Provider
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from spans_held import Spans, attributes
from test_clients import ASK, say

Traced = Callable[..., Spans]


def parent_of(one: ReadableSpan, spans: list[ReadableSpan]) -> str:
    """The name of the span above."""
    found = {made.context.span_id: made.name for made in spans if made.context}
    return found[one.parent.span_id] if one.parent else ""


def by_name(spans: Spans) -> dict[str, ReadableSpan]:
    return {one.name: one for one in spans.all()}


def test_sub_agents_models_and_tools_nest(provider: Provider, traced: Traced) -> None:
    spans = traced()
    client = anthropic.Anthropic(api_key="k", base_url=provider.url)

    @tool
    def look_up(city: str) -> str:
        """Look a city up.

        And more.
        """
        return city

    @agent("researcher")
    def research() -> str:
        client.messages.create(**ASK, messages=say("text"))
        return look_up("Paris")

    @agent(version="2")
    def planner() -> str:
        with span("think", attributes={"code.function.name": "think"}):
            return research()

    with conversation("c-1", user="u-1"):
        assert planner() == "Paris"
    made = spans.all()
    assert {one.name: parent_of(one, made) for one in made} == {
        "chat claude-x": "invoke_agent researcher",
        "execute_tool look_up": "invoke_agent researcher",
        "invoke_agent researcher": "think",
        "think": "invoke_agent planner",
        "invoke_agent planner": "",
    }
    for one in made:
        told = attributes(one)
        assert (told["gen_ai.conversation.id"], told["user.id"]) == ("c-1", "u-1")
    named = by_name(spans)
    assert attributes(named["chat claude-x"])["gen_ai.agent.name"] == "researcher"
    assert attributes(named["invoke_agent researcher"])["gen_ai.provider.name"] == "anthropic"
    assert attributes(named["invoke_agent planner"])["gen_ai.agent.version"] == "2"
    assert attributes(named["execute_tool look_up"])["gen_ai.tool.description"] == "Look a city up."
    assert attributes(named["think"])["code.function.name"] == "think"


def test_nothing_of_arguments_and_results_is_told_without_content(traced: Traced) -> None:
    spans = traced()

    @tool
    def pay(card: str) -> str:
        raise ValueError(card)

    @agent
    def shop(order: str) -> str:
        pay(order)
        return order

    with pytest.raises(ValueError, match="4111"):
        shop("4111 of Ada")
    told = [one.to_json() for one in spans.all()]
    assert not any("Ada" in one or "4111" in one for one in told)
    assert [attributes(one)["error.type"] for one in spans.all()] == ["ValueError", "ValueError"]


def test_content_of_steps_is_told_where_asked_for(traced: Traced) -> None:
    spans = traced(capture_content=True)

    @tool
    def pay(card: str, *, note: str = "") -> dict[str, str]:
        return {"paid": card, "note": note, "api_key": "abcdef123456"}

    @agent
    def shop(order: str) -> str:
        pay("4111111111111111", note=order)
        return "done " + "x" * 10_000

    shop("for Ada")
    named = by_name(spans)
    told = attributes(named["execute_tool pay"])
    assert told["gen_ai.tool.call.arguments"] == '{"card": "<*>", "note": "for Ada"}'
    assert told["gen_ai.tool.call.result"] == '{"paid": "<*>", "note": "for Ada", "api_key": "<*>"}'
    told = attributes(named["invoke_agent shop"])
    assert "for Ada" in told["gen_ai.input.messages"]
    assert 4_000 < len(told["gen_ai.output.messages"]) < 4_400


def test_equal_arguments_have_equal_digests_in_whatever_order_and_form(traced: Traced) -> None:
    spans = traced()

    @tool
    def find(a: int, b: int = 2) -> None: ...

    find(1, 3)
    find(b=3, a=1)
    find(1, 4)
    seen = [attributes(one)["flyball.tool.arguments.digest"] for one in spans.all()]
    assert seen[0] == seen[1] != seen[2]
    again = traced()
    find(1, 3)
    assert (
        attributes(again.one())["flyball.tool.arguments.digest"] != seen[0]
    )  # keyed: not to be guessed from outside
    shared = [traced(digest_key="k") for _ in range(2)]
    find(1, 3)
    assert shared[0].all() == []


@pytest.mark.parametrize("word", [agent, tool, span, conversation])
def test_functions_stay_what_they_are(word: Callable[..., Any], traced: Traced) -> None:
    traced()

    @word
    def plain(x: int) -> int:
        """Doc."""
        return x

    @word
    async def awaited(x: int) -> int:
        return x

    @word
    def generated(x: int) -> Generator[int, Any, str]:
        got = yield x
        return str(got)

    @word("named")
    async def agenerated(x: int) -> AsyncGenerator[int, Any]:
        got = yield x
        yield got

    assert (plain.__name__, plain.__doc__) == ("plain", "Doc.")
    assert inspect.iscoroutinefunction(awaited)
    assert inspect.isgeneratorfunction(generated)
    assert inspect.isasyncgenfunction(agenerated)
    assert plain(1) == asyncio.run(awaited(1)) == 1
    steps = generated(1)
    assert next(steps) == 1
    with pytest.raises(StopIteration) as done:
        steps.send(5)
    assert done.value.value == "5"

    async def sent() -> list[int]:
        inner = agenerated(1)
        return [await inner.__anext__(), await inner.asend(7)]

    assert asyncio.run(sent()) == [1, 7]


def test_a_generators_code_runs_within_its_span_and_its_callers_does_not(traced: Traced) -> None:
    spans = traced()
    seen: list[bool] = []

    @agent
    def stream() -> Generator[int, None, None]:
        for number in range(2):
            seen.append(trace.get_current_span().get_span_context().is_valid)
            yield number

    for _ in stream():
        seen.append(trace.get_current_span().get_span_context().is_valid)
        assert spans.all() == []
    assert seen == [True, False, True, False]
    assert spans.one().name == "invoke_agent stream"


def test_a_generator_that_is_thrown_at_or_left_ends_its_span(traced: Traced) -> None:
    spans = traced()
    cleaned: list[str] = []

    @agent
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append("yes")

    left = stream()
    next(left)
    left.close()
    thrown = stream()
    next(thrown)
    with pytest.raises(KeyError):
        thrown.throw(KeyError("x"))
    assert cleaned == ["yes", "yes"]
    assert [attributes(one).get("error.type") for one in spans.all()] == [None, "KeyError"]


def test_an_async_generator_that_is_thrown_at_hands_it_on(traced: Traced) -> None:
    spans = traced()

    @agent
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
        except KeyError:
            yield 2

    async def run() -> int:
        inner = stream()
        await inner.__anext__()
        got = await inner.athrow(KeyError("x"))
        await inner.aclose()
        return got

    assert asyncio.run(run()) == 2
    assert spans.one().status.is_ok or spans.one().status.is_unset


def test_blocks(traced: Traced) -> None:
    spans = traced(capture_content=True)
    with agent("shop"), tool("pay", call_id="c-9", arguments={"to": "Ada"}) as step:
        step.result("paid")

    async def run() -> None:
        async with conversation(), span("later"):
            pass

    asyncio.run(run())
    with pytest.raises(KeyError), span("wrong"):
        raise KeyError
    named = by_name(spans)
    told = attributes(named["execute_tool pay"])
    assert told["gen_ai.tool.call.id"] == "c-9"
    assert told["gen_ai.tool.call.result"] == '"paid"'
    assert told["gen_ai.agent.name"] == "shop"
    assert len(attributes(named["later"])["gen_ai.conversation.id"]) == 32
    assert attributes(named["wrong"])["error.type"] == "KeyError"


def test_a_tool_in_a_thread_of_its_own_is_found_by_its_arguments(provider: Provider, traced: Traced) -> None:
    spans = traced()
    client = anthropic.Anthropic(api_key="k", base_url=provider.url)

    @tool("Bash")
    def run(command: str) -> str:
        return command

    @agent
    def shop() -> list[str]:
        answer = client.messages.create(**ASK, messages=say("tools"))
        calls = [block.input for block in answer.content if block.type == "tool_use"]
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda given: run(**given), calls))

    assert shop() == ["ls", "git status"]
    made = spans.all()
    executed = [one for one in made if one.name == "execute_tool Bash"]
    assert {parent_of(one, made) for one in executed} == {"invoke_agent shop"}
    assert {attributes(one)["gen_ai.tool.call.id"] for one in executed} == {"call_1", "call_2"}


def test_a_batch_of_tools_in_one_loop_is_told_one_by_one(traced: Traced) -> None:
    spans = traced()

    @tool
    async def look(city: str) -> str:
        await asyncio.sleep(0)
        return city

    @agent
    async def shop() -> list[str]:
        return list(await asyncio.gather(look("a"), look("b"), look("c")))

    assert asyncio.run(shop()) == ["a", "b", "c"]
    made = spans.all()
    assert [parent_of(one, made) for one in made] == ["invoke_agent shop"] * 3 + [""]


def test_without_init_they_do_nothing() -> None:
    assert runtime.current() is None

    @tool
    def look(city: str) -> str:
        assert not trace.get_current_span().get_span_context().is_valid
        return city

    @agent
    def shop() -> str:
        return look("a")

    assert shop() == "a"
    with conversation("c"), agent("x"), span("y"), tool("z", arguments={}) as step:
        step.result(1)


def test_a_mistake_of_ours_is_not_the_apps(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    traced()

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(runtime, "start", broken)
    monkeypatch.setattr(runtime, "end", broken)

    @tool
    def look(city: str) -> str:
        return city

    @agent
    def shop() -> str:
        return look("a")

    assert shop() == "a"
