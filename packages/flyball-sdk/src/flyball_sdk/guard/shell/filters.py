"""What pure text programs print of known words and input; None where that is not known."""

from __future__ import annotations

import base64
import binascii
import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from flyball_sdk.guard.shell.bounds import TEXT_MAX
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.scan import unescape

# Stands for the byte 0, which would mean unknown; like the other bytes that are no text it is a lone surrogate.
_NUL = "\udc00"
_FORMAT = re.compile(r"%(%|[-+ #0]*\d*(?:\.\d+)?([sdiuxXocbqfeg]))")
_SUBSTITUTION = re.compile(r"(?:(\d+|\$))?([sy])(.)", re.DOTALL)
_CLASSES = {
    "[:lower:]": "abcdefghijklmnopqrstuvwxyz", "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "[:digit:]": "0123456789",
    "[:space:]": " \t\n\r\f\v", "[:blank:]": " \t",
    "[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "[:alnum:]": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
}  # fmt: skip


class _Known(Protocol):
    """A text that is known."""

    @property
    def text(self) -> str: ...


Files = Callable[[str], "_Known | None"]
Filter = Callable[[Sequence[str], "str | None", Files], "str | None"]


def _options(words: Sequence[str], valued: str = "") -> tuple[dict[str, str], list[str]]:
    """Short and long options of a program and its operands; letters in `valued` take a value."""
    options: dict[str, str] = {}
    operands: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif word.startswith("--"):
            name, _, value = word[2:].partition("=")
            options[name] = value
        elif word.startswith("-") and len(word) > 1:
            for at, letter in enumerate(word[1:], 2):
                options[letter] = ""
                if letter in valued:
                    options[letter] = word[at:] or next(rest, "")
                    break
        else:
            operands.append(word)
    return options, operands


def _input(operands: Sequence[str], feed: str | None, files: Files) -> str | None:
    """What a program reads: its files, or its standard input."""
    if not operands:
        return feed
    parts: list[str] = []
    for path in operands:
        known = files(path)
        text = feed if path in {"-", "/dev/stdin"} else known.text if known else None
        if text is None:
            return None
        parts.append(text)
    return "".join(parts)


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


def _bytes(text: str) -> bytes:
    return text.replace(_NUL, "\0").encode("utf-8", "surrogateescape")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").replace("\0", _NUL)


def _base(
    words: Sequence[str], feed: str | None, files: Files, decode: Callable[[bytes], bytes]
) -> str | None:
    options, operands = _options(words, "w")
    text = _input(operands, feed, files)
    if text is None or UNKNOWN in text:
        return None
    if not options.keys() & {"d", "D", "decode"}:
        return base64.b64encode(_bytes(text)).decode() + "\n" if decode is base64.b64decode else None
    plain = "".join(text.split())
    try:
        return _decoded(decode(_bytes(plain + "=" * (-len(plain) % 4))))
    except (ValueError, binascii.Error):
        return None


def _base64(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    return _base(words, feed, files, base64.b64decode)


def _base32(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    return _base(words, feed, files, base64.b32decode)


def _basenc(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    options, operands = _options([word for word in words if not word.startswith("--base")], "w")
    rest = [*(["-d"] if options.keys() & {"d", "decode"} else []), *operands]
    if "--base64" in words:
        return _base64(rest, feed, files)
    if "--base64url" in words:
        return _base(rest, feed, files, base64.urlsafe_b64decode)
    if "--base32" in words:
        return _base32(rest, feed, files)
    return _base(rest, feed, files, base64.b16decode) if "--base16" in words else None


def _openssl(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    """`openssl base64 -d` and `openssl enc -base64 -d`; anything with a key is unknown."""
    if not ({"base64", "-base64", "-a"} & set(words[:3])) or any(
        word.startswith(("-aes", "-k", "-pass")) for word in words
    ):
        return None
    return _base64(["-d"] if "-d" in words else [], feed, files)


def _xxd(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    letters = {letter for word in words if word.startswith("-") for letter in word[1:]}
    text = _input([word for word in words if not word.startswith("-")], feed, files)
    if text is None or UNKNOWN in text or "r" not in letters:
        return None
    if "p" not in letters:
        # a dump has its offset before the digits and the characters after two blanks
        text = "".join(line.partition(":")[2].partition("  ")[0] for line in text.splitlines())
    try:
        return _decoded(bytes.fromhex("".join(text.split())))
    except ValueError:
        return None


def _inflate(words: Sequence[str], feed: str | None, files: Files, name: str) -> str | None:
    options, operands = _options(words)
    text = _input(operands, feed, files)
    decoding = name in {"gunzip", "zcat", "bunzip2", "bzcat", "unxz", "xzcat", "unlzma"}
    if text is None or UNKNOWN in text or not (decoding or options.keys() & {"d", "decompress", "c"}):
        return None
    data = _bytes(text)
    try:
        if "z2" in name or name == "bzcat":
            return _decoded(bz2.BZ2Decompressor().decompress(data, TEXT_MAX))
        if "x" in name or "lzma" in name:
            return _decoded(lzma.LZMADecompressor(memlimit=1 << 26).decompress(data, TEXT_MAX))
        return _decoded(zlib.decompressobj(47).decompress(data, TEXT_MAX))
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError):
        return None


def _inflater(name: str) -> Filter:
    return lambda words, feed, files: _inflate(words, feed, files, name)


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
    options, sets = _options(words)
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
    options, operands = _options(words, "ef")
    if options.keys() & {"n", "i", "f", "in-place"}:
        return None
    script = options.get("e") or (operands.pop(0) if operands else "")
    text = _input(operands, feed, files)
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
    options, operands = _options(words, "dfcb")
    text = _input(operands, feed, files)
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
        text = _input(operands, feed, files)
        return (
            None if text is None or UNKNOWN in text else "".join(take(text.splitlines(keepends=True), count))
        )

    return run


def _cat(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    return _input([word for word in words if not word.startswith("-") or word == "-"], feed, files)


def _rev(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    text = _input(words, feed, files)
    return None if text is None else "\n".join(line[::-1] for line in text.split("\n"))


def _tac(words: Sequence[str], feed: str | None, files: Files) -> str | None:
    text = _input(words, feed, files)
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
    text = _input([word for word in words if not word.startswith("-")], feed, files)
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
        "echo": _echo, "printf": _printf, "base64": _base64, "base32": _base32, "basenc": _basenc, "openssl": _openssl,
        "xxd": _xxd, "tr": _tr, "sed": _sed, "gsed": _sed, "cut": _cut, "rev": _rev, "tac": _tac, "cat": _cat,
        "head": _lines(lambda lines, count: lines[:count]), "tail": _lines(lambda lines, count: lines[-count:]),
        "rot13": _rot13, "basename": _basename, "dirname": _dirname, "seq": _seq, "sort": _same, "uniq": _same,
        "tee": _tee, "which": _which, "type": _which,
        **{name: _inflater(name) for name in (
            "gzip", "gunzip", "zcat", "bzip2", "bunzip2", "bzcat", "xz", "unxz", "xzcat", "unlzma")},
        **dict.fromkeys(("true", "false", ":", "cd", "mkdir", "rm", "touch", "chmod", "chown", "sleep", "test", "[",
                         "kill", "rmdir", "ln", "cp", "mv"), _silent),
    }
)  # fmt: skip
