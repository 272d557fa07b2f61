"""What recurs becomes a proposal: a rule in the typed form, one to enforce, or an exception, each with its back-test.

Failures cluster by act and place (environment, scope, kind), which are the evaluator's own words: nothing that stands in a
call, an answer or a diagnosis becomes a condition. What is proposed begins in audit; a person accepts, edits or rejects it.
Pure: the same decisions give the same proposals under the same ids.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml
from flyball_sdk.guard.effect import ACTS, Effect
from flyball_sdk.guard.prove import proofs
from flyball_sdk.guard.rule import STRICTNESS, Action, Condition, Example, Rule, Severity, is_
from flyball_sdk.guard.rules import RULES

from flyball.guard.backtest import Backtest, backtest, speaks
from flyball.guard.recorded import Facets, Recorded, place_of, traits_of

SESSIONS_MIN = 3
"""Distinct sessions that a failure must recur in: fewer are one agent on one bad day."""
APPROVED_MIN = 5
"""Asks that people approved, none of them denied, before a rule is proposed to ask less."""
PROPOSALS_MAX = 50
LET_THROUGH_MAX = 20
EXAMPLES_MAX = 2
EXCEPTION_DAYS = 90
QUIET_DAYS = 7
"""Days that a learned rule is in audit without having spoken to an honest session, before it is proposed to enforce."""
Kind = Literal["rule", "enforce", "narrow", "promote"]
_SEVERE: Mapping[str, int] = {"low": 0, "medium": 1, "high": 2, "critical": 3}
_NEVER_LOOSENED = ("guard.", "taint.", "text.", "call.")
"""Acts of which no exception is proposed: what is untrusted would be what excuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a proposal rests on, in distinct sessions and users, and in calls by what became of them.

    `near` ran although they were one condition short of a rule, in a session in which something was stopped; `would` ran
    because the rule that spoke was only in audit.
    """

    sessions: int
    users: int
    calls: int
    stopped: int
    would: int
    near: int
    denied: int
    approved: int
    blamed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One proposal; `text` is what accepting it writes, as YAML.

    `rule` is the new rule, or the one of the catalogue that is to be enforced or narrowed. `lets_through` lists the acts
    that an exception would newly let through, each with its number of calls.
    """

    id: str
    kind: Kind
    title: str
    rule: Rule
    text: str
    support: Support
    backtest: Backtest
    lets_through: tuple[tuple[str, int], ...] = ()


def propose(past: Sequence[Recorded], monotonic_s: Callable[[], float]) -> list[Proposal]:
    """Every proposal that these decisions support, the best supported first; at most `PROPOSALS_MAX`.

    Args:
        past: decisions, oldest first, without the guard's own trial calls.
        monotonic_s: for the time that back-tests measure.
    """
    wrong = wrong_calls(past)
    suspects = frozenset(one.session for one, _ in wrong)
    clusters: dict[tuple[str, Facets], list[tuple[Recorded, Effect]]] = defaultdict(list)
    for one, reason in wrong:
        clusters[(reason.act, place_of(reason))].append((one, reason))
    made = [
        found
        for (act, place), members in clusters.items()
        if (found := _from_cluster(act, place, members, past, suspects, monotonic_s))
    ]
    made += _narrowings(past, suspects, monotonic_s)
    made.sort(key=lambda one: (-one.support.sessions, -one.support.calls, one.id))
    return made[:PROPOSALS_MAX]


# -- what is wrong with a call


def wrong_calls(past: Sequence[Recorded]) -> list[tuple[Recorded, Effect]]:
    """The calls that something is wrong with, each with the effect that it is held against for."""
    troubled = frozenset(one.session for one in past if one.stopped and one.judged != "approved")
    return [(one, reason) for one in past if (reason := _wrong(one, troubled)) is not None]


def _wrong(one: Recorded, troubled: frozenset[str]) -> Effect | None:
    """The effect that a call is held against for, None for a call that nothing is wrong with."""
    if one.judged == "approved" or not one.effects:
        return None
    grave = max(one.effects, key=lambda effect: _GRAVITY.get(effect.act, (-1, -1)))
    if grave.act not in _GRAVITY:
        return None
    if one.blamed or one.judged == "denied" or one.violates:
        return grave
    if one.session in troubled:
        return next((effect for effect in one.effects if _is_near(effect)), None)
    return None


def _gravity(rules: Iterable[Rule]) -> dict[str, tuple[int, int]]:
    """Per act the strictest that the catalogue says of it."""
    found: dict[str, tuple[int, int]] = {}
    for rule in rules:
        for act in rule.acts:
            if not act.startswith("guard."):
                found[act] = max(found.get(act, (-1, -1)), (STRICTNESS[rule.action], _SEVERE[rule.severity]))
    return found


_GRAVITY = _gravity(RULES)
_BLOCKING = tuple((rule, [one.compiled() for one in rule.where]) for rule in RULES if rule.action == "block")


def _is_near(effect: Effect) -> bool:
    """Whether a blocking rule speaks of the act and all of its conditions hold but one."""
    return any(
        effect.act in rule.acts and sum(not test(effect) for test in tests) == 1 for rule, tests in _BLOCKING
    )


