"""Answers on a terminal: the same view objects as everywhere, in tables; text from apps is never markup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flyball.component.words import duration
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
_PIPE_COLUMNS = 100_000
"""As wide as any line: what is piped is cut by nobody."""
_VERDICTS = {"fixed": "green", "not fixed": "red", "worse": "red", "not enough data": "yellow"}


class Terminal(Console):
    """Standard output: wraps at a terminal's width, never in a pipe; a reader that goes away is said so."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)
        if not self.is_terminal:
            self.width = _PIPE_COLUMNS

    def on_broken_pipe(self) -> None:
        """Let main.py end quietly: rich would end the process with 1."""
        raise BrokenPipeError

    def say(self, text: Text | str, *, indent: int = 0, style: str = "") -> None:
        """One paragraph whose further lines stay under its first one."""
        words = text if isinstance(text, Text) else Text(text, style=style)
        self.print(Padding(words, (0, 0, 0, indent)) if self.is_terminal else Text(" " * indent) + words)


def show(question: str, view: Any, console: Terminal | None = None) -> None:
    """Print the view of that question."""
    _SHOWS[question](view, console or Terminal())


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
    _limits(view, console)


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
    _limits(view, console)


def _limits(view: Any, console: Terminal) -> None:
    for limit in view["limits"]:
        console.say(f"limit: {clean(limit)}", indent=2, style="dim")


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


def _incidents(view: Any, console: Terminal) -> None:
    if not view["incidents"]:
        console.say(
            "No incident is known. What is watched: `flyball whats-new`, http://127.0.0.1:4320/",
            style="green",
        )
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "state", "id", "began (UTC)"):
        table.add_column(column, no_wrap=True)
    for column in ("records", "what", "where"):
        table.add_column(column, overflow="fold", justify="right" if column == "records" else "left")
    for one in view["incidents"]:
        state = one["state"] + (" muted" if one["muted"] else "")
        where = Text(clean(", ".join(one["services"][:4])), style="bold")
        where.append(f" {clean(one['environment'])}", style="dim")
        table.add_row(
            severity_text(one["severity_number"]),
            Text(state, style=_STATES.get(one["state"], "")),
            one["id"],
            one["began"][:19].replace("T", " "),
            f"{one['touched']:,}",
            clean(one["title"]),
            where,
        )
    console.print(table)
    console.say("`flyball explain ID` tells why one happened.", style="dim")


_STATES = {
    "open": "bold red",
    "investigating": "bold red",
    "active": "bold red",
    "resolved": "green",
    "closed": "dim",
}


def _incident(view: Any, console: Terminal) -> None:
    row = view["incident"]
    line = Text(f"{row['state']}  ", style=_STATES.get(row["state"], ""))
    line.append(clean(row["title"]), style="bold")
    console.say(line)
    where = f"{', '.join(row['services'])} {row['environment']}; began {row['began'][:19]}Z; {row['touched']:,} records show it"
    console.say(clean(where), indent=2, style="dim")
    if view["diagnosed"] is None:
        console.say("It is being diagnosed.", indent=2)
        return
    if view["inconclusive"]:
        console.say("Inconclusive: no cause is shown well enough. What is missing:", indent=2, style="yellow")
    else:
        console.say(f"confidence {row['confidence']:.2f}", indent=2, style="dim")
    for claim in (*view["claims"], *view["missing"]):
        _claim(claim, console)
    if view["first_step"]:
        console.say("First step", style="bold", indent=2)
        _claim(view["first_step"], console)
    _hypotheses(view, console)
    console.say("History", style="bold", indent=2)
    for act in view["history"]:
        console.say(f"{act['time'][:19]}Z  {clean(act['what'])} ({clean(act['by'])})", indent=4)
    _limits(view, console)


def _claim(claim: Any, console: Terminal) -> None:
    text = Text(clean(claim["text"]))
    text.append(f"  {' '.join(claim['evidence'][:3])}", style="cyan")
    console.say(text, indent=4)


def _hypotheses(view: Any, console: Terminal) -> None:
    if view["held"][1:]:
        console.say("Also held", style="bold", indent=2)
    for held in view["held"][1:4]:
        console.say(f"{held['cause']} of {clean(held['object'])} ({held['weight']:.2f})", indent=4)
    console.say("Ruled out", style="bold", indent=2)
    named = [one for one in view["ruled_out"] if one["object"]]
    for one in named:
        console.say(f"{one['cause']} of {clean(one['object'])}", indent=4)
        for reason in one["reasons"][:1]:
            _claim(reason, console)
    rest = [one["cause"] for one in view["ruled_out"] if not one["object"]]
    if rest:
        console.say(f"{len(rest)} causes of which nothing was seen: {', '.join(rest)}", indent=4, style="dim")
    if view["unknown"]:
        unknown = ", ".join(one["cause"] for one in view["unknown"])
        console.say(f"{len(view['unknown'])} that could not be told: {unknown}", indent=4, style="dim")


_SHOWS: dict[str, Callable[[Any, Terminal], None]] = {
    "whats_new": _whats_new,
    "verify_change": _verify,
    "list_changes": _changes,
    "list_incidents": _incidents,
    "get_incident": _incident,
}
