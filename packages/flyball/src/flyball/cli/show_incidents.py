"""Incidents on a terminal: the list, and one with its cause, first step, what was ruled out and what worked before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.text import Text

from flyball.cli.terminal import Terminal, clean, limits, severity_text
from flyball.component.words import duration, written_by

NAMES_MAX = 6
"""Causes without a sign that are named on a line."""
_ONE_LINE_COLUMNS = 120
"""A terminal that is narrower gets two lines for each incident."""
_SERVICES_MAX = 4
_RULED_OUT_MAX = 3
_STATES = {
    "open": "bold red",
    "investigating": "bold red",
    "active": "bold red",
    "resolved": "green",
    "closed": "dim",
}


def incidents(view: Any, console: Terminal) -> None:
    """Those that go on first: state, id, when; then what, where and how much."""
    if not view["incidents"]:
        console.say(
            "No incident is known. `flyball whats-new` tells what differs since the last deploy.",
            style="green",
        )
        return
    gap = "  " if console.width >= _ONE_LINE_COLUMNS else "\n  "
    states = [one["state"] + (" muted" if one["muted"] else "") for one in view["incidents"]]
    for one, state in zip(view["incidents"], states, strict=True):
        line = severity_text(one["severity_number"])
        line.pad_right(max(9 - len(line), 1))
        line.append(state.ljust(max(map(len, states)) + 2), style=_STATES.get(one["state"], ""))
        line.append(f"{one['id']}  began {_moment(one['began'])} UTC")
        line.append(f"{gap}{clean(one['title'])}", style="bold")
        line.append(f"  {_where(one)}; {one['touched']:,} records{_times(one)}", style="dim")
        console.say(line)
    left = view["total"] - len(view["incidents"])
    if left:
        console.say(f"{left} more: --state or --service narrows them", style="dim")
    console.say("`flyball explain ID` tells why one happened.", style="dim")


def _where(row: Any) -> str:
    more = len(row["services"]) - _SERVICES_MAX
    services = ", ".join(row["services"][:_SERVICES_MAX]) + (f" and {more} more" if more > 0 else "")
    return clean(f"{services} {row['environment']}".rstrip())


def _times(row: Any) -> str:
    return f"; {row['episode']} times" if row["episode"] > 1 else ""


def _moment(time: str) -> str:
    return time[:19].replace("T", " ")


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def incident(view: Any, console: Terminal) -> None:
    """Cause and why, what to do first, which change, what was ruled out, what worked before, what happened."""
    row = view["incident"]
    line = Text(f"{row['state']}{' muted' if row['muted'] else ''}  ", style=_STATES.get(row["state"], ""))
    line.append(clean(row["title"]), style="bold")
    console.say(line)
    console.say(f"{_where(row)}; {row['touched']:,} records show it{_times(row)}", indent=2, style="dim")
    console.say(_lasted(view), indent=2, style="dim")
    if view["diagnosed"] is None:
        console.say("It is being diagnosed; ask again in a few seconds.", indent=2)
    else:
        _diagnosis(view, console)
    _lessons(view["seen_before"], console)
    _narrative(view["narrative"], console)
    _history(view["history"], console)
    limits(view, console)


def _lasted(view: Any) -> str:
    """Since when, and for how long or until when."""
    row = view["incident"]
    began = f"began {_moment(row['began'])} UTC"
    if row["resolved"]:
        lasted = duration(_seconds(row["began"], row["resolved"]))
        return f"{began}, resolved {_moment(row['resolved'])} UTC after {lasted}"
    if row["state"] == "closed":
        return f"{began}, last seen {_moment(row['last_seen'])} UTC"
    return f"{began}, {duration(_seconds(row['began'], view['as_of']))} ago"


def _diagnosis(view: Any, console: Terminal) -> None:
    if view["inconclusive"]:
        heading, style = "Inconclusive: no cause is shown well enough. What is missing:", "yellow"
    else:
        heading, style = f"Why (confidence {view['incident']['confidence']:.2f} of 1)", "bold"
    console.say(heading, style=style, indent=2)
    for claim in (*view["claims"], *view["missing"]):
        _claim(claim, console)
    if view["first_step"]:
        console.say("First step", style="bold", indent=2)
        _claim(view["first_step"], console)
    _changes(view, console)
    _hypotheses(view, console)


def _changes(view: Any, console: Terminal) -> None:
    changes = [("suspect", view["suspect"]), ("repaired by", view["resolved_by"])]
    if any(change for _, change in changes):
        console.say("Changes", style="bold", indent=2)
    for name, change in changes:
        if change:
            console.say(_change(name, change), indent=4)


def _change(name: str, change: Any) -> Text:
    """A change with its id, when it was, and who wrote it as far as that is known."""
    subject = change["what"] or f"{change['previous_version'] or '?'} → {change['version'] or '?'}"
    line = Text(f"{name}: ")
    line.append(f"{change['kind']} {clean(subject)}", style="yellow")
    line.append(f" of {clean(change['service'])}  {_moment(change['time'])} UTC  {change['id']}")
    who = written_by(clean(change["author"]), change["author_kind"])
    line.append(f"  by {who}" if who else "")
    said = change["message"].strip().partition("\n")[0]
    line.append(f"\n“{clean(said)}”" if said else "", style="dim")
    return line


def _history(acts: Any, console: Terminal) -> None:
    """What happened, with the day where it is another."""
    console.say("What happened (UTC)", style="bold", indent=2)
    day = ""
    for act in acts:
        if act["time"][:10] != day:
            day = act["time"][:10]
            console.say(day, indent=4, style="dim")
        by = "" if act["by"] == "flyball" else f" ({clean(act['by'])})"
        console.say(f"{act['time'][11:19]}  {clean(act['what'])}{by}", indent=4)


def _claim(claim: Any, console: Terminal) -> None:
    text = Text(f"- {clean(claim['text'])}")
    text.append(f"  {' '.join(claim['evidence'][:3])}", style="cyan")
    console.say(text, indent=4)


def _hypotheses(view: Any, console: Terminal) -> None:
    if view["held"][1:]:
        console.say("Also held, less directly", style="bold", indent=2)
    for held in view["held"][1:4]:
        console.say(f"- {held['cause']} of {clean(held['object'])} ({held['weight']:.2f})", indent=4)
    console.say("Ruled out", style="bold", indent=2)
    named = [one for one in view["ruled_out"] if one["object"] and one["reasons"]]
    for one in named[:_RULED_OUT_MAX]:
        reason = one["reasons"][0]
        _claim(reason | {"text": f"{one['cause']} of {one['object']}: {reason['text']}"}, console)
    if named[_RULED_OUT_MAX:]:
        console.say(f"{len(named) - _RULED_OUT_MAX} more of what was seen", indent=4, style="dim")
    rest = [one["cause"] for one in view["ruled_out"] if not one["object"]]
    if rest:
        console.say(
            f"{len(rest)} cause{'s' * (len(rest) > 1)} of which nothing was seen: {_few(rest)}",
            indent=4,
            style="dim",
        )
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
    """What was remembered, and what was measured of it where it named its change."""
    measured = f": {view['result']}" if view["change_id"] else ""
    console.say(f"remembered for {view['incident_id']}: {clean(view['text'])} ({view['id']}){measured}")


def _lessons(lessons: Any, console: Terminal) -> None:
    if lessons:
        console.say("Seen before", style="bold", indent=2)
    for lesson in lessons:
        it = lesson["occurrence"]
        again = "this again" if lesson["likeness"] == "exact" else "the same elsewhere"
        what = f"{_moment(it['opened'])} UTC  {it['cause']} of {clean(it['object'])} ({again}, {clean(it['incident_id'])})"
        console.say(what, indent=4)
        if not lesson["fixes"]:
            console.say("no fix is recorded", indent=6, style="dim")
        for told in lesson["fixes"]:
            back = f", came back {_moment(told['came_back'])} UTC" if told["came_back"] else ""
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
