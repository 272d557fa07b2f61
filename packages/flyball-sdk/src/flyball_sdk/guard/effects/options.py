"""The words of a command line, sorted as most programs read them: options, their values, and what stands alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Options:
    """`words` stand alone; `flags` are all option names as written (`--force`, `-rf`, `-r`, `-f`); `values` by name.

    A name has its values in order: `-n`, `--namespace`. A cluster such as `-rf` counts as itself and as `-r` and `-f`.
    """

    words: tuple[str, ...]
    flags: frozenset[str]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Whether one of these options is given."""
        return not self.flags.isdisjoint(names)

    def value(self, *names: str) -> str:
        """The last value of one of these options, "" if none has one."""
        for name in names:
            if name in self.values:
                return self.values[name][-1]
        return ""

    def all(self, *names: str) -> tuple[str, ...]:
        """Every value of these options."""
        return tuple(value for name in names for value in self.values.get(name, ()))


def options(words: Sequence[str], valued: Collection[str] = NONE) -> Options:
    """Sort the words; `valued` names the options whose value is the next word."""
    alone: list[str] = []
    flags: set[str] = set()
    values: dict[str, list[str]] = {}
    upcoming = iter(words)
    for word in upcoming:
        if word == "--":
            alone.extend(upcoming)
        elif len(word) < 2 or word[0] != "-":
            alone.append(word)
        elif word in valued:
            flags.add(word)
            values.setdefault(word, []).append(next(upcoming, ""))
        else:
            _one(word, valued, flags, values)
    return Options(tuple(alone), frozenset(flags), {name: tuple(found) for name, found in values.items()})


def _one(word: str, valued: Collection[str], flags: set[str], values: dict[str, list[str]]) -> None:
    name, equals, value = word.partition("=")
    flags.add(name)
    if equals:
        values.setdefault(name, []).append(value)
    elif word[1] != "-":
        if word[:2] in valued and len(word) > 2:
            flags.add(word[:2])
            values.setdefault(word[:2], []).append(word[2:])
        else:
            flags.update("-" + letter for letter in word[1:])
