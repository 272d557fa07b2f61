"""Values of Python expressions that are constant, without running any of them."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from flyball_sdk.guard.shell.bounds import TEXT_MAX
from flyball_sdk.guard.shell.command import UNKNOWN


@dataclass(frozen=True, slots=True)
class Ref:
    """Something that is known by its dotted name: a module, a function."""

    name: str


@dataclass(frozen=True, slots=True)
class File:
    """An opened file."""

    path: str
    write: bool


class Path(str):
    """A `pathlib.Path`."""

    __slots__ = ()


class Contents(str):
    """What was read from a file: unknown, but it is known from where."""

    __slots__ = ("path",)
    path: str

    @classmethod
    def of(cls, path: str) -> Contents:
        """The contents of the file at `path`."""
        made = cls(UNKNOWN)
        made.path = path
        return made


Value = Union[str, bytes, int, Ref, File, "list[Value]", None]


def text(value: Value) -> str:
    """A value as it would stand in a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, int) else UNKNOWN


def fold_binary(operator: ast.operator, left: Value, right: Value) -> Value:
    """The value of `left operator right`."""
    if isinstance(operator, ast.Add):
        return _added(left, right)
    if isinstance(operator, ast.Div) and isinstance(left, Path):
        return Path(f"{left.rstrip('/')}/{text(right)}" if not text(right).startswith("/") else text(right))
    if isinstance(operator, ast.Mod) and isinstance(left, str):
        return _percent(left, right)
    if isinstance(operator, ast.Mult) and isinstance(right, int) and isinstance(left, (str, bytes)):
        return left * right if len(left) * right <= TEXT_MAX else None
    if isinstance(left, int) and isinstance(right, int):
        return _number(operator, left, right)
    return None


def _added(left: Value, right: Value) -> Value:
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right if len(left) + len(right) <= TEXT_MAX else None
    if isinstance(left, list) and isinstance(right, list):
        return [*left, *right]
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if isinstance(left, list):
        return [*left, None]
    if isinstance(left, str) or isinstance(right, str):
        joined = text(left) + text(right)
        return joined if len(joined) <= TEXT_MAX else UNKNOWN
    return None


def _number(operator: ast.operator, left: int, right: int) -> int | None:
    small = abs(left) < 1 << 32 and abs(right) < 1 << 32
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.BitXor):
        return left ^ right
    if isinstance(operator, ast.Mult) and small:
        return left * right
    if isinstance(operator, (ast.FloorDiv, ast.Mod)) and right:
        return left // right if isinstance(operator, ast.FloorDiv) else left % right
    return None


def _percent(left: str, right: Value) -> str:
    values = list(right) if isinstance(right, list) else [right]
    pieces = left.replace("%%", "\ue002").split("%s")
    out = pieces[0]
    for piece in pieces[1:]:
        out += text(values.pop(0) if values else None) + piece
    return (UNKNOWN if "%" in out else out).replace("\ue002", "%")


def fold_index(value: Value, index: ast.expr, evaluate: Callable[[ast.expr], Value]) -> Value:
    """The value of `value[index]`."""
    if not isinstance(value, (str, bytes, list)):
        evaluate(index) if not isinstance(index, ast.Slice) else None
        return None
    if isinstance(index, ast.Slice):
        bounds = [evaluate(part) if part else None for part in (index.lower, index.upper, index.step)]
        if not all(
            isinstance(bound, int)
            for bound, part in zip(bounds, (index.lower, index.upper, index.step), strict=True)
            if part
        ):
            return None
        if bounds[2] == 0 or (isinstance(value, str) and UNKNOWN in value):
            return UNKNOWN
        sliced: Any = slice(*bounds)
        return value[sliced]
    number = evaluate(index)
    if isinstance(number, int) and -len(value) <= number < len(value):
        return value[number]
    return None


def _joined(values: list[Value]) -> Value:
    between, parts = values[0], values[1] if len(values) > 1 else None
    if isinstance(between, bytes):
        return text(between).join(map(text, parts)).encode() if isinstance(parts, list) else None
    if isinstance(parts, str):
        return text(between).join(parts)
    joined = text(between).join(map(text, parts)) if isinstance(parts, list) else UNKNOWN
    return joined if len(joined) <= TEXT_MAX else UNKNOWN


def _format(values: list[Value]) -> Value:
    pattern = text(values[0]).replace("{{", "\ue002").replace("}}", "\ue003")
    rest = list(values[1:])
    out = ""
    for piece in pattern.split("{"):
        inside, closed, behind = piece.partition("}")
        if not closed:
            out += piece
            continue
        index = int(inside) if inside.isdigit() else 0 if not inside and rest else -1
        known = 0 <= index < len(rest)
        out += text(rest[index] if known else None) + behind
        if known and not inside:
            del rest[0]
    return out.replace("\ue002", "{").replace("\ue003", "}")


def _bytes(value: Value) -> bytes:
    return value if isinstance(value, bytes) else text(value).encode("utf-8", "surrogateescape")


def _codec(values: list[Value]) -> Value:
    name = text(values[1]).replace("-", "").replace("_", "") if len(values) > 1 else "utf8"
    if name in {"rot13", "rot"}:
        return codecs.decode(text(values[0]), "rot13")
    if name in {"hex", "base64"}:
        return codecs.decode(_bytes(values[0]), name)
    return text(values[0]) if isinstance(values[0], (str, bytes)) else None


