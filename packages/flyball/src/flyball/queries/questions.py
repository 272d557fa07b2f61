"""Every question Flyball answers, once: its name, its REST path, its parameters, its words.

REST, MCP, OpenAPI and the reference page are made from this table; the parameters and their descriptions are
the query function's own signature and docstring, so that the faces cannot drift from it.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flyball.errors import InputError
from flyball.queries.changes import list_changes
from flyball.queries.compare_runs import compare_runs
from flyball.queries.diagnose import diagnose
from flyball.queries.evidence import get_evidence
from flyball.queries.guard import (
    guard_approval,
    guard_approvals,
    guard_policies,
    guard_rules,
    guard_status,
)
from flyball.queries.guard_decisions import guard_decisions
from flyball.queries.guard_proposals import guard_proposals, guard_rule_record
from flyball.queries.incidents import get_incident, get_model_log, list_incidents
from flyball.queries.memory import seen_before
from flyball.queries.patterns import search_patterns
from flyball.queries.ports import Ports
from flyball.queries.records import get_logs, get_metrics, get_trace
from flyball.queries.run import get_run
from flyball.queries.run_budgets import run_budgets
from flyball.queries.run_costs import list_conversations, run_costs
from flyball.queries.runs import list_runs
from flyball.queries.verify import verify
from flyball.queries.what_happened import what_happened
from flyball.queries.whats_new import whats_new

_TEXT_CHARS_MAX = 2_000
"""Longer arguments are refused: none of them is a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of a question; `type` is `string` or `integer`."""

    name: str
    type: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: `ask(ports, **arguments)` returns its view; `path` is its place under /api/v1."""

    name: str
    path: str
    ask: Callable[..., Awaitable[Any]]
    renamed: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The first paragraph of the query's docstring, on one line."""
        return " ".join((inspect.getdoc(self.ask) or "").partition("\n\n")[0].split())

    @property
    def parameters(self) -> list[Parameter]:
        """The query's keyword parameters under their public names."""
        described = _described(inspect.getdoc(self.ask) or "")
        hints = typing.get_type_hints(self.ask)
        public = {inner: outer for outer, inner in self.renamed.items()}
        return [
            Parameter(
                name=public.get(name, name),
                type="integer" if _is_integer(hints[name]) else "string",
                required=parameter.default is inspect.Parameter.empty,
                default=None if parameter.default is inspect.Parameter.empty else parameter.default,
                description=described.get(name, ""),
            )
            for name, parameter in inspect.signature(self.ask).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ]

    async def answer(self, ports: Ports, arguments: Mapping[str, Any]) -> Any:
        """The view that answers the question with these arguments.

        Raises:
            InputError: an argument is unknown, missing or not of its type.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in arguments:
            if name not in known:
                raise InputError(f"{self.name} has no argument {name!r}; it has {', '.join(known)}")
        for parameter in known.values():
            if parameter.required and not arguments.get(parameter.name):
                raise InputError(f"{self.name} needs {parameter.name}: {parameter.description}")
        given = {
            self.renamed.get(name, name): _value(known[name], value)
            for name, value in arguments.items()
            if value is not None and value != ""
        }
        return await self.ask(ports, **given)


def _value(parameter: Parameter, value: Any) -> Any:
    if parameter.type == "string":
        if not isinstance(value, str) or len(value) > _TEXT_CHARS_MAX:
            raise InputError(f"{parameter.name} is text of at most {_TEXT_CHARS_MAX} characters")
        return value
    whole = isinstance(value, int | str) and not isinstance(
        value, bool
    )  # int() would round what JSON also has
    try:
        return int(value if whole else "")
    except ValueError as error:
        raise InputError(f"{parameter.name} is a whole number, this is {str(value)[:64]!r}") from error


def _is_integer(hint: Any) -> bool:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return int in parts


_ARGUMENT = re.compile(r"^\s{4}(\w+): (.*)$")


def _described(docstring: str) -> dict[str, str]:
    """The `Args:` section: name -> description."""
    section = docstring.partition("Args:\n")[2].partition("\n\n")[0]
    descriptions: dict[str, str] = {}
    last = ""
    for line in section.splitlines():
        if match := _ARGUMENT.match(line):
            last = match[1]
            descriptions[last] = match[2]
        elif last:
            descriptions[last] += " " + line.strip()
    return descriptions


QUESTIONS = (
    Question(name="whats_new", path="/whats-new", ask=whats_new, renamed={}),
    Question(name="verify_change", path="/verify", ask=verify, renamed={}),
    Question(name="diagnose", path="/diagnosis", ask=diagnose, renamed={}),
    Question(name="list_changes", path="/changes", ask=list_changes, renamed={}),
    Question(name="list_incidents", path="/incidents", ask=list_incidents, renamed={}),
    Question(name="get_incident", path="/incidents/{id}", ask=get_incident, renamed={"id": "incident_id"}),
    Question(
        name="get_model_log",
        path="/incidents/{id}/model-log",
        ask=get_model_log,
        renamed={"id": "incident_id"},
    ),
    Question(name="seen_before", path="/seen-before", ask=seen_before, renamed={"incident": "incident_id"}),
    Question(name="search_patterns", path="/patterns", ask=search_patterns, renamed={}),
    Question(name="get_logs", path="/logs", ask=get_logs, renamed={}),
    Question(name="get_trace", path="/traces/{trace_id}", ask=get_trace, renamed={}),
    Question(name="get_metrics", path="/metrics", ask=get_metrics, renamed={}),
    Question(name="get_evidence", path="/evidence/{id}", ask=get_evidence, renamed={"id": "evidence_id"}),
    Question(name="list_runs", path="/runs", ask=list_runs, renamed={}),
    Question(name="get_run", path="/runs/{id}", ask=get_run, renamed={"id": "run_id"}),
    Question(
        name="what_happened", path="/runs/{id}/what-happened", ask=what_happened, renamed={"id": "run_id"}
    ),
    Question(
        name="compare_runs",
        path="/runs/{id}/compare",
        ask=compare_runs,
        renamed={"id": "first", "with": "second"},
    ),
    Question(name="list_conversations", path="/conversations", ask=list_conversations, renamed={}),
    Question(name="run_costs", path="/run-costs", ask=run_costs, renamed={}),
    Question(name="run_budgets", path="/run-budgets", ask=run_budgets, renamed={}),
    Question(name="guard_status", path="/guard/status", ask=guard_status, renamed={}),
    Question(name="guard_rules", path="/guard/rules", ask=guard_rules, renamed={}),
    Question(name="guard_policies", path="/guard/policies", ask=guard_policies, renamed={}),
    Question(name="guard_decisions", path="/guard/decisions", ask=guard_decisions, renamed={}),
    Question(name="guard_proposals", path="/guard/proposals", ask=guard_proposals, renamed={}),
    Question(name="guard_rule_record", path="/guard/rules/{rule}/record", ask=guard_rule_record, renamed={}),
    Question(name="guard_approvals", path="/guard/approvals", ask=guard_approvals, renamed={}),
    Question(
        name="guard_approval", path="/guard/approvals/{id}", ask=guard_approval, renamed={"id": "approval_id"}
    ),
)
"""The questions there are, in the order the reference lists them."""
