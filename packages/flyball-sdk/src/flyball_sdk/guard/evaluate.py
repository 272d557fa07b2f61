"""One call becomes one decision: its effects, held against the rules of every policy that concerns it.

Pure: the same call, session, files, time and spent budgets give the same decision. Nothing here opens a file, a socket
or a clock but the one that measures how long it took.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from time import perf_counter_ns
from typing import Any

from flyball_sdk.guard.adapters import read
from flyball_sdk.guard.adapters.reading import Reading
from flyball_sdk.guard.budget import NOTHING_SPENT, over_budget
from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.decision import Decision, Hit
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.files import NO_FILES, Files
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.policy import Allowance, Policy, Spent, Targets
from flyball_sdk.guard.rule import STRICTNESS, Action, Mode, Rule, Test
from flyball_sdk.guard.scene import NOTHING_OWN, Protected, Scene
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.taint import flows
from flyball_sdk.guard.words import reason_of

# What a decision carries of a call at most; a call with more effects has the strictest of them judged all the same.
EFFECTS_MAX = 64
HITS_MAX = 32
# a rule's own code that takes longer is a fault of the rule
OWN_CODE_MS_MAX = 20


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A rule with its tests ready, and the action and mode that its policy gives it."""

    rule: Rule
    tests: tuple[Test, ...]
    action: Action
    mode: Mode
    policy: str

    def speaks(self, effect: Effect, call: ToolCall) -> bool:
        rule = self.rule
        if rule.tools and not any(fnmatchcase(call.tool_name, one) for one in rule.tools):
            return False
        for test in self.tests:
            if not test(effect):
                return False
        return rule.test is None or _asked(rule.test, effect, call)

    def hit(self, effect: Effect) -> Hit:
        rule = self.rule
        return Hit(
            rule.id, rule.title, self.action, self.mode, rule.severity, rule.safer, effect, self.policy
        )


def _asked(test: Callable[[Effect, ToolCall], bool], effect: Effect, call: ToolCall) -> bool:
    """What the operator's own code says; one that takes too long is as one that raised."""
    begin = perf_counter_ns()
    said = bool(test(effect, call))
    if perf_counter_ns() - begin > OWN_CODE_MS_MAX * 1_000_000:
        raise TimeoutError(f"took more than {OWN_CODE_MS_MAX} ms")
    return said


