"""Python's own parser, without its warnings: they would stand in the log of the host, with a piece of the agent's code."""

from __future__ import annotations

import ast
import warnings
from typing import Literal, overload


@overload
def parsed(code: str, mode: Literal["exec"] = "exec") -> ast.Module: ...
@overload
def parsed(code: str, mode: Literal["eval"]) -> ast.Expression: ...
def parsed(code: str, mode: Literal["exec", "eval"] = "exec") -> ast.Module | ast.Expression:
    """The tree of the code; raises what `ast.parse` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code, mode=mode)  # pyright: ignore[reportReturnType]
