"""Runs are listed, filtered, continued, costed and grouped as what they are; what is unknown stays so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flyball.errors import InputError
from flyball.queries.ports import Ports
from flyball.queries.run_costs import list_conversations, run_costs
from flyball.queries.runs import list_runs
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.ingest import ingest
from harness.runs import CHAT_USD, agent_run, ports_of, run_hex, spans_request

pytestmark = pytest.mark.anyio
_UNKNOWN = {"gen_ai.request.model": "our-own-7b"}


@pytest.fixture
async def ports(telemetry: ChdbTelemetry) -> Ports:
    """Three runs of two agents, told in two batches that cut the first run in two."""
    first = agent_run(1, tools=("weather", "search"), failing="search")
    others = [*agent_run(2, agent="writer", user="bob", conversation="conv-2", chat=_UNKNOWN, begin_ms=2000)]
    others += agent_run(3, begin_ms=4000)
    begin_ns = time.time_ns() - 60_000_000_000
    for spans in (first[:2], [*first[2:], *others]):
        await ingest(telemetry, [("/v1/traces", spans_request(spans, begin_ns=begin_ns))])
    return ports_of(telemetry)


async def _ids(ports: Ports, **asked: Any) -> list[int]:
    return [int(run.run_id, 16) for run in (await list_runs(ports, **asked)).runs]


async def test_a_run_is_one_line_with_what_it_came_to(ports: Ports) -> None:
    *_, run = (await list_runs(ports)).runs
    assert (run.run_id, run.agent, run.name) == (run_hex(1), "planner", "planner")
    assert (run.user, run.conversation, run.service, run.version) == ("ada", "conv-1", "shop-agent", "v1")
    assert (run.steps, run.model_calls, run.tool_calls, run.errors) == (5, 2, 2, 1)
    assert (run.spent.input_tokens, run.spent.output_tokens) == (2000, 200)
    assert run.spent.cost_usd == pytest.approx(2 * CHAT_USD)
    assert (run.spent.priced_calls, run.spent.unpriced_calls) == (2, 0)
    assert run.ms == 1000
    assert run.models == ("gpt-4o",)


async def test_filters_choose_runs(ports: Ports) -> None:
    assert await _ids(ports) == [3, 2, 1]
    assert await _ids(ports, agent="planner") == [3, 1]
    assert await _ids(ports, user="bob") == await _ids(ports, model="our-own-7b") == [2]
    assert await _ids(ports, conversation="conv-1", error="true") == [1]
    assert await _ids(ports, error="false") == [3, 2]
    assert await _ids(ports, text="SEARCH") == [1]
    assert await _ids(ports, text="it broke") == [1]
    assert await _ids(ports, service="shop") == []
    assert await _ids(ports, sort="costliest") == [1, 3, 2]
    assert await _ids(ports, sort="errors", limit=1) == [1]
    assert await _ids(ports, since="10s") == []


@pytest.mark.parametrize("sort", ["newest", "longest", "costliest", "tokens", "errors"])
async def test_a_cursor_continues_and_ends(ports: Ports, sort: str) -> None:
    wanted = await _ids(ports, sort=sort)
    seen: list[int] = []
    cursor = None
    for _ in range(4):
        page = await list_runs(ports, sort=sort, cursor=cursor, limit=1)
        seen += [int(run.run_id, 16) for run in page.runs]
        cursor = page.cursor
        if not cursor:
            break
    assert seen == wanted
    assert len(seen) == 3


async def test_an_unknown_price_is_said_and_not_nothing(ports: Ports) -> None:
    (run,) = (await list_runs(ports, agent="writer")).runs
    assert run.spent.cost_usd is None
    assert (run.spent.priced_calls, run.spent.unpriced_calls) == (0, 1)
    costs = await run_costs(ports)
    assert (costs.total.spent.priced_calls, costs.total.spent.unpriced_calls) == (3, 1)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("agent", {"planner": (2, 3 * CHAT_USD), "writer": (1, None)}),
        ("user", {"ada": (2, 3 * CHAT_USD), "bob": (1, None)}),
        ("model", {"gpt-4o": (2, 3 * CHAT_USD), "our-own-7b": (1, None)}),
        ("service", {"shop-agent": (3, 3 * CHAT_USD)}),
        ("conversation", {"conv-1": (2, 3 * CHAT_USD), "conv-2": (1, None)}),
    ],
)
async def test_costs_by(ports: Ports, by: str, expected: dict[str, Any]) -> None:
    view = await run_costs(ports, by=by)
    found = {cost.key: (cost.runs, cost.spent.cost_usd) for cost in view.costs}
    assert found == {
        key: (runs, usd if usd is None else pytest.approx(usd)) for key, (runs, usd) in expected.items()
    }
    assert view.total.runs == 3
    assert view.total.spent.cost_usd == pytest.approx(3 * CHAT_USD)


async def test_costs_by_day_and_of_one_agent_by_model(ports: Ports) -> None:
    (day,) = (await run_costs(ports, by="day", agent="planner")).costs
    assert (day.runs, day.model_calls, day.tool_calls) == (2, 3, 3)
    assert day.key.startswith("20")
    (model,) = (await run_costs(ports, by="model", agent="planner")).costs
    assert (model.key, model.model_calls) == ("gpt-4o", 3)


async def test_conversations_group_runs(ports: Ports) -> None:
    late, early = (await list_conversations(ports)).conversations
    assert (late.conversation, late.runs, late.agent, late.errors) == ("conv-1", 2, "planner", 1)
    assert (early.conversation, early.runs, early.user) == ("conv-2", 1, "bob")
    assert late.spent.cost_usd == pytest.approx(3 * CHAT_USD)
    assert early.spent.cost_usd is None


async def test_what_cannot_be_read_is_one_sentence(ports: Ports) -> None:
    wrong: list[dict[str, Any]] = [
        {"sort": "x"},
        {"error": "maybe"},
        {"cursor": "x"},
        {"cursor": "1-zz"},
        {"limit": 0},
    ]
    for asked in wrong:
        with pytest.raises(InputError):
            await list_runs(ports, **asked)
    with pytest.raises(InputError, match="by is day"):
        await run_costs(ports, by="x")


async def test_an_attack_in_a_filter_is_a_value(ports: Ports) -> None:
    for hostile in ("' OR 1=1 --", "{db}", "planner\\' OR \\'", "\x00", "%"):
        assert await _ids(ports, agent=hostile, text=hostile) == []
