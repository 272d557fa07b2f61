"""The catalogue: rules that are on unless a policy says otherwise."""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule
from flyball_sdk.guard.rules import (
    data,
    execution,
    files,
    git,
    guard,
    infrastructure,
    network,
    secrets,
    servers,
    system,
    texts,
    tools,
)

RULES: tuple[Rule, ...] = (
    *guard.RULES, *files.RULES, *git.RULES, *infrastructure.RULES, *data.RULES, *secrets.RULES, *network.RULES, *execution.RULES, *system.RULES, *tools.RULES, *servers.RULES, *texts.RULES,
)  # fmt: skip
