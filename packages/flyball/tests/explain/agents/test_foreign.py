"""What others wrote, shown: no link, no image, no markup, bounded, on one line."""

from __future__ import annotations

import re

import pytest
from flyball.explain.agents import foreign as module
from flyball.explain.agents.foreign import foreign
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://evil.example/x", "see https[:]//evil.example/x"),
        ("![a](b)", "! [a] (b)"),
        ("[a](javascript:alert(1))", "[a] (javascript[:]alert(1))"),
        ("<img src=x>", "‹img src=x›"),
        ("www.evil.example", "www[.]evil.example"),
        ("a\nb\x1b[31m\u202ec\u200bd", "a b [31mcd"),
    ],
)
def test_it_is_text_alone(text: str, shown: str) -> None:
    assert foreign(text) == shown


@given(st.text(alphabet=st.sampled_from("ab[]()!<>:/.w\\httpdaj\u200b\u202e\n`"), max_size=60))
def test_nothing_active_is_left(text: str) -> None:
    shown = foreign(text)
    assert not re.search(r"\w:(?://|\\\\)|\]\(|!\[|[<>\n\u200b\u202e]", shown)
    assert len(foreign(text * 200)) <= module.SHOWN_CHARS_MAX * 2
