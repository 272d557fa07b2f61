"""Runs of agents in few words: a run is a line; opened, its errors and what the guard stopped come before its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flyball.mcp.plain import Words, quoted, short, time_of

_NAME_CHARS_MAX = 60
_LIMITS_MAX = 4
_SENTENCE_CHARS_MAX = 400
_SPANS_MAX = 3


def money(spent: Any) -> str:
    """What is known of a cost, and of how many calls it is not."""
    unpriced = spent["unpriced_calls"]
    if spent["cost_usd"] is None:
        return f"cost unknown ({unpriced} calls without a price)" if unpriced else "no cost"
    missing = f" without {unpriced} calls of unknown price" if unpriced else ""
    return f"{spent['cost_usd']:.4f} USD{missing}"


def _tokens(spent: Any) -> str:
    told = (("in", spent["input_tokens"]), ("out", spent["output_tokens"]))
    return ", ".join(f"{number} {name}" for name, number in told if number is not None) or "tokens not told"


def _name(text: str) -> str:
    return quoted(text, _NAME_CHARS_MAX)


def _run_line(run: Any) -> str:
    who = " ".join(f"{name} {_name(run[name])}" for name in ("agent", "service", "user") if run[name])
    return (
        f"{run['run_id']} {time_of(run['began'])} {who} {run['ms'] / 1000:.1f} s, {run['model_calls']} model calls,"
        f" {run['tool_calls']} tool calls, {run['errors']} errors, {_tokens(run['spent'])}, {money(run['spent'])}"
    )


def _runs(view: Any) -> Words:
    more = " (there are more)" if view["cursor"] else ""
    period = f"{time_of(view['since'])} to {time_of(view['until'])}"
    head = [f"{len(view['runs'])} runs of agents{more}, {period}, as of {time_of(view['as_of'])}"]
    return Words(head=head, items=[f"- {_run_line(run)}" for run in view["runs"]])


def _run(view: Any) -> Words:
    run, nodes = view["run"], view["nodes"]
    models = ", ".join(_name(model) for model in run["models"])
    head = [_run_line(run), *([f"models: {models}"] if models else [])]
    if view["commit"]:
        head.append(f"commit {_name(view['commit'])}{' (changed since)' if view['dirty'] else ''}")
    first = [node for node in nodes if node["error"] or _stopped(node)]
    rest = [node for node in nodes if node not in first]
    items = [f"- {_node(node)}" for node in (*first, *rest)]
    items += [f"- said of it: {_annotation(one)}" for one in view["annotations"]]
    return Words(head=head, items=items, foot=[f"limit: {one}" for one in view["limits"][:_LIMITS_MAX]])


def _stopped(node: Any) -> bool:
    return node["kind"] == "decision" and (node["name"] != "allow" or node["would"] != "allow")


def _node(node: Any) -> str:
    at = f"+{node['at_ms'] / 1000:.2f} s"
    if node["kind"] == "decision":
        would = f", would {node['would']}" if node["would"] != node["name"] else ""
        rules = (
            f" by {', '.join(short(rule, _NAME_CHARS_MAX) for rule in node['rules'][:4])}"
            if node["rules"]
            else ""
        )
        about = f": {quoted(node['message'], 160)}" if node["message"] else ""
        return f"{at} guard {node['name']}{would}{rules}{about}"
    parts = [f"{at} {node['kind']} {_name(node['name'])} {node['ms']:.0f} ms"]
    if node["error"]:
        parts.append(f"error {_name(node['error'])} {quoted(node['message'], 200)}")
    if node["usage"]:
        told = {"input_tokens": node["usage"]["input"], "output_tokens": node["usage"]["output"]}
        parts.append(_tokens(told))
    if node["cost_usd"] is not None:
        parts.append(f"{node['cost_usd']:.4f} USD")
    if node["arguments"]:
        parts.append(f"given {quoted(node['arguments'], 160)}")
    return ", ".join(parts)


def _annotation(one: Any) -> str:
    value = next((one[kind] for kind in ("number", "boolean") if one[kind] is not None), one["category"])
    return (
        f"{one['name']} {quoted(str(value), _NAME_CHARS_MAX)}{' by ' + _name(one['by']) if one['by'] else ''}"
    )


def _happened(view: Any) -> Words:
    sure = f", confidence {view['confidence']:.2f}" if view["confidence"] else ""
    head = [f"{view['kind']}{sure}, held against {view['runs_before']} runs before"]
    for word, one in (("cause", view["root_cause"]), ("do", view["suggested_fix"])):
        if one:
            head.append(f"{word}: {short(one['text'], _SENTENCE_CHARS_MAX)} [{_cited(one)}]")
    items = [f"- {short(one['text'], _SENTENCE_CHARS_MAX)} [{_cited(one)}]" for one in view["explanation"]]
    items += [f"- not {one['kind']}: {short(one['text'], _SENTENCE_CHARS_MAX)}" for one in view["ruled_out"]]
    return Words(head=head, items=items, foot=[f"missing: {one}" for one in view["missing"][:_LIMITS_MAX]])


def _cited(said: Any) -> str:
    spans = said["spans"]
    return ", ".join(spans[:_SPANS_MAX]) + (
        f" and {len(spans) - _SPANS_MAX} more" if len(spans) > _SPANS_MAX else ""
    )


def _annotated(view: Any) -> Words:
    return Words(head=[f"kept: {_annotation(view)} of the run {view['run_id']}"], items=[])


RUN_WORDS: dict[str, Callable[[Any], Words]] = {
    "list_runs": _runs,
    "get_run": _run,
    "what_happened": _happened,
    "annotate_run": _annotated,
}
"""By the names of questions and commands."""
