"""Span names: constants stay, values go, and spans that differ only in ids are one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from flyball.distill.mask import mask_name, name_keys
from hypothesis import example, given
from hypothesis import strategies as st


def template(name: str) -> str:
    return mask_name(name_keys(pa.array([name], pa.string()))[0].as_py())


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("GET /payments/{payment}/settlement", "GET /payments/{payment}/settlement"),
        ("POST /checkout", "POST /checkout"),
        ("GET /api/v1/users/42", "GET /api/v1/users/<*>"),
        ("GET /orders/{order2}/items/:item", "GET /orders/{order2}/items/:item"),
        ("GET /files/report-2024.csv", "GET /files/<*>"),
        ("GET /users/bob@example.org/cart", "GET /users/<*>/cart"),
        ("GET /search?q=shoes&page=2", "GET /search?<*>"),
        ("orders.v1.Inventory/Reserve", "orders.v1.Inventory/Reserve"),
        ("SELECT shop.orders", "SELECT shop.orders"),
        ("SELECT orders WHERE name = 'bob'", "SELECT orders WHERE name = '<*>'"),
        ("send_email_42", "send_email_<*>"),
        ("process batch 17 of 20", "process batch <*> of <*>"),
        ("connect 10.0.0.1:5432", "connect <*>"),
        ("cache.get user:1234", "cache.get user:<*>"),
        ("GET https://api.example.org/users/5", "GET https://api.example.org/users/<*>"),
    ],
)
def test_what_stays_and_what_goes(name: str, masked: str) -> None:
    assert template(name) == masked


IDS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.uuids().map(str),
    st.just("deadbeef-abcd-4aef-8aaa-abcdefabcdef"),
    st.binary(min_size=4, max_size=20).map(bytes.hex),
    st.from_regex(r"[A-Za-z0-9_-]{6,20}", fullmatch=True).filter(lambda text: any(map(str.isdigit, text))),
)
CONSTANTS = st.sampled_from(
    ["users", "orders", "wp-admin", "{id}", ":id", "v2", "settlement", "Inventory", "*"]
)


@given(st.lists(st.one_of(CONSTANTS, st.none()), min_size=1, max_size=6), st.data())
def test_paths_that_differ_in_ids_are_one_and_keep_their_constants(
    parts: list[str | None], data: st.DataObject
) -> None:
    name = "GET /" + "/".join(data.draw(IDS) if part is None else part for part in parts)
    assert template(name) == "GET /" + "/".join("<*>" if part is None else part for part in parts)


WORDS = st.sampled_from(
    [
        *(
            "GET",
            "/a",
            "/{b}",
            "/v1",
            "v1",
            "v12x",
            "7",
            "a_1",
            "aB_c1",
            "<*>",
            "?q=1",
            "'x'",
            '"',
            "'",
            "{",
            "}",
        ),
        *("x@y.z", "cafebabe", "://h/", ":", "-", ".", " ", "\t", "0", "{a1}", "\0", "é", "٣", "\u202e"),
    ]
)


@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=12).map("".join)))
@example("v1\0v1")
def test_a_template_is_its_own_template(name: str) -> None:
    assert template(template(name)) == template(name)


@given(st.text(st.characters(categories=["L"]), min_size=1, max_size=20))
def test_a_word_without_digits_stays(word: str) -> None:
    if not set(word) <= set("abcdefABCDEF"):
        assert template(f"POST /{word}") == f"POST /{word}"


@pytest.mark.parametrize("unit", ["/a1", "a@", "?a=", "'", "a_", "<*>", "{a", "x-1.", "v1"])
def test_hostile_names_are_bounded(unit: str) -> None:
    assert len(template((unit * 2_000)[:4096])) <= 4 * 4096
