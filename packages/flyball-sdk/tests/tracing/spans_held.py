"""Spans in memory, and the conventions' own registry of attributes to check them by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from opentelemetry import semconv as conventions
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_ATTRIBUTE = re.compile(r'^[A-Z_0-9]+: Final = "([a-z0-9_.]+)"\n"""\n(.*?)"""', re.MULTILINE | re.DOTALL)
_MOVED = "Moved to the [OpenTelemetry GenAI semantic conventions repository]"


def _registry() -> tuple[set[str], set[str]]:
    """Names of all attributes of the installed conventions: those that hold, those that were replaced or removed.

    The GenAI attributes moved to a repository of their own, which this package marks as deprecated; they hold.
    """
    hold: set[str] = set()
    gone: set[str] = set()
    for file in Path(conventions.__path__[0]).rglob("*_attributes.py"):
        for name, words in _ATTRIBUTE.findall(file.read_text(encoding="utf-8")):
            (gone if "Deprecated:" in words and _MOVED not in words else hold).add(name)
    return hold, gone - hold


HOLD, GONE = _registry()
_REQUIRED = {
    "chat": {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"},
    "invoke_agent": {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.agent.name"},
    "execute_tool": {"gen_ai.operation.name", "gen_ai.tool.name"},
}
_KINDS = {"chat": "CLIENT", "invoke_agent": "INTERNAL", "execute_tool": "INTERNAL"}


def check(span: ReadableSpan) -> None:
    """A span is as the conventions have it."""
    attributes = dict(span.attributes or {})
    names = set(attributes) | {name for event in span.events for name in event.attributes or {}}
    assert {name for name in names if name not in HOLD and not name.startswith("flyball.")} == set()
    assert names & GONE == set()
    operation = str(attributes.get("gen_ai.operation.name", ""))
    if operation:
        assert _REQUIRED[operation] - names == set()
        assert ("server.address" in names) == ("server.port" in names)
        assert span.kind.name == _KINDS[operation]
        about = {
            "chat": "gen_ai.request.model",
            "invoke_agent": "gen_ai.agent.name",
            "execute_tool": "gen_ai.tool.name",
        }
        assert span.name == f"{operation} {attributes[about[operation]]}"
    failed = span.status.status_code.name == "ERROR"
    assert failed == ("error.type" in attributes)


class Spans(InMemorySpanExporter):
    """Ended spans, checked as they are taken."""

    def all(self) -> list[ReadableSpan]:
        """All of them."""
        made = list(self.get_finished_spans())
        for span in made:
            check(span)
        return made

    def one(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.all()
        return span

    def named(self, start: str) -> list[ReadableSpan]:
        """Those whose name begins so."""
        return [span for span in self.all() if span.name.startswith(start)]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def decisions(span: ReadableSpan) -> list[dict[str, Any]]:
    """The guard's decisions on a span."""
    return [dict(event.attributes or {}) for event in span.events if event.name == "flyball.guard.decision"]
