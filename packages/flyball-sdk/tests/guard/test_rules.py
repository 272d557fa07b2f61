"""Every rule of the catalogue holds against its own examples; the same acts pass on staging and are blocked elsewhere."""

from __future__ import annotations

import pytest
from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.files import GivenFiles
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.prove import Proof, proofs
from flyball_sdk.guard.rules import RULES

EVALUATOR = Evaluator([Policy(name="all", mode="enforce", rules=RULES)])


@pytest.mark.parametrize(
    "proof", list(proofs(RULES)), ids=lambda proof: f"{proof.rule}-{'hit' if proof.hit else 'pass'}"
)
def test_rule_holds_against_its_example(proof: Proof) -> None:
    assert proof.held, proof.told()


def test_every_rule_has_examples_of_both_kinds() -> None:
    bare = [
        rule.id
        for rule in RULES
        if not rule.passes or (not rule.hits and rule.id not in ("call.unread", "network.exfiltrate"))
    ]
    assert bare == ["network.exfiltrate"]  # proved by a recorded trace: tests/guard/test_taint.py


@pytest.mark.parametrize(
    ("command", "files", "action"),
    [
        ("terraform apply", {".terraform/environment": "staging"}, "allow"),
        ("terraform apply", {".terraform/environment": "production"}, "block"),
        ("terraform apply", {}, "block"),
        ("TF_WORKSPACE=staging terraform apply", {}, "allow"),
        ("TF_WORKSPACE=$(cat w) terraform apply", {".terraform/environment": "staging"}, "block"),
        ("terraform apply -var-file=envs/staging.tfvars", {}, "allow"),
        ("terraform -chdir=$DIR apply", {}, "block"),
        ("kubectl delete pod web-1", {"~/.kube/config": "current-context: staging\n"}, "allow"),
        ("kubectl delete pod web-1", {"~/.kube/config": "current-context: prod\n"}, "block"),
        ("kubectl delete pod web-1", {}, "block"),
        ("kubectl --context staging delete pod web-1", {}, "allow"),
        (
            "kubectl --context $CTX delete pod web-1",
            {"~/.kube/config": "current-context: staging\n"},
            "block",
        ),
        ("KUBECONFIG=$X kubectl delete pod web-1", {"~/.kube/config": "current-context: staging\n"}, "block"),
        ("git push --force", {".git/HEAD": "ref: refs/heads/staging\n"}, "allow"),
        ("git push --force", {".git/HEAD": "ref: refs/heads/main\n"}, "block"),
        ("git push --force", {}, "block"),
        ("git push --force upstream staging", {}, "allow"),
        ("git push --force upstream $BRANCH", {".git/HEAD": "ref: refs/heads/staging\n"}, "block"),
    ],
)
def test_same_act_by_its_target(command: str, files: dict[str, str], action: str) -> None:
    decision = EVALUATOR.judge(ToolCall("Bash", {"command": command}), files=GivenFiles(files))
    assert decision.action == action, decision.reason
