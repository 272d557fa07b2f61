"""Answers on a terminal: the same view objects as everywhere, in tables; text from apps is never markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity

_STYLES = {
    "TRACE": "dim",
    "DEBUG": "dim",
    "INFO": "blue",
    "WARN": "yellow",
    "ERROR": "red",
    "FATAL": "magenta",
}
_VERDICTS = {"fixed": "green", "not fixed": "red", "worse": "red", "not enough data": "yellow"}


def show(question: str, view: Any, console: Console | None = None) -> None:
    """Print the view of that question."""
    _SHOWS[question](view, console or Console(highlight=False))


def severity_text(number: int) -> Text:
    """Glyph and word in their colour."""
    severity = Severity.of(number)
    name = severity.name if severity else "-"
    return Text(f"{severity.glyph} {name}", style=_STYLES.get(name, "dim"))


def template_text(template: str) -> Text:
    """A template with its wildcards marked; control characters are shown, not obeyed."""
    text = Text()
    for position, part in enumerate(clean(template).split(WILDCARD)):
        if position:
            text.append(WILDCARD, style="yellow")
        text.append(part)
    return text


def clean(text: str) -> str:
    """Text from an app without control characters: it must not move the cursor or change colours."""
    return "".join(c if c.isprintable() else "�" if c not in "\n\t" else " " for c in text)


def _whats_new(view: Any, console: Console) -> None:
    console.print(Text(view["question"], style="bold"))
    for c in view["compared"]:
        console.print(
            Text(
                f"  {c['service']}: {c['how']};"
                f" {c['before_version'] or 'before'} {c['before_records']} records in {c['before_seconds']:.0f} s,"
                f" {c['after_version'] or 'after'} {c['after_records']} in {c['after_seconds']:.0f} s",
                style="dim",
            )
        )
    findings = view["findings"]
    if not findings:
        console.print("Nothing that differs and is real was found.")
    for finding in findings:
        _finding(finding, console)
    for limit in view["limits"]:
        console.print(Text(f"  {clean(limit)}", style="dim"))


def _finding(finding: Any, console: Console) -> None:
    line = Text(f"\n{finding['kind']:<14}", style="bold")
    line.append_text(severity_text(finding["severity_number"]))
    line.append(f"  {clean(finding['service'])}  ", style="bold")
    line.append_text(template_text(finding["template"]))
    console.print(line, soft_wrap=True)
    seconds = finding["after_change_s"]
    when = (
        ""
        if seconds is None
        else f" First seen {abs(seconds):.0f} s {'after' if seconds >= 0 else 'before'} the change."
    )
    console.print(Text(f"  {clean(finding['summary'])}{when}"), soft_wrap=True)
    if finding["exemplar"]:
        console.print(Text(f"  e.g. {clean(finding['exemplar']['text'])[:300]}", style="dim"), soft_wrap=True)
    cited = "  evidence " + ", ".join(finding["evidence"]) + f"  finding {finding['id']}"
    traces = f"  traces {', '.join(finding['trace_ids'][:3])}" if finding["trace_ids"] else ""
    console.print(Text(cited + traces, style="dim"), soft_wrap=True)


def _verify(view: Any, console: Console) -> None:
    line = Text(f"{clean(view['question'])} ", style="bold")
    line.append(view["verdict"], style=f"bold {_VERDICTS[view['verdict']]}")
    console.print(line)
    for verdict in view["verdicts"]:
        finding = verdict["finding"]
        line = Text(f"  {verdict['outcome']:<16}", style=_VERDICTS[verdict["outcome"]])
        line.append(f"{finding['kind']}  {clean(finding['service'])}  ", style="bold")
        line.append_text(template_text(finding["template"]))
        console.print(line, soft_wrap=True)
        why = f"    {clean(verdict['why'])} Confidence {verdict['confidence']:.2f}; evidence {', '.join(verdict['evidence'])}"
        console.print(Text(why, style="dim"), soft_wrap=True)
    for limit in view["limits"]:
        console.print(Text(f"  {clean(limit)}", style="dim"))


def _changes(view: Any, console: Console) -> None:
    if not view["changes"]:
        console.print(
            "No change is known yet: `flyball changes add --service checkout --version v42` records one,"
        )
        console.print("and a new service.version in telemetry records itself.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time", "kind", "service", "environment", "from", "to", "known by", "id"):
        table.add_column(column, overflow="fold")
    for c in view["changes"]:
        known = "announced" if c["announced"] else "telemetry"
        cells = (
            c["time"][:19] + "Z",
            c["kind"],
            c["service"],
            c["environment"],
            c["previous_version"],
            c["version"],
        )
        table.add_row(*(Text(clean(cell)) for cell in (*cells, known, c["id"])))
    console.print(table)


_SHOWS: dict[str, Callable[[Any, Console], None]] = {
    "whats_new": _whats_new,
    "verify_change": _verify,
    "list_changes": _changes,
}
