"""The rules, one file for each kind of fact. Each must be believable to somebody who never saw our data."""

from __future__ import annotations

from flyball.explain.rule import Rule
from flyball.explain.rules import (
    addresses,
    calls,
    claims,
    cohorts,
    conditions,
    databases,
    edges,
    events,
    growth,
    logs,
    nodes,
    presence,
    probes,
    quotas,
    resources,
    routing,
    rows,
    scheduling,
    services,
    states,
)

RULES: tuple[Rule, ...] = (
    *nodes.RULES,
    *events.RULES,
    *scheduling.RULES,
    *claims.RULES,
    *quotas.RULES,
    *states.RULES,
    *conditions.RULES,
    *probes.RULES,
    *routing.RULES,
    *addresses.RULES,
    *presence.RULES,
    *edges.RULES,
    *resources.RULES,
    *growth.RULES,
    *calls.RULES,
    *services.RULES,
    *databases.RULES,
    *rows.RULES,
    *logs.RULES,
    *cohorts.RULES,
)
