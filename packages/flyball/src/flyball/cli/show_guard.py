"""The guard on a terminal. What an agent sent is shown with its unseen characters made visible, never obeyed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flyball_sdk.guard.words import visible
from rich.table import Table
from rich.text import Text

from flyball.cli.terminal import Terminal, clean
from flyball.guard.whole import whole_call

_STYLES = {"allow": "green", "modify": "yellow", "ask": "yellow", "block": "red"}
_MODES = {"lockdown": "red", "paused": "yellow", "audit": "yellow", "enforce": "green"}
_LINE_CHARS_MAX = 200


def status(view: Any, console: Terminal) -> None:
    """The guard at a glance."""
    line = Text("guard: ")
    line.append(view["mode"], style=f"bold {_MODES[view['mode']]}")
    if view["paused_until"]:
        line.append(f" until {_time(view['paused_until'])} by {clean(view['by'])} {clean(view['reason'])}")
    if view["locked_since"]:
        line.append(f" since {_time(view['locked_since'])} by {clean(view['by'])} {clean(view['reason'])}")
    console.say(line)
    for policy in view["policies"]:
        kind = " (built in)" if policy["built_in"] else ""
        console.say(
            f"policy {clean(policy['name'])}{kind}: {policy['mode']}, {policy['rules']} rules", indent=2
        )
    counts = ", ".join(
        f"{number:,} {name.replace('_', ' ')}" for name, number in sorted(view["counts"].items())
    )
    console.say(f"since {view['since'][:19]}: {counts or 'no call yet'}", indent=2)
    ms = view["latency_ms"]
    if ms["p50"] is not None:
        console.say(f"took p50 {ms['p50']:.3f} ms, p95 {ms['p95']:.3f} ms, p99 {ms['p99']:.3f} ms", indent=2)
    for caller in view["seen"][:20]:
        name = " ".join(
            clean(part) for part in (caller["client"], caller["client_version"], caller["agent_name"]) if part
        )
        canary = (
            f", canary {_time(caller['canary_at'])}: {caller['canary_would']}"
            if caller["canary_at"]
            else ", no canary yet"
        )
        console.say(
            f"seen {name or 'somebody'}: {_time(caller['last_seen'])}, {caller['calls']:,} calls{canary}",
            indent=2,
        )
    log = view["log"]
    console.say(
        f"log: {log['rows']:,} rows, head {log['head'][:16]}, anchored through {log['anchored_through'] or 'nothing'}",
        indent=2,
    )
    if view["waiting"]:
        console.say(
            f"{view['waiting']} calls wait for approval: flyball guard approvals", style="yellow", indent=2
        )
    for name, number in view["dropped"].items():
        if number:
            console.say(f"let go: {number:,} {name}", style="yellow", indent=2)
    for text in view["trouble"]:
        console.say(clean(text), style="red", indent=2)


def check(view: Any, console: Terminal) -> None:
    """One call explained."""
    console.say(
        _words(
            view["action"],
            f" by policy {clean(view['policy'])}, {view['latency_ms']:.3f} ms, {view['status']}",
        )
    )
    if view["reason"]:
        console.say(clean(view["reason"]), indent=2)
    console.say(
        "What it would do:" if view["effects"] else "It would do nothing that a rule speaks of.", indent=2
    )
    for effect in view["effects"]:
        console.say(effect_line(effect), indent=4)
    for rule in view["rules"]:
        console.say(f"rule {rule['rule']} ({rule['severity']}): {rule['action']}, {rule['title']}", indent=2)
        if rule["safer"]:
            console.say(f"safer: {clean(rule['safer'])}", indent=4, style="dim")


def effect_line(effect: Mapping[str, Any]) -> str:
    """One effect in a line."""
    target = effect.get("target")
    if isinstance(target, Mapping):
        target = target["environment"]
    parts = [f"{effect['act']} {visible(str(effect['what']), _LINE_CHARS_MAX)}"]
    if target:
        parts.append(f"at {target}")
    if effect["via"]:
        parts.append("by way of " + " > ".join(visible(one, 60) for one in effect["via"]))
    more = ", ".join(f"{name} {visible(str(value), 60)}" for name, value in effect["attributes"].items())
    return " ".join(parts) + (f" ({more})" if more else "")


def approvals(view: Any, console: Terminal) -> None:
    """Each ask: effects first, then the whole call."""
    if not view["approvals"]:
        console.say("No call waits for a person.", style="green")
    for one in view["approvals"]:
        console.say(Text(f"{one['id']} {one['state']}", style="bold"))
        console.say(
            f"{clean(one['reason'])}; asked {_time(one['asked'])}, ends {_time(one['expires'])}", indent=2
        )
        who = " ".join(f"{name} {visible(value)}" for name, value in one["context"].items() if value)
        console.say(who, indent=2, style="dim")
        for effect in one["effects"]:
            console.say(effect_line(effect), indent=2, style="yellow")
        for path in one["files"]:
            console.say(f"runs {visible(path, len(path))}", indent=2)
        for line in whole_call(one["tool_name"], one["call"]):
            console.say(Text(line), indent=4)


def decisions(view: Any, console: Terminal) -> None:
    """A line for each."""
    if not view["decisions"]:
        console.say("No such decision.")
    for one in view["decisions"]:
        line = Text(f"{_time(one['t'] / 1000)} ")
        line.append_text(_words(one["action"], ""))
        if one["would"] != one["action"]:
            line.append(f" (would {one['would']})", style="yellow")
        line.append(f" {visible(one['tool'])} {visible(_short(one.get('call')), _LINE_CHARS_MAX)}")
        console.say(line)
        if one.get("reason"):
            console.say(clean(one["reason"]), indent=2, style="dim")


def _short(call: Any) -> str:
    if isinstance(call, Mapping) and isinstance(call.get("command"), str):
        return call["command"]
    return str(call)


def rules(view: Any, console: Terminal) -> None:
    """A line for each."""
    for one in view["rules"]:
        line = _words(one["action"], f" {one['id']} ({one['severity']}): {clean(one['title'])}")
        console.say(line)
        console.say(f"{', '.join(one['acts'])}; safer: {clean(one['safer'])}", indent=2, style="dim")


def proposals(view: Any, console: Terminal) -> None:
    """What could be learned: the warning first, then what it rests on and what it would have done."""
    if not view["proposals"]:
        console.say(f"Nothing recurs that is not stopped already, in {view['calls']:,} calls.", style="green")
    for one in view["proposals"]:
        if one["warning"]:
            console.say(f"WARNING: {one['warning']}", style="bold red")
        console.say(Text(f"{one['id']} {one['state']}: {one['title']}", style="bold"))
        rests, tested = one["support"], one["backtest"]
        what = ", ".join(
            f"{n} {name}" for name, n in rests.items() if n and name not in ("sessions", "users", "calls")
        )
        console.say(
            f"{rests['calls']} calls in {rests['sessions']} sessions of {rests['users']} users"
            f"{': ' + what if what else ''}", indent=2,
        )  # fmt: skip
        both = ", ".join(f"{name} ({n})" for name, n in tested["overlap"].items())
        console.say(
            f"back-test over {tested['calls']:,} calls: speaks to {tested['hits']}, {tested['newly']} of which ran;"
            f" {tested['false_hits']} of {tested['benign']:,} benign calls ({tested['false_share']:.2%});"
            f" read again {tested['agreed']} of {tested['replayed']} agree; {tested['microseconds']:.1f} us a call"
            f"{'; spoken to already by ' + both if both else ''}", indent=2,
        )  # fmt: skip
        for act, number in one["lets_through"]:
            console.say(
                f"would newly let through {number} x {visible(act, _LINE_CHARS_MAX)}",
                indent=2,
                style="yellow",
            )
        for line in one["text"].splitlines():
            console.say(Text(visible(line, _LINE_CHARS_MAX)), indent=4)
        if one["state"] == "proposed":
            console.say(
                f"flyball guard accept {one['id']}   or   flyball guard reject {one['id']}",
                indent=2,
                style="dim",
            )


def record(view: Any, console: Terminal) -> None:
    """What a rule did, by comparison."""
    before, after = view["before"], view["after"]
    sure = f" (p {view['p']:.2g})" if view["p"] is not None else ""
    console.say(
        Text(f"{clean(view['rule'])} since {view['since'][:19]}Z: {view['verdict']}{sure}", style="bold")
    )
    for name, side in (("before", before), ("after", after)):
        console.say(
            f"{name}: {side['hits']:.0f} of {side['calls']:,.0f} calls ({side['share']:.2%})", indent=2
        )
    console.say(
        f"stopped {view['stopped']}, approved {view['approved']}, denied {view['denied']}, in sessions without"
        f" anything else wrong {view['false_hits']}", indent=2,
    )  # fmt: skip


def policies(view: Any, console: Terminal) -> None:
    """A row for each."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in (
        "policy",
        "mode",
        "rules",
        "agents",
        "environments",
        "users",
        "exceptions",
        "budgets",
        "hash",
    ):
        table.add_column(column, overflow="fold")
    for one in view["policies"]:
        table.add_row(
            one["name"], one["mode"], str(one["rules"]), *(" ".join(one[name]) for name in ("agents", "environments", "users")),
            str(len(one["exceptions"])), str(len(one["budgets"])), one["hash"],
        )  # fmt: skip
    console.print(table)


