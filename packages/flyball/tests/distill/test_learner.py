"""The learner of the compiled core joins what `templates.Columns` joins, in any order and any batches."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from flyball import native
from flyball.distill.learner import CoreColumns
from flyball.distill.shapes import id_of, shape_of
from flyball.distill.templates import Columns, partition
from flyball.model.pattern import Shape
from harness.data import labelled_bodies
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(native.library() is None, reason="the compiled core was not built")

_WORDS = st.sampled_from(
    [
        "user",
        "job",
        "order",
        "for",
        "from",
        "<*>",
        "db_main",
        "OrderService",
        "alice",
        "bob",
        "carol",
        "dave",
        "erin",
        "failed",
        "open",
        "opened",
        "closed",
        "ms",
        "KB",
        "error",
        "in",
        "of",
        "GET",
        "SIGTERM",
        "EACCES",
        "reachable",
        "жук",
        "用户",
        "naïve",
        "com.x.Y",
        "com.x.SCREEN_ON",
        "com.x.SCREEN_OFF",
        "a.b-",
        "x-y",
        "_id",
        "id$",
        "1a",
        "ABC",
        "DEF",
        "GHI",
        "running",
    ]
)
_GAPS = st.sampled_from([" ", " ", " ", "=", ": ", "(", ")", "::", " [", "] ", "-", ".", "  ", "_", "/"])
_TEMPLATES = st.lists(st.tuples(_WORDS, _GAPS), min_size=1, max_size=8).map(
    lambda parts: "".join(word + gap for word, gap in parts).strip()
)


def _shapes(templates: Sequence[str]) -> list[Shape]:
    return [Shape(id=id_of(text), template=text, rules=1, example=text) for text in dict.fromkeys(templates)]


def _joined(shapes: Sequence[Shape], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    roots = {shape.id: shape.id for shape in shapes}

    def root(shape: int) -> int:
        while roots[shape] != shape:
            roots[shape] = shape = roots[roots[shape]]
        return shape

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        roots[high] = low
    return {shape: root(shape) for shape in roots}


@given(st.lists(_TEMPLATES, max_size=40), st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
@example([f"user {name} came in" for name in ("жук", "bob_1", "用户", "x")], random.Random(1), 1)  # noqa: S311
def test_the_core_joins_what_python_joins(templates: list[str], chance: random.Random, batch: int) -> None:
    shapes = _shapes(templates)
    shuffled = list(shapes)
    chance.shuffle(shuffled)
    learner = CoreColumns()
    pairs = [
        pair for at in range(0, len(shuffled), batch) for pair in learner.add_all(shuffled[at : at + batch])
    ]
    assert _joined(shapes, pairs) == partition(shapes)


@given(st.lists(_TEMPLATES, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
@example(["a <*> b", "a c b", "a d e", "longer than the others"])
def test_templates_are_merged_as_python_merges_them(templates: list[str]) -> None:
    assert CoreColumns().merged(templates) == Columns().merged(templates)


def test_long_templates() -> None:
    shapes = _shapes(
        [f"{'word ' * 800}{name}{' <*> жук' * at}" for at in (0, 900) for name in ("a_1", "b_2", "c_3")]
    )
    assert _joined(shapes, CoreColumns().add_all(shapes)) == partition(shapes)


def test_the_labelled_logs() -> None:
    shapes = list({shape.id: shape for shape in map(shape_of, sorted(set(labelled_bodies()))[::3])}.values())
    assert _joined(shapes, CoreColumns().add_all(shapes)) == partition(shapes)
