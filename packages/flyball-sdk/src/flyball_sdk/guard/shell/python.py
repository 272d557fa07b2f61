"""What Python code would do outside its process, read off its syntax tree; nothing of it is run.

Constants are folded (concatenation, formats, base64, chr, slices) and names are followed through assignments, imports
and calls of functions that the code defines. What is not known is `UNKNOWN` in a text, None elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from flyball_sdk.guard.shell.acts import Act
from flyball_sdk.guard.shell.command import UNKNOWN
from flyball_sdk.guard.shell.folding import (
    Contents,
    File,
    Path,
    Ref,
    Value,
    fold_binary,
    fold_call,
    fold_index,
    text,
)
from flyball_sdk.guard.shell.pycalls import Surroundings, act_of
from flyball_sdk.guard.shell.quiet import parsed

# Parsing takes about a microsecond a byte.
_BYTES_MAX = 32 * 1024
# A name that stands in the code for what is not known of it.
_UNKNOWN_NAME = "unknown_flyball_text"
_STEPS_MAX = 8_000
_DEPTH_MAX = 8
_ROUNDS_MAX = 16
# Parts of a comprehension: characters by their numbers.
_PARTS_MAX = 4_000
_DANGEROUS = ("os.", "subprocess", "exec", "eval", "socket", "shutil", "pty", "__import__")
_BUILTINS = frozenset(
    [
        "open",
        "exec",
        "eval",
        "compile",
        "getattr",
        "setattr",
        "__import__",
        "chr",
        "ord",
        "bytes",
        "bytearray",
        "str",
        "int",
        "hex",
        "repr",
        "print",
        "input",
        "list",
        "reversed",
        "sorted",
        "map",
        "filter",
        "range",
        "len",
        "zip",
        "enumerate",
        "vars",
        "globals",
        "locals",
        "sum",
        "dict",
        "set",
        "tuple",
    ]
)


class _Stop(Exception):
    """The steps are used up."""


class _Reader(Surroundings):
    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__()
        self.names: dict[str, Value] = {}
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
        self.called: set[str] = set()
        self.arguments = list(arguments)
        self.steps = 0
        self.depth = 0

    # statements

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.steps += 1
        if self.steps > _STEPS_MAX:
            raise _Stop
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self.functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            self.block(node.body)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._for(node.target, self.value(node.iter), [*node.body, *node.orelse])
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self._assign(node)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                value = self.value(item.context_expr)
                if item.optional_vars:
                    self.bind(item.optional_vars, value)
            self.block(node.body)
        else:
            self._other(node)

    def _other(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            elif isinstance(child, ast.stmt):
                self.statement(child)
            else:
                self._other(child)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                self.names[alias.asname or alias.name] = Ref(f"{node.module}.{alias.name}")
                if alias.name == "*":
                    self.star = node.module or ""
            elif alias.asname:
                self.names[alias.asname] = Ref(alias.name)
            else:
                top = alias.name.partition(".")[0]
                self.names[top] = Ref(top)

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        value = self.value(node.value) if node.value else None
        if isinstance(node, ast.AugAssign):
            value = fold_binary(node.op, self.value(node.target), value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.bind(target, value)

    def bind(self, target: ast.expr, value: Value) -> None:
        """Bind a name, or names to the parts of a sequence."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            self.names["." + target.attr] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            known = isinstance(value, list) and len(value) == len(target.elts)
            for position, part in enumerate(target.elts):
                self.bind(part, value[position] if known and isinstance(value, list) else None)
        else:
            self.value(target)

    def _for(self, target: ast.expr, values: Value, body: Sequence[ast.stmt] | ast.expr) -> list[Value]:
        results: list[Value] = []
        most = _PARTS_MAX if isinstance(body, ast.expr) else _ROUNDS_MAX
        rounds = values[:most] if isinstance(values, list) and values else [None]
        for value in rounds:
            self.bind(target, value)
            if isinstance(body, ast.expr):
                results.append(self.value(body))
            else:
                self.block(body)
        return results

    # expressions

    def value(self, node: ast.expr) -> Value:
        """The value of an expression; what it would do is written down on the way."""
        self.steps += 1
        if self.steps > _STEPS_MAX:
            raise _Stop
        method = _VALUES.get(type(node))
        if method:
            return method(self, node)
        self._other(node)
        return None

    def constant(self, node: ast.Constant) -> Value:
        """A literal."""
        value = node.value
        if isinstance(value, str) and _UNKNOWN_NAME in value:
            return value.replace(_UNKNOWN_NAME, UNKNOWN)
        return value if isinstance(value, (str, bytes, int)) else None

    def binary(self, node: ast.BinOp) -> Value:
        """An operation on two values."""
        return fold_binary(node.op, self.value(node.left), self.value(node.right))

    def several(self, node: ast.List | ast.Tuple | ast.Set) -> Value:
        """A display of values."""
        return self._sequence(node.elts)

    def joined(self, node: ast.JoinedStr) -> Value:
        """An f-string."""
        return "".join(text(self.value(part)) for part in node.values)

    def wrapped(self, node: ast.FormattedValue | ast.Starred | ast.Await) -> Value:
        """What has the value of what is in it."""
        return self.value(node.value)

    def indexed(self, node: ast.Subscript) -> Value:
        """An index or a slice."""
        return fold_index(self.value(node.value), node.slice, self.value)

    def comprehended(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        """A comprehension over values that are known, else over one that is not."""
        first = node.generators[0]
        for more in node.generators[1:]:
            self.bind(more.target, None)
        return self._for(first.target, self.value(first.iter), node.elt)

    def chosen(self, node: ast.IfExp) -> Value:
        """Either value: the first that is known."""
        body, other = self.value(node.body), self.value(node.orelse)
        return other if body is None else body

    def either(self, node: ast.BoolOp) -> Value:
        """`a or b`: the first that is known."""
        values = [self.value(part) for part in node.values]
        return next((value for value in values if value is not None), None)

    def named(self, node: ast.NamedExpr) -> Value:
        """`name := value`."""
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def unary(self, node: ast.UnaryOp) -> Value:
        """A negative number."""
        value = self.value(node.operand)
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int) else None

    def _sequence(self, elements: Sequence[ast.expr]) -> list[Value]:
        values: list[Value] = []
        for element in elements:
            value = self.value(element)
            if isinstance(element, ast.Starred):
                values.extend(value if isinstance(value, list) else [None])
            else:
                values.append(value)
        return values

    def name(self, node: ast.Name) -> Value:
        """What a name stands for."""
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in _BUILTINS:
            return Ref(name)
        if name == "__file__":
            return self.arguments[0] if self.arguments else None
        return Ref(f"{self.star}.{name}") if self.star else None

    def attribute(self, node: ast.Attribute) -> Value:
        """What `base.name` stands for."""
        base = self.value(node.value)
        if isinstance(base, Ref):
            if base.name == "sys" and node.attr == "argv":
                return list(self.arguments)
            return Ref(f"{base.name}.{node.attr}")
        if isinstance(base, Path):
            return {"parent": Path(base.rpartition("/")[0] or "."), "name": base.rpartition("/")[2]}.get(
                node.attr
            )
        return self.names.get("." + node.attr)

    def call(self, node: ast.Call) -> Value:
        """A call: folded, followed into a function of the code, or an act."""
        positional = self._sequence(node.args)
        named = {word.arg: self.value(word.value) for word in node.keywords if word.arg}
        function = node.func
        if isinstance(function, ast.Name) and function.id in self.functions and function.id not in self.names:
            return self._enter(self.functions[function.id], positional, named)
        if isinstance(function, ast.Attribute):
            owner = self.value(function.value)
            if not isinstance(owner, Ref):
                return self._method(owner, function.attr, positional, named)
            name = f"{owner.name}.{function.attr}"
        else:
            called = self.value(function)
            if not isinstance(called, Ref):
                return None
            name = called.name
        if name in {"exec", "eval", "builtins.exec", "builtins.eval"}:
            return self._code(positional)
        if name in {"compile", "builtins.compile"}:
            return positional[0] if positional else None
        known, value = fold_call(name, positional)
        return value if known else act_of(self, name, positional, named)

    def _method(self, owner: Value, name: str, positional: list[Value], named: dict[str, Value]) -> Value:
        if isinstance(owner, (File, Path)):
            return act_of(self, f"{type(owner).__name__}.{name}", [owner, *positional], named)
        known, value = fold_call(f"str.{name}", [owner, *positional])
        if known:
            return value
        function = self.functions.get(name)
        if function and owner is None:
            return self._enter(function, [None, *positional], named)
        return None

    def _code(self, positional: list[Value]) -> Value:
        code = positional[0] if positional else None
        code = code.decode("utf-8", "replace") if isinstance(code, bytes) else code
        if not isinstance(code, str) or UNKNOWN in code or isinstance(code, Contents):
            self.why = self.why or "python code"
            return None
        self.depth += 1
        try:
            tree = _parse(code)
            if tree and self.depth <= _DEPTH_MAX:
                only = tree.body[0] if len(tree.body) == 1 else None
                if isinstance(only, ast.Expr):
                    return self.value(only.value)
                self.block(tree.body)
        finally:
            self.depth -= 1
        return None

    def _enter(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        positional: list[Value],
        named: dict[str, Value],
    ) -> Value:
        """Call a function that the code defines; each is entered to a bounded depth."""
        self.called.add(function.name)
        if self.depth >= _DEPTH_MAX:
            return None
        saved = dict(self.names)
        parameters = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        defaults = function.args.defaults
        for name, default in zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True):
            self.names[name] = self.value(default)
        for position, name in enumerate(parameters[: len(positional)]):
            self.names[name] = positional[position]
        self.names.update(named)
        self.depth += 1
        try:
            self.block(function.body)
            final = next((part for part in reversed(function.body) if isinstance(part, ast.Return)), None)
            return self.value(final.value) if final and final.value else None
        finally:
            self.depth -= 1
            self.names = saved

    def uncalled(self) -> None:
        """Functions that nobody was seen to call may be called: their parameters are not known."""
        self.guessing = True
        for name, function in list(self.functions.items()):
            if name not in self.called:
                parameters: dict[str, Value] = {argument.arg: None for argument in function.args.args}
                self._enter(function, [], parameters)


