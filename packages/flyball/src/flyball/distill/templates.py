"""The learner: which shapes are one pattern, and what the pattern's template reads.

Masking cannot see that `root` in "session opened for user root" is a value; that shows only beside the same
sentence with other users. So shapes are compared: two of them may be one pattern when they differ in one
column (one token), the rest says enough (CONSTANT_WORDS_MIN constant words) and the column has shown enough
different values, the more the less they look like identifiers.

Columns that qualify join their shapes, and patterns are the connected components. Evidence only grows, so the
partition depends on the set of shapes alone, never on their order, and new shapes only ever join patterns:
what is one pattern is never split. Words that carry polarity or severity never join anything (`connected`
and `disconnected` differ in one column too), nor do grammar words, verbs, keys, and names of functions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flyball.model.pattern import WILDCARD, Shape

CONSTANT_WORDS_MIN = 2
"""What is left without the column must hold this many constant words."""

IDENTIFIERS_MIN = 2
"""Different values that make a column vary when they look like identifiers (`db_main`, `OrderService`, `<*>`)."""

SLOT_WORDS_MIN = 3
"""The same for plain words where grammar expects a name: after `user`, `for`, `from`, `=`, `:`, or alone in brackets;
and for words in capitals, which are enumerated names or acronyms."""

PLAIN_WORDS_MIN = 5
"""The same for plain words anywhere else."""

COLUMNS_MAX = 64
"""Only the first words of a template can vary; longer ones are dumps."""

TOKEN = re.compile(r"<\*>|[^\W_](?:[\w$]|[.-](?=\w))*|_[\w$]*|\s+|.", re.DOTALL)
_NEIGHBOURS = re.compile(r"<\*>(?:\s?<\*>)+")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VERB = re.compile(r"[A-Za-z]?[a-z]{2,}(?:ed|ing)")
_IDENTIFIER = re.compile(r"[_.$-]|[a-z][A-Z]|[^\x00-\x7f]")
_ENUMERATED = re.compile(r"\.[A-Z]+(?:_[A-Z]+)*$")
_CAPITALS = re.compile(r"[A-Z]{3,}")
# SIGSEGV and ECONNREFUSED say what happened; so do the adjectives of what can be (reachable, invisible)
_OUTCOME = re.compile(r"SIG[A-Z]{3,}|E[A-Z]{4,}|[A-Za-z][a-z]{2,}[ai]ble|[A-Z]{3,}[AI]BLE")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SLOT = _words(
    "for from to by user on at of in host with via named name service interface process thread file device node client"
    " server is as account group role queue topic table database bucket tenant customer region zone"
    " container pod image class package plugin module"
)
_GRAMMAR = _words(
    "a an the and or of to in on at by for from with is are was were be been not no than then if as it its this that"
    " these those but nor so cannot can't won't never all any some none only"
)
MEANING = _words(
    """
    ok fail failed failure fails success succeeded successful successfully error errors fatal warn warning critical
    info debug trace notice emergency alert panic exception timeout up down on off yes no true false
    open opened closed close start starts started stop stops stopped begin end enter exit connect disconnect connected
    disconnected connects enable disable enabled disabled allow deny allowed denied accept reject accepted rejected
    valid invalid active inactive online offline before after read write get set put post add remove delete create
    update insert drop copy move high low min max minimum maximum full empty first last new old lock unlock attach
    detach mount unmount load unload register deregister unregister login logout subscribe unsubscribe grant revoke
    complete incomplete correct incorrect consistent inconsistent stable unstable safe unsafe clean dirty fresh stale
    ready busy idle fast slow hot cold hit miss same different equal more less above below over under join leave joined
    encrypt decrypt encode decode compress decompress expand shrink grow ack nack standby replica forward backward
    public private positive negative major minor temporary permanent shutdown crash kill killed green yellow red
    blacklist whitelist allowlist denylist strong weak absent degraded blocked unblocked block unblock
    push pull send receive sent received lost found missing present available unavailable alive dead healthy unhealthy
    pass passed abort aborted commit rollback increase decrease acquire release show hide visible hidden input output
    source target src dst primary secondary master slave leader follower local remote internal external upstream
    downstream sleep wake suspend resume pause play expected unexpected known unknown trusted untrusted
    good bad left right inbound outbound request response rx tx in out
    """
)
"""Words that say what happened: polarity, severity, direction, state. They are never values of a column."""
_ALONE = frozenset({("(", ")"), ("[", "]"), ("<", ">"), ("{", "}")})
UNITS = _words(
    "ns us ms s sec secs second seconds min mins minute minutes h hour hours day days B KB MB GB TB KiB MiB GiB TiB"
    " EUR USD GBP JPY CHF CNY INR"
)


def partition(shapes: Iterable[Shape]) -> dict[int, int]:
    """Shape id -> the id that stands for its pattern (the smallest of them). Independent of the order."""
    columns, roots = Columns(), dict[int, int]()

    def root(shape: int) -> int:
        while roots[shape] != shape:
            roots[shape] = shape = roots[roots[shape]]
        return shape

    for shape in shapes:
        roots.setdefault(shape.id, shape.id)
        for one, other in columns.add(shape):
            low, high = sorted((root(one), root(other)))
            roots[high] = low
    return {shape: root(shape) for shape in roots}


def merge(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Two templates' tokens in one; of templates that do not line up, the first."""
    if len(one) != len(other):
        return list(one)
    return [a if a == b else WILDCARD for a, b in zip(one, other, strict=True)]


