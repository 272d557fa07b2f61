"""What the guard is doing: its mode, who asks it, its rules, policies, decisions and approvals. Reading alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from flyball_sdk.guard.rule import Rule

from flyball.errors import InputError, NotFound
from flyball.guard.approvals import ApprovalView, approval_view
from flyball.guard.policies import BUILT_IN
from flyball.guard.wall import Wall
from flyball.queries.ports import Ports

_LIMIT_MAX = 1_000
_STATES = ("asked", "approved", "denied", "used", "expired")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardStatus:
    """The guard at a glance. Times are Unix seconds, 0 for never; `dropped` is what its bounds let go."""

    question: str
    mode: str
    paused_until: float
    locked_since: float
    by: str
    reason: str
    policies: Sequence[Mapping[str, Any]]
    seen: Sequence[Mapping[str, Any]]
    latency_ms: Mapping[str, float | None]
    counts: Mapping[str, int]
    waiting: int
    log: Mapping[str, Any]
    dropped: Mapping[str, int]
    trouble: Sequence[str]
    since: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRules:
    """Rules in force: id, title, acts, conditions, action by policy, severity, what is safer, number of examples."""

    rules: Sequence[Mapping[str, Any]]
    total: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicies:
    """Policies in force, with what they are attached to, their exceptions and budgets, and their text."""

    policies: Sequence[Mapping[str, Any]]
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardApprovals:
    """Calls that a person is or was asked about, newest first."""

    approvals: Sequence[ApprovalView]
    total: int
    as_of: datetime


async def guard_status(ports: Ports) -> GuardStatus:
    """Whether the guard at the tool call is on: its mode, who was last seen, its latency, what it stopped."""
    wall = wall_of(ports)
    now = wall.now()
    controls, statistics = wall.controls, wall.statistics
    waiting = sum(one.state == "asked" for one in wall.approvals.newest_first(now))
    trouble = [*wall.policies.differing(), *([wall.anchoring.trouble] if wall.anchoring.trouble else [])]
    return GuardStatus(
        question="Is the guard on?",
        mode=mode_of(wall, now),
        paused_until=controls.paused_until if controls.paused(now) else 0.0,
        locked_since=controls.locked_since,
        by=controls.by,
        reason=controls.reason,
        policies=[_policy_line(wall, policy.name) for policy in wall.policies.in_force],
        seen=[asdict(caller) for caller in statistics.callers()],
        latency_ms=statistics.quantiles_ms(),
        counts=dict(statistics.counts),
        waiting=waiting,
        log={
            "rows": wall.log.number,
            "head": wall.log.hash.hex(),
            "repaired_bytes": wall.log.repaired_bytes,
            "anchor": wall.anchoring.place,
            "anchored_through": wall.anchoring.last,
        },
        dropped={
            "decision ids": wall.answers.forgotten,
            "sessions": wall.sessions.forgotten,
            "budget counters": wall.spending.forgotten,
            "anchors": wall.anchoring.failed,
            **wall.dropped(),
        },
        trouble=trouble,
        since=datetime.fromtimestamp(ports.listening_since_s, UTC),
        as_of=ports.now(),
    )


def mode_of(wall: Wall, now: float) -> str:
    """The whole guard in one word: lockdown, paused, enforce (some policy does), or audit."""
    if wall.controls.locked:
        return "lockdown"
    if wall.controls.paused(now):
        return "paused"
    return "enforce" if any(policy.mode == "enforce" for policy in wall.policies.in_force) else "audit"


def guard_notice(ports: Ports) -> str:
    """What every page says while the guard is not simply on: paused, or locked down, and by whom."""
    if ports.wall is None:
        return ""
    controls, now = ports.wall.controls, ports.wall.now()
    why = f" by {controls.by}{': ' + controls.reason if controls.reason else ''}"
    if controls.locked:
        return f"The guard is locked down{why}: every tool call is blocked."
    if controls.paused(now):
        until = datetime.fromtimestamp(controls.paused_until, UTC).strftime("%H:%M:%S UTC")
        return f"The guard is paused until {until}{why}: nothing is enforced."
    return ""


async def guard_rules(ports: Ports, *, contains: str | None = None, limit: int = 200) -> GuardRules:
    """The rules in force: what each is about, what it does, and in which policies.

    Args:
        ports: the stores.
        contains: part of a rule's id or title.
        limit: most rules to list, at most 1000.
    """
    wall = wall_of(ports)
    rules: dict[str, tuple[Rule, dict[str, str]]] = {}
    for policy in wall.policies.in_force:
        for rule in policy.rules:
            action = policy.changes.get(rule.id, rule.action)
            rules.setdefault(rule.id, (rule, {}))[1][policy.name] = action
    wanted = (contains or "").lower()
    found = [
        _rule_view(rule, actions)
        for rule, actions in rules.values()
        if wanted in rule.id.lower() or wanted in rule.title.lower()
    ]
    return GuardRules(rules=found[: _bounded(limit)], total=len(found), as_of=ports.now())


async def guard_policies(ports: Ports) -> GuardPolicies:
    """The policies in force: mode, whom they are attached to, exceptions, budgets, and their text."""
    wall = wall_of(ports)
    return GuardPolicies(
        policies=[
            _policy_line(wall, policy.name)
            | {
                "agents": policy.agents,
                "environments": policy.environments,
                "users": policy.users,
                "exceptions": [asdict(one) for one in policy.allowances],
                "budgets": [asdict(one) for one in policy.budgets],
                "failure_mode": policy.failure_mode,
                "ask_timeout_s": policy.ask_timeout_s,
                "ask_default": policy.ask_default,
                "text": wall.policies.texts[policy.name],
            }
            for policy in wall.policies.in_force
        ],
        as_of=ports.now(),
    )


async def guard_approvals(ports: Ports, *, state: str | None = None, limit: int = 100) -> GuardApprovals:
    """Calls that a person is asked about, newest first: effects, the whole call, and what became of it.

    Args:
        ports: the stores.
        state: asked, approved, denied, used or expired.
        limit: most approvals to list, at most 1000.
    """
    wall = wall_of(ports)
    if state is not None and state not in _STATES:
        raise InputError(f"state is one of {', '.join(_STATES)}, this is {state[:64]!r}")
    found = [one for one in wall.approvals.newest_first(wall.now()) if state in (None, one.state)]
    return GuardApprovals(
        approvals=[approval_view(one) for one in found[: _bounded(limit)]],
        total=len(found),
        as_of=ports.now(),
    )


async def guard_approval(ports: Ports, *, approval_id: str) -> ApprovalView:
    """One call that a person is asked about.

    Args:
        ports: the stores.
        approval_id: `apr_` and 16 hexadecimal digits.
    """
    wall = wall_of(ports)
    return approval_view(wall.approvals.get(approval_id, wall.now()))


def wall_of(ports: Ports) -> Wall:
    """The guard.

    Raises:
        NotFound: this server has none.
    """
    if ports.wall is None:
        raise NotFound("this server has no guard")
    return ports.wall


def _bounded(limit: int) -> int:
    if not 1 <= limit <= _LIMIT_MAX:
        raise InputError(f"limit is from 1 to {_LIMIT_MAX}, this is {limit}")
    return limit


def _policy_line(wall: Wall, name: str) -> dict[str, Any]:
    policy = next(one for one in wall.policies.in_force if one.name == name)
    return {
        "name": name,
        "mode": policy.mode,
        "rules": len(policy.rules),
        "built_in": wall.policies.texts[name] == BUILT_IN,
        "hash": policy.digest(),
    }


def _rule_view(rule: Rule, actions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "acts": rule.acts,
        "where": [asdict(one) for one in rule.where],
        "tools": rule.tools,
        "action": rule.action,
        "severity": rule.severity,
        "safer": rule.safer,
        "policies": dict(actions),
        "hits": len(rule.hits),
        "passes": len(rule.passes),
    }
