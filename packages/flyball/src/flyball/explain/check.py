"""The checker of citations: stands outside the engine and trusts nobody.

Existence: every id that a sentence cites resolves to evidence whose content gives that id. Support: every number,
time, version, name, and quoted text of a sentence occurs in the evidence it cites. Names are what stands in backticks,
what looks like a name (letters with digits, dots, dashes, slashes), and objects that the caller knows by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flyball.explain.exhibit import clip
from flyball.model.cause import Cause
from flyball.model.diagnosis import Claim, Diagnosis, Standing
from flyball.model.evidence import Evidence
from flyball.model.signal import bare

NAME_CHARS_MIN = 3
"""Shorter words are no names."""

_QUOTED = re.compile(r"`([^`]*)`")
_WORD = re.compile(r"[^\s,;()\[\]{}\"'<>]+")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?%?")
_NAMELIKE = re.compile(r"(?=.*[A-Za-z])(?=.*[\d_/@:.-]).+")
_PLAIN = re.compile(r"[A-Za-z]+")
_TERMS = frozenset(word for cause in Cause for word in cause.split())
"""The words of the fixed vocabulary: they name no thing of the system."""
_UNCITED_PARAMETERS = ("digest",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one sentence: ids that do not resolve, and what its evidence does not hold."""

    claim: Claim
    unresolved: tuple[str, ...]
    unsupported: tuple[str, ...]


def check(diagnosis: Diagnosis, names: Iterable[str] = ()) -> list[Fault]:
    """The faults of every sentence of a diagnosis; none when all hold.

    The engine writes names in backticks. Sentences that others wrote may not: for them give the `names` that count
    wherever they stand (`known_names` of the incident's evidence).
    """
    held = {fact.id: fact for fact in diagnosis.evidence}
    known = set(names)
    found = (fault(claim, held, known) for claim in diagnosis.sentences())
    return [one for one in found if one is not None]


def grounded(diagnosis: Diagnosis, names: Iterable[str] = ()) -> Diagnosis:
    """The diagnosis without the sentences that do not hold; one whose cause rests on none any more is inconclusive.

    What is shown goes through here, whoever wrote it.
    """
    wrong = {fault.claim for fault in check(diagnosis, names)}
    if not wrong:
        return diagnosis
    hypotheses = tuple(
        replace(
            one,
            reasons=tuple(reason for reason in one.reasons if reason not in wrong),
            first_step=None if one.first_step in wrong else one.first_step,
        )
        for one in diagnosis.hypotheses
    )
    kept = tuple(one for one in hypotheses if one.standing is not Standing.HELD or one.reasons)
    held = [one for one in kept if one.standing is Standing.HELD]
    lost = not diagnosis.inconclusive and not (
        held and (held[0].cause, held[0].object) == (diagnosis.cause, diagnosis.object)
    )
    return replace(
        diagnosis,
        cause=None if lost else diagnosis.cause,
        object="" if lost else diagnosis.object,
        confidence=0.0 if lost else diagnosis.confidence,
        inconclusive=diagnosis.inconclusive or lost,
        first_step=None if lost or diagnosis.first_step in wrong else diagnosis.first_step,
        claims=() if lost else tuple(claim for claim in diagnosis.claims if claim not in wrong),
        hypotheses=kept,
        missing=tuple(claim for claim in diagnosis.missing if claim not in wrong),
    )


def fault(claim: Claim, held: Mapping[str, Evidence], known: Iterable[str] = ()) -> Fault | None:
    """What is wrong with a sentence, None when it holds. A sentence without a citation does not."""
    unresolved = [id_ for id_ in claim.evidence if id_ not in held or held[id_].id != id_]
    cited = [held[id_] for id_ in claim.evidence if id_ in held]
    unsupported = unsupported_parts(claim.text, cited, known)
    if not claim.evidence:
        unresolved = ["none cited"]
    if not unresolved and not unsupported:
        return None
    return Fault(claim=claim, unresolved=tuple(unresolved), unsupported=tuple(unsupported))


def unsupported_parts(text: str, cited: Iterable[Evidence], known: Iterable[str] = ()) -> list[str]:
    """The numbers, times, versions, names and quotes of a sentence that no cited evidence holds."""
    facts = list(cited)
    whole = "\n".join(_text(fact) for fact in facts)
    numbers = [number for fact in facts for number in fact.numbers.values()]
    quotes = [quoted for quoted in _QUOTED.findall(text) if not _quoted_in(quoted, whole)]
    plain = _QUOTED.sub(" ", text)
    words = [word.strip(".:!?") for word in _WORD.findall(plain)]
    missing = [word for word in words if _needs_support(word) and not _held(word, whole, numbers)]
    named = [
        one for one in known if len(one) >= NAME_CHARS_MIN and _says(one, plain) and not _says(one, whole)
    ]
    return [*quotes, *missing, *sorted(named)]


def known_names(evidence: Iterable[Evidence]) -> set[str]:
    """The names of all objects that evidence speaks of."""
    entities = [str(entity) for fact in evidence for entity in fact.parameters.get("entities", ())]
    return {bare(entity) for entity in entities}


def _text(fact: Evidence) -> str:
    """All that a fact holds, as text that sentences can be held against."""
    parts = [fact.kind]
    for name, value in fact.parameters.items():
        if name not in _UNCITED_PARAMETERS:
            parts.extend(str(one) for one in (value if isinstance(value, list | tuple) else [value]))
    for record in fact.exemplars:
        for value in record.values():
            parts += [str(value), str(value).partition("/")[2], _plain(value)]
    return "\n".join(clip(part.replace("`", "'"), 10_000) for part in parts)


def _plain(value: object) -> str:
    """A whole number as sentences write it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else ""


def _quoted_in(quoted: str, whole: str) -> bool:
    """Whether a quote stands in the evidence, whole or cut by an ellipsis at its begin or end."""
    stem = quoted.removeprefix("…").removesuffix("…").strip()
    if stem != quoted.strip():
        return bool(stem) and stem in whole
    return bool(stem) and _bounded(stem, whole)


def _bounded(part: str, whole: str) -> bool:
    """Whether `part` stands in `whole`, not as a piece of a longer word or number."""
    begin = r"(?<!\w)(?<!\w-)(?<!\d\.)" if part[0].isalnum() else ""
    end = r"(?![\w]|-\w|\.\d)" if part[-1].isalnum() else ""
    return re.search(begin + re.escape(part) + end, whole) is not None


def _needs_support(word: str) -> bool:
    """Whether a word says something that can be wrong: a number, a time, a version, a name."""
    if not word or word in _TERMS or _PLAIN.fullmatch(word):
        return False
    return bool(_NUMBER.search(word) or _NAMELIKE.fullmatch(word))


def _held(word: str, whole: str, numbers: Iterable[float]) -> bool:
    if _bounded(word, whole):
        return True
    bare = word.rstrip("%x").removeprefix("+")
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", bare):
        return False
    places = len(bare.partition(".")[2])
    wanted = float(bare)
    scale = 100.0 if word.endswith("%") else 1.0
    return any(round(number * scale, places) == wanted for number in numbers)


def _says(name: str, text: str) -> bool:
    return _bounded(name, text)