def tokens(template: str) -> list[str]:
    """Words, wildcards, spaces and single other characters; joined they are the template again."""
    return TOKEN.findall(template)


def collapsed(template: str) -> str:
    """A template in which neighbouring wildcards are one."""
    return _NEIGHBOURS.sub(WILDCARD, template)


def matches(template: str, text: str) -> bool:
    """Whether a text (as it was masked: redacted and parsed) could have this template. Linear in the text.

    White space is one space and a wildcard stands for any text, also none.
    """
    head, *rest = template.split(WILDCARD)
    text = " ".join(text.split())
    if not rest:
        return text == head
    if not text.startswith(head):
        return False
    at = len(head)
    for part in rest[:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


@dataclass(slots=True)
class _Column:
    """What one place has shown; once it is known to vary, one shape stands for all."""

    slot: bool
    shapes: list[int] = field(default_factory=list[int])
    values: set[str] = field(default_factory=set[str])
    varies: bool = False


class Columns:
    """The columns of all shapes met. Adding a shape costs its own length, however many there are.

    A column that varies gives a template with `<*>` in its place, and that is compared like a shape: so two
    columns that vary together ("user <*> of group <*>") are found one after the other.
    """

    def __init__(self) -> None:
        # Most columns are met once: those hold the template and shape they were met in, shared by all its columns.
        self._columns: dict[int, _Column | tuple[str, int]] = {}
        self._known: dict[str, int] = {}

    def add_all(self, shapes: Iterable[Shape]) -> list[tuple[int, int]]:
        """Pairs of shape ids that are one pattern, now that these shapes are known as well."""
        return [pair for shape in shapes for pair in self.add(shape)]

    def merged(self, texts: Sequence[str]) -> str:
        """Templates as one, with `<*>` where their tokens differ; of those that do not line up, the first."""
        return "".join(functools.reduce(merge, map(tokens, texts)))

    def add(self, shape: Shape) -> list[tuple[int, int]]:
        """Pairs of shape ids that are one pattern, now that this shape is known as well."""
        pairs: list[tuple[int, int]] = []
        work = [(shape.template, shape.id)]
        while work:
            met = work.pop()
            template, one = met
            if template in self._known:
                pairs.append((self._known[template], one))
                continue
            self._known[template] = one
            parts = tokens(template)
            before, after = _running(parts), _running(reversed(parts))
            for at, slot in places(parts):
                # Python's own hash: private to this process and keyed, so nobody can craft collisions.
                context = hash((before[at], after[len(parts) - at - 1]))
                column = self._column(context, met, parts, at, slot=slot)
                if column is None or column.varies:
                    pairs += [(column.shapes[0], one)] if column else []
                    continue
                pairs += _observe(column, parts[at], one)
                if column.varies:
                    work.append(("".join([*parts[:at], WILDCARD, *parts[at + 1 :]]), one))
        return [(one, other) for one, other in pairs if one != other]

    def _column(
        self, context: int, met: tuple[str, int], parts: list[str], at: int, *, slot: bool
    ) -> _Column | None:
        """The column of a place that was met before; None when it is met for the first time."""
        found = self._columns.setdefault(context, met)
        if isinstance(found, _Column):
            return found
        if found is met:
            return None
        other = tokens(found[0])
        if other[:at] != parts[:at] or other[at + 1 :] != parts[at + 1 :]:
            return None  # another place whose hash is the same, once in 2^64
        column = _Column(slot=slot, shapes=[found[1]], values={other[at]})
        self._columns[context] = column
        return column


def _running(parts: Iterable[str]) -> list[int]:
    """A hash of the first 0, 1, 2, ... of the parts."""
    hashes = [0]
    for part in parts:
        hashes.append(hash((hashes[-1], part)))
    return hashes


def _observe(column: _Column, value: str, shape: int) -> list[tuple[int, int]]:
    """Note that a shape has this value in a column not known to vary; returns the pairs that this joins."""
    column.values.add(value)
    column.shapes.append(shape)
    if not _enough(column):
        return []
    column.varies = True
    pairs = [(column.shapes[0], other) for other in column.shapes[1:]]
    del column.shapes[1:]
    column.values.clear()
    return pairs


def _enough(column: _Column) -> bool:
    """Whether the values seen are evidence that the column varies."""
    values = column.values
    if len(values) < IDENTIFIERS_MIN:
        return False
    if WILDCARD in values or values <= UNITS:
        return True
    if sum(map(is_identifier, values)) >= IDENTIFIERS_MIN:
        return True
    if sum(map(is_capitals, values)) >= SLOT_WORDS_MIN:
        return True
    return len(values) >= (SLOT_WORDS_MIN if column.slot else PLAIN_WORDS_MIN)


def is_identifier(value: str) -> bool:
    """Whether a value looks like a name that something was given: db_main, OrderService, жук."""
    return bool(_IDENTIFIER.search(value))


def is_capitals(value: str) -> bool:
    """Whether a value is an acronym or an enumerated name."""
    return bool(_CAPITALS.fullmatch(value))


def places(parts: Sequence[str]) -> list[tuple[int, bool]]:
    """The tokens that may be a column's value, and whether grammar expects a name there."""
    words = [at for at, part in enumerate(parts) if part == WILDCARD or part[0].isalnum() or part[0] == "_"]
    constant = {at for at in words if parts[at] != WILDCARD and sum(map(str.isalpha, parts[at])) > 1}
    places: list[tuple[int, bool]] = []
    for index, at in enumerate(words[:COLUMNS_MAX]):
        enough_left = len(constant) - (at in constant) >= CONSTANT_WORDS_MIN
        if enough_left and _may_vary(parts, at, leading=index == 0):
            places.append((at, _is_slot(parts, at, parts[words[index - 1]] if index else "")))
    return places


def _may_vary(parts: Sequence[str], at: int, *, leading: bool) -> bool:
    value = parts[at]
    if value == WILDCARD:
        return True
    after = "".join(parts[at + 1 : at + 3])
    if after.startswith(("(", "::", "=", " =")):
        return False  # a function's name or a key
    dotted = value.count(".") > 1
    if leading and not dotted:
        return False  # the first word names who speaks
    # com.example.this and .that may do the same work; com.example.SCREEN_ON and SCREEN_OFF are two events
    return not _ENUMERATED.search(value) if dotted else _is_value(value)


def _is_value(word: str) -> bool:
    """Whether a word can be a value at all: it carries no polarity, severity, direction or grammar."""
    lower = word.lower()
    if lower in _GRAMMAR or lower in MEANING or _OUTCOME.fullmatch(word) or not any(map(str.isalpha, word)):
        return False
    return not any(part.lower() in MEANING or _VERB.fullmatch(part) for part in _PART.findall(word))


def _is_slot(parts: Sequence[str], at: int, word_before: str) -> bool:
    before = "".join(parts[max(at - 2, 0) : at]).rstrip()
    if before.endswith(("=", ":")) or word_before.lower() in _SLOT:
        return True
    after = parts[at + 1] if at + 1 < len(parts) else ""
    return (parts[at - 1] if at else "", after) in _ALONE
