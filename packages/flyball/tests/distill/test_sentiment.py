"""Sentiment: words of operations, what turns them round, and that it stays a bounded hint."""

from __future__ import annotations

import pytest
from flyball.distill.sentiment import CHARS_MAX, LEXICON, sentiment
from flyball.model.pattern import WILDCARD
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "template",
    [
        "failed to open <*>",
        "connection refused by <*>",
        "not connected",
        "PoolTimeoutException: <*>",
        "disk full",
        "unable to recover",
        "deadlock detected",
        "no space left on device",
        "user <*> not found",
        "could not connect to <*>",
        "node is not responding",
        "killed process <*>",
        "the job was not successful",
    ],
)
def test_trouble_is_below_nothing(template: str) -> None:
    assert sentiment(template) < -0.2


@pytest.mark.parametrize(
    "template",
    [
        "no error",
        "0 errors found",
        "recovered from error",
        "job completed without errors",
        "retry succeeded",
        "service is healthy",
        "avoided deadlock",
        "all checks passed",
        "cleared alarm <*>",
    ],
)
def test_relief_is_above_nothing(template: str) -> None:
    assert sentiment(template) > 0.15


@pytest.mark.parametrize("template", ["user <*> logged in", "", "<*>", "GET <*> <*>", "订单 <*> 已创建"])
def test_what_no_word_tells_is_nothing(template: str) -> None:
    assert sentiment(template) == 0.0


def test_a_count_that_the_template_lost_leaves_it_open() -> None:
    assert sentiment("errors") < sentiment("<*> errors") < 0.0
    assert sentiment("errors") < sentiment("errors: <*>") < 0.0
    assert sentiment("error") < sentiment("error handler")


def test_more_trouble_is_worse_and_a_negation_reaches_no_further_than_its_sentence() -> None:
    assert sentiment("fatal error, aborted") < sentiment("error") < sentiment("warning")
    assert sentiment("no. error") <= sentiment("error")


@given(
    st.lists(
        st.sampled_from([*sorted(LEXICON), "no", "without", "<*>", "0", "x", ".", ":"]), max_size=30
    ).map(" ".join)
)
def test_a_score_is_between_the_ends_and_letter_case_makes_no_difference(template: str) -> None:
    assert -1.0 <= sentiment(template) <= 1.0
    assert sentiment(template.title()) == sentiment(template) == sentiment(f"  {template}")


def test_only_so_much_is_read() -> None:
    assert sentiment("x " * CHARS_MAX + "fatal error") == 0.0


def test_weights_are_in_bounds_and_words_are_lower_case() -> None:
    assert all(-1.0 <= weight <= 1.0 and weight and word == word.lower() for word, weight in LEXICON.items())
    assert WILDCARD not in LEXICON
