"""What a tool server asks of its client stops in audit too, until the operator's policy says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.wall import Guarded


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path / "guard")


@pytest.mark.parametrize("asks", ["sampling", "elicitation"])
def test_it_asks_where_everything_else_is_only_recorded(guarded: Guarded, asks: str) -> None:
    answer = guarded.ask(tool=f"mcp__notes__{asks}", tool_input={"message": "Your name?"})
    assert (answer["action"], answer["approval"]["id"][:4]) == ("ask", "apr_")
    assert guarded.ask(tool="mcp__notes__delete_note", tool_input={"name": "a"})["action"] == "allow"


def test_the_default_policy_lets_it_pass_by_name(guarded: Guarded) -> None:
    guarded.policy("name: default\nmode: audit\nchanges: {mcp.sampling: allow}\n", "default")
    assert guarded.ask(tool="mcp__notes__sampling", tool_input={})["action"] == "allow"
    assert guarded.ask(tool="mcp__notes__elicitation", tool_input={})["action"] == "ask"


def test_another_policy_loosens_nothing(guarded: Guarded) -> None:
    guarded.policy("name: team\nmode: audit\nchanges: {mcp.sampling: allow}\n", "team")
    assert guarded.ask(tool="mcp__notes__sampling", tool_input={})["action"] == "ask"


def test_one_server_is_let_through_by_an_exception(guarded: Guarded) -> None:
    where = "{field: what, op: is, value: notes}"
    guarded.policy(
        f"name: default\nmode: audit\nexceptions: [{{rule: mcp.sampling, where: [{where}], reason: ours}}]\n",
        "default",
    )
    assert guarded.ask(tool="mcp__notes__sampling", tool_input={})["action"] == "allow"
    assert guarded.ask(tool="mcp__other__sampling", tool_input={})["action"] == "ask"
