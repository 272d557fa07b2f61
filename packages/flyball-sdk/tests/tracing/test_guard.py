"""The guard before the app: a batch of tools is judged as one, whatever client, sync, async or streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import Message
from flyball_sdk import tool
from flyball_sdk.guard import Guard, GuardBlocked, GuardUnavailable
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES
from model_servers import Provider
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from opentelemetry.trace import SpanKind
from spans_held import Spans, attributes, decisions
from test_clients import ASK, CLIENTS, Client, say

Traced = Callable[..., Spans]
every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)
ORDER = ["call_1", "call_2", "call_3"]


def calls_of(response: Any) -> list[Any]:
    """The tools that a response asks for, as the client's objects."""
    if hasattr(response, "choices"):
        return list(response.choices[0].message.tool_calls)
    items = response.content if hasattr(response, "content") else response.output
    return [one for one in items if one.type in ("tool_use", "function_call")]


def id_of(one: Any) -> str:
    """Of a call, or of the answer to one."""
    if isinstance(one, dict):
        return str(one.get("tool_use_id") or one.get("tool_call_id") or one.get("call_id"))
    return str(getattr(one, "call_id", None) or one.id)


@every_client
def test_of_a_batch_what_is_allowed_stays_usable_and_what_is_not_has_its_answer(
    client: Client, provider: Provider, traced: Traced
) -> None:
    spans = traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked) as raised:
        client.ask(provider.url, "bad")
    blocked = raised.value
    assert [decision.action for decision in blocked.decisions] == ["allow", "block", "allow"]
    assert blocked.decision is blocked.decisions[1]
    assert [id_of(one) for one in calls_of(blocked.response)] == ORDER
    (answer,) = blocked.results
    assert id_of(answer) == "call_2"
    assert "Instead: " in str(answer)
    expected = {"anthropic": "tool_result", "chat": "tool", "responses": "function_call_output"}[client.api]
    assert expected in (answer.get("type"), answer.get("role"))
    told = {one["gen_ai.tool.call.id"]: one for one in decisions(spans.one())}
    assert {key: one["flyball.guard.action"] for key, one in told.items()} == {
        "call_1": "allow", "call_2": "block", "call_3": "allow",
    }  # fmt: skip
    assert "error.type" not in attributes(spans.one())  # the model answered


@every_client
def test_the_response_of_a_blocked_batch_is_of_the_clients_own_type(
    client: Client, provider: Provider, traced: Traced
) -> None:
    traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked) as raised:
        client.ask(provider.url, "bad")
    kind = {
        "anthropic": Message,
        "chat": ChatCompletion,
        "responses": Response,
    }[client.api]
    assert isinstance(raised.value.response, kind)
    assert "Hello there" in str(raised.value.response)


@every_client
def test_a_batch_that_may_run_comes_as_it_would_without_a_guard(
    client: Client, provider: Provider, traced: Traced
) -> None:
    plain = client.ask(provider.url, "tools")
    spans = traced(policy=Guard.of_catalogue())
    assert [str(one) for one in client.ask(provider.url, "tools")] == [str(one) for one in plain]
    assert [one["flyball.guard.action"] for one in decisions(spans.one())] == ["allow", "allow"]


