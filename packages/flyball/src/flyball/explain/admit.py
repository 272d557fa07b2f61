"""Which sentences of a language model may stand. Outside the model, without a model, and it trusts nobody.

A sentence stands when its citations resolve and hold every number, time, name and quote (`check.py`), and when it
either says again what one sentence of the engine says, or speaks of the cause's object alone, in words that the engine
uses of this cause. What an app wrote stands in backticks or not at all: a log line cannot lend its words. A sentence
that speaks of another object, or says why without the cause that the engine holds, is at most an *unconfirmed
hypothesis*; one in words that nobody used is dropped. That loses honest paraphrases; it never lets in a false story
told with true citations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flyball.explain.check import fault, known_names
from flyball.explain.exhibit import clip
from flyball.explain.rule import name
from flyball.model.cause import Cause
from flyball.model.diagnosis import Claim, Diagnosis, Hypothesis
from flyball.model.evidence import Evidence
from flyball.model.narrative import Dropped
from flyball.model.signal import bare

WORDS_MAX = 250
"""Words of all sentences together that may stand."""
SENTENCES_MAX = 40
"""Sentences that are looked at."""
OTHER_CAUSES_MAX = 5
"""Other causes that are looked at."""
SENTENCE_CHARS_MAX = 600
CITED_MAX = 10
"""Citations of one sentence that are looked at."""
_NAME_CHARS_MIN = 2

_QUOTED = re.compile(r"`([^`]*)`")
_FIGURE = re.compile(r"\S*\d\S*")
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_MARKUP = re.compile(r"<\s*[/!?]?\s*[A-Za-z]|\]\s*\(|&#?\w+;|\b(?:javascript|data|vbscript):", re.IGNORECASE)
_CHANGES = ("deploy", "deployed", "rollout", "rollback", "change", "version", "flag", "migration", "config")
"""What may be blamed, though the engine writes it in quotes."""
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nor|neither|without|nothing|cannot|\w+n't|only|except|unlike)\b", re.IGNORECASE
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
_NEUTRAL = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "itself",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "by",
        "with",
        "and",
        "or",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "has",
        "have",
        "had",
        "do",
        "does",
        "did",
        "which",
        "who",
        "whose",
        "where",
        "when",
        "while",
        "there",
        "here",
        "also",
        "too",
        "then",
        "than",
        "into",
        "about",
        "each",
        "all",
        "one",
        "two",
        "three",
        "first",
        "more",
        "most",
        "other",
        "same",
        "such",
        "very",
        "still",
        "again",
        "what",
        "how",
        "can",
        "service",
        "services",
        "pod",
        "pods",
        "node",
        "nodes",
        "object",
        "log",
        "logs",
        "record",
        "records",
        "line",
        "lines",
        "event",
        "events",
        "metric",
        "metrics",
        "evidence",
        "time",
        "times",
        "second",
        "seconds",
        "minute",
        "minutes",
        "show",
        "shows",
        "shown",
        "say",
        "says",
        "said",
        "see",
        "seen",
        "state",
        "states",
        "report",
        "reports",
        "cite",
        "cites",
        "according",
        "engine",
        "diagnosis",
        "incident",
    ]
)
"""Words that say nothing that could be wrong: no failure, no order in time, no denial."""
_CAUSAL = frozenset(
    [
        "cause",
        "caused",
        "causing",
        "because",
        "due",
        "reason",
        "root",
        "fault",
        "culprit",
        "lead",
        "leads",
        "led",
        "result",
        "explain",
        "why",
        "so",
        "responsible",
        "blame",
        "blamed",
        "behind",
        "trigger",
        "triggered",
    ]
)
"""Words that say why."""
_OF_THE_CAUSE = frozenset(
    [
        "fail",
        "fails",
        "failed",
        "failing",
        "failure",
        "error",
        "errors",
        "problem",
        "affected",
        "trouble",
        "since",
        "began",
    ]
)
"""Words that are true of the object of the cause, whatever the cause is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a model and the ids that it cites."""

    text: str
    evidence: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherCause:
    """A cause that the model thinks possible: a value of `Cause`, of which `kind/name`, by which evidence."""

    cause: str
    object: str
    evidence: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a model answers: sentences on the diagnosis, and other causes that it thinks possible."""

    sentences: list[Sentence] = field(default_factory=list[Sentence])
    other_causes: list[OtherCause] = field(default_factory=list[OtherCause])


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of a story."""

    sentences: list[Claim] = field(default_factory=list[Claim])
    unconfirmed: list[Claim] = field(default_factory=list[Claim])
    dropped: list[Dropped] = field(default_factory=list[Dropped])


def admit(diagnosis: Diagnosis, story: Story, opened: Iterable[Evidence] = ()) -> Admitted:
    """Judge every sentence of a story. `opened` is evidence beside the diagnosis' own that the model was shown."""
    bench = _Bench.of(diagnosis, opened)
    admitted = Admitted()
    words = 0
    for said in story.sentences[:SENTENCES_MAX]:
        claim = _claim(said.text, said.evidence)
        why, unconfirmed = bench.judge(claim)
        if not why:
            words += len(claim.text.split())
            why = f"beyond {WORDS_MAX} words" if words > WORDS_MAX else ""
        if unconfirmed:
            admitted.unconfirmed.append(claim)
        elif why:
            admitted.dropped.append(Dropped(claim=claim, why=why))
        else:
            admitted.sentences.append(claim)
    for other in story.other_causes[:OTHER_CAUSES_MAX]:
        claim, why = bench.hypothesis(other)
        if why:
            admitted.dropped.append(Dropped(claim=claim, why=why))
        else:
            admitted.unconfirmed.append(claim)
    for over, bound, what in (
        (story.sentences, SENTENCES_MAX, "sentences"),
        (story.other_causes, OTHER_CAUSES_MAX, "other causes"),
    ):
        if len(over) > bound:
            left = Claim(text=f"{len(over) - bound} more {what}", evidence=())
            admitted.dropped.append(Dropped(claim=left, why=f"beyond {bound} {what}"))
    return admitted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What sentences are held against."""

    held: Mapping[str, Evidence]
    names: frozenset[str]
    own: frozenset[str]
    """The names of the cause's object and of its pods; empty while inconclusive."""
    spoken: Sequence[Claim]
    """What the engine says: a sentence may say it again."""
    of_cause: frozenset[str]
    """Stems of the words that the engine uses of the cause."""
    figures: frozenset[str]
    """The numbers, times and versions that the engine states of the cause."""
    vocabulary: frozenset[str]
    """Stems of all words that the engine knows."""
    causes: frozenset[str]
    """Stems of the words that causes are named by."""
    quotes: str
    """All that the engine quotes."""

    @staticmethod
    def of(diagnosis: Diagnosis, opened: Iterable[Evidence]) -> _Bench:
        held = {fact.id: fact for fact in (*diagnosis.evidence, *opened)}
        hypotheses = diagnosis.hypotheses
        objects = {bare(one.object) for one in hypotheses} | {bare(diagnosis.object)}
        names = {one for one in known_names(held.values()) | objects if len(one) >= _NAME_CHARS_MIN}
        steps = [diagnosis.first_step] if diagnosis.first_step else []
        spoken = [*diagnosis.claims, *steps, *(r for h in hypotheses for r in h.reasons), *diagnosis.missing]
        of_cause = [] if diagnosis.inconclusive else [*diagnosis.claims, *steps, *_reasons(diagnosis.top)]
        own_words = _stems(" ".join(claim.text for claim in of_cause)) | _stems(str(diagnosis.cause or ""))
        all_words = _stems(" ".join([*(claim.text for claim in spoken), *Cause, *_CHANGES]))
        return _Bench(
            held=held,
            names=frozenset(names),
            own=_own(diagnosis, names),
            spoken=spoken,
            of_cause=frozenset(own_words),
            figures=frozenset(figure for claim in of_cause for figure in _figures(claim.text)),
            vocabulary=frozenset(all_words),
            causes=frozenset(_stems(" ".join(Cause)) - _NEUTRAL_STEMS),
            quotes="\n".join(quote for claim in spoken for quote in _QUOTED.findall(claim.text)),
        )

    def judge(self, claim: Claim) -> tuple[str, bool]:
        """Why a sentence may not stand, empty when it may; and whether it is a hypothesis at least."""
        if _MARKUP.search(claim.text.replace("<*>", "")):
            return "carries markup", False
        found = fault(claim, self.held, self.names)
        if found:
            return _told(found.unresolved, found.unsupported), False
        if any(self._says_again(claim, spoken) for spoken in self.spoken):
            return "", False
        return self._in_own_words(claim)

    def _in_own_words(self, claim: Claim) -> tuple[str, bool]:
        """The same, of a sentence that says what no sentence of the engine says."""
        named = self._named(claim.text)
        plain = _outside(claim.text, self.names)
        known = _stems(plain) - _NEUTRAL_STEMS - _CAUSAL_STEMS - _CAUSE_STEMS
        denies = bool(_NEGATION.search(plain))
        of_cause = bool(named) and named <= self.own
        figures = {one for one in _figures(claim.text) if not _TIME.fullmatch(one)} - self.figures
        if of_cause and not denies and not figures and known <= self.of_cause:
            return "", False
        foreign = sorted(word for word in known - self.vocabulary if not _NEGATION.fullmatch(word))
        if foreign:
            return f"says more than its evidence: {', '.join(foreign[:5])}", False
        if not named and not _stems(plain) & (_CAUSAL_STEMS | self.causes):
            return "names nothing that the engine knows", False
        if not of_cause or denies:
            return "the engine does not hold this", True
        if figures:
            return f"the engine does not state this of its cause: {', '.join(sorted(figures)[:5])}", False
        return "the engine does not say this of its cause", False

    def hypothesis(self, other: OtherCause) -> tuple[Claim, str]:
        """Another cause in our words, never in the model's, and why it may not even be shown as a hypothesis."""
        said, entity = clip(other.cause, 100), clip(other.object, 200)
        cause = next(
            (one for one in Cause if said.casefold() in {one.value.casefold(), one.name.casefold()}), None
        )
        claim = Claim(
            text=f"Another cause is possible in {name(entity)}: {cause or clip(said.replace('`', ''), 100)}.",
            evidence=_ids(other.evidence),
        )
        if cause is None:
            return claim, "names no cause of the vocabulary"
        if bare(entity) not in self.names:
            return claim, "names no known object"
        found = fault(claim, self.held, self.names)
        return claim, _told(found.unresolved, found.unsupported) if found else ""

    def _says_again(self, claim: Claim, spoken: Claim) -> bool:
        """Whether it says what the engine says: of the same objects in the same order, in its words, denying alike."""
        mine, theirs = _outside(claim.text, self.names), _outside(spoken.text, self.names)
        return (
            self._order(claim.text) == self._order(spoken.text)
            and set(claim.evidence) <= set(spoken.evidence)
            and _figures(claim.text) <= _figures(spoken.text)
            and _stems(mine) - _NEUTRAL_STEMS <= _stems(theirs)
            and _denials(mine) == _denials(theirs)
        )

    def _named(self, text: str) -> set[str]:
        """The known names in a text, in whatever case; not those inside what the engine quotes itself."""
        for quote in _QUOTED.findall(text):
            if " " in quote and quote.strip("… ") in self.quotes:
                text = text.replace(f"`{quote}`", " ")
        return {one for one in self.names if _at(one, text) >= 0}

    def _order(self, text: str) -> list[str]:
        return sorted(self._named(text), key=lambda one: (_at(one, text), one))


