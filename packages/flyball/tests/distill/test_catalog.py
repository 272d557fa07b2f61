"""The catalog: fingerprints are for ever, the older wins, and new rules make nothing new."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyball.distill import templates
from flyball.distill.catalog import Catalog
from flyball.distill.redact import RULES_VERSION
from flyball.distill.shapes import OTHER, id_of, shape_of
from flyball.model.pattern import Shape, fingerprint
from flyball.model.window import SignalKind
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ("alice", "bob", "carol", "dave", "erin")
LINES = [f"session opened for user {name} by root" for name in NAMES] + [
    f"bean {name} was created in {where}" for name in ("a_b", "c_d", "e_f") for where in ("core_x", "web_y")
]


def old_shape(template: str, example: str) -> Shape:
    """A shape as a fake older rule set made it."""
    return Shape(id=id_of(template), template=template, rules=RULES_VERSION - 1, example=example)


def test_the_oldest_shape_names_the_pattern_and_the_others_are_aliases() -> None:
    catalog = Catalog()
    shapes = [shape_of(line) for line in LINES[:3]]
    aliases: dict[int, int] = {}
    for when, shape in enumerate(shapes):
        aliases.update(catalog.add([shape], when))
    oldest = fingerprint(shapes[0].id)
    pattern = catalog.pattern(shapes[2].id)
    assert pattern is not None
    assert (pattern.fingerprint, pattern.template) == (oldest, "session opened for user <*> by root")
    assert pattern.shapes == tuple(shape.id for shape in shapes)
    assert set(aliases) == {shapes[1].id, shapes[2].id}
    assert catalog.example(oldest) == LINES[0]


def test_unknown_ids_have_no_pattern_and_rubbish_is_refused() -> None:
    assert Catalog().pattern(5) is None
    with pytest.raises(ValueError, match="16 hexadecimal digits"):
        Catalog().pattern("rubbish")
    assert Catalog().resolve(5) == fingerprint(5)


@given(st.lists(st.sampled_from(LINES), min_size=1, unique=True))
@settings(max_examples=100, deadline=None)
def test_merging_never_changes_a_fingerprint_that_exists(lines: list[str]) -> None:
    catalog = Catalog()
    known: dict[str, set[int]] = {}
    for when, line in enumerate(lines):
        shape = shape_of(line)
        catalog.add([shape], when)
        for old, members in known.items():
            pattern = catalog.pattern(old)
            assert pattern is not None
            assert members <= set(pattern.shapes)
            assert pattern.fingerprint in known
        found = catalog.pattern(shape.id)
        assert found is not None
        known.setdefault(found.fingerprint, set()).update(found.shapes)


@given(st.lists(st.sampled_from(LINES), min_size=1, unique=True), st.integers(0, 10))
@settings(max_examples=100, deadline=None)
def test_a_restart_finds_the_same_patterns(lines: list[str], batch: int) -> None:
    running = Catalog()
    stored: list[tuple[Shape, int]] = []
    aliases: dict[int, int] = {}
    for when, line in enumerate(lines):
        shape = shape_of(line)
        stored.append((shape, when // (batch + 1)))
        aliases.update(running.add([shape], when // (batch + 1)))
    assert Catalog(stored, aliases).patterns() == running.patterns() == Catalog(stored).patterns()
    assert Catalog(stored, aliases).aliases() == running.aliases()


def test_new_rules_make_nothing_new() -> None:
    # an older rule set that did not know addresses: two shapes where the rules of today see one
    old = [
        old_shape(f"from {address} came <*>", f"from {address} came 7")
        for address in ("10.0.0.1", "10.0.0.2")
    ]
    old.append(old_shape("password=hunter2 for <*>", "password=hunter2 for 5"))
    catalog = Catalog([(shape, when) for when, shape in enumerate(old)])
    before = {fingerprint(shape.id) for shape in old}

    upgrade = catalog.upgrade(shape_of)

    assert {shape.template for shape, _when in upgrade.shapes} == {
        "from <*> came <*>",
        "password=<*> for <*>",
    }
    assert upgrade.rewritten == (replace(old[2], example="password=<*> for 5"),)
    assert catalog.example(old[2].id) == "password=<*> for 5"
    for line in ("from 10.9.9.9 came 3", "password=other for 1"):
        new = shape_of(line)
        assert catalog.add([new], 99) == {}, "the shape of today is known: it is no new pattern"
        pattern = catalog.pattern(new.id)
        assert pattern is not None
        assert pattern.fingerprint in before
        assert pattern.template == new.template
    for name in before:
        assert catalog.pattern(name) is not None
    assert catalog.resolve(old[1].id) == fingerprint(old[0].id)


def test_an_upgraded_catalog_says_the_same_after_a_restart() -> None:
    old = [(old_shape(f"from {n} came x", f"from {n} came x"), n) for n in range(3)]
    catalog = Catalog(old)
    upgrade = catalog.upgrade(shape_of)
    again = Catalog([*old, *upgrade.shapes], upgrade.aliases)
    assert again.upgrade(shape_of).shapes == ()
    assert again.patterns() == catalog.patterns()
    assert len(again.patterns()) == 1


def test_more_of_what_is_stored_than_the_example_joins_the_old_pattern() -> None:
    old = old_shape("took <*>", "took 5 ms")
    catalog = Catalog([(old, 1)])
    further = [shape_of("took five ms"), shape_of("took ages")]
    upgrade = catalog.upgrade(shape_of, {old.id: further})
    assert {shape.template for shape, _when in upgrade.shapes} == {"took <*> ms", "took five ms", "took ages"}
    for shape in further:
        assert catalog.add([shape], 99) == {}
        assert catalog.resolve(shape.id) == fingerprint(old.id)


def test_what_new_rules_leave_as_it_is_counts_as_theirs() -> None:
    lines = [f"session opened for user {name} by root" for name in NAMES]
    catalog = Catalog([(old_shape(line, line), when) for when, line in enumerate(lines)])
    assert len(catalog.patterns()) == len(NAMES), "templates of older rules are not compared"
    upgrade = catalog.upgrade(shape_of)
    assert [shape.rules for shape in upgrade.rewritten] == [RULES_VERSION] * len(NAMES)
    assert upgrade.shapes == ()
    again = Catalog([(shape, when) for when, shape in enumerate(upgrade.rewritten)], upgrade.aliases)
    assert again.stale() == catalog.stale() == []
    assert again.patterns() == catalog.patterns()
    assert [pattern.template for pattern in again.patterns()] == ["session opened for user <*> by root"]


def test_other_is_no_text_and_never_upgraded() -> None:
    other = replace(OTHER, rules=RULES_VERSION - 1)
    catalog = Catalog([(other, 1)])
    assert catalog.upgrade(shape_of).shapes == ()
    assert catalog.pattern(shape_of(OTHER.example).id) is None


def test_names_of_spans_are_not_compared() -> None:
    verbs = ("Reserve", "Count", "Move", "Audit", "Sell", "Order")
    names = [f"shop.orders.Inventory/{verb}Stock" for verb in verbs]
    catalog = Catalog()
    assert catalog.add([shape_of(name, SignalKind.SPAN) for name in names], 1) == {}
    assert len(catalog.patterns()) == len(names)
    lines = ("cart a_b of shop", "cart c_d of shop")
    assert catalog.add([shape_of(line) for line in lines], 1), "lines are"


@pytest.mark.parametrize("line", ["value {} seen in the system today", "user {} of group {} logged in here"])
def test_adding_shapes_costs_their_length_not_their_number(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    observe = templates._observe

    def counted(column: templates._Column, value: str, shape: int) -> list[tuple[int, int]]:
        nonlocal looks
        looks += 1
        return observe(column, value, shape)

    monkeypatch.setattr("flyball.native.library", lambda: None)  # the looks of the pure path are counted
    monkeypatch.setattr(templates, "_observe", counted)

    def looks_for(count: int) -> int:
        names = [f"{a}_{b}{c}" for a in "abcdefghij" for b in "abcdefghij" for c in "abcdefgh"][:count]
        nonlocal looks
        looks = 0
        catalog = Catalog()
        for when, name in enumerate(names):
            catalog.add([shape_of(line.format(name, f"g_{name[2]}"))], when)
        assert len(catalog.patterns()) == 1
        return looks

    assert 0 < looks_for(800) < 9 * looks_for(100)