def _chr(values: list[Value]) -> Value:
    return chr(values[0]) if isinstance(values[0], int) and 0 < values[0] <= 0x10FFFF else None  # noqa: PLR2004


def _made_bytes(values: list[Value]) -> Value:
    first = values[0] if values else b""
    if isinstance(first, list):
        return (
            bytes(part for part in first if isinstance(part, int))
            if all(isinstance(part, int) for part in first)
            else None
        )
    return _bytes(first) if isinstance(first, (str, bytes)) else None


def _mapped(values: list[Value]) -> Value:
    if len(values) == 2 and isinstance(values[0], Ref) and isinstance(values[1], list):  # noqa: PLR2004
        return [fold_call(values[0].name, [value])[1] for value in values[1]]
    return None


def _list(values: list[Value]) -> Value:
    first = values[0] if values else []
    return list(first) if isinstance(first, (list, str, bytes)) else None


def _path_join(values: list[Value]) -> Value:
    out = text(values[0]) if values else ""
    for value in values[1:]:
        part = text(value)
        out = part if part.startswith("/") else f"{out.rstrip('/')}/{part}" if out else part
    return out


def _method(name: str) -> Callable[[list[Value]], Value]:
    def run(values: list[Value]) -> Value:
        owner = values[0]
        if not isinstance(owner, str):
            return None
        if UNKNOWN in owner:
            return UNKNOWN
        arguments = [text(value) if isinstance(value, (str, bytes)) else value for value in values[1:]]
        result: Any = getattr(owner, name)(*arguments)
        return result if len(result) <= TEXT_MAX else UNKNOWN

    return run


_FOLDS: dict[str, Callable[[list[Value]], Value]] = {
    "str.join": _joined, "str.format": _format, "str.encode": lambda values: _bytes(values[0]),
    "str.decode": _codec, "codecs.decode": _codec, "codecs.encode": _codec, "chr": _chr,
    "ord": lambda values: ord(text(values[0])), "bytes": _made_bytes, "bytearray": _made_bytes,
    "bytes.fromhex": lambda values: bytes.fromhex(text(values[0])),
    "bytearray.fromhex": lambda values: bytes.fromhex(text(values[0])),
    "binascii.unhexlify": lambda values: binascii.unhexlify(_bytes(values[0])),
    "binascii.a2b_base64": lambda values: binascii.a2b_base64(_bytes(values[0])),
    "base64.b64decode": lambda values: base64.b64decode(_bytes(values[0])),
    "base64.decodebytes": lambda values: base64.decodebytes(_bytes(values[0])),
    "base64.urlsafe_b64decode": lambda values: base64.urlsafe_b64decode(_bytes(values[0])),
    "base64.standard_b64decode": lambda values: base64.b64decode(_bytes(values[0])),
    "base64.b32decode": lambda values: base64.b32decode(_bytes(values[0])),
    "base64.b16decode": lambda values: base64.b16decode(_bytes(values[0])),
    "base64.b85decode": lambda values: base64.b85decode(_bytes(values[0])),
    "base64.a85decode": lambda values: base64.a85decode(_bytes(values[0])),
    "zlib.decompress": lambda values: zlib.decompressobj().decompress(_bytes(values[0]), TEXT_MAX),
    "gzip.decompress": lambda values: zlib.decompressobj(47).decompress(_bytes(values[0]), TEXT_MAX),
    "str": lambda values: text(values[0]) if values else "", "map": _mapped, "list": _list, "sorted": lambda _: None,
    "reversed": lambda values: values[0][::-1] if isinstance(values[0], (str, bytes, list)) else None,
    "int": lambda values: int(text(values[0]), *[base for base in values[1:] if isinstance(base, int)]),
    "os.path.join": _path_join, "posixpath.join": _path_join, "os.path.expanduser": lambda values: values[0],
    "os.path.abspath": lambda values: values[0], "os.path.realpath": lambda values: values[0],
    "shlex.quote": lambda values: values[0], "shlex.split": lambda values: list(text(values[0]).split()),
    "str.split": _method("split"), "os.fsencode": lambda values: _bytes(values[0]),
    "os.getcwd": lambda _: ".", "os.path.dirname": lambda values: text(values[0]).rpartition("/")[0],
    **{f"str.{name}": _method(name) for name in ("replace", "strip", "lstrip", "rstrip", "lower", "upper", "title",
       "swapcase", "removeprefix", "removesuffix", "translate", "splitlines")},
}  # fmt: skip


def fold_call(name: str, values: list[Value]) -> tuple[bool, Value]:
    """Whether a call is a pure function, and its value (None where the arguments are not known)."""
    fold = _FOLDS.get(name)
    if not fold:
        return False, None
    if any(
        value is None
        or (isinstance(value, str) and UNKNOWN in value and not name.startswith(("str", "os.path")))
        for value in values[:1]
    ):
        return True, None
    try:
        return True, fold(values)
    except (
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        LookupError,
        zlib.error,
        OverflowError,
        MemoryError,
    ):
        return True, None
