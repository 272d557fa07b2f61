"""Rules in Python: the operator's own code, proved before it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from flyball_sdk.guard import Guard, GuardUnavailable
from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.policy_file import policy_from_text
from flyball_sdk.guard.rule import RuleError

RULE = """
from flyball_sdk.guard.rule import Example, Rule
def odd(effect, call):
    return {body}
RULES = (Rule(id="own.odd", title="an odd file", acts=("file.overwrite",), action="ask", severity="low", safer="an even one",
              test=odd, hits=(Example("echo 1 > 3.txt"),), passes=(Example("echo 1 > 4.txt"),)),)
"""
BODY = "effect.what[0] in '13579'"


def _policy(code: str, mode: str = "closed", *, own: bool = True) -> Policy:
    block = "\n".join(f"  {line}" for line in code.splitlines())
    return policy_from_text(
        f"mode: enforce\ncatalogue: []\nfailure_mode: {mode}\npython: |\n{block}\n", name="p", own=own
    )


def _judged(policy: Policy, command: str) -> tuple[str, str]:
    decision = Evaluator([policy]).judge(ToolCall("Bash", {"command": command}))
    return decision.action, decision.status


def test_rule_is_asked() -> None:
    policy = _policy(RULE.format(body=BODY))
    assert _judged(policy, "echo 1 > 7.txt") == ("ask", "complete")
    assert _judged(policy, "echo 1 > 8.txt") == ("allow", "complete")


def test_another_file_is_another_policy() -> None:
    one = _policy(RULE.format(body=BODY)).digest()
    assert one == _policy(RULE.format(body=BODY)).digest()
    assert one != _policy(RULE.format(body=f"({BODY})")).digest()


@pytest.mark.parametrize(("mode", "action"), [("closed", "block"), ("open", "allow")])
def test_rule_that_raises_follows_the_failure_mode_and_is_told(mode: str, action: str) -> None:
    policy = _policy(RULE.format(body=f"{BODY} or (1 / 0 if '0' in effect.what else False)"), mode)
    assert _judged(policy, "echo 1 > 0.txt") == (action, "error")
    assert _judged(policy, "echo 1 > 8.txt") == ("allow", "complete")


def test_rule_that_takes_too_long_is_a_fault() -> None:
    policy = _policy(RULE.format(body=f"{BODY} or ('0' in effect.what and __import__('time').sleep(.03))"))
    assert _judged(policy, "echo 1 > 0.txt") == ("block", "error")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (RULE.format(body="False"), "must hit, does NOT"),
        (RULE.format(body="True"), "must pass, does NOT"),
        (RULE.format(body="1 / 0"), "own.odd"),
        ("RULES = (1,)", "not a Rule"),
        ("x = 1", "KeyError"),
        ("def", "SyntaxError"),
        ("raise SystemError('no')", "SystemError: no"),
        (RULE.format(body=BODY).replace("own.odd", "guard.odd"), "not guard"),
    ],
)
def test_what_gives_no_rule_is_refused(code: str, told: str) -> None:
    with pytest.raises(RuleError, match=told):
        _policy(code)


def test_python_of_a_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="nobody but its owner"):
        _policy(RULE.format(body=BODY), own=False)
    path = tmp_path / "p.yaml"
    path.write_text("python: |\n" + "\n".join(f"  {line}" for line in RULE.format(body=BODY).splitlines()))
    path.chmod(0o666)
    with pytest.raises(GuardUnavailable, match="nobody but its owner"):
        Guard.from_file(path)
    path.chmod(0o600)
    Guard.from_file(path)
