"""Catalog: which pattern each shape belongs to, and the names that patterns keep for ever.

A pattern's fingerprint is the id of its oldest shape. When patterns merge the older wins and the other's
fingerprint becomes an alias, appended to the state store and never taken back, so a link to any fingerprint
that once existed still resolves. Who is older is decided by first-seen time, then by id: any process that has
the same shapes finds the same patterns.

A change of our own rules makes nothing new: `upgrade` redacts and masks what is stored of each shape again, and
the shapes that those texts now have join the old pattern (docs/decisions/0006).

Only log shapes are compared by the learner: in a span's name each word is its author's choice, and
`orders.Inventory/Reserve` beside `orders.Inventory/Release` is no column of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from flyball.distill.learner import columns
from flyball.distill.redact import RULES_VERSION
from flyball.distill.shapes import OTHER
from flyball.distill.templates import collapsed
from flyball.model.pattern import Pattern, Shape, fingerprint, shape_id
from flyball.model.window import SignalKind

Remask = Callable[[str, SignalKind], Shape]

UNKNOWN_NS = 2**63 - 1
"""The first-seen time of an id that only an alias speaks of: any shape that is really there is older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What new rules make of stored shapes: shapes and aliases to add, and shapes to write anew.

    `shapes` come with the first-seen time (ns) of the stored shape they replace. `rewritten` are the stored
    shapes whose example the new rules redact further, or which the new rules make just as they are.
    """

    shapes: tuple[tuple[Shape, int], ...]
    aliases: Mapping[int, int]
    rewritten: tuple[Shape, ...]


class Catalog:
    """The patterns of all shapes met so far. Adding a shape costs its own length, not the catalog's."""

    def __init__(
        self,
        shapes: Iterable[tuple[Shape, int]] = (),
        aliases: Mapping[int, int] | None = None,
        *,
        rules: int = RULES_VERSION,
    ) -> None:
        self._rules = rules
        self._shapes: dict[int, Shape] = {}
        self._first_seen: dict[int, int] = {}
        self._parents: dict[int, int] = {}
        self._members: dict[int, list[int]] = {}
        self._texts: dict[
            int, list[tuple[int, str]]
        ] = {}  # of each root, with the rules that made it; merged when somebody asks
        self._patterns: dict[int, Pattern] = {}
        self._columns = columns()
        for shape, first_seen_ns in shapes:
            self._insert(shape, first_seen_ns)
        for alias, kept in (aliases or {}).items():
            self._join(alias, kept)
        self._learn(list(self._shapes.values()))

    def add(self, shapes: Sequence[Shape], first_seen_ns: int) -> dict[int, int]:
        """Add shapes first seen at that time; returns the aliases that are new, to append to the store.

        Shapes that are known change nothing. A fingerprint that lost a merge maps to the one that won.
        """
        new = [shape for shape in shapes if shape.id not in self._shapes]
        for shape in new:
            self._insert(shape, first_seen_ns)
        return self._learn(new)

    def resolve(self, signal: int | str) -> str:
        """The fingerprint under which a shape id or an earlier fingerprint is known today.

        Raises:
            ValueError: the text is no fingerprint.
        """
        return fingerprint(self._root(shape_id(signal) if isinstance(signal, str) else signal))

    def pattern(self, signal: int | str) -> Pattern | None:
        """The pattern of a shape id, or of a fingerprint that ever existed; None when there is none.

        Raises:
            ValueError: the text is no fingerprint.
        """
        root = self._root(shape_id(signal) if isinstance(signal, str) else signal)
        return self._pattern(root) if root in self._texts else None

    @property
    def shape_ids(self) -> frozenset[int]:
        """Every shape in the catalog."""
        return frozenset(self._shapes)

    def __len__(self) -> int:
        """How many patterns there are."""
        return len(self._texts)

    def patterns(self) -> list[Pattern]:
        """Every pattern, the oldest first."""
        return [self._pattern(root) for root in sorted(self._texts, key=self._age)]

    def example(self, signal: int | str) -> str:
        """A redacted line of the pattern: the example of its oldest shape, empty when there is none."""
        pattern = self.pattern(signal)
        known = [self._shapes[one] for one in pattern.shapes if one in self._shapes] if pattern else []
        return known[0].example if known else ""

    def fingerprint_of(self, template: str) -> str:
        """The fingerprint of the pattern that has this template today, empty where none has."""
        found = [root for root in self._texts if self._pattern(root).template == template]
        return fingerprint(min(found, key=self._age)) if found else ""

    def aliases(self) -> dict[int, int]:
        """Shape id -> fingerprint (as a shape id) of every shape that is not its own, chains resolved."""
        return {one: root for one in self._parents if (root := self._root(one)) != one}

    def stale(self) -> list[Shape]:
        """The shapes that older rules made, the oldest first; `OTHER` is no text's shape."""
        found = (one for one in self._shapes.values() if one.rules < self._rules and one.id != OTHER.id)
        return sorted(found, key=lambda one: self._age(one.id))

    def upgrade(self, remask: Remask, seen: Mapping[int, Iterable[Shape]] | None = None) -> Upgrade:
        """Redact and mask what is known of stale shapes again; their patterns take the new shapes.

        Args:
            remask: an example and its kind -> its shape by the current rules (`shapes.shape_of`).
            seen: for a stale shape, shapes by the current rules of further texts that had it.
        """
        added: list[tuple[Shape, int]] = []
        aliases: dict[int, int] = {}
        rewritten: list[Shape] = []
        for old in self.stale():
            new = remask(old.example, old.kind)
            if new.id == old.id:
                rewritten.append(new)
                self._renew(new)
            elif new.example != old.example:
                rewritten.append(replace(old, example=new.example))
                self._shapes[old.id] = rewritten[-1]
            for shape in (new, *(seen or {}).get(old.id, ())):
                if shape.id not in self._shapes:
                    # a nanosecond younger than what it replaces, so that the old fingerprint stays
                    self._insert(shape, self._first_seen[old.id] + 1)
                    added.append((shape, self._first_seen[shape.id]))
                aliases.update(self._join(old.id, shape.id))
                aliases.update(self._learn([shape]))
        return Upgrade(shapes=tuple(added), aliases=aliases, rewritten=tuple(rewritten))

    def _renew(self, shape: Shape) -> None:
        """A stored shape that the new rules make as it is counts as theirs."""
        self._shapes[shape.id] = shape
        root = self._root(shape.id)
        self._texts.setdefault(root, []).append((shape.rules, shape.template))
        self._patterns.pop(root, None)

    def _insert(self, shape: Shape, first_seen_ns: int) -> None:
        if shape.id in self._shapes:
            return
        self._shapes[shape.id] = shape
        self._first_seen[shape.id] = first_seen_ns
        self._parents[shape.id] = shape.id
        self._members[shape.id] = [shape.id]
        self._texts[shape.id] = [(shape.rules, shape.template)]

    def _learn(self, shapes: Sequence[Shape]) -> dict[int, int]:
        """Compare with all log shapes of the same rules; templates of older rules would not line up."""
        comparable = [
            shape for shape in shapes if shape.rules == self._rules and shape.kind is SignalKind.LOG
        ]
        aliases: dict[int, int] = {}
        for one, other in self._columns.add_all(comparable):
            aliases.update(self._join(one, other))
        return aliases

    def _join(self, one: int, other: int) -> dict[int, int]:
        """Make two shapes one pattern; the older root wins. Returns the alias this made, if any."""
        roots = sorted({self._root(one), self._root(other)}, key=self._age)
        if len(roots) == 1:
            return {}
        kept, lost = roots
        self._patterns.pop(kept, None)
        self._patterns.pop(lost, None)
        self._parents[lost] = kept
        self._parents.setdefault(kept, kept)
        self._members.setdefault(kept, [kept]).extend(self._members.pop(lost, [lost]))
        theirs = self._texts.pop(lost, None)
        if theirs:
            self._texts.setdefault(kept, []).extend(theirs)
        return {lost: kept}

    def _root(self, one: int) -> int:
        parent = self._parents.get(one, one)
        while parent != one:
            above = self._parents.get(parent, parent)
            self._parents[one] = above
            one, parent = parent, above
        return one

    def _age(self, one: int) -> tuple[int, int]:
        return self._first_seen.get(one, UNKNOWN_NS), one

    def _pattern(self, root: int) -> Pattern:
        found = self._patterns.get(root)
        if found is None:
            members = tuple(sorted(self._members[root], key=self._age))
            newest = max(
                rules for rules, _text in self._texts[root]
            )  # those of older rules would not line up
            merged = self._columns.merged([text for rules, text in self._texts[root] if rules == newest])
            self._texts[root] = [(newest, merged)]
            found = Pattern(fingerprint=fingerprint(root), template=collapsed(merged), shapes=members)
            self._patterns[root] = found
        return found
