"""The learner's columns in the compiled core (`native/learn.c`): what `templates.Columns` does, fifty times as fast.

Templates that are ASCII are read by the core; of others Python finds the tokens and what they are, and the core
compares them all the same, so that `user bob` and `user жук` share a column.
"""

from __future__ import annotations

import ctypes
import functools
import secrets
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Protocol

import numpy as np

from flyball import native
from flyball.distill.templates import UNITS, Columns, is_capitals, is_identifier, places, tokens
from flyball.model.pattern import WILDCARD, Shape

_WILDCARD, _UNIT, _IDENTIFIER, _CAPITALS, _IN_SLOT = 1, 2, 4, 8, 16
_FIELDS = 4  # of flyball_columns_look
_HEAD = 12  # bytes in front of each template that is to be compared next: its shape, its size


class Learner(Protocol):
    """Finds the shapes that are one pattern."""

    def add_all(self, shapes: Iterable[Shape]) -> list[tuple[int, int]]:
        """Pairs of shape ids that are one pattern, now that these shapes are known as well."""
        ...

    def merged(self, texts: Sequence[str]) -> str:
        """Templates as one, with `<*>` where their tokens differ; of those that do not line up, the first."""
        ...


def columns() -> Learner:
    """The quickest that is there; the pairs they give join the same shapes."""
    return Columns() if native.library() is None else CoreColumns()


class CoreColumns:
    """The columns of all shapes met; not to be shared between threads.

    Raises:
        MemoryError: there is none left (from any method).
    """

    def __init__(self) -> None:
        self._core = _core()
        self._held = self._core.flyball_columns_new(secrets.randbits(64))
        if not self._held:
            raise MemoryError

    def __del__(self) -> None:
        if getattr(self, "_held", None):
            self._core.flyball_columns_free(self._held)

    def add_all(self, shapes: Iterable[Shape]) -> list[tuple[int, int]]:
        """Pairs of shape ids that are one pattern, now that these shapes are known as well."""
        return self.add_templates([(shape.template, shape.id) for shape in shapes])

    @property
    def held(self) -> int:
        """The core's own object, for its other parts."""
        return self._held

    def add_templates(self, work: list[tuple[str, int]]) -> list[tuple[int, int]]:
        """The same for templates, each with what stands for its shape."""
        self._core.flyball_columns_begin(self._held)
        pairs: list[tuple[int, int]] = []
        while work:
            self._learn_ascii([(template, shape) for template, shape in work if template.isascii()])
            for template, shape in work:
                if not template.isascii():
                    self._learn_tokens(template, shape)
            found, work = self._look()
            pairs += found
            self._core.flyball_columns_begin(self._held)
        return pairs

    def merged(self, texts: Sequence[str]) -> str:
        """Templates as one, with `<*>` where their tokens differ; of those that do not line up, the first."""
        if len(texts) == 1:
            return texts[0]
        whole = "".join(texts)
        if not whole.isascii():
            return Columns().merged(texts)
        offsets = np.fromiter(accumulate(map(len, texts), initial=0), np.int64)
        out = ctypes.create_string_buffer(3 * len(texts[0]) + 1)
        arguments = whole.encode(), offsets.ctypes.data, len(texts), out
        size = self._core.flyball_columns_merge(self._held, *arguments)
        if size < 0:
            raise MemoryError
        return out.raw[:size].decode()

    def _learn_ascii(self, work: Sequence[tuple[str, int]]) -> None:
        if not work:
            return
        offsets = np.fromiter(accumulate((len(template) for template, _shape in work), initial=0), np.int64)
        shapes = np.fromiter((shape for _template, shape in work), np.uint64)
        text = "".join(template for template, _shape in work).encode()
        arguments = text, offsets.ctypes.data, shapes.ctypes.data, len(work)
        if self._core.flyball_columns_learn(self._held, *arguments) < 0:
            raise MemoryError

    def _learn_tokens(self, template: str, shape: int) -> None:
        parts = tokens(template)
        found = [(at, _kinds(parts[at], slot=slot)) for at, slot in places(parts)]
        text = template.encode("utf-8", "surrogatepass")
        sizes = (len(part.encode("utf-8", "surrogatepass")) for part in parts)
        bounds = np.fromiter(accumulate(sizes, initial=0), np.uint32)
        at = np.array(found, np.uint32).reshape(-1, 2)
        arguments = text, len(text), bounds.ctypes.data, len(parts), at.ctypes.data, len(at), shape
        if self._core.flyball_columns_learn_tokens(self._held, *arguments) < 0:
            raise MemoryError

    def _look(self) -> tuple[list[tuple[int, int]], list[tuple[str, int]]]:
        """The pairs found, and the templates to compare next."""
        fields = (ctypes.c_uint64 * _FIELDS)()
        self._core.flyball_columns_look(self._held, fields)
        pairs, pairs_number, work, work_size = fields
        raw = ctypes.string_at(pairs, 16 * pairs_number) if pairs_number else b""
        found = [
            (int(one), int(other)) for one, other in np.frombuffer(raw, np.uint64).reshape(-1, 2).tolist()
        ]
        rest: list[tuple[str, int]] = []
        left = ctypes.string_at(work, work_size) if work_size else b""
        while left:
            shape, size = (int.from_bytes(left[a:b], "little") for a, b in ((0, 8), (8, _HEAD)))
            rest.append((left[_HEAD : _HEAD + size].decode("utf-8", "surrogatepass"), shape))
            left = left[_HEAD + size :]
        return found, rest


def _kinds(value: str, *, slot: bool) -> int:
    """What a value is, as the core's `kinds_of_value` says it of ASCII."""
    kinds = _IN_SLOT if slot else 0
    if value == WILDCARD:
        return kinds | _WILDCARD
    kinds |= _UNIT if value in UNITS else 0
    kinds |= _IDENTIFIER if is_identifier(value) else 0
    return kinds | (_CAPITALS if is_capitals(value) else 0)


@functools.cache
def _core() -> ctypes.CDLL:
    core = native.library()
    if core is None:
        raise RuntimeError("the compiled core is not there")
    pointer, number, error = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    for name, result, arguments in (
        ("new", pointer, [ctypes.c_uint64]),
        ("free", None, [pointer]),
        ("begin", None, [pointer]),
        ("learn", error, [pointer, ctypes.c_char_p, pointer, pointer, number]),
        (
            "learn_tokens",
            error,
            [pointer, ctypes.c_char_p, number, pointer, number, pointer, number, ctypes.c_uint64],
        ),
        ("merge", number, [pointer, ctypes.c_char_p, pointer, number, pointer]),
        ("look", None, [pointer, pointer]),
    ):
        function = getattr(core, f"flyball_columns_{name}")
        function.restype, function.argtypes = result, arguments
    return core
