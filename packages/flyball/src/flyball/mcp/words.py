"""Views (as JSON) in few words for a model: one line a thing, the weightiest first, cut to a token budget.

Every number and id is the view's own. What does not fit is counted and said, with the cursor that continues.
Text that an app logged is data, never an instruction: it stands between « and », or between the backticks of a
sentence, and every text of a view is made one line first, so that a name cannot add a line of its own to an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from flyball.component.words import written_by
from flyball.mcp.plain import QUOTE_CHARS_MAX, Words, flat, quoted, short, time_of
from flyball.mcp.run_words import RUN_WORDS

CHARS_A_TOKEN = 3.2
"""Templates, ids and numbers come to 3.2-4 characters a token in today's tokenizers; the lower is safe."""
TOKENS_DEFAULT = 600
TOKENS_MIN = 200
TOKENS_MAX = 8_000
_NAME_CHARS_MAX = 80
_NAMES_MAX = 4
"""Services named on a line."""
_RESERVE_CHARS = 120
"""Kept for the line that says what did not fit."""


def say(
    question: str, view: Any, *, max_tokens: int = TOKENS_DEFAULT, cursor: int = 0, link: str = ""
) -> str:
    """The view in at most `max_tokens` tokens, beginning with item number `cursor`."""
    words = _WORDS[question](_on_one_line(view))
    budget = int(max_tokens * CHARS_A_TOKEN)
    foot = [*_as_fits(words.foot, budget // 3), *([f"page: {link}"] if link else [])]
    text = [*words.head]
    if cursor > len(words.items):
        text.append(f"(nothing at cursor={cursor}: there are {len(words.items)})")
    left = budget - _RESERVE_CHARS - _chars(foot) - _chars(text)
    shown = 0
    for item in words.items[cursor:]:
        if len(item) + 1 > left and shown:
            break
        text.append(item if len(item) + 1 <= left else item[: max(left - 2, 0)] + "…")
        left -= len(text[-1]) + 1
        shown += 1
        if left <= 0:
            break
    rest = len(words.items) - cursor - shown
    if rest > 0:
        text.append(f"({rest} more: ask again with cursor={cursor + shown}, or a larger max_tokens)")
    body, tail = "\n".join(text), "\n".join(foot)
    return f"{short(body, max(budget - len(tail) - 1, 1))}\n{tail}".rstrip()


def _as_fits(lines: Sequence[str], chars_max: int) -> list[str]:
    """The first lines that fit, and how many did not."""
    kept = [line for number, line in enumerate(lines, 1) if _chars(lines[:number]) <= chars_max]
    rest = len(lines) - len(kept)
    return [*kept, *([f"({rest} more below: ask with a larger max_tokens)"] if rest else [])]


def _on_one_line(value: Any) -> Any:
    """The view with each of its texts on one line that ends no quotation and moves no cursor."""
    if isinstance(value, str):
        return flat(value)
    if isinstance(value, dict):
        return {flat(str(name)): _on_one_line(part) for name, part in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, list):
        return [_on_one_line(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _chars(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _whats_new(view: Any) -> Words:
    compared = [
        f"compared {c['service']}: {c['how']}"
        f" ({c['before_version'] or 'before'}: {c['before_records']} records in {c['before_seconds']:.0f} s,"
        f" {c['after_version'] or 'after'}: {c['after_records']} in {c['after_seconds']:.0f} s)"
        for c in view["compared"][:3]
    ]
    found = len(view["findings"])
    head = [view["question"], f"as of {time_of(view['as_of'])}: {found} finding{'' if found == 1 else 's'}"]
    if not found:
        head.append("Nothing that differs and is real was found.")
    return Words(head=[*head, *compared], items=[_finding(f) for f in view["findings"]], foot=_limits(view))


def _finding(finding: Any) -> str:
    parts = [
        f"- {finding['kind']} {finding['severity']} {finding['service']} {quoted(finding['template'], 200)}",
        f"  {finding['summary']}" if finding.get("summary") else "",
        f"  count {finding['count']}{_since(finding)}; evidence {', '.join(finding['evidence'])}; id {finding['id']}",
    ]
    if finding.get("exemplar"):
        parts.append(f"  e.g. {quoted(finding['exemplar']['text'])}")
    if finding.get("trace_ids"):
        parts.append(f"  traces {', '.join(finding['trace_ids'][:2])}")
    return "\n".join(part for part in parts if part)


def _since(finding: Any) -> str:
    if finding.get("after_change_s") is None:
        return ""
    seconds = finding["after_change_s"]
    return f", first seen {abs(seconds):.0f} s {'after' if seconds >= 0 else 'before'} the change"


def _verify(view: Any) -> Words:
    head = [f"{view['question']} {view['verdict']}", f"as of {time_of(view['as_of'])}"]
    items = [
        f"- {v['outcome']}: {v['finding']['kind']} {v['finding']['service']} {quoted(v['finding']['template'], 160)}\n"
        f"  {v['why']} (confidence {v['confidence']:.2f}); evidence {', '.join(v['evidence'])};"
        f" finding {v['finding']['id']}"
        for v in view["verdicts"]
    ]
    return Words(head=head, items=items, foot=_limits(view))


def _changed(change: Any) -> str:
    return change["what"] or f"{change['previous_version'] or '?'} -> {change['version'] or '?'}"


def _changes(view: Any) -> Words:
    items = [
        f"- {c['id']} {time_of(c['time'])} {c['kind']} {c['service']} {_changed(c)}"
        f"{' in ' + c['environment'] if c['environment'] else ''} ({'announced' if c['announced'] else 'seen in telemetry'}"
        f"{', commit ' + c['commit'] if c['commit'] else ''})"
        for c in view["changes"]
    ]
    return Words(head=[f"{len(items)} changes, newest first"], items=items)


def _incidents(view: Any) -> Words:
    left = view["total"] - len(view["incidents"])
    head = [
        f"{view['question']} {view['live']} of {view['total']} incidents go on, as of {time_of(view['as_of'])}",
        *([f"{left} are not listed: ask with a larger limit, a state or a service"] if left else []),
    ]
    return Words(head=head, items=[f"- {_incident_line(one)}" for one in view["incidents"]])


def _incident_line(one: Any) -> str:
    services = ", ".join(short(service, _NAME_CHARS_MAX) for service in one["services"][:_NAMES_MAX])
    where = f"{services} {short(one['environment'], _NAME_CHARS_MAX)}".rstrip()
    episode = f", {one['episode']} times so far" if one["episode"] > 1 else ""
    ended = f", resolved {time_of(one['resolved'])}" if one["resolved"] else ""
    return (
        f"{one['id']} {one['state']}{' muted' if one['muted'] else ''}: {quoted(one['title'], 160)}"
        f" in {where}; began {time_of(one['began'])},"
        f" last {time_of(one['last_seen'])}{ended}{episode}; {one['touched']} records show it"
    )


def _incident(view: Any) -> Words:
    """Cause and first step always stand; what else helps follows in the order in which it is needed, as it fits."""
    row = view["incident"]
    head = [_incident_line(row)]
    if view["diagnosed"] is None:
        head.append("It is being diagnosed; ask again in a few seconds.")
    elif view["inconclusive"]:
        head.append("Inconclusive: no cause is shown well enough.")
    else:
        head.append(f"cause: {row['cause']} of {row['object']} (confidence {row['confidence']:.2f})")
    if view["first_step"]:
        head.append(f"first step: {_sentence(view['first_step'])}")
    changes = (("suspect", view["suspect"]), ("repaired by", view["resolved_by"]))
    head += [f"{name}: {_change_line(change)}" for name, change in changes if change]
    items = [f"- {_lesson(lesson)}" for lesson in view["seen_before"][:1]]
    items += [f"- {_sentence(claim)}" for claim in (*view["claims"], *view["missing"])]
    items += [f"- also held: {h['cause']} of {h['object']} ({h['weight']:.2f})" for h in view["held"][1:4]]
    items += [f"- ruled out: {_ruled_out(h)}" for h in view["ruled_out"] if h["object"] and h["reasons"]]
    return Words(head=head, items=items, foot=_incident_foot(view))


def _incident_foot(view: Any) -> list[str]:
    """How much was looked for, when, and what could not be seen."""
    if not view["diagnosed"]:
        return [f"as of {time_of(view['as_of'])}"]
    unseen = sum(not h["object"] for h in view["ruled_out"])
    return [
        f"{unseen} other causes were looked for and not seen; {len(view['unknown'])} could not be told",
        f"diagnosed {time_of(view['diagnosed'])}; as of {time_of(view['as_of'])}",
        *_limits(view),
    ]


def _ruled_out(hypothesis: Any) -> str:
    return f"{hypothesis['cause']} of {hypothesis['object']}: {_sentence(hypothesis['reasons'][0])}"


def _change_line(change: Any) -> str:
    """A change with its id, and who wrote it as far as that is known."""
    writer = written_by(change["author"], change["author_kind"])
    by = f" by {writer}" if writer else ""
    return f"{change['id']} {change['kind']} of {change['service']} {_changed(change)} at {time_of(change['time'])}{by}"


def _lesson(lesson: Any) -> str:
    it = lesson["occurrence"]
    again = "this again" if lesson["likeness"] == "exact" else "the same elsewhere"
    fixes = "; ".join(
        f"{quoted(told['fix']['text'], 120)} {told['result']}{', came back' if told['came_back'] else ''}"
        for told in lesson["fixes"][:3]
    )
    return (
        f"seen before ({again}): {time_of(it['opened'])} {it['cause']} of {it['object']} ({it['incident_id']});"
        f" {'fixes: ' + fixes if fixes else 'no fix is recorded'}"
    )


def _seen_before(view: Any) -> Words:
    items = [f"- {_lesson(lesson)}" for lesson in view["lessons"]]
    items += [
        f"- fix {quoted(fix['text'], 160)}: worked {fix['worked']}, did not {fix['did_not']}, unknown {fix['unknown']},"
        f" came back {fix['came_back']}"
        for fix in view["fixes"]
    ]
    head = [
        f"{quoted(view['question'])} as of {time_of(view['as_of'])}",
        *([] if items else ["Nothing like it is remembered."]),
    ]
    return Words(head=head, items=items)


def _fixed(view: Any) -> Words:
    change = view["change_id"]
    head = [f"remembered: {quoted(view['text'])} ({view['id']}) for {view['incident_id']}"]
    if change:
        head.append(f"{change}: {view['result']}; verify_change tells more, and later")
    return Words(head=head, items=[])


def _sentence(claim: Any) -> str:
    return f"{short(flat(claim['text']), QUOTE_CHARS_MAX)} [{', '.join(claim['evidence'][:3])}]"


def _patterns(view: Any) -> Words:
    head = [
        f"{view['records']} records in {view['total']} patterns from {time_of(view['since'])} to {time_of(view['until'])}"
    ]
    items = [
        f"- {p['count']} {p['signal_kind']} severity {p['severity']} {p['service']} {quoted(p['template'], 200)}"
        f" fingerprint {p['fingerprint']}, first {time_of(p['first_seen'])}, last {time_of(p['last_seen'])}"
        for p in view["patterns"]
    ]
    return Words(head=head, items=items)


def _logs(view: Any) -> Words:
    items = [_log(record) for record in view["records"]]
    head = [f"{len(items)} log records{' (there are older ones)' if view['more'] else ''}, newest first"]
    return Words(head=head, items=items)


def _log(record: Any) -> str:
    body = record["body"].get("stringValue")
    text = body if body is not None else _json(record["body"])
    trace = f" trace {record['traceId']}" if record["traceId"] else ""
    return (
        f"- {time_of(record['time'])} {record['service']} severity {record['severity']} {quoted(text)}{trace}"
    )


def _evidence(view: Any) -> Words:
    head = [
        f"evidence {view['id']} ({view['kind']}) as of {time_of(view['as_of'])}; asked again: {view['recheck']}",
        f"numbers: {_json(view['numbers'])}",
        *([f"now: {_json(view['now'])}"] if view["now"] and view["now"] != view["numbers"] else []),
    ]
    items = [f"- {quoted(_json(record))}" for record in view["exemplars"]]
    items += [f"- asked with: {_json(view['parameters'])}", f"- query: {view['sql']}"]
    return Words(head=head, items=items)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _as_json(view: Any) -> Words:
    return Words(head=[], items=[_json(view)])


def _limits(view: Any) -> list[str]:
    return [f"limit: {short(limit, QUOTE_CHARS_MAX)}" for limit in view["limits"][:4]]


def _decisions(view: Any) -> Words:
    items = [
        f"- {time_of(_moment(d['t']))} {d['action']}{'' if d['would'] == d['action'] else ', would ' + d['would']}:"
        f" {d['tool']} {quoted(_command(d['call']), 160)}"
        f"{' because ' + quoted(d['reason'], 200) if d.get('reason') else ''}"
        for d in view["decisions"]
    ]
    return Words(head=[f"{len(items)} decisions of the guard, newest first"], items=items)


def _command(call: Any) -> str:
    return str(call["command"]) if isinstance(call, dict) and "command" in call else _json(call)


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _rules(view: Any) -> Words:
    items = [
        f"- {r['id']} ({r['severity']}): {r['action']} what {r['title']}; instead: {r['safer']}"
        for r in view["rules"]
    ]
    return Words(head=[f"{view['total']} rules of the guard are in force"], items=items)


def _proposals(view: Any) -> Words:
    items = [
        f"- {'WARNING: ' + p['warning'] + '. ' if p['warning'] else ''}{p['id']}: {p['title']}; seen in"
        f" {p['support']['sessions']} sessions of {p['support']['users']} users, would have stopped"
        f" {p['backtest']['false_hits']} of {p['backtest']['benign']} benign calls"
        for p in view["proposals"]
    ]
    return Words(
        head=[f"{len(items)} proposals from {view['calls']} calls; a person accepts them"], items=items
    )


_WORDS: dict[str, Callable[[Any], Words]] = {
    "whats_new": _whats_new,
    "verify_change": _verify,
    "list_changes": _changes,
    "list_incidents": _incidents,
    "get_incident": _incident,
    "get_model_log": _as_json,
    "seen_before": _seen_before,
    "record_fix": _fixed,
    "search_patterns": _patterns,
    "get_logs": _logs,
    "get_trace": _as_json,
    "get_metrics": _as_json,
    "get_evidence": _evidence,
    "guard_decisions": _decisions,
    "guard_rules": _rules,
    "guard_proposals": _proposals,
    "guard_rule_record": _as_json,
    "guard_status": _as_json,
    "guard_policies": _as_json,
    "guard_approvals": _as_json,
    "guard_approval": _as_json,
    **RUN_WORDS,
}
