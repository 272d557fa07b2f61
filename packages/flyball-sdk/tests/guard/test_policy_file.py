"""A policy as a person writes it: read whole, or refused with the place that is wrong."""

from __future__ import annotations

import contextlib

import pytest
from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.policy_file import POLICY_BYTES_MAX, policy_from_text
from flyball_sdk.guard.rule import Condition, RuleError
from hypothesis import given
from hypothesis import strategies as st

WHOLE = """
name: payments
mode: enforce
agents: [checkout-*]
environments: [production]
users: ["*"]
catalogue: ["git.*", "files.*"]
changes: {git.force-push: ask}
modes: {git.discard: audit}
without: ["files.shred"]
exceptions:
  - {rule: "files.*", where: [{field: what, op: glob, value: "build/*"}], until: 2027-01-31T00:00:00Z, reason: builds}
  - {rule: "own.*", until: 2027-01-31, reason: a day}
budgets:
  - {id: deletes, counts: deletes, limit: 20, per: session, window: 1h, action: block}
targets: {production: ["*prod*"]}
failure_mode: open
ask_timeout: 5m
ask_default: allow
rules:
  - id: own.refund
    title: writes a refund file
    acts: [file.write, file.overwrite]
    where: [{field: what, op: glob, value: "*refund*"}]
    action: ask
    severity: high
    safer: ask somebody of payments
    hits: ["echo 1 > refund.txt", {tool: Write, input: {file_path: refund.txt, content: "1"}}]
    passes: ["echo 1 > report.txt"]
"""


def test_everything_that_can_be_said() -> None:
    policy = policy_from_text(WHOLE, name="file")
    assert (policy.name, policy.mode, policy.agents, policy.failure_mode) == (
        "payments",
        "enforce",
        ("checkout-*",),
        "open",
    )
    assert (policy.ask_timeout_s, policy.ask_default) == (300.0, "allow")
    assert {rule.id.partition(".")[0] for rule in policy.rules} == {"guard", "git", "files", "call", "own"}
    assert [one.until for one in policy.allowances] == [1801353600.0, 1801353600.0]
    assert (policy.budgets[0].window_s, policy.budgets[0].limit) == (3600.0, 20.0)
    assert policy.targets.production == ("*prod*",)


def test_nothing_said_is_the_whole_catalogue_in_audit() -> None:
    policy = policy_from_text("{}", name="plain")
    assert (policy.name, policy.mode, policy.failure_mode) == ("plain", "audit", "closed")
    assert len(policy.rules) > 50


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mode: maybe", "p.mode: one of audit, enforce"),
        ("mod: audit", "p: there is no 'mod'"),
        ("- a", "p: a policy is a mapping"),
        ("a: [", "p: line 1 is no YAML"),
        ("a: &x [1]\nb: *x", "p: "),
        ("agents: 5", "p.agents: a list of texts"),
        ("changes: {no.such: ask}", "p.changes: there is no 'no.such'"),
        ("changes: {git.force-push: maybe}", "p.changes.git.force-push: one of"),
        ("changes: {guard.tamper: allow}", "guard.tamper protects the guard itself"),
        ("without: [guard.tamper]", "guard.tamper protects the guard itself"),
        ("exceptions: [{rule: guard.tamper, reason: x}]", "p.exceptions[0].rule: guard.tamper protects"),
        ("exceptions: [{rule: a}]", "p.exceptions[0].reason: a text"),
        ("exceptions: [{rule: a, reason: b, until: soon}]", "p.exceptions[0].until: a time such as"),
        ("exceptions: [{rule: a, reason: b, where: [{field: what, op: like, value: x}]}]", "p.exceptions[0].where[0].op: one of"),
        ("exceptions: [{rule: a, reason: b, where: [{field: what, op: matches, value: '('}]}]", "p.exceptions[0].where[0]: not a pattern"),
        ("exceptions: [{rule: a, reason: b, where: [{field: what, op: over, value: x}]}]", "p.exceptions[0].where[0].value: not what `over` takes"),
        ("budgets: [{id: a, counts: words, limit: 1}]", "p.budgets[0].counts: one of"),
        ("budgets: [{id: a, counts: calls, limit: -1}]", "p.budgets[0].limit: a number from 0"),
        ("budgets: [{id: a, counts: calls, limit: .inf}]", "p.budgets[0].limit: a number from 0"),
        ("budgets: [{id: a, counts: calls, limit: 1, window: 1 year}]", "p.budgets[0].window: a duration such as"),
        ("budgets: [{id: a/b, counts: calls, limit: 1}]", "p.budgets[0].id: lower-case"),
        ("budgets: [{id: a, counts: calls, limit: 1, action: alert}]", "p.budgets[0].action: one of ask, block, this"),
        ("budgets: [{id: a, counts: calls, limit: 1}, {id: a, counts: calls, limit: 2}]", "p.budgets: more than one has the id a"),
        ("ask_timeout: 0s", "p.ask_timeout: a duration"),
        ("name: ../x", "p.name: lower-case"),
        ("rules: [{id: guard.x}]", "p.rules[0].id: "),
        ("rules: [{id: own.x, title: t, acts: [file.delete], action: ask}]", "p.rules[0]: a rule shows at least one call under `hits`"),
        ("rules: [{id: own.x, title: t, acts: [no.such], action: ask, hits: [ls], passes: [ls]}]", "no act 'no.such'"),
        ("x" * (POLICY_BYTES_MAX + 1), "p: a policy has at most"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, place: str) -> None:
    with pytest.raises(RuleError) as refused:
        policy_from_text(text, name="p")
    assert place in str(refused.value)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize(("hits", "passes"), [("ls", "pwd"), ("rm a", "rm b")])
def test_a_rule_whose_examples_do_not_hold_is_refused(hits: str, passes: str) -> None:
    rule = f"{{id: own.x, title: t, acts: [file.delete], action: ask, hits: [{hits}], passes: [{passes}]}}"
    with pytest.raises(RuleError, match="its example does not hold"):
        policy_from_text(f"rules: [{rule}]", name="p")


@given(st.text(max_size=200))
def test_no_text_is_more_than_refused(text: str) -> None:
    with contextlib.suppress(RuleError):
        assert isinstance(policy_from_text(text, name="p"), Policy)


def test_an_exception_ends() -> None:
    text = 'mode: enforce\nexceptions: [{rule: "git.*", until: 2027-01-31T00:00:00Z, reason: a move}]'
    evaluator = Evaluator((policy_from_text(text, name="p"),))
    push = ToolCall("Bash", {"command": "git push --force upstream main"})
    assert evaluator.judge(push, now=1801353599.0).action == "allow"
    assert evaluator.judge(push, now=1801353600.0).action == "block"


@pytest.mark.parametrize(
    ("pattern", "hits", "passes"),
    [
        ("*refund*", ["a/refund.txt", "refund"], ["rerund"]),
        ("a?c*[0-9]*", ["abcx7y", "abc7"], ["abcx", "ac7"]),
        ("[!a]*", ["b", "bc"], ["a", "ab"]),
        ("x.y", ["x.y"], ["xzy", "x.yz", "ax.y"]),
        ("a[b", ["a[b"], ["ab"]),
        ("*", ["", "a\nb"], []),
    ],
)
def test_globs_are_those_of_a_shell(pattern: str, hits: list[str], passes: list[str]) -> None:
    test = Condition("what", "glob", pattern).compiled()
    assert all(test(Effect("file.read", one)) for one in hits)
    assert not any(test(Effect("file.read", one)) for one in passes)
