"""What a rule would have done: recorded effects and redacted calls, held against it.

Two ways that must agree: the conditions of the rule on the effects that were recorded, and the whole evaluator on the
calls as the log keeps them. The first is exact and sees every call; the second says whether the rule would speak today.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rule import Rule

from flyball.guard.recorded import Recorded

FALSE_SHARE_MAX = 0.01
"""A rule that would stop more of the benign calls says so before anything else."""
SHOWN_MAX = 20
REPLAYED_MAX = 2_000
"""Calls that are read again by the whole evaluator, at 0.1 ms each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """The record of a rule on the past.

    `calls` were read; `hits` is how many of them it would have spoken to, `newly` those among them that ran. `benign` are
    calls of sessions in which nothing was found wrong, `false_hits` those among them that it would have stopped.
    `overlap` counts, per rule that spoke already, the calls that both would speak to. `replayed` calls were read again
    from their redacted text, `agreed` of them say the same. `microseconds` is what one call's effects take. `warning` is
    empty unless too many benign calls would be stopped. `decisions` are ids of hits, the latest first.
    """

    calls: int
    hits: int
    newly: int
    benign: int
    false_hits: int
    overlap: Mapping[str, int]
    replayed: int
    agreed: int
    microseconds: float
    warning: str
    decisions: tuple[str, ...]

    @property
    def false_share(self) -> float:
        """Of the benign calls, the share that it would have stopped; 0 where there are none."""
        return self.false_hits / self.benign if self.benign else 0.0


def speaks(rule: Rule) -> Callable[[Sequence[Effect]], bool]:
    """Whether a rule speaks of any of these effects, by its acts and conditions alone."""
    acts, tests = frozenset(rule.acts), [one.compiled() for one in rule.where]
    return lambda effects: any(e.act in acts and all(test(e) for test in tests) for e in effects)


def backtest(
    rule: Rule, past: Sequence[Recorded], suspects: frozenset[str], monotonic_s: Callable[[], float]
) -> Backtest:
    """Hold a rule against the past.

    Args:
        rule: what is tried.
        past: decisions, oldest first.
        suspects: sessions in which something was found wrong; all others are benign.
        monotonic_s: tells how long it takes.
    """
    holds = speaks(rule)
    begin = monotonic_s()
    found = [one for one in past if holds(one.effects)]
    took = monotonic_s() - begin
    benign = [one for one in past if one.session not in suspects]
    false_hits = sum(one.session not in suspects for one in found)
    replayed, agreed = _replayed(rule, past, {one.id for one in found})
    share = false_hits / len(benign) if benign else 0.0
    warning = (
        f"it would stop {false_hits} of {len(benign)} benign calls ({share:.1%})"
        if share > FALSE_SHARE_MAX
        else ""
    )
    return Backtest(
        calls=len(past), hits=len(found), newly=sum(not one.stopped for one in found), benign=len(benign),
        false_hits=false_hits, overlap=dict(Counter(name for one in found for name in one.rules).most_common(SHOWN_MAX)),
        replayed=replayed, agreed=agreed, microseconds=took / len(past) * 1e6 if past else 0.0, warning=warning,
        decisions=tuple(one.id for one in reversed(found[-SHOWN_MAX:])),
    )  # fmt: skip


def _replayed(rule: Rule, past: Sequence[Recorded], found: set[str]) -> tuple[int, int]:
    """How many calls were read again, and how many of them say what their recorded effects say."""
    evaluator = Evaluator((Policy(name="backtest", mode="audit", rules=(rule,)),))
    tried = agreed = 0
    for one in past[-REPLAYED_MAX:]:
        if not isinstance(one.call, Mapping):
            continue
        tried += 1
        hits = evaluator.judge(ToolCall(one.tool, one.call)).hits
        agreed += any(hit.rule == rule.id for hit in hits) is (one.id in found)
    return tried, agreed
