"""Budgets: what a call uses, and whether that is more than is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.decision import Hit
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.policy import MEASURED, Budget, Policy, Spent


def NOTHING_SPENT(_key: str) -> float:  # noqa: N802 - a constant that happens to be a function
    """No budget is used yet."""
    return 0.0


def key_of(policy: str, budget: Budget, context: Context) -> str:
    """Under which key this caller's use of the budget is counted: `policy/budget/per/who`."""
    who = {"session": context.session_id, "agent": context.agent_name, "user": context.user_id}[budget.per]
    return key_for(policy, budget, who)


def key_for(policy: str, budget: Budget, who: str) -> str:
    """The key of a session, agent or user by name."""
    return f"{policy}/{budget.id}/{budget.per}/{who}"


def over_budget(
    policy: Policy, call: ToolCall, effects: Sequence[Effect], spent: Spent, spend: dict[str, float]
) -> Iterator[Hit]:
    """The budgets that this call would exceed; what it uses of each is noted in `spend`."""
    for budget in policy.budgets:
        if not fnmatchcase(call.tool_name, budget.tools):
            continue
        if budget.action == "alert":
            continue
        key = key_of(policy.name, budget, call.context)
        if budget.counts in MEASURED:
            over = spent(key) >= budget.limit
        else:
            used = _used(budget, effects)
            if not used:
                continue
            spend[key] = used
            over = spent(key) + used > budget.limit
        if over:
            effect = Effect("loop.repeat", f"{budget.counts} over {budget.limit:g}")
            yield Hit(
                f"budget.{budget.id}", f"at most {budget.limit:g} {budget.counts} per {budget.per}", budget.action,
                policy.mode, budget.severity, "do less at a time, or ask for a larger budget", effect, policy.name,
            )  # fmt: skip


def _used(budget: Budget, effects: Sequence[Effect]) -> float:
    if budget.counts == "calls":
        return 1.0
    if budget.counts == "deletes":
        return float(sum(effect.act.endswith((".delete", ".destroy")) for effect in effects))
    if budget.counts == "paths":
        return float(len({effect.what for effect in effects if effect.act in _ON_PATHS}))
    name = {"money": "amount", "rows": "rows", "resources": "count"}[budget.counts]
    return float(
        sum(value for effect in effects if isinstance(value := effect.attributes.get(name), (int, float)))
    )


_ON_PATHS = frozenset({"file.delete", "file.overwrite", "file.write", "file.permission"})