def _claim(text: str, evidence: Sequence[str]) -> Claim:
    return Claim(text=clip(text, SENTENCE_CHARS_MAX), evidence=_ids(evidence))


def _ids(evidence: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clip(one, 64) for one in evidence[:CITED_MAX]))


def _reasons(hypothesis: Hypothesis | None) -> tuple[Claim, ...]:
    return hypothesis.reasons if hypothesis else ()


def _own(diagnosis: Diagnosis, names: Iterable[str]) -> frozenset[str]:
    """The cause's object, and what controllers named after it: its pods and replica sets."""
    own = bare(diagnosis.object)
    if diagnosis.inconclusive or not own:
        return frozenset()
    made = re.compile(re.escape(own) + r"(?:-[0-9a-f]{6,10})?(?:-[0-9a-z]{5})?|" + re.escape(own) + r"-\d+")
    return frozenset({own, *(one for one in names if made.fullmatch(one))})


def _told(unresolved: Sequence[str], unsupported: Sequence[str]) -> str:
    parts = [f"cites what is not there: {', '.join(unresolved[:5])}"] if unresolved else []
    parts += [f"not in its evidence: {', '.join(unsupported[:5])}"] if unsupported else []
    return clip("; ".join(parts), 300)


def _at(one: str, text: str) -> int:
    """Where a name stands in a text, -1 where it does not."""
    found = re.search(rf"(?<![\w])(?<!\w-){re.escape(one)}(?![\w]|-\w)", text, re.IGNORECASE)
    return found.start() if found else -1


