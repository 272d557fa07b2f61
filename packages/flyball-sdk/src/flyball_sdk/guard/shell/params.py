"""`${..}`: what stands between the braces, as the bash manual tells it under Shell Parameter Expansion."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Protocol

from flyball_sdk.guard.shell.arithmetic import arithmetic
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scope import Value, flat

_PARAMETER = re.compile(r"([A-Za-z_]\w*|\d+|[@*#?$!-])(?:\[([^\]]*)\])?")
# Longer values are not matched against patterns: each prefix is tried.
_MATCHED_MAX = 2_048
_MANY = {"@", "*"}


class Names(Protocol):
    """What parameter expansion asks of the shell."""

    def get(self, name: str) -> Value | None:
        """The value of a parameter, None where it is not known."""
        ...

    def assign(self, name: str, value: str) -> None:
        """Set a variable (`${x:=y}`)."""
        ...

    def inner(self, raw: str) -> str:
        """A raw word within the braces, expanded and not split."""
        ...


def parameter(body: str, names: Names) -> Value | None:
    """The value of `${body}`; a list for `[@]` and `@`; None where it is not known."""
    if body.startswith("!"):
        return _indirect(body[1:], names)
    if body.startswith("#") and len(body) > 1 and (found := _PARAMETER.fullmatch(body, 1)):
        value = _value(found, names)
        return None if value is None or _unknown(value) else str(len(value))
    found = _PARAMETER.match(body)
    if not found:
        return None
    value = _value(found, names)
    operation = body[found.end() :]
    return _operated(found[1], value, operation, names) if operation else value


def _indirect(name: str, names: Names) -> Value | None:
    value = names.get(name)
    if value is None or _unknown(value):
        return None
    return parameter(flat(value), names)


def _unknown(value: Value) -> bool:
    return UNKNOWN in value if isinstance(value, str) else any(UNKNOWN in part for part in value)


def _value(found: re.Match[str], names: Names) -> Value | None:
    value = names.get(found[1])
    index = found[2]
    if value is None:
        return None
    if index is None:
        return value if found[1] in _MANY else flat(value)
    if index in _MANY:
        values = value if isinstance(value, list) else [value]
        return " ".join(values) if index == "*" else values
    number = arithmetic(names.inner(index), lambda name: flat(names.get(name) or ""))
    if number is None:
        return None
    values = [value] if isinstance(value, str) else value
    return values[number] if -len(values) <= number < len(values) else ""


def _operated(name: str, value: Value | None, operation: str, names: Names) -> Value | None:
    at = 1 if operation[0] == ":" and operation[1:2] in {"-", "=", "+", "?"} else 0
    kind, rest = operation[at], operation[at + 1 :]
    if kind in "-=+?" and (at or operation[0] != ":"):
        return _defaulted(name, value, kind, rest, names)
    if value is None:
        return None
    if isinstance(value, list):
        if kind == ":":
            return _sliced(value, rest, names)
        return [_changed(part, operation, names) or "" for part in value]
    return _changed(value, operation, names)


def _defaulted(name: str, value: Value | None, kind: str, rest: str, names: Names) -> Value | None:
    if kind == "+":
        # what is not known may be set, and then the alternative counts
        return "" if value is not None and not value else names.inner(rest)
    if value or kind == "?":
        return value
    word = names.inner(rest)
    if kind == "=":
        names.assign(name, word)
    return word


def _changed(value: str, operation: str, names: Names) -> str | None:  # noqa: PLR0911 a line for each operator
    if UNKNOWN in value or len(value) > _MATCHED_MAX:
        return UNKNOWN
    kind = operation[0]
    if kind == ":":
        return flat(_sliced(value, operation[1:], names) or UNKNOWN)
    if kind in "#%":
        twice = operation[1:2] == kind
        return _trimmed(value, kind, names.inner(operation[1 + twice :]), longest=twice)
    if kind == "/":
        return _replaced(value, operation[1:], names)
    if kind in "^,":
        turned = value.upper() if kind == "^" else value.lower()
        return turned if operation[1:2] == kind else turned[:1] + value[1:]
    if kind == "@":
        return {"U": value.upper(), "L": value.lower(), "u": value[:1].upper() + value[1:]}.get(
            operation[1:], value
        )
    return UNKNOWN


def _sliced(value: Value, text: str, names: Names) -> Value | None:
    parts: list[int] = []
    for part in text.split(":", 1):
        number = arithmetic(names.inner(part), lambda name: flat(names.get(name) or ""))
        if number is None:
            return None
        parts.append(number)
    start = parts[0]
    # the first positional parameter has number 1, and `names` gives them without `$0`
    start = max(start + len(value), 0) if start < 0 else start
    if len(parts) == 1:
        return value[start:]
    return value[start : start + parts[1] if parts[1] >= 0 else len(value) + parts[1]]


def _trimmed(value: str, kind: str, pattern: str, *, longest: bool) -> str:
    cuts = range(len(value) + 1)
    if kind == "#":
        for cut in reversed(cuts) if longest else cuts:
            if fnmatchcase(value[:cut], pattern):
                return value[cut:]
    else:
        for cut in cuts if longest else reversed(cuts):
            if fnmatchcase(value[cut:], pattern):
                return value[:cut]
    return value


def _replaced(value: str, text: str, names: Names) -> str:
    every = text.startswith("/")
    anchor = text[:1] if text[:1] in {"#", "%"} else ""
    text = text[1:] if every or anchor else text
    at = text.find("/", 1)
    pattern, new = (
        (names.inner(text[:at]), names.inner(text[at + 1 :])) if at > 0 else (names.inner(text), "")
    )
    if anchor == "#":
        return new + value[len(pattern) :] if value.startswith(pattern) else value
    if anchor == "%":
        return value[: -len(pattern)] + new if pattern and value.endswith(pattern) else value
    if not any(char in pattern for char in "*?["):
        return value.replace(pattern, new, -1 if every else 1) if pattern else value
    return _replaced_glob(value, pattern, new, every=every)


def _replaced_glob(value: str, pattern: str, new: str, *, every: bool) -> str:
    pieces: list[str] = []
    at = 0
    while at < len(value) and (every or not pieces):
        end = next((end for end in range(len(value), at, -1) if fnmatchcase(value[at:end], pattern)), 0)
        if end:
            pieces += (value[:at] if not pieces else "", new)
            value, at = value[end:], 0
        else:
            at += 1
            if len(value) > _MATCHED_MAX // 8:
                return UNKNOWN
    return "".join(pieces) + value
