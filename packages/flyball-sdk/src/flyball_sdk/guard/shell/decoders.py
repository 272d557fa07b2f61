"""What programs print that decode or unpack known text; and how all pure programs read their words and input."""

from __future__ import annotations

import base64
import binascii
import bz2
import lzma
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from flyball_sdk.guard.shell.bounds import TEXT_MAX
from flyball_sdk.guard.shell.command import UNKNOWN

# Stands for the byte 0, which would mean unknown; like the other bytes that are no text it is a lone surrogate.
_NUL = "\udc00"


class Known(Protocol):
    """A text that is known."""

    @property
    def text(self) -> str:
        """The text."""
        ...


Files = Callable[[str], "Known | None"]
Filter = Callable[[Sequence[str], "str | None", Files], "str | None"]


def options_of(words: Sequence[str], valued: str = "") -> tuple[dict[str, str], list[str]]:
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


def input_of(operands: Sequence[str], feed: str | None, files: Files) -> str | None:
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


def _bytes(text: str) -> bytes:
    return text.replace(_NUL, "\0").encode("utf-8", "surrogateescape")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").replace("\0", _NUL)


def _base(
    words: Sequence[str], feed: str | None, files: Files, decode: Callable[[bytes], bytes]
) -> str | None:
    options, operands = options_of(words, "w")
    text = input_of(operands, feed, files)
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
    options, operands = options_of([word for word in words if not word.startswith("--base")], "w")
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
    text = input_of([word for word in words if not word.startswith("-")], feed, files)
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
    options, operands = options_of(words)
    text = input_of(operands, feed, files)
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


DECODERS: Mapping[str, Filter] = MappingProxyType(
    {
        "base64": _base64, "base32": _base32, "basenc": _basenc, "openssl": _openssl, "xxd": _xxd,
        **{name: _inflater(name) for name in (
            "gzip", "gunzip", "zcat", "bzip2", "bunzip2", "bzcat", "xz", "unxz", "xzcat", "unlzma")},
    }
)  # fmt: skip