def _outside(text: str, names: Iterable[str]) -> str:
    """A sentence without its quotes and without the names of things."""
    plain = _QUOTED.sub(" ", text)
    for one in sorted(names, key=len, reverse=True):
        if _at(one, plain) >= 0:
            plain = re.sub(rf"(?<![\w])(?<!\w-){re.escape(one)}(?![\w]|-\w)", " ", plain, flags=re.IGNORECASE)
    return plain


def _figures(text: str) -> set[str]:
    """The words of a text that hold a digit; of quotes only those that are one word."""
    plain = _QUOTED.sub(lambda quote: " " if " " in quote[1].strip() else f" {quote[1]} ", text)
    words = (word.strip(".,:;!?()") for word in plain.split())
    return {word for word in words if any(c.isdigit() for c in word)}


def _denials(text: str) -> list[str]:
    return sorted(word.casefold() for word in _NEGATION.findall(text))


def _stems(text: str) -> set[str]:
    """The words of a text outside its quotes and without a digit, without their endings."""
    plain = _FIGURE.sub(" ", _QUOTED.sub(" ", text))
    return {_stem(word) for word in _WORD.findall(plain.casefold())}


def _stem(word: str) -> str:
    word = word.partition("'")[0] or word
    return re.sub(r"(?:ing|ed|es|s|e)$", "", word) if len(word) > 4 else word.removesuffix("s") or word  # noqa: PLR2004 - shorter words are their own stem


_NEUTRAL_STEMS = frozenset(map(_stem, _NEUTRAL))
_CAUSE_STEMS = frozenset(map(_stem, _OF_THE_CAUSE))
_CAUSAL_STEMS = frozenset(map(_stem, _CAUSAL))
