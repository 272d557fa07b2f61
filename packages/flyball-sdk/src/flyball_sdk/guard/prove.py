"""Proof of rules by their own examples: each of `hits` must trigger the rule, none of `passes` may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.files import GivenFiles
from flyball_sdk.guard.policy import Policy, Targets
from flyball_sdk.guard.rule import Example, Rule
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.taint import observe, remember
from flyball_sdk.guard.words import visible


@dataclass(frozen=True, slots=True)
class Proof:
    """One example and what came of it: `hit` is whether it must trigger the rule, `held` whether it was so."""

    rule: str
    example: Example
    hit: bool
    held: bool
    decision: Decision

    def told(self) -> str:
        """The proof in one line."""
        must = "must hit" if self.hit else "must pass"
        seen = ", ".join(dict.fromkeys(f"{one.act} {visible(one.what, 60)}" for one in self.decision.effects))
        words = visible(str(call_of(self.example).tool_input), 200)
        return f"{self.rule}: {must}, {'holds' if self.held else 'does NOT'}: {words} (seen: {seen or 'nothing'})"


def call_of(example: Example) -> ToolCall:
    """The call that an example stands for: a text is a shell command."""
    given = example.call
    return ToolCall(example.tool, {"command": given} if isinstance(given, str) else given, example.context)


def proofs(rules: Iterable[Rule], *, targets: Targets | None = None) -> Iterable[Proof]:
    """Every example of every rule, judged by that rule alone."""
    for rule in rules:
        policy = Policy(name="proof", mode="enforce", rules=(rule,), targets=targets or Targets())
        evaluator = Evaluator((policy,))
        for hit, examples in ((True, rule.hits), (False, rule.passes)):
            for example in examples:
                decision = judged(evaluator, example)
                found = any(one.rule == rule.id for one in decision.hits)
                yield Proof(rule.id, example, hit, found is hit, decision)


def judged(evaluator: Evaluator, example: Example) -> Decision:
    """The decision about an example, after what comes before it in its session."""
    session = Session()
    for before in example.before:
        earlier = call_of(before)
        made = evaluator.judge(earlier, session=session, files=GivenFiles(before.files))
        remember(session, earlier, made)
        observe(session, earlier, made, before.output)
    return evaluator.judge(call_of(example), session=session, files=GivenFiles(example.files))
