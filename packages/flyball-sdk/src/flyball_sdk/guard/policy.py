"""A policy: which rules hold for whom, in which mode, with which exceptions and budgets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fnmatch import fnmatchcase
from typing import Literal

from flyball_sdk.guard.call import Context
from flyball_sdk.guard.rule import Action, Condition, Mode, Rule, RuleError, Severity

FailureMode = Literal["open", "closed"]
Counted = Literal["calls", "deletes", "money", "paths", "rows", "resources", "tokens", "usd"]
# what no call tells of itself: the server measures it from the telemetry of the same agent, user or session
MEASURED = frozenset({"tokens", "usd"})
Per = Literal["session", "agent", "user"]
# No policy excepts, disables or loosens these: a wall that can be argued away is none.
UNTOUCHABLE = ("guard.*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """An exception: hits of `rule` (shell pattern of ids) whose effect meets `where` are let through until `until`.

    `until` is in Unix seconds, None for always; `reason` and `by` are for whoever reads it later.
    """

    rule: str
    where: tuple[Condition, ...] = ()
    until: float | None = None
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most `limit` of what is counted, per session, agent or user, within `window_s`; then `action`.

    `calls` are tool calls, `deletes` acts that delete, `money` amounts in the call's own currency, `paths` distinct
    paths that are written or deleted (the blast radius), `rows` and `resources` what a call says it touches. `tokens` and
    `usd` are what models took, as telemetry tells: no call is foreseen, the first one behind the limit meets the action;
    `alert` stops nothing and is shown with the runs.
    """

    id: str
    counts: Counted
    limit: float
    per: Per = "session"
    window_s: float = 3600.0
    action: Action | Literal["alert"] = "ask"
    severity: Severity = "high"
    # a glob of tool names; only calls of these count
    tools: str = "*"


@dataclass(frozen=True, slots=True)
class Targets:
    """Names (shell patterns, lower case) that say which environment a target is. What matches none is unknown."""

    production: tuple[str, ...] = ("*prod*", "*prd*", "*live*")
    staging: tuple[str, ...] = (
        "*stag*",
        "*stg*",
        "*preprod*",
        "*pre-prod*",
        "*uat*",
        "*preview*",
        "*nonprod*",
        "*non-prod*",
    )
    development: tuple[str, ...] = (
        "*dev*", "*test*", "*local*", "*sandbox*", "*minikube*", "kind-*", "*k3d*", "*qa*", "*playground*",
        "*docker-desktop*", "127.*", "::1", "*ci*",
    )  # fmt: skip

    def environment(self, name: str) -> str:
        """`production`, `staging`, `development` or `unknown`. Staging is asked first: `preprod` holds `prod`."""
        low = name.lower()
        for environment in ("staging", "production", "development"):
            if any(fnmatchcase(low, pattern) for pattern in getattr(self, environment)):
                return environment
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules for those whose agent, environment and user match (shell patterns).

    `changes` overrides a rule's action and `modes` its mode, by id; `without` switches rules off (patterns of ids).
    `failure_mode` says what a missing answer means. An ask that nobody answers within `ask_timeout_s` becomes
    `ask_default`.
    """

    name: str
    mode: Mode
    rules: tuple[Rule, ...]
    agents: tuple[str, ...] = ("*",)
    environments: tuple[str, ...] = ("*",)
    users: tuple[str, ...] = ("*",)
    changes: Mapping[str, Action] = field(default_factory=dict)
    modes: Mapping[str, Mode] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    budgets: tuple[Budget, ...] = ()
    targets: Targets = field(default_factory=Targets)
    failure_mode: FailureMode = "closed"
    ask_timeout_s: float = 300.0
    ask_default: Action = "block"

    def __post_init__(self) -> None:
        """Refuse what would loosen the guard's own protection, and rules of the same id.

        Raises:
            RuleError: see above.
        """
        ids = [rule.id for rule in self.rules]
        if doubled := {rule_id for rule_id in ids if ids.count(rule_id) > 1}:
            raise RuleError(f"policy {self.name}: more than one rule has the id {min(doubled)}")
        loosened = [*self.changes, *self.modes, *self.without]
        if touched := [one for one in loosened if one.startswith("guard.")]:
            raise RuleError(
                f"policy {self.name}: {touched[0]} protects the guard itself and cannot be changed"
            )

    def concerns(self, context: Context) -> bool:
        """Whether this policy is attached to who calls."""
        return (
            _matches(context.agent_name, self.agents)
            and _matches(context.environment, self.environments)
            and _matches(context.user_id, self.users)
        )

    def digest(self) -> str:
        """The first 16 hex digits of the SHA-256 of all it says: another policy, another digest."""
        text = json.dumps(self, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _matches(value: str, patterns: tuple[str, ...]) -> bool:
    return any(pattern == "*" or fnmatchcase(value, pattern) for pattern in patterns)


def _plain(value: object) -> object:
    """What JSON writes for it. `asdict` would copy all that is below: 19 ms for the catalogue, this takes 5."""
    if callable(value):
        return ""  # what it does is told by the hash of its code
    if is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)


Spent = Callable[[str], float]
"""What is already used of a budget, by key (`budget id/who`), within its window."""
