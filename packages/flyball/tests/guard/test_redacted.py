"""Secrets of every kind in calls: none in a log, a row, an answer that others see, a sentence or an exception."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from flyball.guard import operator
from flyball.guard.answer import CALL_BYTES_MAX
from flyball.guard.redacted import Redacted, removed
from flyball_sdk.guard import Guard, GuardBlocked
from harness.secrets import SECRETS
from harness.wall import ASKING, Guarded
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

# what a command line makes of a secret; the words are put together here so that no scanner takes them for one
_WORD = "tr0ub4" + "dor-horse"
ON_COMMAND_LINES = [
    f"mysql -u root -p{_WORD} shop",
    f"curl -u bob:{_WORD} https://h.example/x",
    f"curl --user=bob:{_WORD} https://h.example/x",
    f"sshpass -p {_WORD} ssh h.example",
    f"deploy --api-key {_WORD}",
    f"deploy --token={_WORD} now",
    f"deploy --db-password '{_WORD}' now",
    f"PGPASSWORD={_WORD} psql -c 'select 1'",
    f"export API_TOKEN={_WORD}; ./run",
    f"aws configure set aws_secret_access_key={_WORD}",
    f"curl -H 'X-Api-Key: {_WORD}' https://h.example",
    f"curl -H 'Authorization: Bearer {_WORD}' https://h.example",
    f"git clone https://bob:{_WORD}@h.example/x.git",
    f"kubectl create secret generic x --from-literal=password={_WORD}",
    f"docker login --password {_WORD} h.example",
    f"psql postgres://bob:{_WORD}@db.example/x -c 'drop table a'",
]


@pytest.mark.parametrize("command", ON_COMMAND_LINES)
def test_secrets_of_command_lines_stand_nowhere(tmp_path: Path, command: str) -> None:
    _planted(tmp_path, _WORD, {"command": f"{command} && rm -rf /srv/{_WORD}"})


@pytest.mark.parametrize(("secret", "text"), SECRETS.items(), ids=range(len(SECRETS)))
def test_secrets_of_every_kind_stand_nowhere(tmp_path: Path, secret: str, text: str) -> None:
    assert len(SECRETS) >= 20
    _planted(tmp_path / "1", secret, {"command": f"rm -rf /srv/x; echo {text.format(secret)}"})
    _planted(tmp_path / "2", secret, {"file_path": "/x", "content": [{"deep": text.format(secret)}]}, "Write")


def _planted(folder: Path, secret: str, tool_input: dict[str, Any], tool: str = "Bash") -> None:
    guarded = Guarded(folder / "guard")
    guarded.policy(ASKING)
    for _ in range(2):
        guarded.ask(tool=tool, tool_input=tool_input, decision_id="d1")
    for approval in guarded.wall.approvals.newest_first(guarded.wall.now()):
        operator.decide(guarded.wall, approval.id, "approve", by="ada")
    answer = guarded.ask(tool=tool, tool_input=tool_input)
    guarded.again()
    seen = orjson.dumps([answer, guarded.rows(), list(guarded.wall.statistics.decisions)]).decode()
    assert orjson.dumps(secret).decode().strip('"') not in seen
    assert secret not in guarded.text()


def test_an_attribute_whose_name_is_a_secret_is_hidden_whole(tmp_path: Path) -> None:
    _planted(
        tmp_path, "hunter2222", {"password": "hunter2222", "command": "echo hunter2222"}, "mcp__x__login"
    )


def test_what_holds_no_secret_is_kept() -> None:
    for command in (
        "ls -la auth tokens",
        "mkdir -p authx",
        "git commit -m 'pass the token on'",
        "cat key.pem",
    ):
        assert Redacted({"command": command}).input == {"command": command}


def test_where_parts_do_not_follow_each_other_all_of_the_rest_is_secret() -> None:
    assert removed("a bcd efg", "<*> x <*>") == ["a bcd efg"]


def test_a_long_call_is_cut_in_the_log_and_says_so(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path / "guard")
    guarded.ask("echo " + "a" * 20_000)
    (row,) = guarded.rows("decision")
    assert len(row["call"]["command"]) < CALL_BYTES_MAX + 100
    assert row["call"]["command"].endswith("characters more)")


@pytest.mark.parametrize(("secret", "text"), SECRETS.items(), ids=range(len(SECRETS)))
def test_secrets_stand_in_no_exception_and_no_span_of_an_app(secret: str, text: str) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    told = text.format(secret)
    with (
        provider.get_tracer("t").start_as_current_span("execute_tool"),
        pytest.raises(GuardBlocked) as raised,
    ):
        Guard.of_catalogue().check("Bash", {"command": f"echo {told}; rm -rf '/srv/{secret}' /etc"})
    with pytest.raises(GuardBlocked) as of_request:
        Guard.of_catalogue().check("http_request", {"url": f"http://10.0.0.1/?{told}", "body": told})
    events = [dict(event.attributes or {}) for span in spans.get_finished_spans() for event in span.events]
    assert any(one.get("flyball.guard.action") == "block" for one in events)
    mine = [one for one in events if "flyball.guard.action" in one]
    assert secret not in f"{raised.value} {of_request.value} {mine}"