def audit(view: Any, console: Terminal) -> None:
    """The verdict, then what is wrong."""
    good = not view["problems"]
    console.say(Text(view["verdict"], style="bold green" if good else "bold red"))
    console.say(
        f"rows {view['first']}-{view['last']}, {view['decisions']:,} decisions, {view['answers']:,} answers,"
        f" {view['checkpoints']:,} checkpoints, {view['repaired']} repairs, head {view['head'][:16]}", indent=2,
    )  # fmt: skip
    if view["anchors"]:
        console.say(f"{view['anchors']} anchors hold, the last at row {view['anchored_through']}", indent=2)
    if view["note"]:
        console.say(view["note"], indent=2, style="dim")
    for text in view["problems"]:
        console.say(clean(text), indent=2, style="red")
    if view["further_problems"]:
        console.say(f"and {view['further_problems']} more", indent=2, style="red")


def _words(action: str, rest: str) -> Text:
    line = Text(f"{action:<6}", style=_STYLES.get(action, ""))
    line.append(rest, style="not bold default")
    return line


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds else "never"


SHOWS: dict[str, Callable[[Any, Terminal], None]] = {
    "guard_status": status,
    "guard_check": check,
    "guard_approvals": approvals,
    "guard_decisions": decisions,
    "guard_rules": rules,
    "guard_proposals": proposals,
    "guard_rule_record": record,
    "guard_policies": policies,
    "guard_audit": audit,
}
