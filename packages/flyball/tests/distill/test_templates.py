"""The learner: conservative, independent of order, blind to nothing that carries meaning."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from flyball.distill.shapes import shape_of
from flyball.distill.templates import Columns, collapsed, matches, partition, tokens
from flyball.model.pattern import Shape
from hypothesis import given, settings
from hypothesis import strategies as st


def template_of(shapes: Sequence[Shape]) -> str:
    return collapsed(Columns().merged([shape.template for shape in shapes]))


def groups(lines: list[str]) -> set[frozenset[str]]:
    shapes = {shape.id: shape for shape in map(shape_of, lines)}
    found: dict[int, set[str]] = {}
    for shape, pattern in partition(shapes.values()).items():
        found.setdefault(pattern, set()).add(shapes[shape].template)
    return {frozenset(members) for members in found.values()}


def are_one(*lines: str) -> bool:
    return len(groups(list(lines))) == 1


def test_users_of_one_sentence_are_one_pattern() -> None:
    lines = [f"session opened for user {name} by root" for name in ("alice", "bob", "carol")]
    assert are_one(*lines)
    assert template_of([shape_of(line) for line in lines]) == "session opened for user <*> by root"


def test_two_plain_words_are_no_evidence() -> None:
    assert not are_one("cannot open shop today", "cannot open bakery today")


def test_identifiers_need_less_evidence_than_words() -> None:
    assert are_one("bean order_service was created here", "bean payment_service was created here")
    assert not are_one("bean apple was created here", "bean pear was created here")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connected", "disconnected"),
        ("succeeded", "failed"),
        ("enabled", "disabled"),
        ("up", "down"),
        ("ERROR", "INFO"),
        ("onSleep", "onWake"),
        ("RegisterInterface", "DeregisterInterface"),
        ("get_user", "set_user"),
        ("accepted", "rejected"),
        ("opening", "closing"),
    ],
)
def test_polarity_and_severity_never_merge(one: str, other: str) -> None:
    noise = [
        f"link to service {word} at host beta"
        for word in (one, other, "alpha", "gamma_x", "delta_y", "eps_z")
    ]
    together = [group for group in groups(noise) if any(one in t.split() for t in group) and len(group) > 1]
    assert together == []


def test_keys_and_function_names_never_merge() -> None:
    assert not are_one("stats read_count=1 done now", "stats write_count=1 done now")
    assert not are_one("call to do_this() went well", "call to do_that() went well")
    assert not are_one("do_this: caller went home early", "do_that: caller went home early")


def test_too_little_constant_text_never_merges() -> None:
    assert not are_one("started alpha_x", "started beta_x", "started gamma_x")


LINES = [
    *(f"session opened for user {name} by root" for name in ("alice", "bob", "carol", "dave")),
    *(
        f"bean {name} was created in {where}"
        for name in ("a_b", "c_d", "e_f")
        for where in ("core_x", "web_y")
    ),
    *(f"link {state} on port 5" for state in ("up", "down")),
    "alone here",
]


@given(
    st.lists(st.sampled_from(LINES), min_size=1, max_size=len(LINES), unique=True),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100, deadline=None)
def test_the_partition_depends_on_the_set_alone(lines: list[str], shuffle: random.Random) -> None:
    shapes = [shape_of(line) for line in lines]
    mixed = list(shapes) * 2
    shuffle.shuffle(mixed)
    assert partition(mixed) == partition(shapes)


@given(st.lists(st.sampled_from(LINES), max_size=len(LINES)), st.sampled_from(LINES))
@settings(max_examples=100, deadline=None)
def test_what_is_one_pattern_is_never_split(lines: list[str], one_more: str) -> None:
    before = partition([shape_of(line) for line in lines])
    after = partition([shape_of(line) for line in [*lines, one_more]])
    for shape, pattern in before.items():
        assert after[shape] == after[pattern]


def test_every_line_matches_its_patterns_template() -> None:
    shapes = {line: shape_of(line) for line in LINES}
    by_pattern = partition(shapes.values())
    for line, shape in shapes.items():
        members = [other for other in shapes.values() if by_pattern[other.id] == by_pattern[shape.id]]
        assert matches(template_of(members), line)


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_tokens_are_the_text_again(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_neighbouring_wildcards_become_one() -> None:
    assert collapsed("a <*> <*>") == "a <*>"


def test_templates_that_do_not_line_up_keep_the_first() -> None:
    shapes = [Shape(id=n, template=text, rules=1, example="") for n, text in enumerate(("a b c", "a b"))]
    assert template_of(shapes) == "a b c"


@pytest.mark.parametrize(
    ("template", "text", "expected"),
    [
        ("a <*> b", "a 5 b", True),
        ("a <*> b", "a  x y   b", True),
        ("a <*> b", "a 5 c", False),
        ("<*>", "", True),
        ("a", "a b", False),
        ("a<*>a", "a", False),
    ],
)
def test_matching(template: str, text: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert matches(template, text) is expected
