"""A decision as the caller gets it, and as the log keeps it: without secrets, with unseen characters made visible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyball_sdk.guard.decision import Decision, Hit
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.rule import STRICTNESS
from flyball_sdk.guard.words import visible

from flyball.guard.redacted import Redacted

if TYPE_CHECKING:
    from flyball.guard.case import Case

WHAT_CHARS_MAX = 300
CALL_BYTES_MAX = 8_192
"""A longer call is cut in the log; an approval keeps all of it."""
EFFECTS_MAX = 32
"""Effects of one call in the log."""
CANARY = "guard.canary"


def told(text: str, redacted: Redacted, chars_max: int = WHAT_CHARS_MAX) -> str:
    """A text that was made of the call, for others' eyes."""
    return visible(redacted.hide(text), chars_max)


def effect_view(effect: Effect, redacted: Redacted) -> dict[str, Any]:
    """One effect, for the log and for an approval."""
    target = effect.target
    return {
        "act": effect.act,
        "what": told(effect.what, redacted),
        "target": target.environment if target else "",
        "target_name": told(target.name, redacted) if target else "",
        "via": [told(one, redacted, 60) for one in effect.via[:4]],
        "attributes": {
            name: told(value, redacted) if isinstance(value, str) else value
            for name, value in effect.attributes.items()
            if isinstance(value, str | int | float | bool)
        },
        "confidence": effect.confidence,
    }


def hit_view(hit: Hit, redacted: Redacted) -> dict[str, Any]:
    """One rule that spoke, as the contract names its fields."""
    effect = hit.effect
    return {
        "rule": hit.rule,
        "title": hit.title,
        "severity": hit.severity,
        "action": hit.action,
        "mode": hit.mode,
        "policy": hit.policy,
        "effect": effect.act,
        "what": told(effect.what, redacted),
        "target": effect.target.environment if effect.target else None,
        "span": list(effect.span),
    }


def results_of(decision: Decision, policies: Mapping[str, str]) -> list[dict[str, str]]:
    """What each policy that concerns the caller asks for; `policies` are their modes by name."""
    strictest = dict.fromkeys(policies, "allow")
    for hit in decision.hits:
        if STRICTNESS[hit.action] > STRICTNESS[strictest.get(hit.policy, "allow")]:
            strictest[hit.policy] = hit.action
    return [
        {"policy": name, "mode": policies.get(name, "enforce"), "action": action}
        for name, action in strictest.items()
    ]


def body_of(case: Case, *, mode: str) -> dict[str, Any]:
    """The answer of `POST /v1/guard/evaluate`."""
    redacted, decision = case.redacted, case.decision
    body: dict[str, Any] = {
        "action": decision.action,
        "mode": mode,
        "would": decision.would,
        "decision_id": case.decision_id,
        "reason": redacted.hide(decision.reason),
        "severity": decision.severity,
        "safer": decision.safer,
        "rules_triggered": [hit_view(hit, redacted) for hit in decision.hits],
        "results": results_of(decision, case.modes),
        "modified_input": decision.modified_input,
        "evaluation_status": decision.status,
        "latency_ms": round(decision.latency_ms, 4),
    }
    if case.kind:
        body["kind"] = case.kind
    if case.approval is not None and decision.action == "ask":
        body["approval"] = {
            "id": case.approval.id,
            "expires_at": case.approval.expires,
            "how": f"flyball guard approve {case.approval.id}, then make the same call again",
        }
    return body


def row_of(case: Case, *, mode: str, booked: Mapping[str, float]) -> dict[str, Any]:
    """The decision as a row of the log. What is empty is left out: most calls do nothing that a rule speaks of."""
    ask, redacted, context, decision = case.ask, case.redacted, case.ask.call.context, case.decision
    row: dict[str, Any] = {
        "id": case.decision_id,
        "tool": visible(ask.call.tool_name, WHAT_CHARS_MAX),
        "call": bounded(redacted.input) if len(case.raw) > CALL_BYTES_MAX else redacted.input,
        "mac": case.mac,
        "action": decision.action,
        "would": decision.would,
        "mode": mode,
        "status": decision.status,
        "policies": case.version,
        "ms": round(decision.latency_ms, 4),
    }
    more = (
        ("given", bool(ask.decision_id)),
        ("session", context.session_id),
        ("agent", context.agent_name),
        ("user", context.user_id),
        ("environment", context.environment),
        ("client", context.client),
        ("cwd", context.cwd),
        ("trace_id", context.trace_id),
        ("span_id", context.span_id),
        ("tool_call_id", context.tool_call_id),
        ("event", ask.event),
        ("kind_of_failure", case.kind),
        ("severity", decision.severity),
        ("reason", redacted.hide(decision.reason)),
        ("spend", booked),
        ("used", case.used),
        ("canary", is_canary(decision)),
    )
    row.update(pair for pair in more if pair[1])
    if decision.hits:
        row["rules"] = list(dict.fromkeys(hit.rule for hit in decision.hits))
    if decision.effects:
        row["effects"] = [effect_view(one, redacted) for one in decision.effects[:EFFECTS_MAX]]
    if case.approval is not None:
        row["approval"] = case.approval.id
    return row


def is_canary(decision: Decision) -> bool:
    """Whether this was the guard's own trial call and nothing else."""
    return bool(decision.hits) and all(hit.rule == CANARY for hit in decision.hits)


def bounded(value: Any) -> Any:
    """A redacted call as the log keeps it: its texts cut where there is too much, and how much is said."""
    left = CALL_BYTES_MAX

    def cut(part: Any) -> Any:
        nonlocal left
        if isinstance(part, str):
            kept = part[: max(left, 0)]
            left -= len(part)
            return kept if len(kept) == len(part) else f"{kept}... ({len(part) - len(kept)} characters more)"
        if isinstance(part, dict):
            return {key: cut(inner) for key, inner in list(part.items())[:100]}
        if isinstance(part, list):
            return [cut(inner) for inner in part[:100]]
        return part

    return cut(value)
