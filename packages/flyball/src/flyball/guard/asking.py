"""An ask becomes what a person said of exactly this call, or a new question to them."""

from __future__ import annotations

import secrets

from flyball.guard.answer import effect_view
from flyball.guard.approvals import Approval, Approvals
from flyball.guard.case import Case
from flyball.guard.keys import Keys
from flyball.guard.log import DecisionLog

_ASK_SECONDS = 300.0
"""How long an ask waits where no policy says so."""
_WHO = ("session_id", "agent_name", "user_id", "environment", "client", "cwd", "trace_id")


def put_to_a_person(case: Case, approvals: Approvals, keys: Keys, log: DecisionLog) -> None:
    """Find what was said of this call, with the files that it runs as they are now, or ask.

    Raises:
        StoreError: the question cannot be written to the log.
    """
    bound = case.files.with_scripts(case.session, case.raw.decode())
    binding = keys.sign("approval", case.same, *(part for item in sorted(bound.items()) for part in item))
    found = approvals.bound_to(binding, case.now)
    over = approvals.timed_out(binding, case.now) if found is None else None
    if over is not None and all(policy.ask_default == "allow" for policy in case.asking()):
        case.approval = over
        case.nobody_spoke()
        return
    if found is None:
        if not approvals.may_ask(case.now, len(case.raw)):
            case.kind = "overloaded"
            case.becomes("block", "too many calls wait for approval already")
            return
        found = _question(case, binding, tuple(case.redacted.hide(path) for path in bound))
        log.append("approval", found.row())
        approvals.apply(found.row())
    case.approval = found
    if found.state == "approved":
        case.used = True
        case.becomes("allow", f"approved by {found.by} ({found.id})")
    elif found.state == "denied":
        case.becomes("block", f"denied by {found.by} ({found.id})")


def _question(case: Case, binding: str, files: tuple[str, ...]) -> Approval:
    decision, redacted, context = case.decision, case.redacted, case.ask.call.context
    return Approval(
        id=f"apr_{secrets.token_hex(8)}",
        state="asked",
        asked=case.now,
        expires=case.now + min((one.ask_timeout_s for one in case.asking()), default=_ASK_SECONDS),
        binding=binding,
        tool_name=case.ask.call.tool_name,
        call=redacted.input,
        context={name: redacted.hide(getattr(context, name)) for name in _WHO},
        effects=tuple(effect_view(one, redacted) for one in decision.effects),
        reason=redacted.hide(decision.reason),
        safer=decision.safer,
        rule=decision.hits[0].rule if decision.hits else "",
        severity=decision.severity or "",
        policy_hash=decision.policy_hash,
        files=files,
    )
