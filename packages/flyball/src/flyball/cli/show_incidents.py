"""Incidents on a terminal: the list, and one with its cause, first step, what was ruled out and what worked before."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from flyball.cli.terminal import Terminal, clean, limits, severity_text

NAMES_MAX = 6
"""Causes without a sign that are named on a line."""


def incidents(view: Any, console: Terminal) -> None:
    """A line each, those that go on first."""
    if not view["incidents"]:
        console.say(
            "No incident is known. `flyball whats-new` tells what differs since the last deploy.",
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


def incident(view: Any, console: Terminal) -> None:
    """Why it happened, what first, what was ruled out."""
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
    _lessons(view["seen_before"], console)
    _narrative(view["narrative"], console)
    _hypotheses(view, console)
    console.say("History", style="bold", indent=2)
    for act in view["history"]:
        console.say(f"{act['time'][:19]}Z  {clean(act['what'])} ({clean(act['by'])})", indent=4)
    limits(view, console)


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
        console.say(f"{len(rest)} causes of which nothing was seen: {_few(rest)}", indent=4, style="dim")
    if view["unknown"]:
        unknown = _few([one["cause"] for one in view["unknown"]])
        console.say(f"{len(view['unknown'])} that could not be told: {unknown}", indent=4, style="dim")


def _few(names: list[str]) -> str:
    """A few of them; the page and `--json` have all, with their evidence."""
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")


def seen_before(view: Any, console: Terminal) -> None:
    """Earlier incidents like one, and which fixes worked for their kind."""
    console.say(clean(view["question"]), style="bold")
    if not view["lessons"] and not view["fixes"]:
        console.say("Nothing like it is remembered.", indent=2)
    _lessons(view["lessons"], console)
    for fix in view["fixes"]:
        tried = f"worked {fix['worked']}, did not {fix['did_not']}, unknown {fix['unknown']}, came back {fix['came_back']}"
        console.say(f"{clean(fix['text'])}: {tried}", indent=2)


def fixed(view: Any, console: Terminal) -> None:
    """What was remembered."""
    console.say(f"remembered for {view['incident_id']}: {clean(view['text'])} ({view['id']})")


def _lessons(lessons: Any, console: Terminal) -> None:
    if lessons:
        console.say("Seen before", style="bold", indent=2)
    for lesson in lessons:
        it = lesson["occurrence"]
        again = "this again" if lesson["likeness"] == "exact" else "the same elsewhere"
        console.say(f"{it['opened'][:19]}Z  {it['cause']} of {clean(it['object'])} ({again})", indent=4)
        for told in lesson["fixes"]:
            back = f", came back {told['came_back'][:19]}Z" if told["came_back"] else ""
            style = "green" if told["result"] == "worked" else ""
            console.say(f"{told['result']}: {clean(told['fix']['text'])}{back}", indent=6, style=style)


def _narrative(told: Any, console: Terminal) -> None:
    if told is None:
        return
    usage = told["usage"]
    took = f"{usage['calls']} calls, {usage['input_tokens']} tokens in, {usage['output_tokens']} out, {usage['seconds']:.1f} s"
    console.say(f"In the words of {clean(told['model'])} ({took})", style="bold", indent=2)
    for said in told["sentences"]:
        _claim(said, console)
    for said in told["unconfirmed"]:
        console.say(f"unconfirmed hypothesis: {clean(said['text'])}", indent=4, style="yellow")
    if told["dropped"]:
        console.say(f"{len(told['dropped'])} sentences were dropped: they do not hold", indent=4, style="dim")
    if told["note"]:
        console.say(clean(told["note"]), indent=4, style="dim")
