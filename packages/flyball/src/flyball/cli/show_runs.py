"""Runs of agents on a terminal. What an agent was given or said is shown with its unseen characters visible, cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flyball_sdk.guard.words import visible
from rich.table import Table
from rich.text import Text

from flyball.cli.terminal import Terminal, clean
from flyball.component.words import duration

_TEXT_CHARS_MAX = 160
_BAR_CELLS = 24
_SPANS_MAX = 8
_KINDS = {"agent": "bold", "model": "blue", "tool": "cyan", "other": "dim", "decision": "yellow"}
_ACTIONS = {"block": "red", "ask": "yellow", "modify": "yellow"}


def money(spent: Any) -> str:
    """What is known of the cost; what is not is said."""
    known = "unknown" if spent["cost_usd"] is None else f"${spent['cost_usd']:.4f}"
    if spent["unpriced_calls"]:
        return f"{known} (+{spent['unpriced_calls']} unpriced)"
    return known if spent["priced_calls"] else "-"


def _tokens(spent: Any) -> str:
    told = (spent["input_tokens"], spent["output_tokens"])
    return " / ".join("?" if number is None else f"{number:,}" for number in told)


def runs(view: Any, console: Terminal) -> None:
    """A row for each run."""
    if not view["runs"]:
        console.say("No agent ran in this time: send its spans to port 4318, see `flyball runs --help`.")
        return
    table = _table(
        "began (UTC)", "run", "took", "steps", "errors", "tokens in / out", "cost", "agent", "user"
    )
    for run in view["runs"]:
        table.add_row(
            run["began"][:19].replace("T", " "), run["run_id"], duration(run["ms"] / 1000), str(run["steps"]),
            Text(str(run["errors"]), style="red" if run["errors"] else "dim"), _tokens(run["spent"]),
            money(run["spent"]), clean(run["agent"] or run["name"]), visible(run["user"], 24),
        )  # fmt: skip
    console.print(table)
    if view["cursor"]:
        console.say(f"there are more: --cursor {view['cursor']}", style="dim")


def run(view: Any, console: Terminal) -> None:
    """The run on a line, then its tree with a bar of time."""
    it = view["run"]
    console.say(Text(f"{it['run_id']}  {clean(it['agent'] or it['name'])}", style="bold"))
    facts = [it["began"][:19].replace("T", " "), duration(it["ms"] / 1000), f"{it['steps']} steps"]
    facts += [f"{it['errors']} errors", f"tokens {_tokens(it['spent'])}", money(it["spent"])]
    console.say(", ".join(facts), indent=2)
    for name in ("service", "version", "user", "conversation", "config"):
        if it[name]:
            console.say(f"{name} {visible(it[name])}", indent=2, style="dim")
    whole = max((node["at_ms"] + node["ms"] for node in view["nodes"]), default=0.0)
    for node in view["nodes"]:
        _node(node, whole, console)
    for one in view["annotations"]:
        console.say(f"said: {_annotation(one)}", indent=2, style="green")
    for limit in view["limits"]:
        console.say(f"limit: {clean(limit)}", indent=2, style="dim")


def happened(view: Any, console: Terminal) -> None:
    """The kind, the cause, what to do; then what it rests on and what it was not."""
    sure = f" (confidence {view['confidence']:.2f})" if view["confidence"] else ""
    console.say(Text(f"{view['kind']}{sure}", style="bold"))
    for word, one in (("cause", view["root_cause"]), ("do", view["suggested_fix"])):
        if one:
            console.say(f"{word}: {clean(one['text'])}", indent=2)
    for one in view["explanation"]:
        console.say(f"because {clean(one['text'])}", indent=2)
        console.say(f"spans {', '.join(one['spans'][:_SPANS_MAX])}", indent=4, style="dim")
    for one in view["ruled_out"]:
        console.say(f"not {one['kind']}: {clean(one['text'])}", indent=2, style="dim")
    for text in view["missing"]:
        console.say(f"missing: {clean(text)}", indent=2, style="dim")
    console.say(f"held against {view['runs_before']} runs of the same agent before it", indent=2, style="dim")


def _node(node: Any, whole_ms: float, console: Terminal) -> None:
    line = Text("  " * node["depth"])
    line.append(f"{node['kind']} ", style=_KINDS[node["kind"]])
    if node["kind"] == "decision":
        line.append(node["name"], style=_ACTIONS.get(node["name"], "green"))
        line.append(f" (would {node['would']})" if node["would"] != node["name"] else "")
        line.append(
            f" {', '.join(clean(rule) for rule in node['rules'])} {visible(node['message'], _TEXT_CHARS_MAX)}"
        )
        console.say(line, indent=2)
        return
    line.append(visible(node["name"], 80))
    line.append(f"  {node['ms']:,.0f} ms", style="dim")
    if node["cost_usd"] is not None:
        line.append(f"  ${node['cost_usd']:.4f}", style="dim")
    if node["error"]:
        line.append(
            f"  {visible(node['error'], 60)} {visible(node['message'], _TEXT_CHARS_MAX)}", style="red"
        )
    elif node["arguments"]:
        line.append(f"  {visible(node['arguments'], _TEXT_CHARS_MAX)}", style="dim")
    console.say(Text.assemble((_bar(node, whole_ms), "dim"), " ", line), indent=2)


def _bar(node: Any, whole_ms: float) -> str:
    if whole_ms <= 0:
        return " " * _BAR_CELLS
    begin = min(int(node["at_ms"] / whole_ms * _BAR_CELLS), _BAR_CELLS - 1)
    cells = max(1, min(round(node["ms"] / whole_ms * _BAR_CELLS), _BAR_CELLS - begin))
    return (" " * begin + "━" * cells).ljust(_BAR_CELLS)


def costs(view: Any, console: Terminal) -> None:
    """A row for each key, then their sum."""
    table = _table(view["by"], "runs", "model calls", "errors", "tokens in / out", "cost")
    for cost in (*view["costs"], {**view["total"], "key": "total"}):
        table.add_row(
            visible(cost["key"], 60) or "-", f"{cost['runs']:,}", f"{cost['model_calls']:,}", f"{cost['errors']:,}",
            _tokens(cost["spent"]), money(cost["spent"]),
        )  # fmt: skip
    console.print(table)


def conversations(view: Any, console: Terminal) -> None:
    """A row for each."""
    if not view["conversations"]:
        console.say("No conversation in this time: runs tell theirs by gen_ai.conversation.id or session.id.")
        return
    table = _table("last (UTC)", "conversation", "runs", "errors", "tokens in / out", "cost", "agent", "user")
    for one in view["conversations"]:
        table.add_row(
            one["last"][:19].replace("T", " "), visible(one["conversation"], 40), f"{one['runs']:,}",
            f"{one['errors']:,}", _tokens(one["spent"]), money(one["spent"]), clean(one["agent"]), visible(one["user"], 24),
        )  # fmt: skip
    console.print(table)


def compared(view: Any, console: Terminal) -> None:
    """What differs, then the steps side by side."""
    console.say(f"first  {view['first']['run_id']}  second {view['second']['run_id']}", style="bold")
    if not view["differences"]:
        console.say("Nothing differs that a run tells.", style="green", indent=2)
    for one in view["differences"]:
        console.say(f"{clean(one['what'])}: {_value(one['first'])} → {_value(one['second'])}", indent=2)
    marks = {
        "same": ("=", "dim"),
        "differs": ("≠", "yellow"),
        "only first": ("-", "red"),
        "only second": ("+", "green"),
    }
    for pair in view["steps"]:
        mark, style = marks[pair["change"]]
        told = pair["second"] or pair["first"]
        console.say(
            f"{mark} {pair['kind']} {visible(pair['name'], 60)}  {visible(told, _TEXT_CHARS_MAX)}",
            style=style,
        )
    for limit in view["limits"]:
        console.say(f"limit: {clean(limit)}", indent=2, style="dim")


def _value(value: Any) -> str:
    return "unknown" if value is None else visible(str(value), _TEXT_CHARS_MAX) or "-"


def budgets(view: Any, console: Terminal) -> None:
    """A row for each, those over their limit first."""
    if not view["budgets"]:
        console.say(
            "Nothing was taken of a budget of tokens or usd; a policy sets one: flyball guard policies."
        )
        return
    table = _table("policy", "budget", "per", "who", "used", "limit", "then")
    for one in view["budgets"]:
        used = Text(f"{one['used']:,.4g} {one['counts']}", style="red" if one["over"] else "")
        table.add_row(
            one["policy"], one["budget"], one["per"], visible(one["who"], 40), used, f"{one['limit']:,.4g}", one["action"]
        )  # fmt: skip
    console.print(table)


def annotated(view: Any, console: Terminal) -> None:
    """What was kept."""
    console.say(f"{view['run_id']}: {_annotation(view)}")


def _annotation(one: Any) -> str:
    value = next((one[kind] for kind in ("number", "boolean") if one[kind] is not None), one["category"])
    return f"{one['name']} {visible(str(value))}{' by ' + visible(one['by']) if one['by'] else ''}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


SHOWS_OF_RUNS: dict[str, Callable[[Any, Terminal], None]] = {
    "list_runs": runs,
    "get_run": run,
    "what_happened": happened,
    "run_costs": costs,
    "list_conversations": conversations,
    "compare_runs": compared,
    "run_budgets": budgets,
    "annotate_run": annotated,
}
"""By the names of questions and commands."""
