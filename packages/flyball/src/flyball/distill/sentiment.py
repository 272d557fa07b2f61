"""Sentiment: whether a template sounds like trouble (-1) or like relief (1), from its words alone. A hint, no proof.

A small lexicon of the language of operations, written for this: LEXICON gives words weights between -1 and 1, and
three kinds of word change what follows. A negation turns it round at less than full force ("no error" is good, "not
connected" is bad), so does what ends trouble ("recovered from", "without", "avoided"), and a count leaves it open,
since a template has lost the number ("<*> errors"; a literal 0 is a negation). Identifiers are read by their parts
(`PoolTimeoutException`). The sum s of the weights becomes s / sqrt(s^2 + 1): two bad words are worse than one, none
is beyond -1.

What it is for: a small part in the order of findings (`queries.whats_new`), and a column that people can sort by.
It knows English only, no irony and no context: what is rare, new or slow is told by counts, never by this. How well
it tells levels apart is in docs/decisions/0010.
"""

from __future__ import annotations

import functools
import math
import re

from flyball.model.pattern import WILDCARD

REACH = 3
"""So many words after it a negation or a relief acts on."""

NEGATED = -0.6
"""What is left of a weight that is turned round."""

LACKING = -0.3
"""The weight of a negation of a word that is not known ("could not connect", "no such file")."""

COUNTED = 0.25
"""What is left of a weight that a number stands before (`<*> errors`) or behind (`errors: <*>`)."""

CHARS_MAX = 2_000
"""So much of a template is read."""

CACHE_MAX = 100_000
"""Scores that are remembered; as many as a process tells shapes apart."""


def _weights(weight: float, words: str) -> dict[str, float]:
    return dict.fromkeys(words.split(), weight)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEXICON: dict[str, float] = {
    **_weights(
        -1.0,
        "fatal panic panicked crash crashed crashes crashing emergency catastrophic corrupt corrupted corruption deadlock"
        " deadlocked segfault sigsegv sigabrt sigkill oom oomkilled killed died dead outage breach breached disaster"
        " unrecoverable irrecoverable",
    ),
    **_weights(
        -0.8,
        "error errors err failed fail fails failing failure failures critical crit severe exception exceptions fault"
        " faults faulty abort aborted aborting aborts broken unhandled uncaught traceback lost loss overflow"
        " exhausted exhaustion starvation leak leaked leaks unreachable unavailable violation violated attack exploit"
        " intrusion malicious malware poisoned hung hang hangs stuck overrun underrun unserviceable down inoperative",
    ),
    **_weights(
        -0.6,
        "alert alarm alarms assert assertion declined declines denied deny denies refused refuse refuses refusing rejected reject rejects rejecting forbidden unauthorized"
        " unauthenticated invalid illegal malformed missing unknown unexpected unable cannot impossible timeout timeouts"
        " timedout expired expires dropped drops drop discarded disconnected disconnect disconnects bad wrong incorrect"
        " mismatch mismatched inconsistent insufficient unhealthy degraded degradation overload overloaded throttled"
        " throttling blocked backoff conflict conflicts duplicate unsupported undefined unresolved unstable unsafe"
        " insecure suspicious blacklisted banned evicted preempted preempt kill kills terminated killing incomplete"
        " uncorrectable orphaned stale deprecated obsolete problem problems trouble issue issues bug bugs",
    ),
    **_weights(
        -0.4,
        "warn warning warnings warned slow slowly slowness delayed delay delays late lag lagging lags retry retries"
        " retrying retried exceeded exceeds exceed exceeding full low limited limit skip skipped skipping ignored"
        " ignoring interrupted interrupt cancelled canceled cancel rollback reverted stopped stopping"
        " closed closing removed removing shutdown leaving offline inactive disabled empty null nil nan none absent"
        " reset resets restart restarted restarting failover fallback partial partially pending congested congestion"
        " suspended suspending paused loose loosing losing bogus garbage truncated odd strange excessive spurious",
    ),
    **_weights(
        0.4,
        "ok okay ready online up active enabled available connected connects established accepted allowed granted"
        " open opened opening started starts starting running registered created added loaded initialized received"
        " sent updated synced synchronized saved stored written assigned joined finished done completes",
    ),
    **_weights(
        0.6,
        "success successful successfully succeeded succeeds succeed complete completed passed passes valid verified"
        " validated authenticated authorized healthy stable consistent normal good fine clean correct correctable"
        " corrected optimal resumed reconnected restored acquired",
    ),
    **_weights(
        0.8,
        "recovered recovers recovery resolved resolves fixed repaired healed cured solved cleared mitigated",
    ),
}
"""Word -> weight; lower case. Words that are both (handle, close a file) are left light or out."""

_NEGATIONS = _words(
    "no not never without zero neither nor isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't"
    " won't can't couldn't wouldn't isnt arent wasnt doesnt dont didnt wont cant couldnt non"
)
_DENIALS = _NEGATIONS - {"zero", "without", "never", "non", "neither", "nor"}
# What ends trouble turns round what it ended, and is good by itself.
_RELIEFS = _words(
    "recovered recovers recovering recovery resolved resolves resolving fixed fixes repaired cleared clears avoided avoids"
    " prevented prevents survived corrected mitigated handled handles tolerated suppressed"
)
# An error's page, handler or code is a thing, no event.
_THINGS = _words(
    "handler handlers handling log logs page pages reporting reporter code codes budget rate queue"
)
_PART = re.compile(r"<\*>|[A-Za-z]?[a-z]+(?:'t)?|[A-Z]+(?![a-z])|[0-9]+|[.;!?](?=\s|$)|[:=]")
_STOP = frozenset(".;!?")
_LIKE = frozenset(":=")


@functools.lru_cache(maxsize=CACHE_MAX)
def sentiment(template: str) -> float:
    """How a template sounds: -1 (trouble) to 1 (relief), 0 when no word of it is known. Pure, and cached."""
    words = [word.lower() for word in _PART.findall(template[:CHARS_MAX])]
    total = 0.0
    turned = 0  # words that the last negation or relief still acts on
    lacking = 0.0  # what that negation weighs when it finds nothing to turn round
    for at, word in enumerate(words):
        weight = LEXICON.get(word, 0.0)
        if weight:
            weight *= _weakened(words, at)
            total += NEGATED * weight if turned and word not in _RELIEFS else weight
            lacking = 0.0
        if word in _NEGATIONS or word in _RELIEFS or word == "0":
            total += lacking
            turned, lacking = REACH, LACKING if word in _DENIALS else 0.0
        elif word in _STOP:
            turned = 0
        elif turned and word not in _LIKE:
            turned -= 1
    total += lacking
    return round(total / math.sqrt(total * total + 1.0), 3)


def _weakened(words: list[str], at: int) -> float:
    """How much of a bad word's weight counts where it stands."""
    if LEXICON[words[at]] > 0:
        return 1.0
    before = words[at - 1] if at else ""
    after, beyond = (*words[at + 1 : at + 3], "", "")[:2]
    if WILDCARD in {before, after} or (after in _LIKE and beyond == WILDCARD):
        return COUNTED
    return COUNTED if after in _THINGS else 1.0
