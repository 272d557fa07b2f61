"""The value of constant arithmetic, `$((..))`; everything else is unknown."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from flyball_sdk.guard.shell.quiet import parsed

_PLAIN = re.compile(r"[\w\s+\-*/%()<>=!&|^~]{1,200}")
_OCTAL_OR_BASE = re.compile(r"\b(?:0(\d+)|(\d+)#(\w+))\b")
_DIGITS_MAX = 19
_SHIFT_MAX = 63

_BINARY: Mapping[type[ast.operator], Callable[[int, int], int]] = MappingProxyType(
    {
        ast.Add: lambda left, right: left + right,
        ast.Sub: lambda left, right: left - right,
        ast.Mult: lambda left, right: left * right,
        ast.Div: lambda left, right: int(left / right),
        ast.Mod: lambda left, right: left - right * int(left / right),
        ast.BitAnd: lambda left, right: left & right,
        ast.BitOr: lambda left, right: left | right,
        ast.BitXor: lambda left, right: left ^ right,
        ast.LShift: lambda left, right: left << min(right, _SHIFT_MAX),
        ast.RShift: lambda left, right: left >> min(right, _SHIFT_MAX),
        ast.Pow: lambda left, right: left ** min(right, _SHIFT_MAX),
    }
)


def _number(found: re.Match[str]) -> str:
    try:
        return str(int(found[1], 8) if found[1] else int(found[3], int(found[2])))
    except ValueError:
        return "?"


def _value(node: ast.expr, names: Callable[[str], str | None]) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return int(names(node.id) or "?")
    if isinstance(node, ast.UnaryOp):
        operand = _value(node.operand, names)
        return (
            -operand
            if isinstance(node.op, ast.USub)
            else ~operand
            if isinstance(node.op, ast.Invert)
            else operand
        )
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, names), _value(node.right, names)
        result = _BINARY[type(node.op)](left, right)
        if len(str(result)) <= _DIGITS_MAX + 1:
            return result
    raise ValueError


def arithmetic(text: str, names: Callable[[str], str | None]) -> int | None:
    """The number that a constant expression gives, with the variables that `names` knows; else None."""
    if not _PLAIN.fullmatch(text):
        return None
    text = _OCTAL_OR_BASE.sub(_number, text.strip())
    if text.isdigit() and len(text) <= _DIGITS_MAX:
        return int(text)
    try:
        return _value(parsed(text, "eval").body, names)
    except (ValueError, SyntaxError, KeyError, ArithmeticError, RecursionError, MemoryError):
        return None