@every_client
def test_in_audit_nothing_is_changed_only_recorded(
    client: Client, provider: Provider, traced: Traced
) -> None:
    plain = client.ask(provider.url, "bad")
    spans = traced(policy=Guard.of_catalogue("audit"))
    assert [str(one) for one in client.ask(provider.url, "bad")] == [str(one) for one in plain]
    would = [(one["flyball.guard.action"], one["flyball.guard.would"]) for one in decisions(spans.one())]
    assert would == [("allow", "allow"), ("allow", "block"), ("allow", "allow")]


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.stream and not one.asynchronous], ids=str)
def test_of_a_stream_no_piece_of_a_tool_is_seen_before_the_batch_is_judged(
    client: Client, provider: Provider, traced: Traced
) -> None:
    traced(policy=Guard.of_catalogue())
    seen: list[str] = []
    with client._client(provider.url) as made:
        stream = client._create(made)(**client._body("bad"))
        with pytest.raises(GuardBlocked):
            seen.extend(str(chunk) for chunk in stream)
    assert any("Hello" in one for one in seen)  # what comes before passes as it comes
    assert not any("Bash" in one or "command" in one for one in seen)


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.stream], ids=str)
def test_a_stream_that_breaks_off_hands_out_no_tool(
    client: Client, provider: Provider, traced: Traced
) -> None:
    traced(policy=Guard.of_catalogue())
    with pytest.raises(Exception, match=r".") as raised:
        client.ask(provider.url, "cut")
    assert not isinstance(raised.value, GuardBlocked)


@pytest.mark.parametrize(
    "client", [one for one in CLIENTS if not (one.api == "anthropic" and not one.stream)], ids=str
)
def test_arguments_that_are_not_complete_may_not_run(
    client: Client, provider: Provider, traced: Traced
) -> None:
    traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked, match="no complete JSON"):
        client.ask(provider.url, "half")
    traced(policy=Guard.of_catalogue("audit"))
    client.ask(provider.url, "half")


@every_client
def test_what_a_rule_modifies_is_what_the_app_gets(
    client: Client, provider: Provider, traced: Traced
) -> None:
    policy = Policy(name="p", mode="enforce", rules=RULES, modes={"git.prefer-lease": "enforce"})
    traced(policy=Guard((policy,)))
    got = "".join(str(one) for one in client.ask(provider.url, "force"))
    assert "--force-with-lease" in got
    assert "push -f" not in got


def test_a_helper_over_a_stream_raises_where_the_app_reads(provider: Provider, traced: Traced) -> None:
    traced(policy=Guard.of_catalogue())
    claude = anthropic.Anthropic(api_key="k", base_url=provider.url)
    with pytest.raises(GuardBlocked), claude.messages.stream(**ASK, messages=say("bad")) as stream:
        stream.get_final_message()
    gpt = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    with pytest.raises(GuardBlocked), gpt.responses.stream(model="gpt-x", input="bad") as responses:
        responses.get_final_response()
    with pytest.raises(GuardBlocked):
        gpt.chat.completions.with_raw_response.create(model="gpt-x", messages=say("bad"))


def test_what_the_app_reads_itself_may_not_pass_an_enforcing_guard(
    provider: Provider, traced: Traced
) -> None:
    gpt = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    create = gpt.responses.with_streaming_response.create
    spans = traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked, match="cannot"), create(model="gpt-x", input="text"):
        pass
    traced(policy=Guard.of_catalogue("audit"))
    with create(model="gpt-x", input="text") as response:
        assert b"Hello" in response.read()
    assert len(spans.all()) == 1


