"""The seam: records in, shape ids, severities and redacted texts out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from flyball.distill.redact import RULES_VERSION
from flyball.distill.shapes import OTHER, Distiller, id_of, shape_of
from flyball.model.window import SignalKind
from hypothesis import given, settings
from hypothesis import strategies as st


def distil(distiller: Distiller, *texts: str | None) -> list[int]:
    return distiller.distill(pa.array(texts, pa.string()), np.zeros(len(texts), np.uint8)).shapes.tolist()


def test_an_id_is_a_hash_that_every_process_and_release_agrees_on() -> None:
    assert id_of("user <*> logged in") == 0xC93942870281D043


def test_records_with_one_shape_share_an_id_and_give_one_example() -> None:
    distiller = Distiller()
    ids = distil(distiller, "user 1 came", "user 2 came", "user 3 left", "user 4 came")
    assert ids[0] == ids[1] == ids[3] != ids[2]
    new = distiller.drain_new()
    assert [(shape.template, shape.example, shape.rules) for shape in new] == [
        ("user <*> came", "user 1 came", RULES_VERSION),
        ("user <*> left", "user 3 left", RULES_VERSION),
    ]
    assert [shape.id for shape in new] == [ids[0], ids[2]]
    distil(distiller, "user 9 came")
    assert distiller.drain_new() == []


def test_secrets_are_gone_before_anything_is_kept() -> None:
    distiller = Distiller()
    done = distiller.distill(pa.array(["password=hunter2 for 1", "ok"]), np.zeros(2, np.uint8))
    assert done.texts.to_pylist() == ["password=<*> for 1", "ok"]
    assert done.redacted == 1
    assert "hunter2" not in repr(distiller.drain_new())


def test_severity_is_the_number_then_the_text_then_the_line() -> None:
    texts = pa.array(["x", "ERROR x", "ERROR x", '{"level":"warn","msg":"x"}', "x", "x"])
    numbers = np.array([24, 0, 6, 0, 0, 0], np.uint8)
    given_texts = pa.array(["INFO", None, None, "", "ERROR2", "odd"], pa.string())
    assert Distiller().distill(texts, numbers, given_texts).severity.tolist() == [21, 17, 5, 13, 17, 0]


def test_nulls_and_nothing_are_texts_too() -> None:
    assert len(set(distil(Distiller(), None, "", "  "))) == 1
    assert distil(Distiller()) == []


def test_names_keep_their_constants() -> None:
    distiller = Distiller()
    names = ["GET /users/1", "GET /users/2", "ERROR x", "GET /carts/{cart}"]
    ids = distiller.names(pa.array(names)).tolist()
    assert ids[0] == ids[1] == id_of("GET /users/<*>")
    assert ids[2] == id_of("ERROR x"), "nothing is cut off in front of a name"
    assert ids[3] == id_of(names[3])
    assert {shape.kind for shape in distiller.drain_new()} == {SignalKind.SPAN}
    assert ids == [shape_of(name, SignalKind.SPAN).id for name in names]


def test_raw_paths_as_names_are_bounded() -> None:
    distiller = Distiller(names_max=2)
    ids = distiller.names(pa.array(["GET /a/x", "GET /b/x", "GET /c/x", "GET /d/x", "GET /a/x"])).tolist()
    assert ids[0] == ids[4] == id_of("GET /a/x")
    assert ids[1] == id_of("GET /b/x")
    assert ids[2] == ids[3] == id_of("GET <*>"), "beyond the bound a path is a value, as in a line"
    assert Distiller(known=ids[:1], names_max=0).names(pa.array(["GET /a/x"])).tolist() == ids[:1]


@pytest.mark.parametrize(
    ("text", "exception"),
    [
        ("order 5 failed", "TimeoutError"),
        ('{"msg": "order 5 failed"}', "TimeoutError"),
        ("order 5 failed\n  at a.b(C.java:1)\n  at d.e(F.java:2)", "TimeoutError"),
        (f'{{"a": "{"x " * 4000}", "msg": "order 5 failed"}}', ""),
        ("TimeoutError: order 5 failed", "TimeoutError"),
    ],
)
def test_an_example_has_the_shape_that_it_is_the_example_of(text: str, exception: str) -> None:
    distiller = Distiller()
    given = pa.array([exception])
    shapes = distiller.distill(pa.array([text]), np.zeros(1, np.uint8), exception_type=given).shapes
    (new,) = distiller.drain_new()
    assert shape_of(new.example).id == new.id == shapes[0]


def test_over_the_cap_shapes_are_other_and_counted() -> None:
    distiller = Distiller(shapes_max=2)
    ids = distil(distiller, "one a", "two b", "three c", "four d", "one a", "three c")
    assert ids[2] == ids[3] == ids[5] == OTHER.id
    assert ids[4] == ids[0] != OTHER.id
    assert distiller.other == 3
    assert [shape.template for shape in distiller.drain_new()] == ["one a", "two b", OTHER.template]
    distil(distiller, "three c")
    assert distiller.other == 4


def test_shapes_known_before_are_not_new() -> None:
    distiller = Distiller(known=[id_of("one a")])
    distil(distiller, "one a", "two b")
    assert [shape.template for shape in distiller.drain_new()] == ["two b"]


def test_a_megabyte_in_one_text_is_bounded() -> None:
    distiller = Distiller()
    long = "word " * 200_000
    ids = distil(distiller, long, long + "more")
    assert ids[0] == ids[1]
    assert len(distiller.drain_new()[0].example) <= 4096


LINES = st.lists(
    st.one_of(
        st.sampled_from(["user 1 came", "user 22 came", "token=abc1", '{"msg":"a 1"}', "é 5", ""]),
        st.text(max_size=30),
    ),
    max_size=20,
)


@given(LINES, LINES)
@settings(max_examples=150, deadline=None)
def test_the_answer_is_a_function_of_the_record(before: list[str], texts: list[str]) -> None:
    warm = Distiller()
    distil(warm, *before)
    ids = distil(warm, *texts)
    assert ids == distil(Distiller(), *texts)
    assert ids == [shape_of(text).id for text in texts]
    assert ids == [distil(Distiller(), text)[0] for text in texts]