# -- from a cluster to a rule


def _from_cluster(
    act: str, place: Facets, members: Sequence[tuple[Recorded, Effect]], past: Sequence[Recorded],
    suspects: frozenset[str], monotonic_s: Callable[[], float],
) -> Proposal | None:  # fmt: skip
    calls = [one for one, _ in members]
    support = _support(calls)
    ran = [one for one in calls if not one.stopped]
    told_no = support.denied == support.calls
    if support.sessions < SESSIONS_MIN or not (ran or told_no):
        return None
    key = f"{act} {place}"
    spoken = Counter(rule for one in ran for rule in one.rules if rule in _BY_ID)
    if ran and spoken and all(one.violates for one in ran):
        rule = _BY_ID[spoken.most_common(1)[0][0]]
        tested = backtest(rule, past, suspects, monotonic_s)
        text = yaml.safe_dump({"catalogue": [rule.id], "modes": {rule.id: "enforce"}}, sort_keys=False)
        title = f"Enforce {rule.id}: what {rule.title} recurs and is only recorded"
        return Proposal(id=_id("enforce", key), kind="enforce", title=title, rule=rule, text=text, support=support,
                        backtest=tested)  # fmt: skip
    action: Action = "block" if told_no else "ask"
    rule = _rule(act, place, members, past, suspects, action=action, key=key)
    tested = backtest(rule, past, suspects, monotonic_s)
    if tested.warning and support.near == len(ran):
        return None  # what honest sessions do as well is no sign of anything
    where = ", ".join(f"{name} {value}" for name, value in place)
    verb = "Block" if action == "block" else "Ask before"
    title = f"{verb} what {ACTS[act]}{f' ({where})' if where else ''}"
    return Proposal(id=_id("rule", key), kind="rule", title=title, rule=rule, text=rule_text(rule), support=support,
                    backtest=tested)  # fmt: skip


_BY_ID = {rule.id: rule for rule in RULES if not rule.id.startswith("guard.")}
_SPEAKS = {rule.id: speaks(rule) for rule in _BY_ID.values()}


def _support(calls: Sequence[Recorded]) -> Support:
    return Support(
        sessions=len({one.session for one in calls}),
        users=len({one.user for one in calls}),
        calls=len(calls),
        stopped=sum(one.stopped for one in calls),
        would=sum(one.violates and not one.stopped for one in calls),
        near=sum(not one.violates and not one.blamed for one in calls),
        denied=sum(one.judged == "denied" for one in calls),
        approved=sum(one.judged == "approved" for one in calls),
        blamed=sum(one.blamed for one in calls),
    )


def _rule(
    act: str, place: Facets, members: Sequence[tuple[Recorded, Effect]], past: Sequence[Recorded],
    suspects: frozenset[str], *, action: Action, key: str,
) -> Rule:  # fmt: skip
    """The widest rule of that act and place that stops no more benign calls than the narrowest does."""
    common = set(traits_of(members[0][1])).intersection(*(traits_of(effect) for _, effect in members))
    conditions = [is_(name, value) for name, value in (*place, *sorted(common))]
    benign = [one for one in past if one.session not in suspects]
    severity: Severity = "high"
    rule = Rule(
        id=f"learned.{act.replace('_', '-')}.{_digest(key)[:6]}", title=ACTS[act], acts=(act,), action=action,
        severity=severity, safer="ask the person you work for before you do this", where=tuple(conditions),
    )  # fmt: skip
    fewest = _hit(rule, benign)
    for condition in conditions[len(place) :]:
        wider = replace(rule, where=tuple(one for one in rule.where if one != condition))
        if _hit(wider, benign) <= fewest:
            rule = wider
    return _with_examples(rule, [one for one, _ in members], benign)


def _hit(rule: Rule, past: Sequence[Recorded]) -> int:
    holds = speaks(rule)
    return sum(holds(one.effects) for one in past)


def _with_examples(rule: Rule, members: Sequence[Recorded], benign: Sequence[Recorded]) -> Rule:
    """The rule with calls of the past that prove it, as the log keeps them; none where none does any more."""
    holds = speaks(rule)
    hits = _proving(rule, members, hit=True)
    passes = _proving(rule, [one for one in benign if not holds(one.effects)], hit=False)
    return replace(rule, hits=hits, passes=passes or (Example("ls"),))


def _proving(rule: Rule, calls: Sequence[Recorded], *, hit: bool) -> tuple[Example, ...]:
    kept: list[Example] = []
    shortest = sorted({_key(one): one for one in calls}.items(), key=lambda pair: (len(pair[0]), pair[0]))
    for _, one in shortest[: 10 * EXAMPLES_MAX]:
        example = Example(one.call, tool=one.tool) if isinstance(one.call, Mapping) else None
        tried = replace(
            rule, hits=(example,) if hit and example else (), passes=() if hit or not example else (example,)
        )
        if example and all(proof.held for proof in proofs((tried,))):
            kept.append(example)
        if len(kept) == EXAMPLES_MAX:
            break
    return tuple(kept)


