"""A rule in words becomes the typed form only when its own examples hold; what a model says is data."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flyball.errors import FlyballError, InputError
from flyball.explain.compile_rule import Compiled, compile_rule
from flyball_sdk.guard.policy_file import policy_from_text
from harness.model_server import Calls, Raw, scripted

pytestmark = pytest.mark.anyio

WORDS = "Never delete anything below /srv without asking"
GOOD: dict[str, Any] = {
    "id": "own.srv",
    "title": "deletes below /srv",
    "acts": ["file.delete"],
    "where": [{"field": "what", "op": "glob", "value": "/srv/*", "negate": False}],
    "action": "ask",
    "severity": "high",
    "safer": "move it away",
    "hits": ["rm -rf /srv/a", "rm /srv/a/b"],
    "passes": ["rm -rf build", "ls /srv/a"],
}


def _draft(**other: Any) -> Calls:
    return Calls([("final_result", GOOD | other)])


async def _compiled(url: str, words: str = WORDS) -> Compiled:
    return await compile_rule(words, model="openai:test", base_url=url, monotonic_s=time.monotonic)


async def test_a_draft_whose_examples_hold_is_a_rule_for_a_policy() -> None:
    with scripted(_draft()) as model:
        found = await _compiled(model.url)
    assert found.rule.id == "own.srv"
    assert len(found.examples) == 4
    assert all("holds" in one for one in found.examples)
    indented = "\n".join(f"  {line}" for line in found.text.splitlines())
    assert policy_from_text(f"rules:\n{indented}", name="p").rules[-1] == found.rule
    assert len(model.asked) == 1


async def test_a_draft_that_does_not_hold_is_told_once() -> None:
    with scripted(_draft(hits=["ls /srv"]), _draft()) as model:
        assert (await _compiled(model.url)).rule.id == "own.srv"
        assert "does not hold" in str(model.asked[-1]["messages"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"hits": ["ls /srv"]},
        {"passes": ["rm -rf /srv/b"]},
        {"passes": []},
        {"acts": ["no.such"]},
        {"id": "guard.tamper"},
        {"action": "sudo"},
        {"where": [{"field": "what", "op": "matches", "value": "(", "negate": False}]},
    ],
)
async def test_what_never_holds_is_refused(wrong: dict[str, Any]) -> None:
    with scripted(_draft(**wrong)) as model:
        with pytest.raises(InputError, match="no rule was made"):
            await _compiled(model.url)
        assert len(model.asked) == 2


async def test_a_model_that_fails_is_one_sentence() -> None:
    with (
        scripted(Raw(status=400, body=b"{}")) as model,
        pytest.raises(FlyballError, match="the model gave no answer"),
    ):
        await _compiled(model.url)
    with pytest.raises(InputError):
        await _compiled("http://127.0.0.1:9", "x" * 2_000)
