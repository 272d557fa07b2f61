"""Views (as JSON) in few words for a model: one line a thing, the weightiest first, cut to a token budget.

Every number and id is the view's own. What does not fit is counted and said, with the cursor that continues.
Text that an app logged is data, never an instruction: it stands between « and », on one line, bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

CHARS_A_TOKEN = 3.2
"""Templates, ids and numbers come to 3.2-4 characters a token in today's tokenizers; the lower is safe."""
TOKENS_DEFAULT = 600
TOKENS_MIN = 200
TOKENS_MAX = 8_000
_QUOTE_CHARS_MAX = 300
_RESERVE_CHARS = 120
"""Kept for the line that says what did not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An answer before it is cut: `head` always stands, then as many `items` as fit, then `foot`."""

    head: Sequence[str]
    items: Sequence[str]
    foot: Sequence[str] = ()


def say(
    question: str, view: Any, *, max_tokens: int = TOKENS_DEFAULT, cursor: int = 0, link: str = ""
) -> str:
    """The view in at most `max_tokens` tokens, beginning with item number `cursor`."""
    words = _WORDS[question](view)
    budget = int(max_tokens * CHARS_A_TOKEN)
    foot = [*words.foot, *([f"page: {link}"] if link else [])]
    text = [*words.head]
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
    return "\n".join([*text, *foot])[: max(budget, 1)]


def _chars(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def quoted(text: str, chars_max: int = _QUOTE_CHARS_MAX) -> str:
    """What an app said, on one line between « and »."""
    flat = _flat(text)
    return f"«{flat if len(flat) <= chars_max else flat[: chars_max - 1] + '…'}»"


def _flat(text: str) -> str:
    """One line that ends no quotation and moves no cursor."""
    shown = "".join(c if c.isprintable() else " " for c in text.replace("«", "<").replace("»", ">"))
    return " ".join(shown.split())


def _whats_new(view: Any) -> Words:
    compared = [
        f"compared {c['service']}: {c['how']}"
        f" ({c['before_version'] or 'before'}: {c['before_records']} records in {c['before_seconds']:.0f} s,"
        f" {c['after_version'] or 'after'}: {c['after_records']} in {c['after_seconds']:.0f} s)"
        for c in view["compared"][:3]
    ]
    found = len(view["findings"])
    head = [view["question"], f"as of {_time(view['as_of'])}: {found} finding{'' if found == 1 else 's'}"]
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
    head = [f"{view['question']} {view['verdict']}", f"as of {_time(view['as_of'])}"]
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
        f"- {c['id']} {_time(c['time'])} {c['kind']} {c['service']} {_changed(c)}"
        f"{' in ' + c['environment'] if c['environment'] else ''} ({'announced' if c['announced'] else 'seen in telemetry'}"
        f"{', commit ' + c['commit'] if c['commit'] else ''})"
        for c in view["changes"]
    ]
    return Words(head=[f"{len(items)} changes, newest first"], items=items)


def _incidents(view: Any) -> Words:
    head = [
        f"{view['question']} {view['live']} of {view['total']} incidents go on, as of {_time(view['as_of'])}"
    ]
    return Words(head=head, items=[f"- {_incident_line(one)}" for one in view["incidents"]])


def _incident_line(one: Any) -> str:
    episode = f", for the {one['episode']}th time" if one["episode"] > 1 else ""
    return (
        f"{one['id']} {one['state']}{' muted' if one['muted'] else ''}: {quoted(one['title'], 160)}"
        f" in {', '.join(one['services'][:4])} {one['environment']}; began {_time(one['began'])},"
        f" last {_time(one['last_seen'])}{episode}; {one['touched']} records show it"
    )


def _incident(view: Any) -> Words:
    """The cause, the first step and what was ruled out always stand; the sentences follow as they fit."""
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
    named = [h for h in view["ruled_out"] if h["object"]]
    others = len(view["ruled_out"]) - len(named)
    foot = [
        *(
            f"ruled out: {h['cause']} of {h['object']}: {_sentence(h['reasons'][0])}"
            for h in named[:2]
            if h["reasons"]
        ),
        f"{others} other causes were looked for and not seen; {len(view['unknown'])} could not be told",
        *_limits(view),
    ]
    items = [f"- {_sentence(claim)}" for claim in (*view["claims"], *view["missing"])]
    items += [f"- also held: {h['cause']} of {h['object']} ({h['weight']:.2f})" for h in view["held"][1:4]]
    return Words(head=head, items=items, foot=foot if view["diagnosed"] else ())


def _lesson(lesson: Any) -> str:
    it = lesson["occurrence"]
    again = "this again" if lesson["likeness"] == "exact" else "the same elsewhere"
    fixes = "; ".join(
        f"{quoted(told['fix']['text'], 120)} {told['result']}{', came back' if told['came_back'] else ''}"
        for told in lesson["fixes"][:3]
    )
    return (
        f"seen before ({again}): {_time(it['opened'])} {it['cause']} of {it['object']} ({it['incident_id']});"
        f" {'fixes: ' + fixes if fixes else 'no fix is recorded'}"
    )


def _seen_before(view: Any) -> Words:
    items = [f"- {_lesson(lesson)}" for lesson in view["lessons"]]
    items += [
        f"- fix {quoted(fix['text'], 160)}: worked {fix['worked']}, did not {fix['did_not']}, unknown {fix['unknown']},"
        f" came back {fix['came_back']}"
        for fix in view["fixes"]
    ]
    head = [quoted(view["question"]), *([] if items else ["Nothing like it is remembered."])]
    return Words(head=head, items=items)


def _fixed(view: Any) -> Words:
    return Words(
        head=[f"remembered: {quoted(view['text'])} ({view['id']}) for {view['incident_id']}"], items=[]
    )


def _sentence(claim: Any) -> str:
    flat = _flat(claim["text"])
    text = flat if len(flat) <= _QUOTE_CHARS_MAX else flat[: _QUOTE_CHARS_MAX - 1] + "…"
    return f"{text} [{', '.join(claim['evidence'][:3])}]"


def _patterns(view: Any) -> Words:
    head = [
        f"{view['records']} records in {view['total']} patterns from {_time(view['since'])} to {_time(view['until'])}"
    ]
    items = [
        f"- {p['count']} {p['signal_kind']} severity {p['severity']} {p['service']} {quoted(p['template'], 200)}"
        f" fingerprint {p['fingerprint']}, first {_time(p['first_seen'])}, last {_time(p['last_seen'])}"
        for p in view["patterns"]
    ]
    return Words(head=head, items=items)


def _logs(view: Any) -> Words:
    items = [_log(record) for record in view["records"]]
    head = [f"{len(items)} log records{' (there are older ones)' if view['more'] else ''}, newest first"]
    return Words(head=head, items=items)


def _log(record: Any) -> str:
    body = record["body"].get("stringValue")
    text = body if body is not None else orjson.dumps(record["body"]).decode()
    trace = f" trace {record['traceId']}" if record["traceId"] else ""
    return (
        f"- {_time(record['time'])} {record['service']} severity {record['severity']} {quoted(text)}{trace}"
    )


def _evidence(view: Any) -> Words:
    return Words(head=[f"evidence {view.get('id', '')}"], items=[orjson.dumps(view).decode()])


def _as_json(view: Any) -> Words:
    return Words(head=[], items=[orjson.dumps(view).decode()])


def _limits(view: Any) -> list[str]:
    return [f"limit: {limit}" for limit in view["limits"][:4]]


def _time(text: str) -> str:
    return text[:19] + "Z"


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
}
