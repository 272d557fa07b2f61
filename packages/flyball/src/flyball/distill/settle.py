"""What was counted of all shapes, and which of them are one pattern, in the compiled core (`native/settle.c`).

Thousands of shapes become some hundred patterns, and only those become objects. What `catalog` makes of the same
shapes is the same; of templates that are not ASCII Python finds the tokens, as `learner` does.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flyball import native
from flyball.distill.counted import Counted, Settled
from flyball.distill.learner import CoreColumns
from flyball.distill.scanner import Scanner
from flyball.distill.templates import collapsed
from flyball.model.pattern import Shape, fingerprint

_NO_TIME = -(1 << 63)


class _Pattern(ctypes.Structure):
    """As `Counted` of scan.h."""

    _fields_ = (
        ("id", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("first_us", ctypes.c_int64),
        ("last_us", ctypes.c_int64),
        ("at", ctypes.c_int64),
        ("template_size", ctypes.c_int64),
        ("example_size", ctypes.c_int64),
        ("rank", ctypes.c_uint32),
        ("severity", ctypes.c_uint32),
    )


class CoreShapes:
    """Counts of shapes, by their ids; memory is bounded by the number of shapes. Not to be shared between threads.

    Raises:
        MemoryError: there is none left (from any method).
    """

    def __init__(self) -> None:
        self._core = _core()
        self._held = self._core.flyball_shapes_new()
        if not self._held:
            raise MemoryError

    def __del__(self) -> None:
        if getattr(self, "_held", None):
            self._core.flyball_shapes_free(self._held)

    def note(self, scanner: Scanner) -> None:
        """Keep the templates of the shapes that the scanner's last call found new."""
        self._checked(self._core.flyball_shapes_note(self._held, scanner.held))

    def scanned(self, scanners: Sequence[Scanner]) -> int:
        """How many shapes scanners found (or a few more), with those of their last calls, not yet noted."""
        fresh = (self._core.flyball_shapes_fresh(self._held, scanner.held) for scanner in scanners)
        return self._core.flyball_shapes_noted(self._held, None) + sum(fresh)

    def noted(self) -> NDArray[np.uint64]:
        """The shapes that were noted."""
        ids = np.empty(self._core.flyball_shapes_noted(self._held, None), np.uint64)
        self._core.flyball_shapes_noted(self._held, ids.ctypes.data)
        return ids

    def harvest(self, scanner: Scanner) -> None:
        """Take over what a scanner counted, and let it forget the keys."""
        self._checked(self._core.flyball_shapes_harvest(self._held, scanner.held))
        scanner.forget()

    def add(
        self,
        ids: NDArray[np.uint64],
        severities: NDArray[np.uint8],
        places: NDArray[np.uint64],
        texts: pa.Array,
    ) -> None:
        """Count records: the shape, severity and place in the stream of each, and the text that states its time."""
        _valid, offsets, data = texts.buffers()
        at = offsets.address + 4 * texts.offset
        arrays = ids.ctypes.data, severities.ctypes.data, places.ctypes.data
        address = data.address if data is not None else at
        self._checked(self._core.flyball_shapes_add(self._held, *arrays, address, at, len(ids)))

    def know(self, shape: Shape, place: int) -> None:
        """A shape, with the record at that place as its example: that of the earliest stays."""
        template = shape.template.encode("utf-8", "surrogatepass")
        example = shape.example.encode("utf-8", "surrogatepass")
        texts = template, len(template), example, len(example)
        self._checked(self._core.flyball_shapes_know(self._held, shape.id, *texts, place))

    def count(self, shape: int) -> int:
        """Records with this shape."""
        return self._core.flyball_shapes_count(self._held, shape)

    def settle(self) -> Settled:
        """The patterns, the oldest first; call it once, at the end."""
        columns = CoreColumns()
        rest = np.empty(self._core.flyball_shapes_counted(self._held), np.uint32)
        left = self._checked(self._core.flyball_shapes_learn(self._held, columns.held, rest.ctypes.data))
        pairs = columns.add_templates([(self._template(rank), rank) for rank in rest[:left].tolist()])
        joined = np.array(pairs, np.uint64).reshape(-1, 2)
        self._core.flyball_shapes_join(self._held, joined.ctypes.data, len(joined))
        ids, roots = np.zeros(len(rest), np.uint64), np.zeros(len(rest), np.uint32)
        arrays = ids.ctypes.data, roots.ctypes.data
        found = self._checked(self._core.flyball_shapes_patterns(self._held, columns.held, *arrays))
        texts = ctypes.c_void_p()
        address = self._core.flyball_shapes_look(self._held, ctypes.byref(texts))
        patterns = (_Pattern * found).from_address(address) if found else []
        members = _Members(roots)
        counted = [
            self._pattern(pattern, texts.value or 0, members if pattern.template_size == 0 else None, columns)
            for pattern in patterns
        ]
        order = np.argsort(ids)
        return Settled(patterns=counted, shapes=ids[order], roots=ids[roots[order]])

    def _pattern(
        self, found: _Pattern, texts: int, members: _Members | None, columns: CoreColumns
    ) -> Counted:
        at = texts + found.at
        if members is None:
            template = _text(at, found.template_size)
        else:
            template = columns.merged([self._template(rank) for rank in members.of(found.rank)])
        return Counted(
            fingerprint=fingerprint(found.id),
            template=collapsed(template),
            count=found.count,
            severity=found.severity,
            first_us=None if found.first_us == _NO_TIME else found.first_us,
            last_us=None if found.last_us == _NO_TIME else found.last_us,
            example=_text(at + found.template_size, found.example_size),
        )

    def _template(self, rank: int) -> str:
        size = ctypes.c_int64()
        address = self._core.flyball_shapes_template(self._held, rank, ctypes.byref(size))
        return _text(address, size.value)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise MemoryError
        return result


class _Members:
    """The ranks under each root, ascending."""

    def __init__(self, roots: NDArray[np.uint32]) -> None:
        self._order = np.argsort(roots, kind="stable")
        self._sorted = roots[self._order]

    def of(self, root: int) -> Sequence[int]:
        first, after = np.searchsorted(self._sorted, [root, root + 1])
        return self._order[first:after].tolist()


def _text(address: int, size: int) -> str:
    return ctypes.string_at(address, size).decode("utf-8", "surrogatepass") if size else ""


@functools.cache
def _core() -> ctypes.CDLL:
    core = native.library()
    if core is None:
        raise RuntimeError("the compiled core is not there")
    pointer, number, error = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    texts = [ctypes.c_char_p, number, ctypes.c_char_p, number]
    for name, result, arguments in (
        ("new", pointer, []),
        ("free", None, [pointer]),
        ("note", error, [pointer, pointer]),
        ("fresh", number, [pointer, pointer]),
        ("noted", number, [pointer, pointer]),
        ("harvest", error, [pointer, pointer]),
        ("add", error, [pointer] * 6 + [number]),
        ("know", error, [pointer, ctypes.c_uint64, *texts, ctypes.c_uint64]),
        ("count", number, [pointer, ctypes.c_uint64]),
        ("counted", number, [pointer]),
        ("learn", number, [pointer, pointer, pointer]),
        ("join", None, [pointer, pointer, number]),
        ("patterns", number, [pointer, pointer, pointer, pointer]),
        ("look", pointer, [pointer, pointer]),
        ("template", pointer, [pointer, number, pointer]),
    ):
        function = getattr(core, f"flyball_shapes_{name}")
        function.restype, function.argtypes = result, arguments
    return core
