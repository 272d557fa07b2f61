"""A rule: which acts, under which conditions, lead to which action; proved by its own examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.effect import ACTS, Effect
from flyball_sdk.guard.linear import Pattern

Action = Literal["allow", "modify", "ask", "block"]
Mode = Literal["audit", "enforce"]
Severity = Literal["low", "medium", "high", "critical"]
# The stricter action wins: block > ask > modify > allow.
STRICTNESS: Mapping[str, int] = {"allow": 0, "modify": 1, "ask": 2, "block": 3}
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
OPERATORS = ("is", "in", "glob", "matches", "over", "has")
# A user's pattern is at most this long; re2 runs it in time linear in the text.
PATTERN_CHARS_MAX = 1_000
CONDITIONS_MAX = 20

Test = Callable[[Effect], bool]


class RuleError(ValueError):
    """A rule that cannot stand: what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a field of an effect (`what`, `target`, `via`, `scope`, `recursive`, ...).

    `op` is `is` (equal), `in` (one of), `glob` (shell pattern or several), `matches` (re2 search), `over` (number
    above), `has` (a tuple holds it). `negate` turns it round. A field that the effect lacks fails the condition, and
    holds for its negation.
    """

    field: str
    op: str
    value: Any
    negate: bool = False

    def compiled(self) -> Test:
        """A function of an effect.

        Raises:
            RuleError: the operator is none of `OPERATORS`, the pattern is too long or not a pattern.
        """
        name, holds, negate = self.field, _holds(self), self.negate

        def test(effect: Effect) -> bool:
            value = effect.get(name)
            return (value is not None and holds(value)) is not negate

        return test


def _holds(condition: Condition) -> Callable[[Any], bool]:
    op, value = condition.op, condition.value
    if op == "is":
        return lambda found: bool(found == value)
    if op == "in":
        members = frozenset(value)
        return lambda found: found in members
    if op == "over":
        return lambda found: isinstance(found, (int, float)) and found > value
    if op == "has":
        return lambda found: value in found
    if op == "glob":
        return _pattern("|".join(map(_glob, [value] if isinstance(value, str) else value)))
    if op == "matches":
        return _pattern(value)
    raise RuleError(f"{condition.field}: no operator {op!r}; there are {', '.join(OPERATORS)}")


def _glob(pattern: str) -> str:
    """A shell pattern as re2 takes it: `fnmatch.translate` makes atomic groups of several stars, which re2 has not."""
    pieces: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        end = pattern.find("]", at + 2) if char == "[" else -1
        if end > 0:
            inner = pattern[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            pieces.append(f"[^{inner[1:]}]" if inner[0] == "!" else f"[{inner}]")
            at = end
        else:
            pieces.append(".*" if char == "*" else "." if char == "?" else re.escape(char))
        at += 1
    return f"(?s:^{''.join(pieces)}$)"


def _pattern(text: str) -> Callable[[Any], bool]:
    if len(text) > PATTERN_CHARS_MAX:
        raise RuleError(f"a pattern of {len(text)} characters: at most {PATTERN_CHARS_MAX}")
    try:
        search = Pattern(text).search
    except ValueError as why:
        raise RuleError(str(why)) from None
    return lambda found: search(str(found)) is not None


@dataclass(frozen=True, slots=True)
class Example:
    """A call that a rule must hit, or must leave alone: proof of the rule, and its documentation.

    `call` is a shell command, or a tool's input with `tool` naming it; `files` are what the session could read
    (path -> text), `before` are calls made earlier in the same session.
    """

    call: str | Mapping[str, Any]
    tool: str = "Bash"
    files: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Example, ...] = ()
    context: Context = field(default_factory=Context)
    # what the tool answered, where this call came before another
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `acts` index it; all of `where` must hold for the same effect.

    `tools` limits it to tool names (shell patterns); none means every tool. `safer` says what to do instead. `hits` and
    `passes` are its examples: each of `hits` must trigger it, none of `passes` may. `mode` overrides the policy's: a
    rule may be audited in an enforcing policy. `test` is code of the operator's own, asked last, where conditions do not
    say enough (`rule_code`); `code` is the hash of the block that it stands in. `rewrite` is what `modify` does: a pattern
    (RE2) and its replacement in the text where the effect was found.
    """

    id: str
    title: str
    acts: tuple[str, ...]
    action: Action
    severity: Severity
    safer: str
    where: tuple[Condition, ...] = ()
    tools: tuple[str, ...] = ()
    hits: tuple[Example, ...] = ()
    passes: tuple[Example, ...] = ()
    mode: Mode | None = None
    test: Callable[[Effect, ToolCall], bool] | None = None
    code: str = ""
    rewrite: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that could never hit.

        Raises:
            RuleError: an act that is not in `ACTS`, too many conditions, an unknown action or severity.
        """
        if unknown := [act for act in self.acts if act not in ACTS]:
            raise RuleError(f"{self.id}: no act {unknown[0]!r}")
        if not self.acts:
            raise RuleError(f"{self.id}: names no act")
        if len(self.where) > CONDITIONS_MAX:
            raise RuleError(f"{self.id}: {len(self.where)} conditions, at most {CONDITIONS_MAX}")
        if self.action not in STRICTNESS or self.severity not in SEVERITIES:
            raise RuleError(f"{self.id}: action {self.action!r}, severity {self.severity!r}")
        if (self.action == "modify") is not (self.rewrite is not None):
            raise RuleError(f"{self.id}: modify and a rewrite go together")
        if self.rewrite:
            _pattern(self.rewrite[0])


# How conditions are written in the catalogue.


def is_(name: str, value: Any) -> Condition:
    """The field equals `value`."""
    return Condition(name, "is", value)


def isnt(name: str, value: Any) -> Condition:
    """The field does not equal `value`, or is not there."""
    return Condition(name, "is", value, negate=True)


def one_of(name: str, *values: Any) -> Condition:
    """The field is one of `values`."""
    return Condition(name, "in", values)


def none_of(name: str, *values: Any) -> Condition:
    """The field is none of `values`."""
    return Condition(name, "in", values, negate=True)


def matches(name: str, pattern: str) -> Condition:
    """`pattern` (re2) is found in the field."""
    return Condition(name, "matches", pattern)


def over(name: str, number: float) -> Condition:
    """The field is a number above `number`."""
    return Condition(name, "over", number)