@dataclass(frozen=True, slots=True)
class _Exception:
    """An allowance with its tests ready."""

    allowance: Allowance
    tests: tuple[Test, ...]

    def excuses(self, hit: Hit, now: float) -> bool:
        rule, until = self.allowance.rule, self.allowance.until
        if hit.rule.startswith("guard.") or (until is not None and until <= now):
            return False
        return fnmatchcase(hit.rule, rule) and all(test(hit.effect) for test in self.tests)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A policy compiled: its rules by the act they speak of."""

    policy: Policy
    by_act: dict[str, tuple[_Compiled, ...]]
    exceptions: tuple[_Exception, ...]
    digest: str
    # attached to every agent, environment and user: nothing to compare
    for_all: bool


def _ready(policy: Policy) -> _Ready:
    by_act: dict[str, list[_Compiled]] = {}
    for rule in policy.rules:
        if any(fnmatchcase(rule.id, pattern) for pattern in policy.without) and not rule.id.startswith(
            "guard."
        ):
            continue
        # the trial call follows the policy: in audit it is recorded as would-block
        guarding = rule.id.startswith("guard.") and rule.id != "guard.canary"
        mode = "enforce" if guarding else policy.modes.get(rule.id) or rule.mode or policy.mode
        compiled = _Compiled(
            rule,
            tuple(one.compiled() for one in rule.where),
            policy.changes.get(rule.id, rule.action),
            mode,
            policy.name,
        )
        for act in rule.acts:
            by_act.setdefault(act, []).append(compiled)
    for_all = policy.agents == policy.environments == policy.users == ("*",)
    exceptions = tuple(_Exception(one, tuple(c.compiled() for c in one.where)) for one in policy.allowances)
    return _Ready(
        policy, {act: tuple(rules) for act, rules in by_act.items()}, exceptions, policy.digest(), for_all
    )


@dataclass(slots=True)
class Evaluator:
    """The wall: policies, compiled once, asked for every call.

    Args:
        policies: all there are; a call is held against each that concerns it.
        protected: what is the guard's own where it runs.

    Raises:
        RuleError: a rule or an exception that does not compile.
    """

    policies: Sequence[Policy]
    protected: Protected = NOTHING_OWN
    _ready: tuple[_Ready, ...] = field(init=False)
    _for_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self._ready = tuple(_ready(policy) for policy in self.policies)
        self._for_all = all(one.for_all for one in self._ready)

    def _concerned(self, context: Context) -> tuple[_Ready, ...]:
        return tuple(one for one in self._ready if one.for_all or one.policy.concerns(context))

    def judge(
        self,
        call: ToolCall,
        *,
        session: Session | None = None,
        files: Files = NO_FILES,
        now: float = 0.0,
        spent: Spent = NOTHING_SPENT,
    ) -> Decision:
        """Decide about one call.

        Args:
            call: the tool's name, its input, who calls.
            session: what is remembered of the session; it is read, never written (see `remember`).
            files: what may be looked at beside the call.
            now: Unix seconds, for exceptions that expire.
            spent: what is used of a budget already, by key.

        Never raises on any input: what cannot be read is the effect `call.unread`.
        """
        begin = perf_counter_ns()
        concerned = self._ready if self._for_all else self._concerned(call.context)
        targets = concerned[0].policy.targets if concerned else _TARGETS
        scene = Scene(call, session if session is not None else _NO_SESSION, files, targets, self.protected)
        reading = _read(scene)
        effects = reading.effects
        if effects or session is not None:
            effects = [*effects, *flows(scene, effects)]
        hits: list[Hit] = []
        spend: dict[str, float] = {}
        for one in concerned:
            found, broken = _hits(one, effects, call) if effects else ([], False)
            if broken:
                reading = reading._replace(status="error")
            if one.policy.budgets:
                found += over_budget(one.policy, call, effects, spent, spend)
            if one.exceptions:
                found = [hit for hit in found if not any(e.excuses(hit, now) for e in one.exceptions)]
            hits += found
        decision = _decision(
            call, hits, effects, reading, concerned, spend, (perf_counter_ns() - begin) / 1e6
        )
        if decision.action != "modify":
            return decision
        return self._modified(decision, call, session=session, files=files, now=now, spent=spent)

    def _modified(self, decision: Decision, call: ToolCall, **beside: Any) -> Decision:
        """The decision with the input to use instead, which is judged as any other; what cannot be modified asks."""
        rules = {rule.id: rule for one in self._ready for rule in one.policy.rules}
        changed = dict(call.tool_input)
        for hit in decision.hits:
            rule = rules.get(hit.rule)
            if hit.mode == "enforce" and hit.action == "modify" and rule and rule.rewrite:
                _rewrite(changed, hit.effect.found_in, rule.rewrite)
        again = (
            self.judge(replace(call, tool_input=changed), **beside) if changed != call.tool_input else None
        )
        if again is None or again.action == "modify":
            return replace(decision, action="ask", reason=f"{decision.reason}; it could not be made safe")
        if again.stopped:
            return again
        return replace(decision, modified_input=changed)


def _read(scene: Scene) -> Reading:
    """What the call would do; a fault of ours asks, and is told as `error`."""
    try:
        return read(scene)
    except Exception as why:  # noqa: BLE001 - whatever a hostile call brings about, it is judged
        return Reading([Effect("call.unread", f"reading it failed: {type(why).__name__}")], "error")


_TARGETS = Targets()
_NO_SESSION = Session()


def _hits(ready: _Ready, effects: Sequence[Effect], call: ToolCall) -> tuple[list[Hit], bool]:
    """Every rule that speaks of an effect, and whether one failed: then the policy's failure mode speaks for it."""
    by_act = ready.by_act
    found: list[Hit] = []
    failed = False
    for effect in effects:
        for compiled in by_act.get(effect.act, ()):
            try:
                if compiled.speaks(effect, call):
                    found.append(compiled.hit(effect))
            except Exception as why:  # noqa: BLE001 - a rule is code of others
                failed = True
                if ready.policy.failure_mode == "closed":
                    told = f"{compiled.rule.title} (the rule failed: {type(why).__name__})"
                    found.append(replace(compiled.hit(effect), title=told, action="block"))
    return found, failed


_TEXTS = ("command", "cmd", "script", "code", "sql", "query")


def _rewrite(tool_input: dict[str, Any], found_in: str, rewrite: tuple[str, str]) -> None:
    """Rewrite the text that the effect was found in, in place."""
    for name in (found_in, *_TEXTS):
        text = tool_input.get(name)
        if isinstance(text, str):
            tool_input[name] = Pattern(rewrite[0]).sub(rewrite[1], text)
            return


def _strictness(hit: Hit) -> tuple[int, int]:
    return STRICTNESS[hit.action], _SEVERE[hit.severity]


_SEVERE = {"low": 0, "medium": 1, "high": 2, "critical": 3}


def _decision(
    call: ToolCall,
    hits: list[Hit],
    effects: Sequence[Effect],
    reading: Reading,
    concerned: Sequence[_Ready],
    spend: dict[str, float],
    ms: float,
) -> Decision:
    policy_hash = "+".join([one.digest for one in concerned])
    if not hits:
        return Decision(
            effects=tuple(effects[:EFFECTS_MAX]),
            status=reading.status,
            policy_hash=policy_hash,
            latency_ms=ms,
            spend=spend,
            written=reading.written,
        )
    hits.sort(key=_strictness, reverse=True)
    enforced = [hit for hit in hits if hit.mode == "enforce"]
    first = enforced[0] if enforced else hits[0]
    return Decision(
        action=enforced[0].action if enforced else "allow",
        would=hits[0].action,
        reason=reason_of(first, call.tool_input),
        severity=first.severity,
        safer=first.safer,
        hits=tuple(hits[:HITS_MAX]),
        effects=tuple(effects[:EFFECTS_MAX]),
        status=reading.status,
        policy_hash=policy_hash,
        latency_ms=ms,
        spend=spend,
        written=reading.written,
    )
