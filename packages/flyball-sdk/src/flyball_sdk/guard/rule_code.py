"""Rules in Python, for what conditions cannot say: the block `python` of a policy file, which names `RULES`.

python: |
  from flyball_sdk.guard.rule import Example, Rule
  RULES = (
      Rule(
          id="own.friday", title="applies on a Friday", acts=("iac.apply",), action="ask", severity="medium", safer="wait for Monday",
          test=lambda effect, call: "friday" in effect.what,
          hits=(Example("TF_WORKSPACE=friday terraform apply"),), passes=(Example("TF_WORKSPACE=monday terraform apply"),),
      ),
  )

It is code: it is taken from the operator's own files alone, which nobody else can write, and its examples are tried before
it holds. At run time a rule that raises, or takes too long, is a fault of the rule: the policy's failure mode speaks for it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from flyball_sdk.guard.prove import proofs
from flyball_sdk.guard.rule import Rule, RuleError


def rules_of(code: str, *, place: str) -> Sequence[Rule]:
    """The rules of a block of Python, each held against its examples.

    Raises:
        RuleError: it fails, names no rules, or an example does not hold.
    """
    module = ModuleType("flyball_own_rules")
    try:
        exec(compile(code, place, "exec"), module.__dict__)  # noqa: S102 - the operator's own code
        rules = tuple(module.__dict__["RULES"])
    except Exception as why:  # noqa: BLE001 - whatever the code does, it gives no rules
        raise RuleError(f"{place} gives no rules: {type(why).__name__}: {why}") from None
    return [_held(rule, hashlib.sha256(code.encode()).hexdigest(), place) for rule in rules]


def _held(rule: object, code: str, place: str) -> Rule:
    if not isinstance(rule, Rule):
        raise RuleError(f"{place}: RULES holds a {type(rule).__name__}, not a Rule")
    if rule.id.startswith("guard.") or not rule.hits or not rule.passes:
        raise RuleError(
            f"{place}: {rule.id} needs an id that is not guard.*, and examples that hit and that pass"
        )
    rule = replace(rule, code=code)
    for proof in proofs((rule,)):
        if not proof.held or proof.decision.status == "error":
            raise RuleError(f"{place}: {proof.told()}")
    return rule


def is_own(path: Path) -> bool:
    """Whether nobody but this user, or root, can write a file."""
    found = path.stat()
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
