"""What becomes of a proposal: a person's verdict is a row of the log, and what was accepted stands in a policy file.

New rules go to the policy `learned`, in audit first; what is to be enforced stands there too; an exception goes to each
policy in which the rule asks. Nothing here is done without the operator's token, which the face has checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml
from flyball_sdk.guard.policy_file import rule_from
from flyball_sdk.guard.rule import RuleError

from flyball.errors import InputError
from flyball.guard.operator import put_policy, settle
from flyball.guard.propose import EXCEPTION_DAYS, Proposal, rule_text
from flyball.guard.wall import Wall

LEARNED = "learned"
RULES_MAX = 200
_HEAD = "# Rules that were proposed from what agents did, and accepted. Each begins in audit.\n"


def accept(wall: Wall, proposal: Proposal, *, by: str, edited: str = "") -> list[str]:
    """Put a proposal in force; the names of the policies that were changed.

    Args:
        wall: the guard.
        proposal: as `propose` makes it now.
        by: who accepts it.
        edited: the rule in YAML to take instead of the one proposed.

    Raises:
        InputError: the rule is none, its examples do not hold, or there is no room.
    """
    text = edited or proposal.text
    if proposal.kind == "rule" and not (proposal.rule.hits or edited):
        raise InputError(
            f"{proposal.id}: none of its calls can be read again from the log; accept it with a rule of your own"
            " that shows an example (--rule FILE)"
        )
    changed = (
        _exceptions(wall, proposal)
        if proposal.kind == "narrow"
        else {LEARNED: _learned(wall, proposal, text)}
    )
    for name, policy in changed.items():
        put_policy(wall, name, policy, by=by)
    rule = proposal.rule.id if not edited else _rules(edited)[0]["id"]
    settle(wall, proposal.id, verdict="accepted", kind=proposal.kind, rule=rule, by=by)
    return list(changed)


def _learned(wall: Wall, proposal: Proposal, text: str) -> str:
    """The policy of what was learned, with this in it."""
    given = _given(wall.policies.texts.get(LEARNED, "mode: audit\ncatalogue: []\n"))
    if proposal.kind == "rule":
        new = _rules(text)
        ids = {one["id"] for one in new}
        kept = [one for one in given.get("rules", []) if one["id"] not in ids]
        if len(kept) + len(new) > RULES_MAX:
            raise InputError(f"the policy {LEARNED} has at most {RULES_MAX} rules: take some out first")
        given["rules"] = [*kept, *new]
    else:
        if proposal.kind == "enforce":
            given["catalogue"] = sorted({*given.get("catalogue", []), proposal.rule.id})
        given["modes"] = {**given.get("modes", {}), proposal.rule.id: "enforce"}
    return _HEAD + yaml.safe_dump(given, sort_keys=False, allow_unicode=False, width=110)


def _rules(text: str) -> list[dict[str, Any]]:
    """The rules in a YAML list, each held against its own examples."""
    try:
        found = yaml.safe_load(text)
        rules = [rule_from(one, place="rule") for one in found] if isinstance(found, list) and found else []
    except (yaml.YAMLError, RuleError) as error:
        raise InputError(f"this is no rule: {error}") from error
    if not rules:
        raise InputError("a rule is given as YAML, in a list of one: `- id: ...`")
    return [one for rule in rules for one in yaml.safe_load(rule_text(rule))]


def _exceptions(wall: Wall, proposal: Proposal) -> dict[str, str]:
    """Each policy in which the rule asks, with the exception in it, which ends by itself."""
    until = datetime.fromtimestamp(wall.now() + EXCEPTION_DAYS * 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    [exception] = yaml.safe_load(proposal.text)
    made: dict[str, str] = {}
    for policy in wall.policies.in_force:
        if any(rule.id == proposal.rule.id for rule in policy.rules):
            given = _given(wall.policies.texts[policy.name])
            given["exceptions"] = [*given.get("exceptions", []), {**exception, "until": until}]
            made[policy.name] = yaml.safe_dump(given, sort_keys=False, allow_unicode=False, width=110)
    return made


def _given(text: str) -> dict[str, Any]:
    found: Any = yaml.safe_load(text)
    return dict(found) if isinstance(found, Mapping) else {}