_VALUES: dict[type[ast.expr], Callable[[_Reader, Any], Value]] = {
    ast.Constant: _Reader.constant, ast.Name: _Reader.name, ast.Attribute: _Reader.attribute, ast.Call: _Reader.call,
    ast.BinOp: _Reader.binary, ast.List: _Reader.several, ast.Tuple: _Reader.several, ast.Set: _Reader.several,
    ast.JoinedStr: _Reader.joined, ast.FormattedValue: _Reader.wrapped, ast.Starred: _Reader.wrapped,
    ast.Await: _Reader.wrapped, ast.Subscript: _Reader.indexed, ast.ListComp: _Reader.comprehended,
    ast.SetComp: _Reader.comprehended, ast.GeneratorExp: _Reader.comprehended, ast.IfExp: _Reader.chosen,
    ast.BoolOp: _Reader.either, ast.NamedExpr: _Reader.named, ast.UnaryOp: _Reader.unary,
}  # fmt: skip


def _parse(code: str) -> ast.Module | None:
    try:
        return parsed(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def python_acts(code: str, arguments: Sequence[str] = ()) -> tuple[list[Act], str, bool]:
    """The acts of Python code, why it is opaque ("" if it is not), and whether it was read in part only.

    `arguments` are the words that the code sees as `sys.argv`.
    """
    dangerous = any(word in code for word in _DANGEROUS)
    if len(code) > _BYTES_MAX:
        return [], "long python code" if dangerous else "", True
    tree = _parse(code.replace(UNKNOWN, _UNKNOWN_NAME))
    if not tree:
        return [], "unreadable python code" if dangerous else "", True
    reader = _Reader(arguments)
    partial = False
    try:
        reader.block(tree.body)
        reader.uncalled()
    except (_Stop, RecursionError):
        partial = True
    return [*reader.acts, *reader.conclusions()], reader.why, partial
