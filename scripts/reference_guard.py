"""The reference page of the guard: every act, every rule with its examples."""

from __future__ import annotations

from collections.abc import Iterator

from flyball_sdk.guard.effect import ACTS
from flyball_sdk.guard.rule import Condition, Example, Rule
from flyball_sdk.guard.rules import RULES

EXAMPLES_MAX = 3


def guard() -> str:
    """Acts and rules."""
    acts = "\n".join(f"| `{act}` | {meaning} |" for act, meaning in ACTS.items())
    rules = "\n\n".join("\n".join(_rule(rule)) for rule in RULES)
    return (
        f"# Acts and rules of the guard\n\n{len(RULES)} rules, on unless a policy says otherwise.\n\n"
        f"## Acts\n\n| act | a call has it when it |\n|---|---|\n{acts}\n\n## Rules\n\n{rules}\n"
    )


def _rule(rule: Rule) -> Iterator[str]:
    mode = ", audited: told, not enforced" if rule.mode == "audit" else ""
    yield f"### `{rule.id}`\n"
    yield f"{rule.title[0].upper()}{rule.title[1:]}. **{rule.action}**, {rule.severity}{mode}."
    yield f"Acts: {', '.join(f'`{act}`' for act in rule.acts)}{_conditions(rule.where)}."
    yield f"Instead: {rule.safer}."
    for label, examples in (("Stops", rule.hits), ("Lets through", rule.passes)):
        if examples:
            yield f"\n{label}: " + " · ".join(_example(one) for one in examples[:EXAMPLES_MAX])


def _conditions(where: tuple[Condition, ...]) -> str:
    said = [f"`{one.field}` {'not ' if one.negate else ''}{one.op} `{_value(one.value)}`" for one in where]
    return f" where {', '.join(said)}" if said else ""


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _example(example: Example) -> str:
    said = example.call if isinstance(example.call, str) else f"{example.tool} {dict(example.call)}"
    beside = f" beside {', '.join(example.files)}" if example.files else ""
    after = " after other calls" if example.before else ""
    return f"`` {said} ``{beside}{after}"
