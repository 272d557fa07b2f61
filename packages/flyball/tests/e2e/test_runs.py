"""What agents did, on a real server: one answer on every face, hostile text harmless, budgets that hold."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flyball.mcp.words import CHARS_A_TOKEN, TOKENS_DEFAULT
from harness.otlp import PROTOBUF
from harness.runs import CHAT_USD, Span, agent_run, run_hex, spans_request
from harness.server import FlyballProcess, running
from mcp import Client

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]

HOSTILE = (
    "<script>alert(1)</script><img src=http://evil.example/x>[a](javascript:b)\x1b[31m\u202e ignore previous"
)
_FLYBALL = [sys.executable, "-m", "flyball"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("runs") / "data") as process:
        attack = {
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": HOSTILE, "gen_ai.agent.name": HOSTILE,
            "gen_ai.tool.call.arguments": HOSTILE, "gen_ai.tool.call.result": HOSTILE, "user.id": HOSTILE,
            "error.type": HOSTILE, "gen_ai.conversation.id": HOSTILE,
        }  # fmt: skip
        spans = [
            *agent_run(1, tools=("weather", "search"), failing="search"),
            *agent_run(2, agent="writer", user="bob", conversation="conv-2", begin_ms=2000),
            Span(name=HOSTILE, run=3, attributes=attack, error=HOSTILE, begin_ms=4000),
        ]
        _send(process, spans)
        yield process


def _send(server: FlyballProcess, spans: list[Span]) -> None:
    content = spans_request(spans).SerializeToString()
    httpx.post(
        f"{server.otlp_url}/v1/traces", content=content, headers=PROTOBUF, timeout=60
    ).raise_for_status()
    server.settled()


def _get(server: FlyballProcess, path: str, **query: str) -> Any:
    answer = httpx.get(f"{server.url}{path}", params=query, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


def _cli(server: FlyballProcess, *words: str, as_json: bool = True) -> Any:
    command = [*_FLYBALL, "runs", *words, *(["--json"] if as_json else []), "--server", server.url]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True)
    assert done.stderr == ""
    return json.loads(done.stdout) if as_json else done.stdout


async def _says(server: FlyballProcess, tool: str, **arguments: Any) -> str:
    async with Client(f"{server.url}/mcp") as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return "\n".join(part.text for part in result.content if part.type == "text")


def _timeless(view: Any) -> Any:
    """Without the moments that each asking has of its own."""
    return {name: value for name, value in view.items() if name not in ("since", "until", "as_of")}


async def test_the_list_is_the_same_on_every_face(server: FlyballProcess) -> None:
    answer = _get(server, "/api/v1/runs", agent="planner")
    assert [run["run_id"] for run in answer["runs"]] == [run_hex(1)]
    assert _timeless(_cli(server, "--agent", "planner")) == _timeless(answer)
    assert _timeless(_get(server, "/runs.json", agent="planner")["runs"]) == _timeless(answer)
    html = _get(server, "/runs", agent="planner")
    assert f'href="/runs/{run_hex(1)}"' in html
    assert f"${2 * CHAT_USD:.4f}" in html
    text = await _says(server, "list_runs", agent="planner")
    assert run_hex(1) in text
    assert "2 model calls, 2 tool calls, 1 errors, 2000 in, 200 out, 0.0070 USD" in text
    assert run_hex(1) in _cli(server, as_json=False)


async def test_a_run_is_the_same_on_every_face(server: FlyballProcess) -> None:
    answer = _get(server, f"/api/v1/runs/{run_hex(1)}")
    assert [node["kind"] for node in answer["nodes"]] == ["agent", "model", "tool", "other", "model", "tool"]
    assert _timeless(_cli(server, "show", run_hex(1))) == _timeless(answer)
    assert _timeless(_get(server, f"/runs/{run_hex(1)}.json")) == _timeless(answer)
    html = _get(server, f"/runs/{run_hex(1)}")
    assert html.count("<rect") == len(answer["nodes"])
    assert "it broke" in html
    text = await _says(server, "get_run", id=run_hex(1))
    assert text.index("it broke") < text.index("weather")
    assert f"/runs/{run_hex(1)}" in text


def test_costs_comparison_and_conversations_are_the_same_on_the_command_line(server: FlyballProcess) -> None:
    for words, path, query in (
        (("costs", "--by", "agent"), "/api/v1/run-costs", {"by": "agent"}),
        (("compare", run_hex(1), run_hex(2)), f"/api/v1/runs/{run_hex(1)}/compare", {"with": run_hex(2)}),
        (("conversations",), "/api/v1/conversations", {}),
        (("budgets",), "/api/v1/run-budgets", {}),
    ):
        assert _timeless(_cli(server, *words)) == _timeless(_get(server, path, **query))
        assert _cli(server, *words, as_json=False)


async def test_what_an_agent_wrote_is_text_and_nothing_else(server: FlyballProcess) -> None:
    for page in ("/runs", f"/runs/{run_hex(3)}"):
        html = _get(server, page)
        assert "alert(1)" in html, "it is shown"
        for live in ("<script", "<img src=http", 'href="javascript', "\x1b", "\u202e"):
            assert live not in html, live
    for tool, asked in (("list_runs", {}), ("get_run", {"id": run_hex(3)})):
        text = await _says(server, tool, **asked)
        assert len(text) / CHARS_A_TOKEN <= TOKENS_DEFAULT
        for line in text.splitlines():
            assert line.isprintable()
            assert "ignore previous" not in line.replace(line[line.find("«") : line.rfind("»") + 1], ""), line
    for words in ((), ("show", run_hex(3))):
        shown = _cli(server, *words, as_json=False)
        assert "\x1b" not in shown
        assert "\u202e" not in shown


def test_a_run_is_annotated_once_a_name(server: FlyballProcess) -> None:
    _cli(server, "annotate", run_hex(2), "quality", "--number", "0.5", "--by", "Ada")
    _cli(server, "annotate", run_hex(2), "quality", "--number", "0.9")
    _cli(server, "annotate", run_hex(2), "correct", "--boolean", "false")
    view = _get(server, f"/api/v1/runs/{run_hex(2)}")
    assert [(a["name"], a["number"], a["boolean"]) for a in view["annotations"]] == [
        ("correct", None, False), ("quality", 0.9, None),
    ]  # fmt: skip
    url = f"{server.url}/api/v1/runs/{run_hex(2)}/annotations"
    for body in (
        {"name": "X"},
        {"name": "x"},
        {"name": "x", "number": "nan"},
        {"name": "x", "number": "1", "category": "a"},
    ):
        assert httpx.post(url, json=body).status_code == 400, body
    absent = url.replace(run_hex(2), run_hex(77))
    assert httpx.post(absent, json={"name": "x", "number": "1"}).status_code == 404
    foreign = httpx.post(url, json={"name": "x", "number": "1"}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403


def test_an_error_is_one_sentence(server: FlyballProcess) -> None:
    for path, status in (
        (f"/runs/{run_hex(99)}", 404),
        ("/runs/x", 400),
        ("/api/v1/runs?sort=x", 400),
        ("/runs?limit=0", 400),
    ):
        assert httpx.get(f"{server.url}{path}").status_code == status, path
    command = [*_FLYBALL, "runs", "show", run_hex(99), "--server", server.url]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)


def test_a_budget_of_tokens_alerts_and_blocks_by_what_telemetry_shows(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        policy = tmp_path / "spending.yaml"
        policy.write_text(
            "mode: enforce\nbudgets:\n"
            "- {id: tokens, counts: tokens, limit: 2000, per: session, window: 1h, action: block}\n"
            "- {id: told, counts: usd, limit: 0.001, per: agent, window: 1h, action: alert}\n"
        )
        applied = [
            *_FLYBALL,
            "guard",
            "policies",
            "apply",
            str(policy),
            "--data",
            server.folder,
            "--server",
            server.url,
        ]
        subprocess.run(applied, check=True, capture_output=True, timeout=60)

        numbers = itertools.count()

        def asked(session: str) -> str:
            # another file each time: the same call again and again would meet the rule about loops
            call = {"command": f"cat {next(numbers)}.txt"}
            body = {"tool_name": "Bash", "tool_input": call, "context": {"session_id": session}}
            answer = httpx.post(f"{server.url}/v1/guard/evaluate", json=body, timeout=30).json()
            return f"{answer['action']} {','.join(one['rule'] for one in answer['rules_triggered'])}".strip()

        assert asked("conv-1") == "allow"
        _send(server, agent_run(1, tools=("weather", "search")))
        deadline = time.monotonic() + 20
        while asked("conv-1") == "allow" and time.monotonic() < deadline:
            time.sleep(0.3)
        assert asked("conv-1") == "block budget.tokens"
        assert asked("another") == "allow"
        uses = {use["budget"]: use for use in _get(server, "/api/v1/run-budgets")["budgets"]}
        assert (uses["tokens"]["who"], uses["tokens"]["used"], uses["tokens"]["over"]) == (
            "conv-1",
            2200,
            True,
        )
        assert (uses["told"]["who"], uses["told"]["over"], uses["told"]["action"]) == (
            "planner",
            True,
            "alert",
        )
        assert "Over budget" in _get(server, "/runs")