def test_a_guard_that_fails_follows_its_mode(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(Guard, "decide", broken)
    client = Client("responses", asynchronous=False, stream=False)
    traced(policy=Guard.of_catalogue())
    with pytest.raises(GuardBlocked, match="the guard failed"):
        client.ask(provider.url, "tools")
    for lenient in (Guard.of_catalogue(failure_mode="open"), Guard.of_catalogue("audit")):
        traced(policy=lenient)
        client.ask(provider.url, "tools")


def test_a_server_that_is_away_blocks_from_a_thread(provider: Provider, traced: Traced) -> None:
    traced(policy=Guard.of_catalogue(server="http://127.0.0.1:9"))
    with pytest.raises(GuardBlocked, match="no answer"):
        Client("anthropic", asynchronous=True, stream=True).ask(provider.url, "tools")


def test_a_policy_that_cannot_be_attached_is_told_at_once(traced: Traced, tmp_path: Path) -> None:
    with pytest.raises(GuardUnavailable):
        traced(policy=tmp_path / "none.yaml")


def test_a_policy_is_a_path_too(provider: Provider, traced: Traced, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("mode: enforce\n")
    traced(policy=str(path))
    with pytest.raises(GuardBlocked):
        Client("chat", asynchronous=False, stream=False).ask(provider.url, "bad")


def test_a_tool_that_was_judged_in_the_response_is_known_again_and_not_judged_twice(
    provider: Provider, traced: Traced
) -> None:
    budget = tmp_budget()
    spans = traced(policy=budget)
    ran: list[str] = []

    @tool("Bash")
    def run(command: str) -> str:
        ran.append(command)
        return "out"

    client = anthropic.Anthropic(api_key="k", base_url=provider.url)
    answer = client.messages.create(**ASK, messages=say("tools"))
    for call in reversed(calls_of(answer)):
        run(**call.input)
    assert ran == ["git status", "ls"]
    executed = spans.named("execute_tool")
    assert [attributes(one)["gen_ai.tool.call.id"] for one in executed] == ["call_2", "call_1"]
    assert [len(decisions(one)) for one in executed] == [1, 1]
    assert [one.kind for one in executed] == [SpanKind.INTERNAL] * 2
    (chat,) = spans.named("chat")
    assert decisions(chat) == []  # each is on the span of the tool that it is about
    with pytest.raises(GuardBlocked, match="at most 2 calls"):  # two were booked, not four
        run("ls")


def tmp_budget() -> Guard:
    """Two calls and no more."""
    from flyball_sdk.guard.policy_file import policy_from_text  # noqa: PLC0415

    text = (
        "mode: enforce\nbudgets:\n- {id: n, counts: calls, limit: 2, per: agent, window: 1h, action: block}\n"
    )
    return Guard((policy_from_text(text, name="p"),))


def test_a_tool_that_no_model_asked_for_is_judged_where_it_runs(traced: Traced) -> None:
    spans = traced(policy=Guard.of_catalogue())
    ran: list[str] = []

    @tool
    def bash(command: str) -> None:
        ran.append(command)

    @tool
    async def shell(command: str) -> None:
        ran.append(command)

    bash("ls")
    with pytest.raises(GuardBlocked):
        bash("rm -rf /")
    with pytest.raises(GuardBlocked):
        asyncio.run(shell(command="rm -rf /"))
    assert ran == ["ls"]
    _, stopped, _ = spans.all()
    assert attributes(stopped)["error.type"] == "GuardBlocked"
    assert [one["flyball.guard.action"] for one in decisions(stopped)] == ["block"]


def test_what_tools_answered_is_seen_by_the_guard_in_the_next_request(
    provider: Provider, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        Guard, "observe", lambda _, call, said: seen.append((call.context.tool_call_id, said))
    )
    traced(policy=Guard.of_catalogue())
    for client in (one for one in CLIENTS if not one.stream):
        seen.clear()
        client.ask(provider.url, "tools")
        if client.api == "anthropic":
            result = {
                "type": "tool_result",
                "tool_use_id": "call_1",
                "content": [{"type": "text", "text": "a.txt"}],
            }
            more: dict[str, Any] = {"messages": [*say("text"), {"role": "user", "content": [result]}]}
        elif client.api == "chat":
            more = {
                "messages": [*say("text"), {"role": "tool", "tool_call_id": "call_1", "content": "a.txt"}]
            }
        else:
            more = {"input": [{"type": "function_call_output", "call_id": "call_1", "output": "a.txt"}]}
        for _ in range(2):
            _ask_with(client, provider.url, more)
        assert seen == [("call_1", "a.txt")]


def _ask_with(client: Client, url: str, more: dict[str, Any]) -> None:
    body = client._body("text") | more
    if client.asynchronous:

        async def ask() -> None:
            async with client._client(url) as made:
                await client._create(made)(**body)

        asyncio.run(ask())
        return
    with client._client(url) as made:
        client._create(made)(**body)
