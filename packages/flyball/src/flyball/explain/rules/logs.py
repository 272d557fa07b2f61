"""What programs say of themselves in their log records: which of the known texts tell a cause.

A record tells of the service that wrote it, by the texts that tell most directly what it says. Texts that speak of
something else, which does not answer, weigh less: where that something has a cause of its own, the engine takes that.
With a normal time a text counts only when it comes more often now; without one it counts when it was written as a
warning or worse, or says so itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from flyball.explain.exhibit import clip
from flyball.explain.facts import Facts
from flyball.explain.rule import QUOTE_CHARS_MAX, Match, Rule, name, quote, say
from flyball.explain.rules.general_texts import IN_GENERAL
from flyball.explain.rules.log_texts import RUNTIME
from flyball.explain.rules.objects import restarts, whole
from flyball.explain.rules.store_texts import STORES
from flyball.explain.rules.text import Text
from flyball.explain.rules.traffic_texts import TRAFFIC
from flyball.model.cause import Cause
from flyball.model.severity import Severity
from flyball.model.signal import Signal, Surface

SEARCHED_CHARS_MAX = 600
"""Characters of a record that are searched: what evidence keeps of it."""
BEFORE_CHARS = 60
"""Characters before what tells that are shown."""
BEHIND = 0.6
"""The weight of a pool that is used up because what it leads to does not answer."""
MORE = 3.0
"""Times its usual count from which on a text comes more often."""
TEXTS = (*RUNTIME, *STORES, *TRAFFIC, *IN_GENERAL)
REMEMBERED_MAX = 8192
"""Records whose reading is remembered: every text asks for all of them."""

_LEVEL = re.compile(r"\b(?:WARN(?:ING)?|ERROR|ERR|FATAL|CRITICAL|SEVERE|panic|error|failed)\b", re.IGNORECASE)

_ERROR = re.compile(r"\b(?:ERROR|ERR|FATAL|CRITICAL|SEVERE|panic|[Ee]xception)\b")


@dataclass(frozen=True, slots=True)
class _Told:
    """The records that each text matches, of the incident and of the normal time."""

    now: Mapping[Text, list[Signal]]
    usual: Mapping[Text, list[Signal]]
    of: Mapping[Cause, list[Signal]]


def telling(facts: Facts, cause: Cause) -> list[Signal]:
    """The records of the incident that tell most directly of a cause."""
    return _told(facts).of.get(cause, [])


def _told(facts: Facts) -> _Told:
    """What the records tell, read once for all texts."""
    found = facts.memo.get(__name__)
    if not isinstance(found, _Told):
        of: dict[Cause, list[Signal]] = {}
        for signal in facts.on(Surface.LOG):
            for cause in {text.cause for text in _read(signal)}:
                of.setdefault(cause, []).append(signal)
        found = _Told(_by_text(facts.on(Surface.LOG)), _by_text(facts.usual(Surface.LOG)), of)
        facts.memo[__name__] = found
    return found


def _by_text(signals: Iterable[Signal]) -> Mapping[Text, list[Signal]]:
    found: dict[Text, list[Signal]] = {}
    for signal in signals:
        for text in _read(signal):
            found.setdefault(text, []).append(signal)
    return found


def _find(text: Text, facts: Facts) -> Iterator[Match]:
    usual: dict[str, int] = {}
    for signal in _told(facts).usual.get(text, ()):
        usual[signal.entity] = usual.get(signal.entity, 0) + signal.count
    found: dict[str, list[tuple[Signal, str]]] = {}
    for signal in _told(facts).now.get(text, ()):
        if _counts(text, facts, signal):
            found.setdefault(signal.entity, []).append((signal, _read(signal)[text]))
    for entity, several in found.items():
        count = sum(signal.count for signal, _ in several)
        if count >= MORE * usual.get(entity, 0):
            yield _match(text, facts, entity, several, count)


def _read(signal: Signal) -> Mapping[Text, str]:
    """The texts that tell most directly what a record says, each with the words that tell it."""
    return _texts(str(signal.value)[:SEARCHED_CHARS_MAX], severe=_severe(signal))


@lru_cache(maxsize=REMEMBERED_MAX)
def _texts(record: str, *, severe: bool) -> Mapping[Text, str]:
    asked = (text for text in TEXTS if severe or not text.severe)
    found = {text: told for text in asked if (told := text.told(record))}
    most = max((text.weight for text in found), default=0.0)
    return {text: told for text, told in found.items() if text.weight == most}


def _counts(text: Text, facts: Facts, signal: Signal) -> bool:
    """Whether a record that a text matches tells that something is wrong."""
    if text.starting:
        owner = facts.owner(signal.entity)
        unread = facts.number(owner, "spec.replicas") is None and not restarts(facts, owner)
        return text.plain or _severe(signal) if unread else not whole(facts, owner)
    return text.severe or text.plain or _grave(signal)


def _severe(signal: Signal) -> bool:
    return signal.severity >= Severity.ERROR or bool(_ERROR.search(str(signal.value)))


def _grave(signal: Signal) -> bool:
    return signal.severity >= Severity.WARN or bool(_LEVEL.search(str(signal.value)))


def _match(text: Text, facts: Facts, entity: str, several: list[tuple[Signal, str]], count: int) -> Match:
    owner = facts.owner(entity)
    signal, told = max(several, key=lambda one: (one[0].count, one[0].time))
    shown = facts.exhibit(signal, *(one for one, _ in several if one is not signal), records=count)
    around = _around(str(signal.value), told)
    quoted = facts.exhibit(signal)  # of many kinds of records evidence keeps a few
    where = f", from {quote(signal.detail)}" if signal.detail else ""
    said = say(f"{name(entity)} wrote {count} such records{where}: {quote(around)}.", shown, quoted)
    step = say(text.step.format(it=name(owner)), shown, *facts.ownership(entity))
    return Match(cause=text.cause, object=owner, weight=_weight(text, facts, entity), said=(said,), step=step)


def _weight(text: Text, facts: Facts, entity: str) -> float:
    if text.cause is Cause.POOL_EXHAUSTED and _lost(facts, entity):
        return min(text.weight, BEHIND)
    return text.weight


def _lost(facts: Facts, entity: str) -> bool:
    """Whether connections are refused or lost too: then the pool is empty because nothing answers."""
    mine = (signal for signal in facts.on(Surface.LOG) if signal.entity == entity)
    return any(text.cause is Cause.DB_UNREACHABLE for signal in mine for text in _read(signal))


def _around(text: str, told: str) -> str:
    """The words of a record around what told, cut where words begin and end."""
    line = clip(text, SEARCHED_CHARS_MAX)
    at = max(0, line.find(clip(told)))
    begin = 0 if at <= BEFORE_CHARS else line.find(" ", at - BEFORE_CHARS) + 1
    return clip(("…" if begin else "") + line[begin:], QUOTE_CHARS_MAX)


RULES = tuple(
    Rule(causes=(text.cause,), surfaces=(Surface.LOG,), tells=text.tells, find=partial(_find, text))
    for text in TEXTS
)
