"""What pure text programs print of known words and input; None where that is not known."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from flyball_sdk.guard.shell.bounds import TEXT_MAX
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.decoders import DECODERS, Files, Filter, input_of, options_of
from flyball_sdk.guard.shell.scan import unescape

_FORMAT = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?([sdiuxXocbqfeg]))")
_SUBSTITUTION = re.compile(r"(?:(\d+|\$))?([sy])(.)", re.DOTALL)
_CLASSES = {
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz", "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "[:digit:]": "0123456789",
    "[:space:]": " \t\n\r\f\v", "[:blank:]": " \t",
    "[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "[:alnum:]": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}  # fmt: skip


def _echo(words: Sequence[str], _feed: str | None, _files: Files) -> str:
    at, newline, escapes = 0, True, False
    while at < len(words) and len(words[at]) > 1 and words[at][0] == "-" and not words[at][1:].strip("neE"):
        newline = newline and "n" not in words[at]
        escapes = escapes or "e" in words[at]
        at += 1
    text = " ".join(words[at:])
    return (unescape(text) if escapes else text) + ("\n" if newline else "")


def _printf(words: Sequence[str], _feed: str | None, _files: Files) -> str | None:
    words = words[1:] if words[:1] == ["--"] else words
    if not words or words[0] == "-v" or UNKNOWN in words[0]:
        return None
    pattern, values = unescape(words[0]), list(words[1:])
    printed: list[str] = []
    size = 0
    while True:
        before = len(values)
        printed.append(_FORMAT.sub(lambda found: _formatted(found, values), pattern))
        size += len(printed[-1])
        if not values or len(values) == before or size > TEXT_MAX:
            return "".join(printed)


def _formatted(found: re.Match[str], values: list[str]) -> str:  # noqa: PLR0911 a line for each conversion
    if found[1] == "%":
        return "%"
    value, kind = (values.pop(0) if values else ""), found[2]
    if UNKNOWN in value:
        return UNKNOWN
    if kind in "sq":
        width = found[1][:-1]
        return f"%{width}s" % value if width and len(width) < 4 else value  # noqa: PLR2004
    if kind == "b":
        return unescape(value)
    if kind == "c":
        return value[:1]
    try:
        number = ord(value[1]) if value[:1] in {"'", '"'} and len(value) > 1 else int(value or "0", 0)
        width = found[1][:-1]
        return f"%{width if len(width) < 4 else ''}{kind.replace('u', 'd')}" % number  # noqa: PLR2004
    except ValueError:
        return UNKNOWN


def _set(text: str) -> str:
    """The characters of a set of `tr`."""
    for name, members in _CLASSES.items():
        text = text.replace(name, members)
    text = unescape(text)
    out: list[str] = []
    at = 0
    while at < len(text):
        if at + 2 < len(text) and text[at + 1] == "-" and text[at] <= text[at + 2]:
            out.extend(map(chr, range(ord(text[at]), min(ord(text[at + 2]), ord(text[at]) + 255) + 1)))
            at += 3
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def _tr(words: Sequence[str], feed: str | None, _files: Files) -> str | None:
    options, sets = options_of(words)
    if feed is None or not sets:
        return None
    first = _set(sets[0])
    chosen = (
        (lambda char: char not in first) if options.keys() & {"c", "C", "complement"} else first.__contains__
    )
    if "d" in options or "delete" in options:
        return "".join(char for char in feed if char == UNKNOWN or not chosen(char))
    second = _set(sets[1]) if len(sets) > 1 else first
    if options.keys() & {"c", "C", "complement"}:
        feed = "".join(second[-1:] if chosen(char) and char != UNKNOWN else char for char in feed)
    else:
        second = second[: len(first)].ljust(len(first), second[-1:] or " ")
        feed = feed.translate(str.maketrans(dict(zip(reversed(first), reversed(second), strict=True))))
    if "s" in options or "squeeze-repeats" in options:
        feed = re.sub(r"(.)\1+", lambda run: run[1] if run[1] in second else run[0], feed, flags=re.DOTALL)
    return feed


def _sed(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    """`s` and `y` of one script without addresses; all else is unknown."""
    options, operands = options_of(words, "ef")
    if options.keys() & {"n", "i", "f", "in-place"}:
        return None
    script = options.get("e") or (operands.pop(0) if operands else "")
    text = input_of(operands, feed, files)
    if text is None or UNKNOWN in text:
        return None
    for one in [part.strip() for part in script.split(";") if part.strip()]:
        found = _SUBSTITUTION.match(one)
        parts = re.split(r"(?<!\\)" + re.escape(found[3]), one[found.end() :]) if found else []
        if not found or found[1] or len(parts) != 3 or "e" in parts[2]:  # noqa: PLR2004
            return None
        changed = _substituted(text, found[2], parts, extended=bool(options.keys() & {"E", "r"}))
        if changed is None:
            return None
        text = changed
    return text


def _substituted(text: str, kind: str, parts: list[str], *, extended: bool) -> str | None:
    pattern, new, flags = parts
    if kind == "y":
        return text.translate(str.maketrans(pattern, new)) if len(pattern) == len(new) else None
    # patterns are the caller's: only those without repetition of groups are run, on little text
    if re.search(r"[*+?}].*[*+?}]", pattern) or len(text) > TEXT_MAX // 16:
        return None
    if not extended:
        pattern = re.sub(
            r"\\?[(){}+?|]", lambda found: found[0][1:] if len(found[0]) > 1 else "\\" + found[0], pattern
        )
    new = re.sub(r"\\(\d)|(?<!\\)&", lambda found: rf"\g<{found[1] or 0}>", new).replace("\\/", "/")
    try:
        compiled = re.compile(pattern, re.IGNORECASE if "i" in flags.lower() else 0)
        count = 0 if "g" in flags else 1
        return "\n".join(compiled.sub(new, line, count=count) for line in text.split("\n"))
    except (re.error, IndexError, RecursionError):
        return None


def _ranges(text: str) -> Callable[[int], bool] | None:
    spans: list[tuple[int, int]] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first + last).isdigit():
            return None
        spans.append((int(first or 1), int(last or (1 << 30 if dash else first))))
    return lambda number: any(first <= number <= last for first, last in spans)


def _cut(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    options, operands = options_of(words, "dfcb")
    text = input_of(operands, feed, files)
    wanted = _ranges(options.get("f") or options.get("c") or options.get("b") or "")
    if text is None or UNKNOWN in text or not wanted:
        return None
    lines: list[str] = []
    for line in text.splitlines():
        between = options.get("d", "\t") if "f" in options else ""
        parts = line.split(between) if between else list(line)
        lines.append(between.join(part for number, part in enumerate(parts, 1) if wanted(number)))
    return "\n".join(lines) + "\n"


def _lines(take: Callable[[list[str], int], list[str]]) -> Filter:
    def run(words: Sequence[str], feed: str | None, files: Files) -> str | None:
        count = 10
        operands: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "-n":
                word = next(rest, "")  # noqa: PLW2901
            if word.lstrip("-n").isdigit() and (word.startswith("-") or word.isdigit()):
                count = int(word.lstrip("-n"))
            elif word.startswith("-") and len(word) > 1:
                return None
            else:
                operands.append(word)
        text = input_of(operands, feed, files)
        return (
            None if text is None or UNKNOWN in text else "".join(take(text.splitlines(keepends=True), count))
        )

    return run


def _cat(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    return input_of([word for word in words if not word.startswith("-") or word == "-"], feed, files)


def _rev(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    text = input_of(words, feed, files)
    return None if text is None else "\n".join(line[::-1] for line in text.split("\n"))


def _tac(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    text = input_of(words, feed, files)
    return None if text is None else "".join(reversed(text.splitlines(keepends=True)))


def _rot13(_words: Sequence[str], feed: str | None, _files: Files) -> str | None:
    return None if feed is None else codecs.encode(feed, "rot13")


def _basename(words: Sequence[str], _feed: str | None, _files: Files) -> str | None:
    if not words or words[0].startswith("-"):
        return None
    name = words[0].rstrip("/").rpartition("/")[2]
    return (name.removesuffix(words[1]) if len(words) > 1 else name) + "\n"


def _dirname(words: Sequence[str], _feed: str | None, _files: Files) -> str | None:
    if not words or words[0].startswith("-"):
        return None
    head, slash, _ = words[0].rstrip("/").rpartition("/")
    return (head or ("/" if slash else ".")) + "\n"


def _seq(words: Sequence[str], _feed: str | None, _files: Files) -> str | None:
    if not words or not all(word.lstrip("-").isdigit() for word in words):
        return None
    numbers = [int(word) for word in words]
    first, last = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[-1])
    step = numbers[1] if len(numbers) == 3 else 1  # noqa: PLR2004
    if not step or abs(last - first) // abs(step) > TEXT_MAX // 8:
        return None
    return "".join(f"{number}\n" for number in range(first, last + (1 if step > 0 else -1), step))


def _same(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    """`sort`, `uniq`, `paste`: of one known line they change nothing."""
    text = input_of([word for word in words if not word.startswith("-")], feed, files)
    return text if text is not None and text.count("\n") < 2 else None  # noqa: PLR2004


def _tee(_words: Sequence[str], feed: str | None, _files: Files) -> str | None:
    return feed


def _which(words: Sequence[str], _feed: str | None, _files: Files) -> str | None:
    """`which`, `type -p`: a program stands for its own path."""
    names = [word for word in words if not word.startswith("-")]
    return "".join(f"{name}\n" for name in names) or None


def _silent(_words: Sequence[str], _feed: str | None, _files: Files) -> str:
    return ""


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "echo": _echo, "printf": _printf,         "tr": _tr, "sed": _sed, "gsed": _sed, "cut": _cut, "rev": _rev, "tac": _tac, "cat": _cat,
        "head": _lines(lambda lines, count: lines[:count]), "tail": _lines(lambda lines, count: lines[-count:]),
        "rot13": _rot13, "basename": _basename, "dirname": _dirname, "seq": _seq, "sort": _same, "uniq": _same,
        "tee": _tee, "which": _which, "type": _which,
        **DECODERS,
        **dict.fromkeys(("true", "false", ":", "cd", "mkdir", "rm", "touch", "chmod", "chown", "sleep", "test", "[",
                         "kill", "rmdir", "ln", "cp", "mv"), _silent),
    }
)  # fmt: skip
