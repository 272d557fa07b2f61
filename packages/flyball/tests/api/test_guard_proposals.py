"""Proposals over REST and on their page: listed with back-tests, accepted into a policy in audit, rejected, remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from flyball.component.http_guard import App
from harness.guard_app import client, guard_app
from harness.wall import Guarded

pytestmark = pytest.mark.anyio
PATH = "/api/v1/guard/proposals"
POLICY = "name: default\nmode: enforce\nmodes: {git.force-push: audit}\n"


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    one = Guarded(tmp_path / "guard")
    one.policy(POLICY, "default")
    for number in range(4):
        for command in ("ls", "git status", "git push --force origin main", "cat README.md"):
            one.ask(command, session_id=f"s{number}", user_id=f"u{number % 2}")
        one.ask("kubectl --context prod delete deployment web", session_id=f"s{number}")
        one.ask("kubectl --context staging delete deployment web", session_id=f"s{number}")
        one.ask("ls src", session_id=f"calm{number}")
    return one


@pytest.fixture
async def app(guarded: Guarded, tmp_path: Path) -> AsyncIterator[App]:
    async with guard_app(guarded, tmp_path) as one:
        yield one


@pytest.fixture
async def anybody(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app) as one:
        yield one


@pytest.fixture
async def operator(app: App, guarded: Guarded) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, authorization=f"Bearer {guarded.wall.keys.operator}") as one:
        yield one


async def _listed(who: httpx.AsyncClient, state: str = "") -> list[dict[str, Any]]:
    answer = await who.get(PATH, params={"state": state} if state else {})
    assert answer.status_code == 200, answer.text
    return answer.json()["proposals"]


def _of(listed: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    [one] = [one for one in listed if one["kind"] == kind]
    return one


async def test_each_is_listed_with_what_it_rests_on(anybody: httpx.AsyncClient) -> None:
    listed = await _listed(anybody)
    assert {one["kind"] for one in listed} == {"enforce", "rule"}
    rule = _of(listed, "rule")
    assert next(iter(rule)) == "warning"
    assert rule["support"]["sessions"] == 4
    assert rule["backtest"]["hits"] == 4
    assert rule["backtest"]["benign"] == 4
    assert rule["state"] == "proposed"
    assert (await anybody.get(PATH, params={"state": "x"})).status_code == 400


async def test_accepting_needs_the_operator(anybody: httpx.AsyncClient, guarded: Guarded) -> None:
    rule = _of(await _listed(anybody), "rule")
    answer = await anybody.post(f"{PATH}/{rule['id']}", json={"verdict": "accept"})
    assert answer.status_code == 403
    assert "learned" not in guarded.wall.policies.parsed


async def test_an_accepted_rule_begins_in_audit_and_is_remembered(
    operator: httpx.AsyncClient, guarded: Guarded
) -> None:
    rule = _of(await _listed(operator), "rule")
    answer = (
        await operator.post(f"{PATH}/{rule['id']}", json={"verdict": "accept", "by": "a person"})
    ).json()
    assert (answer["verdict"], answer["policies"]) == ("accepted", ["learned"])
    learned = guarded.wall.policies.parsed["learned"]
    assert learned.mode == "audit"
    assert rule["rule"] in [one.id for one in learned.rules]
    said = guarded.ask("kubectl --context staging delete deployment web", session_id="later")
    assert (said["action"], said["would"]) == ("allow", "ask")
    guarded.again()  # a new process: policy and verdict come out of the log
    assert rule["rule"] in [one.id for one in guarded.wall.policies.parsed["learned"].rules]
    assert guarded.wall.controls.settled[rule["id"]]["by"] == "a person"


async def test_what_is_settled_is_shown_when_asked_for(operator: httpx.AsyncClient) -> None:
    enforce = _of(await _listed(operator), "enforce")
    body = {"verdict": "reject", "reason": "we do that on purpose"}
    assert (await operator.post(f"{PATH}/{enforce['id']}", json=body)).status_code == 200
    assert enforce["id"] not in [one["id"] for one in await _listed(operator)]
    [shown] = await _listed(operator, "rejected")
    assert (shown["id"], shown["reason"]) == (enforce["id"], "we do that on purpose")


async def test_enforcing_a_rule_stops_what_was_recorded(
    operator: httpx.AsyncClient, guarded: Guarded
) -> None:
    enforce = _of(await _listed(operator), "enforce")
    await operator.post(f"{PATH}/{enforce['id']}", json={"verdict": "accept"})
    assert guarded.ask("git push --force origin main")["action"] == "block"


async def test_an_edited_rule_is_held_against_its_own_examples(
    operator: httpx.AsyncClient, guarded: Guarded
) -> None:
    rule = _of(await _listed(operator), "rule")
    [given] = yaml.safe_load(rule["text"])
    bad = yaml.safe_dump([{**given, "hits": ["ls"]}])
    answer = await operator.post(f"{PATH}/{rule['id']}", json={"verdict": "accept", "rule": bad})
    assert answer.status_code == 400
    assert "does not hold" in answer.json()["error"]
    assert "learned" not in guarded.wall.policies.parsed
    good = yaml.safe_dump([{**given, "id": "own.staging", "action": "block"}])
    answer = await operator.post(f"{PATH}/{rule['id']}", json={"verdict": "accept", "rule": good})
    assert answer.json()["rule"] == "own.staging"
    for nonsense in ("- 1", "{", "[]", "!!python/object:os.system {}"):
        answer = await operator.post(f"{PATH}/{rule['id']}", json={"verdict": "accept", "rule": nonsense})
        assert answer.status_code == 400, nonsense
    assert (await operator.post(f"{PATH}/prp_000000000000", json={"verdict": "accept"})).status_code == 404


async def test_what_a_rule_did_is_told_by_comparison(operator: httpx.AsyncClient, guarded: Guarded) -> None:
    rule = _of(await _listed(operator), "rule")
    for number in range(60):
        guarded.clock.advance(60)
        guarded.ask(
            "kubectl --context staging delete deployment web" if number % 2 else "ls",
            session_id=f"s{number % 4}",
        )
    guarded.clock.advance(60)
    await operator.post(f"{PATH}/{rule['id']}", json={"verdict": "accept"})
    few = (await operator.get(f"/api/v1/guard/rules/{rule['rule']}/record")).json()
    assert few["verdict"] == "not enough data"
    for number in range(200):
        guarded.clock.advance(60)
        guarded.ask("ls", session_id=f"a{number}")
    told = (await operator.get(f"/api/v1/guard/rules/{rule['rule']}/record")).json()
    assert told["verdict"] == "fewer"
    assert told["after"]["hits"] == 0
    assert told["p"] < 0.01
    assert (await operator.get("/api/v1/guard/rules/none/record")).status_code == 404


async def test_the_page_shows_and_escapes(anybody: httpx.AsyncClient, guarded: Guarded) -> None:
    hostile = "kubectl --context staging delete deployment '<script>alert(1)</script>'"
    for number in range(4):
        guarded.ask("kubectl --context prod delete deployment web", session_id=f"h{number}")
        guarded.ask(hostile, session_id=f"h{number}")
    page = await anybody.get("/guard/proposals")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "What should the guard learn?" in page.text
    assert (await anybody.get("/guard/proposals.json")).json()["calls"] == 36
    answer = await anybody.post("/guard/proposals/prp_1", data={"verdict": "accept"})
    assert answer.status_code == 403
