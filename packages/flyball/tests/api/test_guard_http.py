"""The contract of `POST /v1/guard/evaluate`, and who may do what over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flyball.component.http_guard import App
from flyball.guard.keys import TOKENS
from flyball.guard.request import BODY_BYTES_MAX, KINDS
from harness.guard_app import client, guard_app
from harness.wall import ASKING, DELETE, Guarded

pytestmark = pytest.mark.anyio
EVALUATE = "/v1/guard/evaluate"
HOOK = "a-hook-token-" + "0123456789"


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    one = Guarded(tmp_path / "guard")
    one.policy(ASKING)
    return one


@pytest.fixture
async def app(guarded: Guarded, tmp_path: Path) -> AsyncIterator[App]:
    async with guard_app(guarded, tmp_path) as one:
        yield one


@pytest.fixture
async def agent(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app) as one:
        yield one


@pytest.fixture
async def operator(app: App, guarded: Guarded) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, authorization=f"Bearer {guarded.wall.keys.operator}") as one:
        yield one


def call(command: str = "ls", **more: Any) -> dict[str, Any]:
    return {"tool_name": "Bash", "tool_input": {"command": command}, "context": {"session_id": "s1"}} | more


async def test_the_answer_has_every_field_of_the_contract(agent: httpx.AsyncClient) -> None:
    answer = (await agent.post(EVALUATE, json=call(DELETE))).json()
    assert set(answer) == {
        *(
            "action",
            "mode",
            "would",
            "decision_id",
            "reason",
            "severity",
            "safer",
            "rules_triggered",
            "results",
        ),
        *("modified_input", "evaluation_status", "latency_ms", "approval"),
    }
    assert set(answer["approval"]) == {"id", "expires_at", "how"}
    rule = next(one for one in answer["rules_triggered"] if one["policy"] == "asking")
    expected = {"rule", "title", "severity", "action", "mode", "effect", "what", "target", "span"}
    assert expected <= set(rule)
    assert (rule["effect"], rule["what"]) == ("file.delete", "/srv/data")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "bad"),
        (b"[]", 400, "bad"),
        (b"{}", 400, "bad"),
        (b'{"tool_name":"Bash","tool_input":[]}', 400, "bad"),
        (b'{"tool_name":"Bash","context":[]}', 400, "bad"),
        (b'{"tool_name":"Bash","context":{"session_id":1}}', 400, "bad"),
        (b'{"tool_name":"Bash","failure_mode":"never"}', 400, "bad"),
        (b'{"tool_name":"Bash","deadline_ms":-1}', 400, "bad"),
        (b'{"tool_name":"Bash","deadline_ms":true}', 400, "bad"),
        (b'{"tool_name":"Bash","files":{"a":1}}', 400, "bad"),
        (b'{"tool_name":"Bash","mode":"audit"}', 400, "bad"),
        (b'{"tool_name":"' + b"x" * 300 + b'"}', 400, "bad"),
        (b" " * (BODY_BYTES_MAX + 1), 413, "too_large"),
    ],
)
async def test_what_is_no_request_says_why(
    agent: httpx.AsyncClient, body: bytes, status: int, kind: str
) -> None:
    answer = await agent.post(EVALUATE, content=body)
    assert (answer.status_code, answer.json()["kind"]) == (status, kind)
    assert kind in KINDS
    assert len(answer.json()["error"]) < 300


async def test_a_reused_id_is_409(agent: httpx.AsyncClient) -> None:
    assert (await agent.post(EVALUATE, json=call(decision_id="d"))).status_code == 200
    answer = await agent.post(EVALUATE, json=call("pwd", decision_id="d"))
    assert (answer.status_code, answer.json()["kind"]) == (409, "reused")


async def test_observe_answers_nothing(agent: httpx.AsyncClient) -> None:
    answer = await agent.post("/v1/guard/observe", json=call(tool_output="hello"))
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_call_is_a_post(agent: httpx.AsyncClient, method: str) -> None:
    assert (await agent.request(method, EVALUATE)).status_code == 405


WRITES = [
    ("POST", "/api/v1/guard/pause", {"for": "10m"}),
    ("POST", "/api/v1/guard/lockdown", {}),
    ("POST", "/api/v1/guard/resume", {}),
    ("POST", "/api/v1/guard/mode", {"mode": "audit", "policy": "asking"}),
    ("POST", "/api/v1/guard/approvals/apr_0", {"verdict": "approve"}),
    ("POST", "/api/v1/guard/sign-in-link", {}),
    ("PUT", "/api/v1/guard/policies/asking", {"text": "mode: audit"}),
    ("PUT", "/api/v1/guard/policies/asking", {"text": ""}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_every_write_takes_the_operators_token(
    app: App, guarded: Guarded, method: str, path: str, body: dict[str, str]
) -> None:
    _hook(guarded)
    rows = len(guarded.rows())
    for token in ("", "Bearer ", "Bearer wrong", f"Bearer {HOOK}", f"Bearer {guarded.wall.keys.operator}x"):
        async with client(app, **({"authorization": token} if token else {})) as other:
            answer = await other.request(method, path, json=body)
            assert answer.status_code == 403, token
            assert guarded.wall.keys.operator not in answer.text
    assert len(guarded.rows()) == rows


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_can_neither_ask_nor_approve(
    operator: httpx.AsyncClient, guarded: Guarded, headers: dict[str, str]
) -> None:
    for method, path, body in [("POST", EVALUATE, call()), *WRITES, ("GET", "/api/v1/guard/status", None)]:
        assert (await operator.request(method, path, json=body, headers=headers)).status_code == 403
    assert not guarded.rows("decision")


async def test_an_approval_over_http(agent: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    asked = (await agent.post(EVALUATE, json=call(DELETE))).json()["approval"]["id"]
    listed = (await agent.get("/api/v1/guard/approvals", params={"state": "asked"})).json()["approvals"]
    assert [one["id"] for one in listed] == [asked]
    assert "binding" not in listed[0]
    path = f"/api/v1/guard/approvals/{asked}"
    assert (await operator.post(path, json={"verdict": "maybe"})).status_code == 400
    assert (await operator.post(path, json={"verdict": "approve", "by": "ada"})).json()["state"] == "approved"
    assert (await agent.post(EVALUATE, json=call(DELETE))).json()["action"] == "allow"
    assert (await agent.get(path)).json()["state"] == "used"
    assert (await operator.post(path, json={"verdict": "approve"})).status_code == 400
    assert (await agent.get("/api/v1/guard/approvals/apr_none")).status_code == 404


async def test_a_waiting_call_hears_of_its_approval(
    agent: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    waiting = asyncio.create_task(agent.post(EVALUATE, json=call(DELETE, wait_ms=20_000)))
    while not (asked := (await agent.get("/api/v1/guard/approvals")).json()["approvals"]):  # noqa: ASYNC110 - it is asked over HTTP
        await asyncio.sleep(0.005)
    await operator.post(f"/api/v1/guard/approvals/{asked[0]['id']}", json={"verdict": "approve"})
    assert (await waiting).json()["action"] == "allow"


async def test_a_call_that_waits_in_vain_is_blocked_before_its_time(
    agent: httpx.AsyncClient, guarded: Guarded
) -> None:
    answer = (await agent.post(EVALUATE, json=call(DELETE, wait_ms=300))).json()
    assert answer["action"] == "block"
    assert "nobody answered" in answer["reason"]
    assert [row["action"] for row in guarded.rows("decision")] == ["block"]


def _hook(guarded: Guarded, fixed: str = "") -> None:
    folder = guarded.folder / TOKENS
    folder.mkdir(exist_ok=True)
    (folder / "claude-code.token").write_text(f"{HOOK}\n{fixed}")


async def test_a_hooks_token_says_who_calls_whatever_the_request_says(app: App, guarded: Guarded) -> None:
    _hook(guarded, "agent_name=coder\nenvironment=production\n")
    said = {"client": "other", "agent_name": "trusted", "environment": "development", "user_id": "bob"}
    async with client(app, authorization=f"Bearer {HOOK}") as hook:
        await hook.post(EVALUATE, json=call(context=said))
    (row,) = guarded.rows("decision")
    assert (row["client"], row["agent"], row["environment"], row["user"]) == (
        *("claude-code", "coder", "production", "bob"),
    )


async def test_beyond_loopback_a_hook_opens_calls_and_nothing_else(guarded: Guarded, tmp_path: Path) -> None:
    _hook(guarded)
    server_token = "the-token-of-the-server"  # noqa: S105 - it guards nothing
    async with guard_app(guarded, tmp_path, token=server_token) as app:
        async with client(app, authorization=f"Bearer {HOOK}") as hook:
            assert (await hook.post(EVALUATE, json=call())).status_code == 200
            assert (await hook.get("/api/v1/guard/status")).status_code == 401
            assert (await hook.post("/api/v1/guard/pause", json={"for": "1m"})).status_code == 401
        async with client(app, authorization=f"Bearer {server_token}") as reader:
            assert (await reader.get("/api/v1/guard/status")).status_code == 200
            assert (await reader.post("/api/v1/guard/pause", json={"for": "1m"})).status_code == 403
        async with client(app) as nobody:
            assert (await nobody.post(EVALUATE, json=call())).status_code == 401


async def test_files_here_are_for_callers_here(app: App, tmp_path: Path) -> None:
    (tmp_path / "clean.sql").write_text("drop table orders")
    run = call("psql -f clean.sql", context={"session_id": "s", "cwd": str(tmp_path)})
    for peer, headers, action in (
        ("127.0.0.1", {}, "ask"),
        ("10.0.0.7", {}, "allow"),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, "allow"),
    ):
        async with client(app, peer=peer) as one:
            assert (await one.post(EVALUATE, json=run, headers=headers)).json()["action"] == action


async def test_policies_over_http(
    agent: httpx.AsyncClient, operator: httpx.AsyncClient, guarded: Guarded
) -> None:
    put = await operator.put("/api/v1/guard/policies/team", json={"text": "mode: enforce", "by": "ada"})
    assert put.json()["mode"] == "enforce"
    assert (guarded.folder / "policies" / "team.yaml").read_text() == "mode: enforce"
    bad = await operator.put("/api/v1/guard/policies/team", json={"text": "mode: maybe"})
    assert bad.status_code == 400
    assert bad.json()["error"].startswith("team.mode: one of audit, enforce")
    listed = (await agent.get("/api/v1/guard/policies")).json()["policies"]
    assert {one["name"]: one["mode"] for one in listed} == {
        "default": "audit",
        "asking": "enforce",
        "team": "enforce",
    }
    assert (
        await operator.put("/api/v1/guard/policies/..%2Fx", json={"text": "mode: audit"})
    ).status_code == 404
    (guarded.folder / "policies" / "team.yaml").write_text("mode: audit")
    trouble = (await agent.get("/api/v1/guard/status")).json()["trouble"]
    assert any("team.yaml is not what was accepted" in text for text in trouble)
    guarded.again()
    assert guarded.wall.policies.parsed["team"].mode == "enforce"


async def test_switches_are_changes_and_shown(agent: httpx.AsyncClient, operator: httpx.AsyncClient) -> None:
    await operator.post("/api/v1/guard/pause", json={"for": "10m", "reason": "release", "by": "ada"})
    status = (await agent.get("/api/v1/guard/status")).json()
    assert (status["mode"], status["by"], status["reason"]) == ("paused", "ada", "release")
    await operator.post("/api/v1/guard/lockdown", json={})
    assert (await agent.get("/api/v1/guard/status")).json()["mode"] == "lockdown"
    assert (await agent.post(EVALUATE, json=call())).json()["action"] == "block"
    changes = (await agent.get("/api/v1/changes", params={"since": "1d"})).json()["changes"]
    assert {(one["kind"], one["what"]) for one in changes} == {
        ("guard", "paused for 10m (release)"),
        ("guard", "lockdown"),
    }


async def test_decisions_and_rules_are_readable(agent: httpx.AsyncClient) -> None:
    for command in ("ls", DELETE, "pwd"):
        await agent.post(EVALUATE, json=call(command))
    found = (await agent.get("/api/v1/guard/decisions", params={"action": "stopped"})).json()["decisions"]
    assert [one["call"]["command"] for one in found] == [DELETE]
    everything = (await agent.get("/api/v1/guard/decisions")).json()["decisions"]
    assert [one["call"]["command"] for one in everything] == ["pwd", DELETE, "ls"]
    rules = (await agent.get("/api/v1/guard/rules", params={"contains": "own."})).json()["rules"]
    assert [(one["id"], one["policies"]) for one in rules] == [("own.delete", {"asking": "ask"})]
    assert (await agent.get("/api/v1/guard/decisions", params={"action": "never"})).status_code == 400


async def test_a_token_ends_with_its_file(app: App, guarded: Guarded) -> None:
    _hook(guarded, "agent_name=coder\n")
    async with client(app, authorization=f"Bearer {HOOK}") as hook:
        await hook.post(EVALUATE, json=call())
        (guarded.folder / TOKENS / "claude-code.token").unlink()
        await hook.post(EVALUATE, json=call())
    assert [row.get("client", "") for row in guarded.rows("decision")] == ["claude-code", ""]
