"""The same question, the same answer: command line, REST, MCP (HTTP and stdio) and the page, on one server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from flyball.mcp.server import TOOLS
from flyball.mcp.words import CHARS_A_TOKEN, TOKENS_DEFAULT
from harness.release import announce, tell, tell_fix
from harness.server import FlyballProcess, free_ports, running
from mcp import Client, StdioServerParameters

pytestmark = [pytest.mark.e2e, pytest.mark.anyio]

FLYBALL = [sys.executable, "-m", "flyball"]
POOL = "connection pool exhausted: <*> of <*> in use, waited <*> ms"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A server that has heard of a bad deploy and of its fix."""

    server: FlyballProcess
    deploy: Mapping[str, Any]
    fix: Mapping[str, Any]

    @property
    def stdio(self) -> StdioServerParameters:
        return StdioServerParameters(
            command=FLYBALL[0], args=[*FLYBALL[1:], "mcp", "--server", self.server.url]
        )

    def cli(self, *arguments: str) -> Any:
        command = [*FLYBALL, *arguments, "--json", "--server", self.server.url]
        done = subprocess.run(command, capture_output=True, check=True, timeout=60)
        assert done.stderr == b""
        return json.loads(done.stdout)

    def rest(self, path: str, **query: str) -> Any:
        return self.get(path, query).json()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, status: int = 200) -> httpx.Response:
        answer = httpx.get(f"{self.server.url}{path}", params=query, timeout=30)
        assert answer.status_code == status, answer.text
        return answer

    def refused(self, *arguments: str) -> tuple[int, str]:
        """Exit code and what stands on stderr."""
        command = [*FLYBALL, *arguments, "--server", self.server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stderr


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with running(tmp_path_factory.mktemp("same") / "data") as server:
        deploy = tell(server)
        yield Told(server=server, deploy=deploy, fix=tell_fix(server))


async def mcp_says(told: Told, tool: str, **arguments: Any) -> str:
    """What the tool says over both transports, which must not differ but in the address of the page."""
    said: list[str] = []
    for way in (f"{told.server.url}/mcp", told.stdio):
        async with Client(way) as client:
            result = await client.call_tool(tool, arguments)
            assert not result.is_error, result.content
            said.append("\n".join(part.text for part in result.content if part.type == "text"))
    assert said[0] == said[1]
    return said[0]


async def test_whats_new(told: Told) -> None:
    since = told.deploy["id"]
    answer = told.rest("/api/v1/whats-new", since=since)
    findings = answer["findings"]
    assert [(f["kind"], f["template"]) for f in findings][:1] == [("new", POOL)]
    assert told.cli("whats-new", "--since", since) == answer
    text = await mcp_says(told, "whats_new", since=since)
    for finding in findings:
        assert finding["id"] in text
        assert f"count {finding['count']}" in text
        assert all(evidence in text for evidence in finding["evidence"])
    assert set(re.findall(r"(?:ev|fnd)_[0-9a-f]{16}", text)) == ids(findings)


async def test_the_page_shows_the_latest_change(told: Told) -> None:
    answer = told.rest("/api/v1/whats-new")
    assert answer["change"]["id"] == told.fix["id"]
    assert answer["findings"]
    twin = told.rest("/index.json")
    assert twin["whats_new"] == answer
    assert told.cli("whats-new") == answer
    html = told.get("/").text
    assert set(re.findall(r"/evidence/(ev_[0-9a-f]{16})", html)) == {
        evidence for finding in answer["findings"] for evidence in finding["evidence"]
    }
    assert [int(text) for text in re.findall(r"(\d+) findings?</h2>", html)] == [len(answer["findings"])]
    assert f'<span class="brass">the deploy of checkout {told.fix["version"]}</span>' in html
    assert all(finding["summary"] in html for finding in answer["findings"])
    text = await mcp_says(told, "whats_new")
    assert set(re.findall(r"(?:ev|fnd)_[0-9a-f]{16}", text)) == ids(answer["findings"])


async def test_the_pipeline_page_says_what_its_twin_says(told: Told) -> None:
    twin = told.rest("/pipeline.json")
    health = told.rest("/healthz")
    assert twin["reduction"] == health["reduction"]
    stages = {stage["name"]: stage for stage in twin["stages"]}
    assert stages["store"]["went"] == {name: health["edges"]["store"][name] for name in ("logs", "traces")}
    assert sum(stages["store"]["went"].values()) == stages["decode"]["went"]["records"]
    assert stages["wal"]["came"] == stages["wal"]["went"] == stages["decode"]["came"]
    assert stages["wal"]["waiting"] == {"exports": 0, "bytes": 0}
    html = told.get("/pipeline").text.replace("\u202f", "")
    said = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    reduced = twin["reduction"]
    assert f"{reduced['records_in']} lines → {reduced['patterns']} patterns" in said
    for stage in twin["stages"]:
        assert f"<b>{stage['name']}</b>" in html
        for side in ("came", "went", "dropped", "waiting", "failed"):
            for what, count in stage[side].items():
                assert what == "bytes" or f"{count} {what}" in said
    assert 'href="/pipeline"' in told.get("/").text


async def test_verify(told: Told) -> None:
    fix = told.fix["id"]
    answer = told.rest("/api/v1/verify", change=fix)
    assert answer["verdict"] == "fixed"
    assert told.cli("verify", "--change", fix) == answer
    text = await mcp_says(told, "verify_change", change=fix)
    assert f"{answer['question']} fixed" in text
    for verdict in answer["verdicts"]:
        assert f"- {verdict['outcome']}: " in text
        assert verdict["finding"]["id"] in text
        assert all(evidence in text for evidence in verdict["evidence"])
        assert f"confidence {verdict['confidence']:.2f}" in text


async def test_changes(told: Told) -> None:
    answer = told.rest("/api/v1/changes", service="checkout")
    assert [change["id"] for change in answer["changes"]][:2] == [told.fix["id"], told.deploy["id"]]
    assert told.cli("changes", "--service", "checkout") == answer
    text = await mcp_says(told, "list_changes", service="checkout")
    assert re.findall(r"chg_[0-9a-f]{12}", text) == [change["id"] for change in answer["changes"]]


async def test_every_cited_fact_resolves_on_every_face(told: Told) -> None:
    finding = told.rest("/api/v1/whats-new", since=told.deploy["id"])["findings"][0]
    (evidence,) = finding["evidence"]
    answer = told.rest(f"/api/v1/evidence/{evidence}")
    assert answer["numbers"]["after_count"] == finding["count"]
    assert answer["recheck"] == "same numbers"
    assert told.rest(f"/evidence/{evidence}.json") == answer
    html = told.get(f"/evidence/{evidence}").text
    assert evidence in html
    assert str(finding["count"]) in html
    text = await mcp_says(told, "get_evidence", id=evidence, max_tokens=2_000)
    assert f'"after_count":{float(finding["count"])}' in text


async def test_an_error_is_the_same_sentence(told: Told) -> None:
    sentence = told.get("/api/v1/verify", {"change": "chg_none"}, status=404).json()["error"]
    assert told.refused("verify", "--change", "chg_none") == (4, f"flyball: {sentence}\n")
    for way in (f"{told.server.url}/mcp", told.stdio):
        async with Client(way) as client:
            result = await client.call_tool("verify_change", {"change": "chg_none"})
        assert result.is_error
        assert [part.text for part in result.content if part.type == "text"] == [sentence]


async def test_mcp_keeps_to_its_budget_and_says_what_is_cut(told: Told) -> None:
    for number in range(40):
        announce(told.server, f"service-{number:02d}", "v1", 1_780_000_000 + number)
    total = len(told.rest("/api/v1/changes")["changes"])
    assert total >= 44
    seen: list[str] = []
    cursor = 0
    async with Client(f"{told.server.url}/mcp") as client:
        while True:
            result = await client.call_tool("list_changes", {"cursor": cursor})
            text = "".join(part.text for part in result.content if part.type == "text")
            assert len(text) / CHARS_A_TOKEN <= TOKENS_DEFAULT
            seen += re.findall(r"chg_[0-9a-f]{12}", text)
            more = re.search(r"\((\d+) more: ask again with cursor=(\d+), or a larger max_tokens\)", text)
            if more is None:
                break
            assert int(more[1]) == total - len(seen)
            cursor = int(more[2])
        assert cursor > 0
        assert len(seen) == len(set(seen)) == total
        for tool in TOOLS:
            required = {
                "verify_change": {"change": told.fix["id"]},
                "get_evidence": {"id": _any_evidence(told)},
                "seen_before": {"cause": "connection pool exhausted"},
                **_OF_NOTHING,
            }
            result = await client.call_tool(tool, required.get(tool, {}))
            text = "".join(part.text for part in result.content if part.type == "text")
            assert result.is_error == (tool in _OF_NOTHING), text
            assert 0 < len(text) / CHARS_A_TOKEN <= TOKENS_DEFAULT, tool


_OF_NOTHING = {
    "get_incident": {"id": "inc_0000000000000000"},
    "record_fix": {"id": "inc_0000000000000000", "text": "raised the pool"},
    "get_run": {"id": 32 * "0"},
    "what_happened": {"id": 32 * "0"},
}
"""What is said of incidents and of runs that there are: tests/e2e/test_incidents.py, test_runs.py."""


async def test_without_a_server_each_tool_tells_how_to_start_one() -> None:
    (port,) = free_ports(1)
    arguments = [*FLYBALL[1:], "mcp", "--server", f"http://127.0.0.1:{port}"]
    async with Client(StdioServerParameters(command=FLYBALL[0], args=arguments)) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == set(TOOLS)
        for tool in tools:
            needed = dict.fromkeys(tool.input_schema.get("required", []), "x")
            result = await client.call_tool(tool.name, needed)
            assert result.is_error
            assert "start one with `flyball up`" in result.content[0].text  # pyright: ignore[reportAttributeAccessIssue]


def ids(findings: list[Any]) -> set[str]:
    return {f["id"] for f in findings} | {evidence for f in findings for evidence in f["evidence"]}


def _any_evidence(told: Told) -> str:
    return told.rest("/api/v1/whats-new", since=told.deploy["id"])["findings"][0]["evidence"][0]
