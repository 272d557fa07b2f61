"""Every command Flyball takes, once: its name, its REST path, its fields, its words.

REST, MCP, OpenAPI and the reference page are made from this table, as the questions' are. What a command does stands
in the module of its name; `app.py` joins the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyball.errors import InputError

TEXT_CHARS_MAX = 8_000
"""Longer fields are refused; each command has closer bounds of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One write: POST to `path` under /api/v1 with `fields` of text; what is in the path is a field too."""

    name: str
    path: str
    summary: str
    fields: Mapping[str, str]
    required: tuple[str, ...] = ()
    answer: str
    status: int = 200
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])

    def arguments(self, given: Mapping[str, Any]) -> dict[str, str]:
        """The fields that were given, under the names that the command calls them by.

        Raises:
            InputError: one is unknown, missing, no text, or too long.
        """
        for name, value in given.items():
            if name not in self.fields:
                raise InputError(
                    f"{self.name} has no field {name!r}; it has {', '.join(sorted(self.fields))}"
                )
            if value is not None and not isinstance(value, str):
                raise InputError(f"{name} is text, this is {type(value).__name__}")
            if value is not None and len(value) > TEXT_CHARS_MAX:
                raise InputError(f"{name} is text of at most {TEXT_CHARS_MAX} characters")
        for name in self.required:
            if not given.get(name):
                raise InputError(f"{self.name} needs {name}: {self.fields[name]}")
        return {self.renamed.get(name, name): value for name, value in given.items() if value}


_INCIDENT = "`inc_` and 16 hexadecimal digits, as list_incidents gives it"

RECORD_CHANGE = Command(
    name="record_change",
    path="/changes",
    summary="Record a change; a deploy seen in telemetry within 15 minutes is the same change.",
    fields={
        "service": "`service.name` of what was deployed",
        "version": "`service.version` that runs from then on",
        "environment": "`deployment.environment.name`, for example prod",
        "kind": "deploy (the default), rollback, config, flag or migration",
        "what": "what a config, flag or migration changed, for example pool_size 20 -> 5",
        "commit": "the commit it was built from",
        "author": "who wrote it",
        "message": "the commit's message; its trailers tell whether a human or an agent wrote it",
        "url": "where to read more, an http(s) address",
        "time": "when it happened, RFC 3339 or how long ago (5m); now if absent",
    },
    required=("service",),
    answer="The change as recorded",
    status=201,
)
DECIDE_INCIDENT = Command(
    name="decide_incident",
    path="/incidents/{id}",
    summary="Close an incident, open it again, mute it until it differs, or unmute it.",
    fields={"id": _INCIDENT, "decision": "close, reopen, mute or unmute", "by": "who decided it"},
    required=("id", "decision"),
    answer="The incident on a line",
    renamed={"id": "incident_id"},
)
RECORD_FIX = Command(
    name="record_fix",
    path="/incidents/{id}/fixes",
    summary="Remember what was done about an incident; where it names its change, whether it worked is measured.",
    fields={
        "id": _INCIDENT,
        "text": "what was done, in a sentence: raised the pool to 50",
        "change": "the id of the change that did it, as list_changes gives it",
        "url": "where to read more, an http(s) address",
        "by": "who did it",
    },
    required=("id", "text"),
    answer="The fix, and what is known of its success",
    status=201,
    renamed={"id": "incident_id", "change": "change_id"},
)

ANNOTATE_RUN = Command(
    name="annotate_run",
    path="/runs/{id}/annotations",
    summary="Say something of a run of an agent: a number, a category, or yes or no, under a name.",
    fields={
        "id": "32 hexadecimal digits, as list_runs gives it",
        "name": "what it is about, for example correct or quality; a second one takes its place",
        "number": "a number, for example 0.9",
        "category": "a word, for example refund",
        "boolean": "true or false",
        "by": "who says so",
    },
    required=("id", "name"),
    answer="The annotation as kept",
    status=201,
    renamed={"id": "run_id"},
)

COMMANDS = (RECORD_CHANGE, DECIDE_INCIDENT, RECORD_FIX, ANNOTATE_RUN)
"""The commands there are, in the order the reference lists them."""
