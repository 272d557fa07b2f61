"""The guard's decision in the words of each client. Pure.

What the clients do with an answer was tried, not read (Claude Code 2.1.197 and 2.1.332, Codex 0.171.0):

- A denial as JSON and exit code 2 both block in all of them. Junk before the JSON turns it into nothing, and the call
  runs: so a denial is both, the reason on standard error too.
- Claude Code asks a person where a hook asks, and denies where nobody is there. Codex runs the call.
- A changed input without a permission beside it is taken by Claude Code, whose own permissions then decide. Codex
  takes it only beside "allow" (its sandbox still holds) and runs the original otherwise.
"""

from __future__ import annotations

from .wire import Unanswered, clean, encode, parse

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes 4 ms to import
    from typing import Any

    Verdict = tuple[int, dict[str, Any] | None, str]

DENIED = 10
"""Exit code: the guard's answer is no."""
REASON_CHARS_MAX = 2_000
RULES_SHOWN_MAX = 5
CHANGED_CHARS_MAX = 8_000
"""Of a changed input that is shown in words; a longer one is not put in words."""
ACTIONS = ("allow", "block", "ask", "modify")


def parse_answer(status: int, text: bytes) -> dict[str, Any]:
    """The guard's decision.

    Raises:
        Unanswered: it is none.
    """
    try:
        answer: Any = parse(text)
    except Exception:  # noqa: BLE001 - the scanner's own errors are of several kinds
        raise Unanswered(f"HTTP {status} with no JSON") from None
    if status != 200:  # noqa: PLR2004 - HTTP's own
        said = answer.get("error", "") if isinstance(answer, dict) else ""
        raise Unanswered(f"HTTP {status} {said}")
    if not isinstance(answer, dict) or answer.get("action") not in ACTIONS:
        raise Unanswered("its answer names no action")
    if answer["action"] == "modify" and not isinstance(answer.get("modified_input"), dict):
        raise Unanswered("its answer changes the call and says not how")
    return answer


def verdict_of(client: str, event: dict[str, Any], answer: dict[str, Any], body: dict[str, Any]) -> Verdict:
    """Exit code, what standard output says (None: nothing) and what standard error says.

    Args:
        client: `claude-code` or `codex`.
        event: What the client sent.
        answer: As `parse_answer` gives it.
        body: What the guard was asked.
    """
    if event.get("hook_event_name") == "SessionStart":
        return 0, None if caught_canary(answer) else dict(_CANARY_PASSED), ""
    action, reason = answer["action"], reason_of(answer)
    left_out = body["context"].get("input_left_out")
    if left_out and action in {"allow", "modify"} and answer.get("mode") != "audit":
        action, reason = "ask", f"{left_out} characters of this call are too many to be judged."
    if action == "allow":
        return 0, _audited_canary(answer), ""
    if action == "block":
        return _denied(f"flyball blocked this call: {reason}{_which(answer)}")
    changed = answer["modified_input"] if action == "modify" else None
    if changed is not None and answer.get("confirm") is False:
        return 0, _decision("allow" if client == "codex" else None, reason, changed), ""
    if client == "codex":
        return _denied(f"flyball asks a person first: {reason}{_what_to_do(answer, changed)}")
    return 0, _decision("ask", f"flyball asks: {reason}{_what_to_do(answer, None)}", changed), ""


def reason_of(answer: dict[str, Any]) -> str:
    """Why, by which rule, and the safer way: one paragraph without control characters."""
    rules = answer.get("rules_triggered")
    names = (
        [str(rule.get("rule")) for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    )
    said = _sentence(answer.get("reason") or "no reason was given")
    if names:
        which = clean(", ".join(names[:RULES_SHOWN_MAX]), 200)
        said += f" Rule {which}, severity {clean(str(answer.get('severity')), 40)}."
    if answer.get("safer"):
        said += f" Safer: {_sentence(answer['safer'])}"
    return said


def caught_canary(answer: dict[str, Any]) -> bool:
    """Whether a decision about a canary shows that the rules saw it."""
    rules = answer.get("rules_triggered")
    seen = isinstance(rules, list) and any(
        isinstance(rule, dict) and rule.get("rule") == "guard.canary" for rule in rules
    )
    return seen and "block" in {answer.get("action"), answer.get("would")}


def _audited_canary(answer: dict[str, Any]) -> dict[str, Any] | None:
    """A word about a canary in audit, for who sent it: agents send none. For any other call nothing."""
    if not caught_canary(answer):
        return None
    return {"systemMessage": f"flyball: rule guard.canary would block this.{_which(answer)}"}


def _which(answer: dict[str, Any]) -> str:
    known = clean(str(answer.get("decision_id") or ""), 300)
    return f" Decision {known}." if known else ""


def _what_to_do(answer: dict[str, Any], changed: dict[str, Any] | None) -> str:
    if changed is not None:
        words = encode(changed)
        return f" Call it with this input instead: {words}" if len(words) <= CHANGED_CHARS_MAX else ""
    approval = answer.get("approval")
    waits = approval.get("id") if isinstance(approval, dict) else None
    known = clean(str(waits or answer.get("decision_id") or ""), 300)
    return f" A person can say `flyball guard approve {known}`; repeat the same call then." if known else ""


def _sentence(text: object) -> str:
    return clean(str(text), REASON_CHARS_MAX).rstrip(".") + "."


def _denied(reason: str) -> Verdict:
    return DENIED, _decision("deny", reason, None), reason


def _decision(permission: str | None, reason: str, changed: dict[str, Any] | None) -> dict[str, Any]:
    said: dict[str, Any] = {"hookEventName": "PreToolUse"}
    if permission is not None:
        said.update(permissionDecision=permission, permissionDecisionReason=reason)
    if changed is not None:
        said["updatedInput"] = changed
    return {"hookSpecificOutput": said}


_CANARY_PASSED = {
    "systemMessage": "flyball does NOT guard this session: its canary passed. `flyball status` tells why."
}
