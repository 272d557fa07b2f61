"""Answers on a terminal: the same view objects as everywhere, in tables; text from apps is never markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

from flyball.cli.show_guard import SHOWS
from flyball.cli.show_incidents import fixed, incident, incidents, seen_before
from flyball.cli.show_runs import SHOWS_OF_RUNS
from flyball.cli.terminal import Terminal, clean, limits, severity_text, template_text
from flyball.component.words import duration

_VERDICTS = {"fixed": "green", "not fixed": "red", "worse": "red", "not enough data": "yellow"}


def show(question: str, view: Any, console: Terminal | None = None) -> None:
    """Print the view of that question."""
    _SHOWS[question](view, console or Terminal())


def _whats_new(view: Any, console: Terminal) -> None:
    console.say(clean(view["question"]), style="bold")
    for c in view["compared"]:
        console.say(_compared(c), indent=2, style="dim")
    findings = view["findings"]
    if not findings:
        console.say("Nothing that differs and is real was found.", style="green")
    for finding in findings:
        _finding(finding, console)
    if findings and view["limits"]:
        console.print()
    limits(view, console)


def _compared(c: Any) -> str:
    old, new = c["before_version"] or "before", c["after_version"] or "after"
    return (
        f"{clean(c['service'])}: {old} said {c['before_records']:,} records in {duration(c['before_seconds'])},"
        f" {new} {c['after_records']:,} in {duration(c['after_seconds'])} ({c['how']})"
    )


def _finding(finding: Any, console: Terminal) -> None:
    console.print()
    line = Text()
    line.append(f"{finding['kind']:<14}", style="bold")
    line.append_text(severity_text(finding["severity_number"]))
    line.append(f"  {clean(finding['service'])}  ", style="bold")
    line.append_text(template_text(finding["template"]))
    console.say(line)
    seconds = finding["after_change_s"]
    when = (
        ""
        if seconds is None
        else f" First seen {duration(abs(seconds))} {'after' if seconds >= 0 else 'before'} the change."
    )
    console.say(f"{clean(finding['summary'])}{when}", indent=2)
    if finding["exemplar"]:
        console.say(f"e.g. {clean(finding['exemplar']['text'])[:300]}", indent=2, style="dim")
    cited = Text("evidence ", style="dim")
    cited.append(", ".join(finding["evidence"]), style="cyan")
    cited.append(f"  finding {finding['id']}")
    console.say(cited, indent=2)
    if finding["trace_ids"]:
        console.say(f"traces {', '.join(finding['trace_ids'][:3])}", indent=2, style="dim")


def _verify(view: Any, console: Terminal) -> None:
    line = Text()
    line.append(f"{clean(view['question'])} ", style="bold")
    line.append(view["verdict"], style=f"bold {_VERDICTS[view['verdict']]}")
    console.say(line)
    for verdict in view["verdicts"]:
        finding = verdict["finding"]
        line = Text()
        line.append(f"{verdict['outcome']:<17}", style=_VERDICTS[verdict["outcome"]])
        line.append(f"{finding['kind']}  {clean(finding['service'])}  ", style="bold")
        line.append_text(template_text(finding["template"]))
        console.say(line, indent=2)
        console.say(clean(verdict["why"]), indent=4)
        cited = Text(f"confidence {verdict['confidence']:.2f}  evidence ", style="dim")
        cited.append(", ".join(verdict["evidence"]), style="cyan")
        cited.append(f"  finding {finding['id']}")
        console.say(cited, indent=4)
    limits(view, console)


def _changes(view: Any, console: Terminal) -> None:
    if not view["changes"]:
        console.say(
            "No change is known yet: `flyball changes add --service checkout --version v42` records one,"
        )
        console.say("and a new service.version in telemetry records itself.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("time (UTC)", "id", "kind", "known by"):
        table.add_column(column, no_wrap=True)
    for column in ("service", "version"):
        table.add_column(column, overflow="fold")
    for c in view["changes"]:
        known = "announced" if c["announced"] else "telemetry"
        place, version = Text(), Text()
        place.append(clean(c["service"]), style="bold")
        place.append(f" {clean(c['environment'])}", style="dim")
        if c["previous_version"]:
            version.append(f"{clean(c['previous_version'])} → ", style="dim")
        version.append(clean(c["version"] or c["what"]) or "-", style="yellow")
        moment = c["time"][:19].replace("T", " ")
        table.add_row(moment, c["id"], c["kind"], Text(known, style="dim"), place, version)
    console.print(table)


_SHOWS: dict[str, Callable[[Any, Terminal], None]] = {
    "whats_new": _whats_new,
    "verify_change": _verify,
    "list_changes": _changes,
    "list_incidents": incidents,
    "get_incident": incident,
    "seen_before": seen_before,
    "record_fix": fixed,
    **SHOWS,
    **SHOWS_OF_RUNS,
}
