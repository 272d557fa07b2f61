"""A language model over its real wire protocol: honest, lying, hostile, broken and dear."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import flyball.explain
import pytest
from flyball.explain import wire
from flyball.explain.bounds import Bounds
from flyball.explain.engine import diagnose
from flyball.explain.investigate import Investigator, Tools
from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.lesson import Lesson, Likeness
from flyball.model.narrative import Narrative, Spend
from flyball.stores.state_sqlite import SqliteState
from harness.clock import ManualClock
from harness.incident import INJECTION, RECORD, TEMPLATE, citing, pool_exhausted
from harness.memory import incident
from harness.model_server import Calls, Raw, ScriptedModel, scripted, story

pytestmark = pytest.mark.anyio

DIAGNOSIS = pool_exhausted()
POOL = citing(DIAGNOSIS, "checkout").id
DEPLOY = citing(DIAGNOSIS, "payments", "change").id
TRUE = "The cause is in `checkout`: its connection pool is exhausted."
HONEST = story((TRUE, [POOL]))
PER_INCIDENT = Bounds(calls=6, tokens=60_000, usd=0.5, seconds=20.0)
PER_DAY = Bounds(calls=60, tokens=600_000, usd=5.0, seconds=300.0)
DAY = "2026-11-21"
MODELS = ("openai:gpt-4o", "anthropic:claude-sonnet-5-5", "ollama:qwen3")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("OPENAI", "ANTHROPIC", "OLLAMA"):
        monkeypatch.delenv(f"{provider}_API_KEY", raising=False)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteState]:
    store = SqliteState(tmp_path / "state.db")
    await store.migrate()
    yield store
    await store.close()


async def nothing(*_: Any) -> None:
    """A tool that finds nothing."""


NO_TOOLS = Tools(open_evidence=nothing, search_patterns=nothing, list_changes=nothing, seen_before=nothing)


def asker(ledger: SqliteState, model: ScriptedModel, name: str = MODELS[0], **changed: Any) -> Investigator:
    path = "" if name.startswith("anthropic") else "/v1"
    given = Investigator(
        model=name,
        base_url=model.url + path,
        ledger=ledger,
        clock=ManualClock(),
        per_incident=PER_INCIDENT,
        per_day=PER_DAY,
    )
    return replace(given, **changed)


async def narrated(
    ledger: SqliteState, *script: Calls | Raw, tools: Tools = NO_TOOLS, **changed: Any
) -> tuple[Narrative, ScriptedModel]:
    with scripted(*script) as model:
        return await asker(ledger, model, **changed).narrate(DIAGNOSIS, [], tools), model


# -- honest ---------------------------------------------------------------------------------------------


async def test_what_was_diagnosed_meanwhile_is_what_it_is_held_against(ledger: SqliteState) -> None:
    """A model takes minutes: what the newer diagnosis, beside which it is shown, does not hold falls."""

    async def latest() -> Diagnosis:
        return diagnose([])

    with scripted(HONEST) as model:
        told = await asker(ledger, model).narrate(DIAGNOSIS, [], NO_TOOLS, latest)
    assert told.sentences == ()
    assert [one.claim.text for one in told.dropped] == [TRUE]


@pytest.mark.parametrize("name", MODELS)
async def test_what_an_honest_model_says_stands_with_its_citations(name: str, ledger: SqliteState) -> None:
    narrative, model = await narrated(ledger, HONEST, name=name)
    assert (narrative.note, [c.text for c in narrative.sentences]) == ("", [TRUE])
    assert narrative.sentences[0].evidence == (POOL,)
    assert model.paths == ["/v1/messages" if name.startswith("anthropic") else "/v1/chat/completions"]
    used = narrative.usage
    assert (used.calls, used.input_tokens, used.output_tokens, used.tool_calls) == (1, 100, 20, 0)
    assert (await ledger.spent(DAY)).tokens == 120
    assert (used.cost_usd is None) == name.startswith("ollama")


@pytest.mark.parametrize("name", MODELS)
async def test_tools_are_called_and_their_answers_are_marked_as_data(name: str, ledger: SqliteState) -> None:
    asked: list[str] = []

    async def open_evidence(evidence_id: str) -> Evidence | None:
        asked.append(evidence_id)
        return next((fact for fact in DIAGNOSIS.evidence if fact.id == evidence_id), None)

    async def search_patterns(text: str) -> object:
        asked.append(text)
        return [{"template": INJECTION, "count": 7}]

    tools = replace(NO_TOOLS, open_evidence=open_evidence, search_patterns=search_patterns)
    calls = Calls(
        [
            ("open_evidence", {"evidence_id": POOL}),
            ("search_patterns", {"text": "pool"}),
            ("list_changes", {}),
        ]
    )
    narrative, model = await narrated(ledger, calls, HONEST, tools=tools, name=name)
    assert [c.text for c in narrative.sentences] == [TRUE]
    assert (narrative.usage.tool_calls, narrative.usage.calls) == (3, 2)
    assert sorted(asked) == sorted([POOL, "pool"])
    opened, found, changes = model.results()
    assert changes == "no data"
    for text in (opened, found):
        assert text.startswith("BEGIN DATA\n")
        assert text.endswith("\nEND DATA")
        assert text.count("END DATA") == 1, "data cannot end itself"
    assert POOL in opened
    assert "Ada Lovelace" not in opened


async def test_evidence_that_a_tool_opened_may_be_cited(ledger: SqliteState) -> None:
    known = citing(DIAGNOSIS, "checkout")
    other = replace(known, numbers={"matched": 40.0, "examined": 40.0})

    async def open_evidence(_: str) -> Evidence:
        return other

    tools = replace(NO_TOOLS, open_evidence=open_evidence)
    calls = Calls([("open_evidence", {"evidence_id": other.id})])
    narrative, _ = await narrated(ledger, calls, story((TRUE, [other.id])), tools=tools)
    assert [c.evidence for c in narrative.sentences] == [(other.id,)]


async def test_what_goes_out_is_distilled_and_shown(ledger: SqliteState) -> None:
    lesson = Lesson(occurrence=incident(1), likeness=Likeness.EXACT, similarity=1.0)
    with scripted(HONEST) as model:
        narrative = await asker(ledger, model).narrate(DIAGNOSIS, [lesson], NO_TOOLS)
    (exchange,) = narrative.exchanges
    assert json.loads(exchange.sent) == model.asked[0]
    assert exchange.status == 200
    assert "final_result" in exchange.received
    assert TEMPLATE in json.dumps(model.asked[0]["messages"])
    assert "seen before" in exchange.sent
    for raw in (RECORD, "Ada Lovelace", "timeout 30.00"):
        assert raw not in exchange.sent
    sent = "".join(str(message["content"]) for message in model.asked[0]["messages"])
    assert sent.count("END DATA") == 2, "once in the rules, once where the data ends"


async def test_the_log_can_be_off_and_holds_no_key(
    ledger: SqliteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-key")
    narrative, model = await narrated(ledger, HONEST)
    assert model.headers[0]["authorization"] == "Bearer sk-very-secret-key"
    assert "sk-very-secret" not in repr(narrative)
    quiet, _ = await narrated(ledger, HONEST, model_log=False)
    assert quiet.exchanges == ()
    assert quiet.sentences


# -- lying ----------------------------------------------------------------------------------------------


LIES = story(
    ("`payments` is the root cause of the incident.", [DEPLOY]),
    ("The deploy `v43` of `payments` broke `checkout`.", [DEPLOY, POOL]),
    ("`checkout` wrote 41 such records.", [POOL]),
    ("`checkout` wrote 40 such records.", ["ev_deadbeefdeadbeef"]),
    ("`checkout` is healthy.", [POOL]),
    ("<img src=x onerror=alert(1)> `checkout` fails.", [POOL]),
    ("Take `payments` down at once.", [DEPLOY]),
    other=[("a version fails", "service/payments", [DEPLOY]), ("<b>x</b>", "service/payments", [DEPLOY])],
)


@pytest.mark.parametrize("name", MODELS)
async def test_a_liar_adds_nothing_to_what_is_held(name: str, ledger: SqliteState) -> None:
    narrative, _ = await narrated(ledger, LIES, name=name)
    assert narrative.sentences == ()
    assert narrative.note == "nothing that the model said could be confirmed"
    assert [c.text for c in narrative.unconfirmed] == [
        "`payments` is the root cause of the incident.",
        "Another cause is possible in service `payments`: a version fails.",
    ]
    assert len(narrative.dropped) == 7
    assert all(one.why for one in narrative.dropped)


async def test_a_true_sentence_among_lies_stands_alone(ledger: SqliteState) -> None:
    mixed = story((TRUE, [POOL]), ("`payments` is the root cause.", [DEPLOY]))
    narrative, _ = await narrated(ledger, mixed)
    assert [c.text for c in narrative.sentences] == [TRUE]


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_that_obeys_a_log_line_gets_nowhere(name: str, ledger: SqliteState) -> None:
    asked: list[str] = []

    async def keep(text: str) -> None:
        asked.append(text)

    tools = replace(NO_TOOLS, open_evidence=keep, search_patterns=keep)
    odd = Calls(
        [
            ("open_evidence", {"evidence_id": "../../etc/passwd"}),
            ("open_evidence", {"evidence_id": "ev_0123456789abcdef' OR 1=1"}),
            ("search_patterns", {"text": "x" * 10_000}),
            ("search_patterns", {"text": "a\u0000b"}),
            ("search_patterns", {"text": ""}),
        ]
    )
    narrative, model = await narrated(ledger, odd, LIES, tools=tools, name=name)
    assert asked == []
    assert [text.partition(":")[0] for text in model.results()] == ["refused"] * 5
    assert narrative.sentences == ()


@pytest.mark.parametrize("name", MODELS)
async def test_unknown_tools_and_wrong_arguments_are_told_once_then_it_ends(
    name: str, ledger: SqliteState
) -> None:
    for bad in (Calls([("run_shell", {"command": "id"})]), Calls([("open_evidence", {"path": "/"})])):
        narrative, model = await narrated(ledger, bad, bad, HONEST, name=name)
        assert len(model.asked) == 2
        assert narrative.sentences == ()
        assert "gave no answer" in narrative.note
        recovered, _ = await narrated(ledger, bad, HONEST, name=name)
        assert [c.text for c in recovered.sentences] == [TRUE]


async def test_a_tool_that_fails_says_so_to_the_model_and_nobody_else(ledger: SqliteState) -> None:
    async def broken() -> None:
        raise RuntimeError("no such table")

    tools = replace(NO_TOOLS, list_changes=broken)
    narrative, model = await narrated(ledger, Calls([("list_changes", {})]), HONEST, tools=tools)
    assert model.results() == ["error: RuntimeError: no such table"]
    assert narrative.sentences


# -- broken ---------------------------------------------------------------------------------------------


GARBAGE = {
    "no JSON": Raw(200, b"\xff\x00<html>busy</html>", {"content-type": "application/json"}),
    "another JSON": Raw(200, b'{"hello": [1, 2]}', {"content-type": "application/json"}),
    "nothing": Raw(200, b"", {"content-type": "application/json"}),
    "a stream": Raw(200, b"data: {\n\n", {"content-type": "text/event-stream"}, repeat=50),
    "too much": Raw(200, b"[" * 65_536, {"content-type": "application/json"}, repeat=400),
    "packed": Raw(200, b"\x1f\x8b rubbish", {"content-encoding": "gzip"}),
    "refused": Raw(401, b'{"error": {"message": "invalid key"}}', {"content-type": "application/json"}),
    "elsewhere": Raw(302, b"", {"location": "http://127.0.0.1:9/"}),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_a_note(kind: str, name: str, ledger: SqliteState) -> None:
    narrative, model = await narrated(ledger, GARBAGE[kind], name=name)
    assert narrative.sentences == narrative.unconfirmed == narrative.dropped == ()
    assert narrative.note.startswith("the model gave no answer: ")
    assert len(narrative.note) <= 300
    assert narrative.note.isprintable()
    assert len(model.asked) <= 2
    assert (await ledger.spent(DAY)).calls == len(model.asked)


async def test_an_answer_is_read_to_a_bound(ledger: SqliteState) -> None:
    narrative, _ = await narrated(ledger, GARBAGE["too much"])
    assert narrative.note == (
        f"the model gave no answer: an answer of the model is longer than {wire.ANSWER_BYTES_MAX} bytes"
    )


async def test_an_answer_that_is_no_story_is_told_once(ledger: SqliteState) -> None:
    wrong = Calls([("final_result", {"sentences": "many", "other_causes": 7})])
    cut = Calls([("final_result", '{"sentences": [{"te')])
    for bad in (wrong, cut):
        narrative, model = await narrated(ledger, bad, bad, HONEST)
        assert len(model.asked) == 2
        assert "gave no answer" in narrative.note


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_that_hangs_is_left(name: str, ledger: SqliteState) -> None:
    bounds = replace(PER_INCIDENT, seconds=0.5)
    narrative, _ = await narrated(ledger, Raw(delay_s=30), name=name, per_incident=bounds)
    assert narrative.note == "the model took longer than 0.5 s"
    spent = await ledger.spent(DAY)
    assert (spent.calls, spent.tokens > 1000) == (1, True), "what was sent counts though nothing came back"


@pytest.mark.parametrize("name", MODELS)
async def test_429_is_asked_again_once_in_all(name: str, ledger: SqliteState) -> None:
    busy = Raw(429, b"{}", {"retry-after": "0", "content-type": "application/json"})
    narrative, model = await narrated(ledger, busy, HONEST, name=name)
    assert [c.text for c in narrative.sentences] == [TRUE]
    assert narrative.usage.calls == len(model.asked) == 2
    refused, model = await narrated(ledger, busy, busy, HONEST, name=name)
    assert len(model.asked) == 1 + wire.RETRIES_MAX
    assert "429" in refused.note


async def test_a_model_that_asks_for_patience_is_not_asked_again(ledger: SqliteState) -> None:
    busy = Raw(429, b"{}", {"retry-after": "3600"})
    narrative, model = await narrated(ledger, busy, HONEST)
    assert len(model.asked) == 1
    assert "429" in narrative.note


async def test_no_server_no_key_no_provider_no_model_are_notes(ledger: SqliteState) -> None:
    with scripted(HONEST) as model:
        known = asker(ledger, model)
    cases = {
        "": replace(known, model=""),
        "nobody": replace(known, model="nobody:x"),
        "OPENAI_API_KEY": replace(known, base_url=""),
        "Connect": known,
    }
    for said, one in cases.items():
        narrative = await one.narrate(DIAGNOSIS, [], NO_TOOLS)
        assert said in narrative.note
        assert narrative.note
        assert narrative.sentences == ()


async def test_without_the_extra_there_is_a_note(
    ledger: SqliteState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "flyball.explain.model_client", raising=False)
    monkeypatch.delattr(flyball.explain, "model_client", raising=False)
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    narrative, model = await narrated(ledger, HONEST)
    assert model.asked == []
    assert "pip install 'flyball[model]'" in narrative.note
    assert await ledger.spent(DAY) == Spend()


def test_nothing_of_it_is_imported_before_it_is_asked() -> None:
    heavy = "anthropic genai_prices openai pydantic_ai flyball.explain.wire"
    code = (
        f"import sys, flyball.explain.investigate; print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


async def test_what_cannot_be_told_is_a_note(ledger: SqliteState) -> None:
    lesson = Lesson(occurrence=incident(1, object="service/\ud800"), likeness=Likeness.EXACT, similarity=1.0)
    with scripted(HONEST) as model:
        narrative = await asker(ledger, model).narrate(DIAGNOSIS, [lesson], NO_TOOLS)
    assert model.asked == []
    assert narrative.note.startswith("the model gave no answer: ")
    assert await ledger.spent(DAY) == Spend()


# -- dear -----------------------------------------------------------------------------------------------


async def test_it_stops_at_its_calls(ledger: SqliteState) -> None:
    bounds = replace(PER_INCIDENT, calls=3)
    narrative, model = await narrated(ledger, Calls([("list_changes", {})]), per_incident=bounds)
    assert len(model.asked) == 3
    assert "gave no answer" in narrative.note
    assert (await ledger.spent(DAY)).calls == 3


async def test_it_stops_at_its_tool_calls(ledger: SqliteState) -> None:
    many = Calls([("list_changes", {})] * 50)
    asked: list[int] = []

    async def count() -> None:
        asked.append(1)

    narrative, _ = await narrated(ledger, many, HONEST, tools=replace(NO_TOOLS, list_changes=count))
    assert len(asked) <= 12
    assert "gave no answer" in narrative.note


async def test_it_sends_nothing_that_would_take_too_many_tokens(ledger: SqliteState) -> None:
    narrative, model = await narrated(ledger, HONEST, per_incident=replace(PER_INCIDENT, tokens=2_000))
    assert model.asked == []
    assert "more than 2000 tokens" in narrative.note
    assert await ledger.spent(DAY) == Spend()


async def test_it_stops_when_the_model_tells_of_too_many_tokens(ledger: SqliteState) -> None:
    calls = Calls([("list_changes", {})], input_tokens=59_000)
    narrative, model = await narrated(ledger, calls, HONEST)
    assert len(model.asked) == 1
    assert "more than 60000 tokens" in narrative.note
    greedy = story((TRUE, [POOL]), input_tokens=70_000)
    narrative, _ = await narrated(ledger, greedy)
    assert narrative.sentences == ()
    assert narrative.note == "the model took too much: 70020 tokens, 60000 are allowed"


async def test_it_sends_nothing_that_would_cost_too_much(ledger: SqliteState) -> None:
    narrative, model = await narrated(ledger, HONEST, per_incident=replace(PER_INCIDENT, usd=0.0001))
    assert model.asked == []
    assert "more than 0.0001 US dollars" in narrative.note


async def test_what_cost_too_much_is_not_used(ledger: SqliteState) -> None:
    bounds = replace(PER_INCIDENT, tokens=10_000_000, usd=0.1)
    dear = story((TRUE, [POOL]), input_tokens=1_000_000)
    narrative, _ = await narrated(ledger, dear, per_incident=bounds, per_day=replace(PER_DAY, tokens=10**8))
    assert narrative.sentences == ()
    assert "US dollars, 0.1 are allowed" in narrative.note
    assert narrative.usage.cost_usd is not None
    assert (await ledger.spent(DAY)).microusd == round(narrative.usage.cost_usd * 1e6)


async def test_the_days_budget_outlives_a_restart(tmp_path: Path) -> None:
    notes: list[str] = []
    for _ in range(3):
        store = SqliteState(tmp_path / "state.db")
        await store.migrate()
        narrative, _ = await narrated(store, HONEST, per_day=replace(PER_DAY, calls=7))
        notes.append(narrative.note)
        await store.close()
    assert notes == ["", "", f"the day's budget for language models is spent ({DAY}, UTC)"]


async def test_a_ledger_that_fails_asks_no_model(ledger: SqliteState) -> None:
    await ledger.close()
    broken = SqliteState(Path("/nonexistent/state.db"))
    narrative, model = await narrated(broken, HONEST)
    assert model.asked == []
    assert narrative.note.startswith("the ledger failed: ")
    await broken.close()