def _key(one: Recorded) -> str:
    return f"{one.tool} {one.call}"


def rule_text(rule: Rule) -> str:
    """A rule as it stands in a policy file, in a list of one."""

    def shown(example: Example) -> Any:
        return (
            example.call
            if isinstance(example.call, str)
            else {"tool": example.tool, "input": dict(example.call)}
        )

    given: dict[str, Any] = {
        "id": rule.id, "title": rule.title, "acts": list(rule.acts),
        "where": [{"field": one.field, "op": one.op, "value": one.value} for one in rule.where],
        "action": rule.action, "severity": rule.severity, "safer": rule.safer,
        "hits": [shown(one) for one in rule.hits], "passes": [shown(one) for one in rule.passes],
    }  # fmt: skip
    if not rule.where:
        del given["where"]
    return yaml.safe_dump([given], sort_keys=False, allow_unicode=False, width=110)


# -- a rule that asks too much


def _narrowings(
    past: Sequence[Recorded], suspects: frozenset[str], monotonic_s: Callable[[], float]
) -> list[Proposal]:
    """Rules whose asks people keep approving, with what an exception would newly let through."""
    asked: dict[tuple[str, str, Facets], list[Recorded]] = defaultdict(list)
    for one in past:
        for rule_id in one.rules if one.judged else ():
            rule = _BY_ID.get(rule_id)
            spoken = next((effect for effect in one.effects if rule and _SPEAKS[rule.id]((effect,))), None)
            if spoken is not None and (place := place_of(spoken)):
                asked[(rule_id, spoken.act, place)].append(one)
    found: list[Proposal] = []
    for (rule_id, act, place), calls in asked.items():
        rule, support = _BY_ID[rule_id], _support(calls)
        loosened = rule.severity != "critical" and not act.startswith(_NEVER_LOOSENED)
        if (
            loosened
            and support.denied == 0
            and support.approved >= APPROVED_MIN
            and support.sessions >= SESSIONS_MIN
        ):
            found.append(_narrowing(rule, act, place, support, past, suspects, monotonic_s))
    return found


def _narrowing(
    rule: Rule, act: str, place: Facets, support: Support, past: Sequence[Recorded], suspects: frozenset[str],
    monotonic_s: Callable[[], float],
) -> Proposal:  # fmt: skip
    where = tuple(Condition(name, "is", value) for name, value in (("act", act), *place))
    excused = replace(rule, where=(*rule.where, *where))
    holds = speaks(excused)
    acts = Counter(
        f"{effect.act} {effect.what} ({effect.target.name or effect.target.environment})" if effect.target else f"{effect.act} {effect.what}"
        for one in past
        for effect in one.effects
        if holds((effect,))
    )  # fmt: skip
    exception = {
        "rule": rule.id, "where": [{"field": one.field, "op": one.op, "value": one.value} for one in where],
        "until": f"{EXCEPTION_DAYS}d", "reason": f"approved {support.approved} times in {support.sessions} sessions, never denied",
    }  # fmt: skip
    told = ", ".join(f"{name} {value}" for name, value in place)
    return Proposal(
        id=_id("narrow", f"{rule.id} {act} {place}"), kind="narrow",
        title=f"Let {rule.id} pass without asking where it {ACTS[act]} ({told})", rule=rule,
        text=yaml.safe_dump([exception], sort_keys=False, width=110), support=support,
        backtest=backtest(excused, past, suspects, monotonic_s), lets_through=tuple(acts.most_common(LET_THROUGH_MAX)),
    )  # fmt: skip


def promotions(
    learned: Mapping[str, float], rules: Sequence[Rule], past: Sequence[Recorded], now: float,
    monotonic_s: Callable[[], float],
) -> list[Proposal]:  # fmt: skip
    """Learned rules that were quiet in audit for long enough to be enforced, if a person says so.

    Args:
        learned: id of a rule that was accepted -> when, in Unix seconds.
        rules: those of them that are still in audit.
        past: decisions, oldest first.
        now: Unix seconds.
        monotonic_s: for the time that back-tests measure.
    """
    suspects = frozenset(one.session for one, _ in wrong_calls(past))
    found: list[Proposal] = []
    for rule in rules:
        since = learned.get(rule.id, now)
        if now - since < QUIET_DAYS * 86_400:
            continue
        after = [one for one in past if one.t >= since]
        tested = backtest(rule, after, suspects, monotonic_s)
        if tested.false_hits == 0:
            holds = speaks(rule)
            found.append(
                Proposal(
                    id=_id("promote", rule.id),
                    kind="promote",
                    rule=rule,
                    backtest=tested,
                    title=f"Enforce {rule.id}: quiet for {(now - since) / 86_400:.0f} days, {rule.title}",
                    text=yaml.safe_dump({"modes": {rule.id: "enforce"}}, sort_keys=False),
                    support=_support([one for one in after if holds(one.effects)]),
                )
            )
    return found


def _id(kind: Kind, key: str) -> str:
    return f"prp_{_digest(f'{kind} {key}')[:12]}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
