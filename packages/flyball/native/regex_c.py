"""Regular expressions -> C: each pattern becomes functions that match as Python's `re` does, on ASCII text.

The rules stand once, in Python; the compiled core is made of the same patterns when it is built. A pattern is
parsed by `re` itself and each of its nodes becomes a C function that goes on with the next node's function: a
backtracking matcher as `re` is, unrolled. gcc inlines most of it.

A matcher `m(s, n, i, g)` tries to match text `s` of `n` bytes (all below 128) at `i`. It returns the end of the
match or -1, and leaves the bounds of group k in g[2k], g[2k+1] (-1 where the group took no part).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from re import _constants as sre  # pyright: ignore[reportAttributeAccessIssue] - the parser of `re` is all there is
from re import _parser as parser  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any

Node = tuple[Any, Any]
CHARS = 128
REPEAT_MAX = 24
"""A bounded repeat of a group is written out so many times at most."""
WAYS_MIN, WAYS_MAX = 4, 32
"""Of so many alternatives it is looked up which can begin with a character; 32 bits say it."""

_ALL = frozenset(range(CHARS))
_DIGIT = frozenset(map(ord, "0123456789"))
_SPACE = frozenset(c for c in range(CHARS) if chr(c).isspace())
_WORD = frozenset(c for c in range(CHARS) if chr(c).isalnum() or chr(c) == "_")
_CATEGORIES = {
    sre.CATEGORY_DIGIT: _DIGIT,
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_WORD: _WORD,
    sre.CATEGORY_NOT_DIGIT: _ALL - _DIGIT,
    sre.CATEGORY_NOT_SPACE: _ALL - _SPACE,
    sre.CATEGORY_NOT_WORD: _ALL - _WORD,
}
_SIGNATURE = "(const uint8_t *s, int n, int i, int *g)"


class Unsupported(Exception):
    """The pattern uses what this translation does not know."""


class Writer:
    """Collects the C of several patterns; `text()` is the whole."""

    def __init__(self) -> None:
        self._lines: list[str] = [
            "static inline int accept" + _SIGNATURE + " { (void)s; (void)n; (void)g; return i; }"
        ]
        self._classes: dict[frozenset[int], str] = {}
        self._count = 0

    def add(self, name: str, pattern: str, flags: int = 0) -> None:
        """Write `static int match_NAME(s, n, i, g)`, `first_NAME` (where a match can begin) and groups_NAME."""
        tree = parser.parse(pattern, flags)
        if tree.getwidth()[0] == 0:
            raise Unsupported(f"{name} matches nothing at all")
        self._flags = tree.state.flags
        nodes = list(tree)
        entry = self._sequence(nodes, "accept", frozenset(), nullable=True)
        first, _nullable = _first(nodes, self._flags)
        self._lines += [
            f"enum {{ groups_{name} = {tree.state.groups} }};",
            f"#define first_{name} {self._class(first)}",
            f"static inline int match_{name}{_SIGNATURE} {{ return {entry}(s, n, i, g); }}",
            "",
        ]

    def words(self, name: str, words: Iterable[str]) -> None:
        """Write an array of the words, sorted, ended by a null."""
        self.names(name, sorted(words))

    def names(self, name: str, names: Iterable[str]) -> None:
        """Write an array of the names as they come, ended by a null."""
        listed = "".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '", ' for one in names)
        self._lines.append(f"static const char *const {name}[] = {{{listed}0}};")

    def numbers(self, name: str, values: Sequence[int]) -> None:
        """Write an array of small numbers."""
        self._lines.append(f"static const uint8_t {name}[] = {{{', '.join(map(str, values))}}};")

    def constant(self, name: str, value: int) -> None:
        """Write a number."""
        self._lines.append(f"enum {{ {name} = {value} }};")

    def each(self, name: str, rows: Iterable[Sequence[str]]) -> None:
        """Write a macro that calls the macro it is given once for each row."""
        calls = " ".join(f"CALL({', '.join(row)})" for row in rows)
        self._lines.append(f"#define {name}(CALL) {calls}")

    def text(self) -> str:
        """All of it, with the character classes in front."""
        classes = [
            f"static const uint64_t {name}[2] = {{{_half(chars, 0):#x}u, {_half(chars, 64):#x}u}};"
            for chars, name in self._classes.items()
        ]
        return (
            "\n".join(
                ["/* Written by regex_c.py from the rules in Python; do not edit. */", *classes, *self._lines]
            )
            + "\n"
        )

    def _class(self, chars: frozenset[int]) -> str:
        return self._classes.setdefault(chars, f"class_{len(self._classes)}")

    def _function(self, body: str) -> str:
        name = f"m{self._count}"
        self._count += 1
        self._lines.append(f"static int {name}{_SIGNATURE} {{ {body} }}")
        return name

    def _sequence(self, nodes: Sequence[Node], after: str, follow: frozenset[int], *, nullable: bool) -> str:
        """The function that matches the nodes and goes on with `after`, whose first characters are `follow`."""
        for at in range(len(nodes) - 1, -1, -1):
            after = self._node(nodes[at], after, follow, nullable=nullable)
            first, empty = _first([nodes[at]], self._flags)
            follow, nullable = (first | follow, nullable) if empty else (first, False)
        return after

    def _node(self, node: Node, after: str, follow: frozenset[int], *, nullable: bool) -> str:
        op, value = node
        chars = _single(node, self._flags)
        if chars is not None:
            return self._function(
                f"return i < n && IS({self._class(chars)}, s[i]) ? {after}(s, n, i + 1, g) : -1;"
            )
        if op is sre.SUBPATTERN:
            return self._group(value, after, follow, nullable=nullable)
        if op is sre.BRANCH:
            return self._branch([list(way) for way in value[1]], after, follow, nullable=nullable)
        if op in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
            low, high, body = value
            return self._repeat(op is sre.MAX_REPEAT, low, high, list(body), after, follow, nullable=nullable)
        if op in {sre.ASSERT, sre.ASSERT_NOT}:
            return self._look(op is sre.ASSERT, value, after)
        if op is sre.AT:
            return self._function(f"return {_at(value)} ? {after}(s, n, i, g) : -1;")
        raise Unsupported(str(op))

    def _branch(self, ways: list[list[Node]], after: str, follow: frozenset[int], *, nullable: bool) -> str:
        """The first way that matches. Of many, only those are tried that can begin with the character that is there."""
        entries = [self._sequence(way, after, follow, nullable=nullable) for way in ways]
        firsts = [_first(way, self._flags) for way in ways]
        if not WAYS_MIN <= len(ways) <= WAYS_MAX or any(empty for _, empty in firsts):
            tries = "".join(f"if ((r = {entry}(s, n, i, g)) >= 0) return r; " for entry in entries[:-1])
            return self._function(f"int r; {tries}return {entries[-1]}(s, n, i, g);")
        name = f"ways{self._count}"
        begins = [sum(1 << at for at, (first, _) in enumerate(firsts) if c in first) for c in range(CHARS)]
        self._lines.append(f"static const uint32_t {name}[] = {{{', '.join(map(hex, begins))}}};")
        tries = "".join(
            f"if (ways >> {at} & 1 && (r = {entry}(s, n, i, g)) >= 0) return r; "
            for at, entry in enumerate(entries)
        )
        return self._function(
            f"int r; uint32_t ways = i < n ? {name}[s[i]] : 0; if (!ways) return -1; {tries}return -1;"
        )

    def _group(self, value: Any, after: str, follow: frozenset[int], *, nullable: bool) -> str:
        number, add, remove, body = value
        before, self._flags = self._flags, (self._flags | add) & ~remove
        if number is not None:
            close = f"int old = g[{2 * number + 1}]; g[{2 * number + 1}] = i; int r = {after}(s, n, i, g);"
            after = self._function(f"{close} if (r < 0) g[{2 * number + 1}] = old; return r;")
        entry = self._sequence(list(body), after, follow, nullable=nullable)
        self._flags = before
        if number is None:
            return entry
        begin = f"int old = g[{2 * number}]; g[{2 * number}] = i; int r = {entry}(s, n, i, g);"
        return self._function(f"{begin} if (r < 0) g[{2 * number}] = old; return r;")

    def _repeat(
        self,
        greedy: bool,  # noqa: FBT001
        low: int,
        high: Any,
        body: list[Node],
        after: str,
        follow: frozenset[int],
        *,
        nullable: bool,
    ) -> str:
        endless = high is sre.MAXREPEAT
        chars = _single(body[0], self._flags) if len(body) == 1 else None
        if chars is not None:
            limit = "n" if endless else f"(n - i < {high} ? n : i + {high})"
            return self._run(greedy, low, limit, chars, after, follow, nullable=nullable)
        if parser.SubPattern(_state(), body).getwidth()[0] == 0:
            raise Unsupported("a repeated group that can match nothing")
        inner, _ = _first(body, self._flags)
        if endless:
            name = f"loop{self._count}"
            self._count += 1
            self._lines.append(f"static int {name}{_SIGNATURE};")
            again = self._sequence(body, name, inner | follow, nullable=nullable)
            one, other = (again, after) if greedy else (after, again)
            self._lines.append(
                f"static int {name}{_SIGNATURE} {{ int r = {one}(s, n, i, g); return r >= 0 ? r : {other}(s, n, i, g); }}"
            )
            after = name
        else:
            if high > REPEAT_MAX:
                raise Unsupported(f"a group {high} times")
            for _ in range(high - low):
                again = self._sequence(body, after, inner | follow, nullable=nullable)
                one, other = (again, after) if greedy else (after, again)
                after = self._function(f"int r = {one}(s, n, i, g); return r >= 0 ? r : {other}(s, n, i, g);")
        for _ in range(low):
            after = self._sequence(body, after, inner | follow, nullable=nullable)
        return after

    def _run(
        self,
        greedy: bool,  # noqa: FBT001
        low: int,
        limit: str,
        chars: frozenset[int],
        after: str,
        follow: frozenset[int],
        *,
        nullable: bool,
    ) -> str:
        """A repeated single character. Where nothing that follows can begin with it, giving back is no use."""
        is_one = f"IS({self._class(chars)}, s[j])"
        if not greedy:
            return self._function(
                f"int r, j = i, most = {limit}; while (j - i < {low} && j < most && {is_one}) j++; if (j - i < {low}) return -1; "
                f"while (1) {{ if ((r = {after}(s, n, j, g)) >= 0) return r; if (j < most && {is_one}) j++; else return -1; }}"
            )
        grow = f"int j = i, most = {limit}; while (j < most && {is_one}) j++; "
        if not nullable and not chars & follow:
            return self._function(f"{grow}return j - i >= {low} ? {after}(s, n, j, g) : -1;")
        return self._function(
            f"{grow}for (; j - i >= {low}; j--) {{ int r = {after}(s, n, j, g); if (r >= 0) return r; }} return -1;"
        )

    def _look(self, positive: bool, value: Any, after: str) -> str:  # noqa: FBT001
        direction, body = value
        entry = self._sequence(list(body), "accept", frozenset(), nullable=True)
        at = "i"
        if direction < 0:
            width, widest = body.getwidth()
            if width != widest:
                raise Unsupported("looking behind for something of no fixed width")
            at = f"i - {width}"
            found = f"(i >= {width} && {entry}(s, n, {at}, g) >= 0)"
        else:
            found = f"({entry}(s, n, {at}, g) >= 0)"
        return self._function(f"return {'' if positive else '!'}{found} ? {after}(s, n, i, g) : -1;")


def _state() -> Any:
    return parser.State()


def _half(chars: frozenset[int], start: int) -> int:
    return sum(1 << (c - start) for c in chars if start <= c < start + 64)


def _folded(chars: frozenset[int], flags: int) -> frozenset[int]:
    if not flags & re.IGNORECASE:
        return chars
    return chars | {ord(chr(c).swapcase()) for c in chars if chr(c).isalpha()}


def _single(node: Node, flags: int) -> frozenset[int] | None:
    """The characters that a node of exactly one character takes; None for any other node."""
    op, value = node
    if op is sre.LITERAL:
        return _folded(frozenset({value}) & _ALL, flags)
    if op is sre.NOT_LITERAL:
        return _ALL - _folded(frozenset({value}) & _ALL, flags)
    if op is sre.ANY:
        return _ALL if flags & re.DOTALL else _ALL - {10}
    if op is sre.IN:
        return _in(value, flags)
    return None


def _in(items: Sequence[Node], flags: int) -> frozenset[int]:
    chars: frozenset[int] = frozenset()
    negate = False
    for op, value in items:
        if op is sre.NEGATE:
            negate = True
        elif op is sre.LITERAL:
            chars |= {value} & _ALL
        elif op is sre.RANGE:
            chars |= frozenset(range(value[0], min(value[1], CHARS - 1) + 1))
        elif op is sre.CATEGORY:
            chars |= _CATEGORIES[value]
        else:
            raise Unsupported(str(op))
    chars = _folded(chars, flags)
    return _ALL - chars if negate else chars


def _first(nodes: Sequence[Node], flags: int) -> tuple[frozenset[int], bool]:
    """The characters with which a match of the nodes can begin (or more), and whether it can be empty."""
    chars: frozenset[int] = frozenset()
    for node in nodes:
        one, empty = _first_of(node, flags)
        chars |= one
        if not empty:
            return chars, False
    return chars, True


def _first_of(node: Node, flags: int) -> tuple[frozenset[int], bool]:
    op, value = node
    single = _single(node, flags)
    if single is not None:
        return single, False
    if op is sre.SUBPATTERN:
        _number, add, remove, body = value
        return _first(list(body), (flags | add) & ~remove)
    if op is sre.BRANCH:
        ways = [_first(list(way), flags) for way in value[1]]
        return frozenset().union(*(chars for chars, _ in ways)), any(empty for _, empty in ways)
    if op in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
        low, _high, body = value
        chars, empty = _first(list(body), flags)
        return chars, empty or low == 0
    return frozenset(), True  # looks and places take no character


def starts(patterns: Iterable[str]) -> set[str]:
    """How texts begin that one of the patterns matches, behind white space: literal, and as far as that is sure."""
    found: set[str] = set()
    for pattern in patterns:
        nodes = list(parser.parse(pattern))
        if nodes[0][0] is sre.MAX_REPEAT and _single(nodes[0][1][2][0], 0) == _SPACE:
            if nodes[0][1][0] > 0:
                continue  # always behind white space
            nodes = nodes[1:]
        found |= _starts(nodes)
    return found


def _starts(nodes: list[Node]) -> set[str]:  # noqa: PLR0911 - a line for each kind of node
    if not nodes:
        return {""}
    (op, value), rest = nodes[0], nodes[1:]
    if op is sre.LITERAL:
        return {chr(value) + more for more in _starts(rest)}
    if op is sre.SUBPATTERN:
        return _starts([*value[3], *rest])
    if op is sre.BRANCH:
        return {start for way in value[1] for start in _starts([*way, *rest])}
    if op is sre.MAX_REPEAT and value[:2] == (0, 1):
        return _starts([*value[2], *rest]) | _starts(rest)
    if op is sre.MAX_REPEAT and value[0] > 0:
        return {start[:1] for start in _starts([*value[2]])}
    return {""}


def _at(place: Any) -> str:
    boundary = "((i > 0 && IS_WORD(s[i - 1])) != (i < n && IS_WORD(s[i])))"
    places = {
        sre.AT_BEGINNING: "i == 0",
        sre.AT_BEGINNING_STRING: "i == 0",
        sre.AT_END: "(i == n || (i == n - 1 && s[i] == '\\n'))",
        sre.AT_END_STRING: "i == n",
        sre.AT_BOUNDARY: boundary,
        sre.AT_NON_BOUNDARY: f"!{boundary}",
    }
    if place not in places:
        raise Unsupported(str(place))
    return places[place]
