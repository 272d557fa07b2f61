"""The words of the hook process: JSON without `json`, questions, verdicts, and what would switch it off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyball.hook.alone import answered, asked, switches, wire
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
EVENT = {
    "hook_event_name": "PreToolUse",
    "session_id": "s1",
    "cwd": "/work",
    "tool_name": "Bash",
    "tool_use_id": "t1",
    "tool_input": {"command": "ls"},
}


def _body(**context: Any) -> dict[str, Any]:
    return {"context": context}


def _answer(action: str, **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "mode": "enforce",
        "reason": "why",
        "decision_id": "d1",
        "severity": "high",
    } | more


# -- JSON -----------------------------------------------------------------------------------------------


@given(JSON)
def test_values_come_back_as_they_were(value: Any) -> None:
    assert wire.parse(wire.encode(value).encode()) == value
    assert json.loads(wire.encode(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_json_reads_them_or_refused(text: bytes) -> None:
    try:
        said = wire.parse(text)
    except Exception:  # noqa: BLE001 - the scanner's own errors are of several kinds
        return
    assert repr(said) == repr(json.loads(text))


@pytest.mark.parametrize("text", [b"", b"{", b'{"a":1} {}', b"[1,]", b"nul", b"\xff", b"[" * 200_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - as above
        wire.parse(text)


@given(st.text(max_size=300), st.integers(1, 200))
def test_what_is_shown_is_one_line_without_control_characters(text: str, chars: int) -> None:
    shown = wire.clean(text, chars)
    assert len(shown) <= chars
    assert shown.isprintable()


def test_what_turns_a_text_is_shown() -> None:
    assert wire.clean("a\u202eb\x1b[2Jc\u200bd", 80) == "a?b?[2Jc?d"


# -- questions ------------------------------------------------------------------------------------------


def test_a_call_is_asked_about_by_the_contract() -> None:
    path, body = asked.request_of("claude-code", EVENT, "closed", 5000)
    assert path == "/v1/guard/evaluate"
    assert body["tool_name"] == "Bash"
    assert body["tool_input"] == {"command": "ls"}
    assert body["decision_id"] == "claude-code:s1:t1"
    assert body["failure_mode"] == "closed"
    assert body["context"]["cwd"] == "/work"
    assert body["context"]["client"] == "claude-code"


@pytest.mark.parametrize(
    ("response", "output"),
    [("text", "text"), ({"stdout": "out"}, '{"stdout":"out"}'), (None, "null"), ("x" * 100_000, None)],
)
def test_a_result_is_observed_within_bounds(response: Any, output: str | None) -> None:
    event = EVENT | {"hook_event_name": "PostToolUse", "tool_response": response}
    path, body = asked.request_of("codex", event, "closed", 5000)
    assert path == "/v1/guard/observe"
    assert len(body["tool_output"]) <= asked.OUTPUT_CHARS_MAX
    assert output is None or body["tool_output"] == output


@pytest.mark.parametrize("kind", ["Stop", "UserPromptSubmit", "", None, 7, "PreToolUse "])
def test_events_of_no_concern_ask_nothing(kind: Any) -> None:
    assert asked.request_of("codex", EVENT | {"hook_event_name": kind}, "closed", 5000)[0] == ""


@pytest.mark.parametrize("tool", [None, "", 5, ["Bash"]])
def test_a_call_of_no_tool_is_no_question(tool: Any) -> None:
    with pytest.raises(wire.Unanswered):
        asked.request_of("codex", EVENT | {"tool_name": tool}, "closed", 5000)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.integers(1, 6))
def test_an_input_is_sent_whole_or_within_its_bound(given_input: dict[str, Any], times: int) -> None:
    big = given_input | {f"k{n}": "x" * 60_000 for n in range(times)}
    sent, left_out = asked.bounded(big)
    assert len(wire.encode(sent)) <= asked.INPUT_BYTES_MAX
    assert (left_out == 0) == (sent == big)


@pytest.mark.parametrize(
    "hostile",
    [
        {"a": ["x" * 1000] * 5000},
        {str(n): n for n in range(100_000)},
        {"x" * 400_000: 1},
        {"a": "\u2028" * 100_000},
    ],
)
def test_a_hostile_input_is_bounded_too(hostile: dict[str, Any]) -> None:
    sent, left_out = asked.bounded(hostile)
    assert left_out > 0
    assert len(wire.encode(sent)) <= asked.INPUT_BYTES_MAX


def test_of_a_long_text_both_ends_are_judged() -> None:
    sent, left_out = asked.bounded({"command": "begin" + "x" * 300_000 + "end"})
    assert left_out > 200_000
    assert sent["command"].startswith("begin")
    assert sent["command"].endswith("end")


# -- verdicts -------------------------------------------------------------------------------------------


def test_an_allowed_call_says_nothing() -> None:
    assert answered.verdict_of("codex", EVENT, _answer("allow"), _body()) == (0, None, "")


@pytest.mark.parametrize("client", ["claude-code", "codex"])
def test_a_denial_says_the_same_by_code_and_on_both_streams(client: str) -> None:
    rules = [{"rule": "fs.delete"}]
    answer = _answer("block", reason="it deletes all.", safer="delete one", rules_triggered=rules)
    code, said, error = answered.verdict_of(client, EVENT, answer, _body())
    assert code == answered.DENIED
    assert said
    assert said["hookSpecificOutput"]["permissionDecision"] == "deny"
    assert said["hookSpecificOutput"]["permissionDecisionReason"] == error
    assert error == (
        "flyball blocked this call: it deletes all. Rule fs.delete, severity high. Safer: delete one. Decision d1."
    )


def test_codex_is_denied_what_claude_is_asked() -> None:
    code, said, error = answered.verdict_of("codex", EVENT, _answer("ask"), _body())
    assert code == answered.DENIED
    assert "`flyball guard approve d1`; repeat the same call" in error
    code, said, error = answered.verdict_of("claude-code", EVENT, _answer("ask"), _body())
    assert (code, error) == (0, "")
    assert said
    assert said["hookSpecificOutput"]["permissionDecision"] == "ask"


@pytest.mark.parametrize("client", ["claude-code", "codex"])
@given(answer=st.dictionaries(st.text(max_size=8), JSON), action=st.sampled_from(answered.ACTIONS))
def test_nothing_is_ever_granted(client: str, answer: dict[str, Any], action: str) -> None:
    whole = answer | {"action": action, "modified_input": {"command": "safe"}}
    code, said, _ = answered.verdict_of(client, EVENT, whole, _body())
    decision = (said or {}).get("hookSpecificOutput", {})
    if decision.get("permissionDecision") == "allow":  # Codex takes a changed input in no other way
        assert (client, action) == ("codex", "modify")
        assert answer.get("confirm") is False
    assert code != 0 or action != "block"


def test_a_changed_input_asks_unless_the_rule_says_otherwise() -> None:
    answer = _answer("modify", modified_input={"command": "safe"})
    said = answered.verdict_of("claude-code", EVENT, answer, _body())[1]
    assert said
    assert said["hookSpecificOutput"]["permissionDecision"] == "ask"
    assert said["hookSpecificOutput"]["updatedInput"] == {"command": "safe"}
    code, _, error = answered.verdict_of("codex", EVENT, answer, _body())
    assert code == answered.DENIED
    assert '{"command":"safe"}' in error
    said = answered.verdict_of("claude-code", EVENT, answer | {"confirm": False}, _body())[1]
    assert said == {
        "hookSpecificOutput": {"hookEventName": "PreToolUse", "updatedInput": {"command": "safe"}}
    }


@pytest.mark.parametrize(("mode", "code"), [("enforce", answered.DENIED), ("audit", 0)])
def test_what_was_not_judged_whole_is_not_allowed(mode: str, code: int) -> None:
    answer = _answer("allow", mode=mode)
    assert answered.verdict_of("codex", EVENT, answer, _body(input_left_out=9))[0] == code


@given(st.integers(100, 599), st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_decision_is_no_answer(status: int, text: bytes) -> None:
    try:
        answer = answered.parse_answer(status, text)
    except wire.Unanswered:
        return
    assert status == 200
    assert answer["action"] in answered.ACTIONS


def test_a_reason_is_bounded_and_cannot_steer_a_terminal() -> None:
    answer = _answer("block", reason="\x1b[2J" + "x" * 100_000, safer="y" * 100_000)
    error = answered.verdict_of("codex", EVENT, answer, _body())[2]
    assert len(error) < 5_000
    assert error.isprintable()


def test_a_canary_that_passes_is_told_at_the_start_of_a_session() -> None:
    start = {"hook_event_name": "SessionStart"}
    caught = {"action": "block", "rules_triggered": [{"rule": "guard.canary"}]}
    audited = {"action": "allow", "would": "block", "rules_triggered": [{"rule": "guard.canary"}]}
    for answer in (caught, audited):
        assert answered.verdict_of("codex", start, answer, _body()) == (0, None, "")
    said = answered.verdict_of("codex", start, {"action": "allow"}, _body())[1]
    assert said
    assert "does NOT guard" in said["systemMessage"]


# -- settings that change -------------------------------------------------------------------------------

OURS = "/data/guard/hook/"
WITH = json.dumps({"hooks": {"PreToolUse": [{"hooks": [{"command": f"x {OURS}alone/run.py"}]}]}}).encode()


@pytest.mark.parametrize(
    ("text", "holds_ours", "why"),
    [
        (WITH, True, ""),
        (b"{}", False, ""),
        (None, False, ""),
        (b'{"disableAllHooks": false, "env": {"A": "1"}}', False, ""),
        (None, True, "the file with the hook is gone"),
        (b"{}", True, "the hook is gone"),
        (b'{"hooks": {"PreToolUse": []}}', True, "the hook is gone"),
        (WITH[:-1] + b', "disableAllHooks": true}', True, "disableAllHooks"),
        (b'{"disableAllHooks": 1}', False, "disableAllHooks"),
        (b'{"env": {"CLAUDE_CODE_SIMPLE": "1"}}', False, "env.CLAUDE_CODE_SIMPLE"),
        (b"{", False, "it is no JSON, so that none of its hooks run"),
        (b"[]", False, "it is no JSON object, so that none of its hooks run"),
    ],
)
def test_a_change_that_switches_the_hook_off_is_known(text: bytes | None, holds_ours: bool, why: str) -> None:  # noqa: FBT001
    assert switches.switched_off(text, OURS, holds_ours=holds_ours) == why


# -- the process ----------------------------------------------------------------------------------------


def test_it_runs_alone_and_loads_nothing_slow(tmp_path: Path) -> None:
    alone = Path(asked.__file__).parent
    probe = (
        f"import sys; sys.path.insert(0, {str(alone.parent)!r}); import alone.process;"
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"json", "socket", "os", "re", "typing", "enum", "site", "flyball", "collections"}
