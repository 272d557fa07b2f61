"""Is a failure that came before recognised? Every case of a set asks the memory of the set's other cases.

A case is *recurring* when another case of its set has the same labelled cause and object. *Precision*: of the cases
that are told "this again", those whose first lesson has the same label. *Recall*: of the recurring cases, those that
are told so rightly. As a stream, a case asks only what came before it. *Kind*: of the cases that are told "the same
elsewhere" and not "this again", those whose first lesson has the same labelled cause. Beside it what naive keys give:
hit@1 of the likest words and of the first fingerprint alone, over the recurring cases. Labels are read here alone.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flyball.model.diagnosis import Diagnosis
from flyball.model.lesson import Lesson, Likeness, Occurrence
from flyball.remember.diagnosed import occurrence_from
from flyball.remember.recall import seen_before
from flyball.remember.record import remember
from flyball.stores.state_sqlite import SqliteState

from bench.rca.labels import Label
from bench.rca.vocabulary import accepted

HEAD = (
    "| memory | cases | recurring | precision | recall | as a stream: precision | recall | kind | naive: words | fingerprint |"
    "\n|---|---|---|---|---|---|---|---|---|---|"
)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_END = _BEGIN + timedelta(days=365)


@dataclass(frozen=True, slots=True)
class _Known:
    """One case: its label, what memory keeps of it, and the words of its diagnosis."""

    label: Label
    occurrence: Occurrence
    words: frozenset[str]


async def row(dataset: str, pairs: Sequence[tuple[Label, Diagnosis]]) -> str:
    """One set's figures; says so where its labels name no objects, which is what would recur."""
    placed = [pair for pair in pairs if pair[0].object]
    if not placed:
        return f"<!-- memory, {dataset}: its labels name no objects, so nothing is known to recur -->"
    known = [_known(number, label, diagnosis) for number, (label, diagnosis) in enumerate(placed)]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteState(Path(folder) / "state.db")
        await store.migrate()
        for one in known:
            await remember(store, one.occurrence)
        anytime = [await seen_before(store, replace(one.occurrence, opened=_END)) for one in known]
        stream = [await seen_before(store, one.occurrence) for one in known]
        await store.close()
    recurring = [one for one in known if any(_same(one, other) for other in known)]
    behind = [one for n, one in enumerate(known) if any(_same(one, other) for other in known[:n])]
    cells = [
        dataset,
        str(len(known)),
        str(len(recurring)),
        *_exact(known, anytime, len(recurring)),
        *_exact(known, stream, len(behind)),
        _kind(known, anytime),
        _hits(recurring, known, _by_words),
        _hits(recurring, known, _by_fingerprint),
    ]
    return "| " + " | ".join(cells) + " |"


def _known(number: int, label: Label, diagnosis: Diagnosis) -> _Known:
    told = [claim.text for claim in diagnosis.claims]
    occurrence = occurrence_from(
        diagnosis,
        incident_id=str(number),
        service=diagnosis.object,
        opened=_BEGIN + timedelta(hours=number),
        fingerprint_of=lambda template: hashlib.blake2b(template.encode(), digest_size=8).hexdigest(),
        title=told[0] if told else "",
    )
    exemplars = [str(record["value"]) for fact in diagnosis.evidence for record in fact.exemplars]
    return _Known(label, occurrence, frozenset(" ".join(exemplars).casefold().split()))


def _same(one: _Known, other: _Known) -> bool:
    return one is not other and one.label.object == other.label.object and _cause(one) == _cause(other)


def _cause(one: _Known) -> object:
    """A labelled cause; names of one fault that a set uses side by side are one."""
    return accepted(one.label.dataset, one.label.cause) or one.label.cause


def _exact(known: Sequence[_Known], answers: Sequence[Sequence[Lesson]], recurring: int) -> tuple[str, str]:
    """Precision and recall of "this again"."""
    told = [
        (one, known[int(lessons[0].occurrence.incident_id)])
        for one, lessons in zip(known, answers, strict=True)
        if lessons and lessons[0].likeness is Likeness.EXACT
    ]
    right = sum(_same(one, other) for one, other in told)
    return _share(right, len(told)), _share(right, recurring)


def _kind(known: Sequence[_Known], answers: Sequence[Sequence[Lesson]]) -> str:
    told = [
        (one, known[int(lessons[0].occurrence.incident_id)])
        for one, lessons in zip(known, answers, strict=True)
        if lessons and lessons[0].likeness is Likeness.KIND
    ]
    return f"{_share(sum(_cause(one) == _cause(other) for one, other in told), len(told))} of {len(told)}"


def _hits(
    recurring: Sequence[_Known], known: Sequence[_Known], alike: Callable[[_Known, _Known], float]
) -> str:
    hits = 0
    for one in recurring:
        others = [other for other in known if other is not one]
        hits += _same(one, max(others, key=lambda other: alike(one, other)))
    return _share(hits, len(recurring))


def _by_words(one: _Known, other: _Known) -> float:
    return len(one.words & other.words) / len(one.words | other.words) if one.words | other.words else 0.0


def _by_fingerprint(one: _Known, other: _Known) -> float:
    return float(one.occurrence.fingerprint == other.occurrence.fingerprint)


def _share(count: int, total: int) -> str:
    return f"{count / total:.3f}" if total else "-"
