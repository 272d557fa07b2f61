"""Each library's own words become the same step. Attribute sets are as the libraries write them; see enrich/runs/names.py."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.runs import Span, steps_told

_ANSWER = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "It is 21 degrees."}],
        "finish_reason": "stop",
    }
]

CURRENT = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 500,
    "gen_ai.usage.reasoning.output_tokens": 20, "gen_ai.conversation.id": "conv-1", "user.id": "ada",
    "gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.output.messages": json.dumps(_ANSWER),
}  # fmt: skip
OLDER = {
    "gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 100,
    "gen_ai.usage.cache_read_input_tokens": 500, "gen_ai.usage.reasoning_tokens": 20, "session.id": "conv-1",
    "enduser.id": "ada", "gen_ai.response.time_to_first_chunk": 0.25,
}  # fmt: skip
OPENINFERENCE = {
    "openinference.span.kind": "LLM", "llm.system": "openai", "llm.provider": "openai", "llm.model_name": "gpt-4o",
    "llm.response.model_name": "gpt-4o-2024-08-06", "llm.finish_reason": "stop", "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 100, "llm.token_count.total": 1100, "session.id": "conv-1", "user.id": "ada",
    "llm.token_count.prompt_details.cache_read": 500, "llm.token_count.completion_details.reasoning": 20,
    "llm.output_messages.0.message.role": "assistant", "gen_ai.response.time_to_first_chunk": 0.25,
    "llm.output_messages.0.message.content": "It is 21 degrees.",
    "output.value": '{"id":"chatcmpl-1"}', "output.mime_type": "application/json",
}  # fmt: skip
OPENLLMETRY = {
    "llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "How warm is it?", "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "It is 21 degrees.", "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 100, "llm.usage.total_tokens": 1100,
    "gen_ai.usage.cache_read_input_tokens": 500, "gen_ai.usage.reasoning_tokens": 20,
    "gen_ai.response.time_to_first_chunk": 0.25, "traceloop.workflow.name": "weather",
    "traceloop.association.properties.session_id": "conv-1", "traceloop.association.properties.user_id": "ada",
}  # fmt: skip
LOGFIRE = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ["stop"], "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 500, "gen_ai.usage.details.cache_read_tokens": 500,
    "gen_ai.usage.details.reasoning_tokens": 20, "gen_ai.agent.name": "weather", "gen_ai.agent.call.id": "r1",
    "gen_ai.conversation.id": "conv-1", "user.id": "ada", "gen_ai.output.messages": json.dumps(_ANSWER),
    "gen_ai.response.time_to_first_chunk": 0.25, "logfire.msg": "chat gpt-4o", "logfire.json_schema": "{}",
    "model_request_parameters": "{}", "operation.cost": 0.002875,
}  # fmt: skip


@pytest.mark.parametrize(
    "attributes", [CURRENT, OLDER, OPENINFERENCE, OPENLLMETRY, LOGFIRE],
    ids=["current", "older", "openinference", "openllmetry", "logfire"],
)  # fmt: skip
def test_a_call_of_a_model_is_the_same_step_in_every_dialect(attributes: dict[str, Any]) -> None:
    (step,) = steps_told(Span(name="chat gpt-4o", attributes=attributes))
    assert step["kind"] == "model"
    assert step["name"] == step["model"] == "gpt-4o"
    assert step["provider"].lower() == "openai"
    assert step["answered_by"] == "gpt-4o-2024-08-06"
    tokens = [step[name] for name in ("input", "output", "cache_read", "reasoning")]
    assert tokens == [1000, 100, 500, 20]
    assert (step["conversation"], step["user"], step["finish"]) == ("conv-1", "ada", "stop")
    assert step["first_chunk_ms"] == 250
    assert step["said"] == ("" if attributes is OLDER else "It is 21 degrees.")
    # 500 of the 1000 at half the price: what genai-prices says of gpt-4o, and what Logfire told
    assert step["cost_nusd"] == 2_875_000


TOOLS = {
    "current": {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"city": "Rome", "days": 2}', "gen_ai.tool.call.result": '"21 degrees"',
    },
    "logfire before the conventions": {
        "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "call_1", "tool_response": '"21 degrees"',
        "tool_arguments": '{"days":2,"city":"Rome"}', "logfire.msg": "running tool: weather",
    },
    "openinference": {
        "openinference.span.kind": "TOOL", "tool.name": "weather", "tool.id": "call_1",
        "tool.description": "The weather of a city.", "input.value": '{"city": "Rome", "days": 2}',
        "output.value": '"21 degrees"',
    },
    "openllmetry": {
        "traceloop.span.kind": "tool", "traceloop.entity.name": "weather", "gen_ai.tool.call.id": "call_1",
        "traceloop.entity.input": '{"city":"Rome","days":2}', "traceloop.entity.output": '"21 degrees"',
    },
}  # fmt: skip


def test_a_call_of_a_tool_is_the_same_step_and_has_the_same_digest_in_every_dialect() -> None:
    digests = set[str]()
    for dialect, attributes in TOOLS.items():
        (step,) = steps_told(Span(name="execute_tool weather", attributes=attributes))
        assert (step["kind"], step["tool"], step["name"]) == ("tool", "weather", "weather"), dialect
        assert (step["tool_call_id"], step["result"]) == ("call_1", '"21 degrees"'), dialect
        digests.add(step["digest"])
    assert len(digests) == 1
    (other,) = steps_told(Span(name="x", attributes=TOOLS["current"] | {"gen_ai.tool.call.arguments": "{}"}))
    assert other["digest"] not in digests


AGENTS = {
    "current": ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}, "planner"),
    "logfire before the conventions": ({"agent_name": "planner", "model_name": "gpt-4o"}, "planner"),
    "openinference": ({"openinference.span.kind": "AGENT", "agent.name": "planner"}, "planner"),
    "openinference chain": ({"openinference.span.kind": "CHAIN"}, ""),
    "openllmetry": (
        {
            "traceloop.span.kind": "workflow",
            "traceloop.workflow.name": "planner",
            "traceloop.entity.name": "planner",
        },
        "planner",
    ),
}


@pytest.mark.parametrize("dialect", AGENTS)
def test_what_holds_other_steps_is_an_agent_and_counts_no_tokens_of_theirs(dialect: str) -> None:
    attributes, agent = AGENTS[dialect]
    (step,) = steps_told(Span(name="agent run", attributes=attributes | {"gen_ai.usage.input_tokens": 900}))
    assert (step["kind"], step["agent"], step["name"]) == ("agent", agent, agent or "agent run")
    assert step["input"] is None
    assert step["cost_nusd"] is None


def test_what_the_sdk_adds_comes_through() -> None:
    event = (
        "flyball.guard.decision",
        {
            "flyball.guard.decision.id": "dec_1", "flyball.guard.action": "allow", "flyball.guard.would": "block",
            "flyball.guard.rules": ["files.delete-tree-outside"], "gen_ai.tool.name": "weather",
        },
    )  # fmt: skip
    own = {"flyball.tool.arguments.digest": "abc", "flyball.config.digest": "cfg"}
    (step,) = steps_told(
        Span(name="execute_tool", attributes=TOOLS["current"] | own, events=[event]),
        **{"vcs.ref.head.revision": "f00d", "vcs.ref.head.name": "main", "flyball.vcs.dirty": True},
    )
    assert (step["digest"], step["config"]) == ("abc", "cfg")
    assert (step["commit"], step["branch"], step["dirty"]) == ("f00d", "main", True)
    assert json.loads(step["decided"]) == [
        {"id": "dec_1", "action": "allow", "would": "block", "rules": ["files.delete-tree-outside"]}
    ]


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    for change in (
        {"gen_ai.request.model": "our-own-7b", "gen_ai.response.model": "our-own-7b"},
        {"gen_ai.provider.name": "ollama"},  # a model of that name that somebody runs has not OpenAI's price
    ):
        (step,) = steps_told(Span(name="chat", attributes=CURRENT | change))
        assert step["cost_nusd"] is None
    untold = {name: value for name, value in CURRENT.items() if "usage" not in name}
    (step,) = steps_told(Span(name="chat", attributes=untold))
    assert [step[name] for name in ("input", "output", "cost_nusd")] == [None, None, None]


def test_tokens_counted_beside_their_whole_are_taken_into_it() -> None:
    beside = CURRENT | {"gen_ai.usage.input_tokens": 2, "gen_ai.usage.cache_read.input_tokens": 84_562}
    (step,) = steps_told(Span(name="chat", attributes=beside))
    assert (step["input"], step["cache_read"]) == (84_564, 84_562)


def test_errors_have_a_type_and_what_was_said() -> None:
    raised = ("exception", {"exception.type": "TimeoutError", "exception.message": "no answer in 30 s"})
    typed, event, bare, fine = steps_told(
        Span(name="chat", id=1, attributes=CURRENT | {"error.type": "429"}, error="slow down"),
        Span(name="chat", id=2, attributes=CURRENT, error="failed", events=[raised]),
        Span(name="chat", id=3, attributes=CURRENT, error="failed"),
        Span(name="chat", id=4, attributes=CURRENT),
    )
    assert (typed["error"], typed["message"]) == ("429", "slow down")
    assert (event["error"], event["message"]) == ("TimeoutError", "failed")
    assert (bare["error"], bare["message"]) == ("_OTHER", "failed")
    assert (fine["error"], fine["message"]) == ("", "")


def test_a_span_of_an_app_is_no_step_and_a_server_behind_a_tool_neither() -> None:
    http = {"http.request.method": "GET", "url.path": "/", "server.address": "db", "session.id": "s"}
    behind = TOOLS["current"] | {"mcp.method.name": "tools/call"}
    assert (
        steps_told(Span(name="GET /", attributes=http), Span(name="tools/call", attributes=behind, kind=2))
        == []
    )
    (client,) = steps_told(Span(name="tools/call weather", attributes=behind, kind=3))
    assert client["kind"] == "tool"


def test_secrets_do_not_come_through() -> None:
    key = "sk-ant-api03-" + "a1B2" * 20
    given = json.dumps({"header": f"Bearer {key}"})
    (step,) = steps_told(Span(name="x", attributes=TOOLS["current"] | {"gen_ai.tool.call.arguments": given}))
    assert key not in json.dumps(step, default=str)
    assert step["arguments"]


def test_system_instructions_are_known_again_by_their_digest() -> None:
    told = [CURRENT | {"gen_ai.system_instructions": text} for text in ("be brief", "be brief", "be long")]
    first, second, third = (steps_told(Span(name="chat", attributes=one))[0]["config"] for one in told)
    assert first == second != third
    assert first
