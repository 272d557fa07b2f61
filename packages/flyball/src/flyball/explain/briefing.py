"""What a language model is shown: distilled, redacted facts as JSON lines, bounded, marked as data.

A log record goes out as its template and its count, never as the line that was written: that holds for evidence, for
what tools answer, and for what the engine's sentences quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
import orjson

from flyball.explain.exhibit import clip
from flyball.model.cause import Cause
from flyball.model.diagnosis import Claim, Diagnosis, Hypothesis, Standing
from flyball.model.evidence import Evidence
from flyball.model.lesson import Lesson
from flyball.model.signal import Surface

BRIEFING_CHARS_MAX = 12_000
"""Characters of the facts in a prompt: some 4 500 tokens, so that a context of 8 192 holds rules, facts and answer."""
ANSWER_CHARS_MAX = 4_000
"""Characters of what a tool answers."""
HYPOTHESES_MAX = 5
"""Hypotheses of each standing that are told."""
EXEMPLARS_MAX = 3
"""Records that are told of one piece of evidence."""
_VALUE_CHARS_MAX = 300
_QUOTED = re.compile(r"`([^`]*)`")


def instructions() -> str:
    """What a model is told to do."""
    return _prompt("system.md")


def briefing(diagnosis: Diagnosis, lessons: Sequence[Lesson] = ()) -> str:
    """A diagnosis, its evidence and what was seen before, as a prompt."""
    lines = [_line(one) for one in _facts(diagnosis, lessons)]
    kept: list[str] = []
    left = BRIEFING_CHARS_MAX
    for line in lines:
        if len(line) > left:
            break
        kept.append(line)
        left -= len(line) + 1
    causes = ", ".join(Cause)
    # plain text for a model, not HTML; every value is a line of JSON
    template = jinja2.Environment(autoescape=False).from_string(_prompt("case.jinja"))  # noqa: S701
    return template.render(lines=kept, left_out=len(lines) - len(kept), causes=causes)


def answer(value: Any) -> str:
    """What a tool found, as data: evidence as a model may see it, anything else as JSON; bounded."""
    shown = evidence_told(value) if isinstance(value, Evidence) else value
    try:
        text = orjson.dumps(shown, default=str).decode()
    except (TypeError, ValueError):
        text = orjson.dumps(str(shown)).decode()
    return f"BEGIN DATA\n{clip(marked(text), ANSWER_CHARS_MAX)}\nEND DATA"


def evidence_told(fact: Evidence) -> dict[str, Any]:
    """A fact as a model may see it."""
    wanted = ("entities", "keys", "begin", "end", "service", "environment", "version")
    return {
        "evidence": fact.id,
        "kind": fact.kind,
        **{key: fact.parameters[key] for key in wanted if fact.parameters.get(key)},
        "numbers": dict(fact.numbers),
        "records": [_record(fact, record) for record in fact.exemplars[:EXEMPLARS_MAX]],
    }


def _facts(diagnosis: Diagnosis, lessons: Sequence[Lesson]) -> Iterable[dict[str, Any]]:
    """The weightiest first: what does not fit is the least."""

    def told(claim: Claim) -> dict[str, Any]:
        return {"says": _distilled(claim.text, diagnosis.evidence), "evidence": claim.evidence}

    yield {
        "inconclusive": diagnosis.inconclusive,
        "cause": diagnosis.cause,
        "object": diagnosis.object,
        "confidence": round(diagnosis.confidence, 2),
    }
    for claim in diagnosis.claims:
        yield {"claim": told(claim)}
    if diagnosis.first_step:
        yield {"first step": told(diagnosis.first_step)}
    cited = [id_ for claim in (*diagnosis.claims, *_steps(diagnosis)) for id_ in claim.evidence]
    first = sorted(diagnosis.evidence, key=lambda fact: fact.id not in cited)
    yield from (evidence_told(fact) for fact in first if fact.exemplars)
    for claim in diagnosis.missing:
        yield {"missing": told(claim)}
    for one in _various(diagnosis.hypotheses):
        reasons = [told(reason) for reason in one.reasons[:2]]
        yield {"hypothesis": one.cause, "object": one.object, "standing": one.standing, "reasons": reasons}
    for lesson in lessons:
        yield {"seen before": _lesson(lesson)}


def _steps(diagnosis: Diagnosis) -> list[Claim]:
    return [diagnosis.first_step] if diagnosis.first_step else []


def _various(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    return [
        one
        for standing in Standing
        for one in [held for held in hypotheses if held.standing is standing][:HYPOTHESES_MAX]
    ]


def _lesson(lesson: Lesson) -> dict[str, Any]:
    known = lesson.occurrence
    return {
        "like this one": lesson.likeness,
        "opened": known.opened,
        "cause": known.cause,
        "object": known.object,
        "fixes": [{"did": told.fix.text, "and it": told.result} for told in lesson.fixes],
    }


def _record(fact: Evidence, record: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("time", "entity", "operation", "key", "count")
    if fact.parameters.get("surface") != Surface.LOG:
        shown = (*shown, "value")
    if "key" not in record:  # a record as the telemetry store gives it: its text is a raw line
        shown = ("time", "service", "severity", "template")
    return {
        key: clip(value, _VALUE_CHARS_MAX) if isinstance(value := record[key], str) else value
        for key in shown
        if record.get(key) not in {None, ""}
    }


def _distilled(text: str, evidence: Iterable[Evidence]) -> str:
    """A sentence of the engine with templates where it quotes what a log record said."""
    records = [
        r for fact in evidence if fact.parameters.get("surface") == Surface.LOG for r in fact.exemplars
    ]

    def template(quote: re.Match[str]) -> str:
        stem = quote[1].strip("… ")
        for record in records:
            key = str(record.get("key", ""))
            if stem in str(record.get("value", "")) and stem not in key and " " in stem:
                return f"`{clip(key.replace('`', chr(39)), _VALUE_CHARS_MAX)}`"
        return quote[0]

    return _QUOTED.sub(template, text)


def _line(fact: Mapping[str, Any]) -> str:
    return marked(orjson.dumps(fact, default=str).decode())


def marked(text: str) -> str:
    """Text that cannot end the data it stands in."""
    return re.sub(r"\b(BEGIN|END)(\W+)DATA\b", r"\1\2data", text, flags=re.IGNORECASE)


@cache
def _prompt(file: str) -> str:
    return (files("flyball.explain") / "prompts" / file).read_text("utf-8")
