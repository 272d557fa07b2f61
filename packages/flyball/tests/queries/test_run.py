"""One run opened: its tree, costs, errors, what the guard answered; two runs compared; the port for a diagnosis."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flyball.commands.record_decisions import RecordDecisions
from flyball.errors import InputError, NotFound
from flyball.model.run import StepKind
from flyball.queries.compare_runs import compare_runs
from flyball.queries.run import get_run
from flyball.queries.runs import list_runs
from flyball.queries.steps import steps_before, steps_of_run
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.claude_told import EVENTS, SPANS
from harness.ingest import ingest
from harness.runs import CHAT_USD, Span, agent_run, events_request, ports_of, run_hex, spans_request
from harness.wall import DELETE, Guarded

pytestmark = pytest.mark.anyio


async def _told(telemetry: ChdbTelemetry, *spans: Span, **of: Any) -> None:
    await ingest(telemetry, [("/v1/traces", spans_request(spans, **of))])


async def test_the_steps_stand_in_a_tree_with_costs_and_what_was_behind_a_tool(
    telemetry: ChdbTelemetry,
) -> None:
    await _told(telemetry, *agent_run(1, tools=("weather", "search"), failing="search"))
    view = await get_run(ports_of(telemetry), run_id=run_hex(1))
    assert [(node.depth, node.kind, node.name) for node in view.nodes] == [
        (0, "agent", "planner"), (1, "model", "gpt-4o"), (1, "tool", "weather"), (2, "other", "GET /weather"),
        (1, "model", "gpt-4o"), (1, "tool", "search"),
    ]  # fmt: skip
    root, call, _, _, _, failed = view.nodes
    assert root.cost_usd == pytest.approx(2 * CHAT_USD)
    assert call.cost_usd == pytest.approx(CHAT_USD)
    assert (failed.error, failed.message) == ("_OTHER", "it broke")
    assert (call.at_ms, call.ms) == (10, 50)
    assert view.run.spent.cost_usd == pytest.approx(root.cost_usd)
    assert not view.more
    assert view.limits == []


async def test_a_step_belongs_to_the_agent_above_it(telemetry: ChdbTelemetry) -> None:
    await _told(telemetry, *agent_run(1))
    steps = await steps_of_run(ports_of(telemetry), run_hex(1))
    assert {step.agent for step in steps if step.kind is not StepKind.OTHER} == {"planner"}
    assert [step.kind.value for step in steps] == ["agent", "model", "tool", "other"]


async def test_the_runs_before_are_the_same_agents(telemetry: ChdbTelemetry) -> None:
    for run in (1, 2, 3):
        await _told(telemetry, *agent_run(run, begin_ms=run * 5000), *agent_run(10 + run, agent="writer"))
    ports = ports_of(telemetry)
    (first, *_) = await steps_of_run(ports, run_hex(3))
    before = await steps_before(ports, "planner", first.begin_ns, 20)
    assert {step.run_id for step in before} == {run_hex(1), run_hex(2)}
    assert {step.run_id for step in await steps_before(ports, "planner", first.begin_ns, 1)} == {run_hex(2)}
    assert await steps_before(ports, "nobody", first.begin_ns, 5) == ()


async def test_claudes_spans_are_completed_by_its_events(telemetry: ChdbTelemetry) -> None:
    now = time.time_ns() - 60_000_000_000
    spans, events = (
        spans_request(SPANS, service="claude-code", begin_ns=now),
        events_request(EVENTS, run=1, begin_ns=now),
    )
    await ingest(telemetry, [("/v1/logs", events)])
    await ingest(telemetry, [("/v1/traces", spans)])
    view = await get_run(ports_of(telemetry), run_id=run_hex(1))
    root, call, tool = view.nodes
    assert (call.cost_usd, root.cost_usd) == (pytest.approx(0.1162), pytest.approx(0.1162))
    assert (tool.error, tool.message, tool.arguments) == (
        "ShellError",
        "Shell command failed",
        '{"command":"exit 3"}',
    )
    assert view.run.spent.cost_usd == pytest.approx(0.1162)
    assert (view.run.spent.priced_calls, view.run.spent.unpriced_calls) == (1, 0)


async def test_what_the_guard_answered_stands_at_its_call(telemetry: ChdbTelemetry, tmp_path: Path) -> None:
    guarded = Guarded(tmp_path / "guard")
    begin_ns = guarded.clock.now_ns()
    await _told(telemetry, *agent_run(1), begin_ns=begin_ns)
    guarded.ask("ls", session_id="conv-1", tool_call_id="call_1_0")
    guarded.ask(DELETE, session_id="conv-1", tool_call_id="call_of_no_step")
    guarded.ask("pwd", session_id="another", tool_call_id="call_1_0")
    guarded.ask("pwd", trace_id=run_hex(1), span_id=f"{10:016x}")
    for copied in (False, True):
        if copied:
            recording = RecordDecisions(telemetry, "default")
            for row in guarded.wall.statistics.decisions:
                recording.put(row)
            await recording.round()
            guarded.wall.statistics.decisions.clear()
        view = await get_run(ports_of(telemetry, wall=guarded.wall), run_id=run_hex(1))
        shape = [(n.depth, n.kind, n.name, n.would) for n in view.nodes]
        assert shape == [
            (0, "agent", "planner", ""), (1, "model", "gpt-4o", ""), (2, "decision", "allow", "allow"),
            (1, "tool", "weather", ""), (2, "decision", "allow", "allow"), (2, "other", "GET /weather", ""),
            (1, "decision", "allow", "ask"),
        ]  # fmt: skip
        assert view.nodes[-1].rules == ("files.delete-tree-outside",)
        assert view.nodes[-1].message.startswith("Bash ")


async def test_a_tool_that_was_asked_for_is_a_step_where_no_span_tells_of_it(
    telemetry: ChdbTelemetry,
) -> None:
    spans = agent_run(1)
    asked = {
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "call_1_0",
        "flyball.tool.arguments.digest": "d1",
    }
    alone = {
        "gen_ai.tool.name": "refund",
        "gen_ai.tool.call.id": "call_x",
        "flyball.tool.arguments.digest": "d2",
    }
    events = [("flyball.tool.requested", one) for one in (asked, alone)]
    spans[1] = replace(spans[1], events=events)
    await _told(telemetry, *spans)
    steps = await steps_of_run(ports_of(telemetry), run_hex(1))
    tools = [(step.tool, step.digest == "d2", step.agent) for step in steps if step.kind is StepKind.TOOL]
    assert sorted(tools) == [("refund", True, "planner"), ("weather", False, "planner")]


async def test_two_runs_are_compared(telemetry: ChdbTelemetry) -> None:
    await _told(telemetry, *agent_run(1, tools=("weather", "search")))
    await _told(telemetry, *agent_run(2, tools=("weather", "book"), failing="book"), version="v2")
    view = await compare_runs(ports_of(telemetry), first=run_hex(1), second=run_hex(2))
    found = {one.what: (one.first, one.second) for one in view.differences}
    assert found == {
        "version": ("v1", "v2"), "errors": (0, 1), "tool book": (0, 1), "tool search": (1, 0),
        "error _OTHER of book": (0, 1),
    }  # fmt: skip
    assert [(pair.change, pair.name) for pair in view.steps] == [
        ("same", "planner"), ("same", "gpt-4o"), ("same", "weather"), ("same", "gpt-4o"), ("only first", "search"),
        ("only second", "book"),
    ]  # fmt: skip


async def test_a_circle_of_spans_is_shown_and_ends(telemetry: ChdbTelemetry) -> None:
    call = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    ring = [Span(name="t", id=n, parent=n % 3 + 1, attributes=call) for n in (1, 2, 3)]
    await _told(telemetry, *ring, Span(name="t", id=9, parent=9, attributes=call))
    view = await get_run(ports_of(telemetry), run_id=run_hex(1))
    assert len(view.nodes) == 4


async def test_no_more_than_its_bound_is_opened(
    telemetry: ChdbTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("steps", "run"):
        monkeypatch.setattr(f"flyball.queries.{module}.STEPS_MAX", 3)
    await _told(telemetry, *agent_run(1, tools=("a", "b", "c")))
    view = await get_run(ports_of(telemetry), run_id=run_hex(1))
    assert (len(view.nodes), view.more, view.run.steps) == (3, True, 7)
    assert view.limits == ["only the first 3 of its steps are shown"]


async def test_a_span_that_is_sent_again_is_one_step(telemetry: ChdbTelemetry) -> None:
    for _ in range(2):
        await _told(telemetry, *agent_run(1))
    assert len(await steps_of_run(ports_of(telemetry), run_hex(1))) == 4


async def test_an_id_that_ends_in_zeros_is_an_id(telemetry: ChdbTelemetry) -> None:
    run = 0x0123456789ABCDEF << 64
    await _told(telemetry, *agent_run(run), *agent_run(2 * run, begin_ms=5000))
    ports = ports_of(telemetry)
    assert [one.run_id for one in (await list_runs(ports)).runs] == [run_hex(2 * run), run_hex(run)]
    first = await list_runs(ports, limit=1)
    assert [one.run_id for one in (await list_runs(ports, cursor=first.cursor)).runs] == [run_hex(run)]
    assert len((await get_run(ports, run_id=run_hex(run))).nodes) == 4
    (step, *_) = await steps_of_run(ports, run_hex(2 * run))
    assert {one.run_id for one in await steps_before(ports, "planner", step.begin_ns)} == {run_hex(run)}


async def test_what_is_no_run_is_said(telemetry: ChdbTelemetry) -> None:
    ports = ports_of(telemetry)
    with pytest.raises(InputError, match="32 hexadecimal digits"):
        await get_run(ports, run_id="x")
    with pytest.raises(NotFound, match="there is no run"):
        await get_run(ports, run_id=run_hex(7))
    with pytest.raises(NotFound):
        await steps_of_run(ports, run_hex(7))
