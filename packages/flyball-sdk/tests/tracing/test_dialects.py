"""Wire formats beyond the common case: other kinds of tools, what the guard is told, and what is no response at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flyball_sdk.guard import Guard, GuardBlocked
from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES
from flyball_sdk.integrations.anthropic import Messages
from flyball_sdk.integrations.chat import Chat
from flyball_sdk.integrations.responses import Responses
from flyball_sdk.tracing import content, exchange, runtime
from flyball_sdk.tracing.exchange import Exchange
from model_servers import Provider
from spans_held import Spans, attributes
from test_clients import CLIENTS, Client

Traced = Callable[..., Spans]
RESPONSES = Client("responses", asynchronous=False, stream=False)


def blocked(dialect: Any, response: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to what the catalogue stops in a response."""
    made = runtime.current()
    assert made is not None
    with pytest.raises(GuardBlocked) as raised:
        Exchange(made, dialect, {}, "m", "p").received(response)
    return list(raised.value.results)


def test_each_kind_of_tool_of_responses_is_judged_and_has_its_own_answer(traced: Traced) -> None:
    traced(policy=Guard.of_catalogue())
    patch = {"type": "delete_file", "path": "/etc/passwd"}
    output: list[dict[str, Any]] = [
        {"type": "shell_call", "call_id": "1", "action": {"commands": ["ls", "rm -rf /"]}},
        {"type": "local_shell_call", "call_id": "2", "action": {"command": ["rm", "-rf", "/"]}},
        {"type": "apply_patch_call", "call_id": "3", "operation": patch},
        {"type": "custom_tool_call", "call_id": "4", "name": "exec", "input": "hello"},
        {"type": "web_search_call", "id": "5"},  # OpenAI runs it
        {"type": "function_call", "call_id": "6", "name": "Bash", "arguments": '{"command": "rm -rf /"}'},
    ]
    answers = blocked(Responses(), {"output": output})
    assert [(one["type"], one.get("call_id") or one.get("id")) for one in answers] == [
        ("shell_call_output", "1"),
        ("local_shell_call_output", "2"),
        ("apply_patch_call_output", "3"),
        ("function_call_output", "6"),
    ]
    assert answers[0]["output"][0]["outcome"] == {"type": "exit", "exit_code": 126}
    assert answers[2]["status"] == "failed"


def test_calls_of_the_old_kind_and_custom_tools_of_chat_are_judged(traced: Traced) -> None:
    traced(policy=Guard.of_catalogue())
    bad = '{"command": "rm -rf /"}'
    message = {"function_call": {"name": "Bash", "arguments": bad}}
    assert blocked(Chat(), {"choices": [{"message": message}]})[0]["role"] == "function"
    (asked,) = (
        Chat()
        .answer(
            {
                "choices": [
                    {
                        "message": {
                            "tool_calls": [
                                {"id": "1", "type": "custom", "custom": {"name": "q", "input": "x"}}
                            ]
                        }
                    }
                ]
            }
        )
        .calls
    )
    assert (asked.name, asked.arguments) == ("q", {"input": "x"})


def test_the_guard_is_told_session_agent_user_and_goal(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flyball_sdk import agent, conversation  # noqa: PLC0415

    seen: list[ToolCall] = []
    decide = Guard.decide
    monkeypatch.setattr(Guard, "decide", lambda self, call: seen.append(call) or decide(self, call))
    traced(policy=Guard.of_catalogue(), environment="prod")
    for client in CLIENTS:
        seen.clear()
        with conversation("c-1", user="ada"), agent("support"):
            client.ask(provider.url, "Pay Bob.\ntools")
        first, second = seen
        context = first.context
        assert (context.session_id, context.agent_name, context.user_id) == ("c-1", "support", "ada")
        assert (context.environment, context.tool_call_id) == ("prod", "call_1")
        assert "Pay Bob." in context.goal
        assert first.context.trace_id == second.context.trace_id != "0" * 32
    seen.clear()
    RESPONSES.ask(provider.url, "tools")
    assert seen[0].context.session_id == seen[0].context.trace_id  # no conversation: the run is the session


@pytest.mark.parametrize("dialect", [Messages(), Chat(), Responses()])
@pytest.mark.parametrize(
    "response", [None, "", "<html>", 7, [], {}, {"choices": [None], "content": [None], "output": [3]}]
)
def test_what_is_no_response_asks_for_nothing(dialect: Any, response: Any) -> None:
    answer = dialect.answer(response)
    assert answer.calls == []
    answer.said()


@pytest.mark.parametrize("dialect", [Messages(), Chat(), Responses()])
@pytest.mark.parametrize(
    "body", [{}, {"messages": 7, "input": {}}, {"messages": [None, "x", {"content": 3}], "tools": "x"}]
)
def test_what_is_no_request_is_read_all_the_same(dialect: Any, body: dict[str, Any]) -> None:
    dialect.request(body)
    dialect.told(body)
    dialect.heard(body)
    dialect.results(body)
    assert isinstance(dialect.goal(body), str)


def test_more_chunks_than_are_held_may_not_run(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "HELD_CHUNKS_MAX", 3)
    traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked, match="could not be read") as raised:
        Client("anthropic", asynchronous=False, stream=True).ask(provider.url, "tools")
    asked = [block.id for block in raised.value.response.content if block.type == "tool_use"]
    assert [one["tool_use_id"] for one in raised.value.results] == asked == ["call_1", "call_2"]


def test_a_reader_that_fails_lets_nothing_through_a_guard_and_everything_without(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError

    client = Client("anthropic", asynchronous=False, stream=True)
    whole = client.ask(provider.url, "tools")
    monkeypatch.setattr("flyball_sdk.integrations.anthropic.Stream.feed", broken)
    spans = traced()
    assert len(client.ask(provider.url, "tools")) == len(whole)
    assert len(spans.all()) == 1
    traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked, match="could not be read") as raised:
        client.ask(provider.url, "tools")
    assert (raised.value.response, raised.value.results) == (None, ())


def test_a_modification_that_cannot_be_made_lets_nothing_through(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError

    traced(
        policy=Guard((Policy(name="p", mode="enforce", rules=RULES, modes={"git.prefer-lease": "enforce"}),))
    )
    client = Client("anthropic", asynchronous=False, stream=True)
    for what in ("Stream.rewrite", "Messages.answer"):
        monkeypatch.setattr(f"flyball_sdk.integrations.anthropic.{what}", broken)
        with pytest.raises(GuardBlocked):
            client.ask(provider.url, "force")


def test_content_is_bounded_in_every_direction() -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    assert len(content.one(deep)) < 100
    assert (
        len(content.one({str(number): "y" * 9_000 for number in range(1_000)})) <= content.CONTENT_CHARS_MAX
    )
    said = [content.message("user", content.text_part("z" * 3_000)) for _ in range(100)]
    kept = content.messages(said)
    assert content.CONTENT_CHARS_MAX * 0.9 < len(kept) <= content.CONTENT_CHARS_MAX
    secret = "k" * 4_090 + " password=hunter2hunter2"
    assert "hunter2" not in content.cut(secret)


def test_without_guard_arguments_that_are_cut_off_are_told_too(provider: Provider, traced: Traced) -> None:
    spans = traced(capture_content=True)
    RESPONSES.ask(provider.url, "half")
    assert '"arguments": "{\\"command\\": \\"ls"' in attributes(spans.one())["gen_ai.output.messages"]
