"""Redaction: no planted secret survives, nothing is redacted twice, clean text stays."""

from __future__ import annotations

import pyarrow as pa
import pytest
from flyball.distill.redact import redact, redact_attributes
from flyball_sdk.redact import RULES, SECRET_KEY, redact_text, redact_value
from harness.secrets import SECRETS
from hypothesis import given, settings
from hypothesis import strategies as st


def one(text: str) -> tuple[str, int]:
    texts, count = redact(pa.array([text], pa.string()))
    return texts[0].as_py(), count


@pytest.mark.parametrize("secret", SECRETS)
def test_a_planted_secret_goes(secret: str) -> None:
    text, count = one(SECRETS[secret].format(secret))
    assert secret not in text
    assert "<*>" in text
    assert count == 1


@pytest.mark.parametrize(
    "text",
    [
        "blk_-4516306414837452219 of 1499518522558304",
        "invalid token: unexpected end of input",
        "basic authentication failed, bearer of news",
        "max_tokens=512 input_tokens: 7",
        "keyboard: yes, key: 5, monkey=1",
        "order 4111111111111112 shipped",
        "mail to bob@example.org",
        "password=null",
        "https://example.org/a@b",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert one(text) == (text, 0)


@given(
    st.sampled_from(sorted(SECRETS)),
    st.text(st.characters(codec="utf-8", exclude_characters="\"'`\\"), max_size=20),
    st.text(max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_no_secret_survives_whatever_stands_around_it(secret: str, before: str, after: str) -> None:
    text = f"{before} {SECRETS[secret].format(secret)} {after}"
    assert secret not in redact_text(text)


@given(st.one_of(st.text(max_size=60), st.sampled_from([SECRETS[s].format(s) for s in SECRETS])))
@settings(max_examples=150, deadline=None)
def test_redaction_is_idempotent_and_the_batch_agrees_with_the_text(text: str) -> None:
    once, count = one(text)
    assert once == redact_text(text)
    assert one(once) == (once, 0)
    assert count == (once != text)


def test_a_batch_keeps_its_order_and_nulls() -> None:
    texts, count = redact(pa.array(["a", None, "password=x", "b"], pa.string()))
    assert texts.to_pylist() == ["a", None, "password=<*>", "b"]
    assert count == 1


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("http.request.header.authorization", True),
        ("set-cookie", True),
        ("db.password", True),
        ("apiKey", True),
        ("access_token", True),
        ("accessToken", True),
        ("gen_ai.usage.input_tokens", False),
        ("gen_ai.token.type", False),
        ("session.id", False),
        ("monkey", False),
    ],
)
def test_an_attribute_is_secret_by_its_name(key: str, secret: bool) -> None:  # noqa: FBT001 - a table
    assert bool(SECRET_KEY.search(key)) is secret
    expected = "<*>" if secret else "plain"
    assert redact_value(key, "plain") == expected
    assert redact_attributes(pa.array([key]), pa.array(["plain"])).to_pylist() == [expected]


_NEAR = st.lists(
    st.sampled_from(
        [
            "api",
            ".",
            "_",
            "-",
            "key",
            "access",
            "encryption",
            "client",
            "secret",
            "password",
            "pass",
            "pwd",
            "token",
            "jwt",
            "TOKEN",
            "İ",
            "ſ",
            "=",
            ":",
            "=>",
            "hunter2",
            "abc1",
            '"',
            "'",
            ",",
            ";",
            "\n",
            " ",
        ]
    ),
    max_size=20,
).map("".join)


@given(_NEAR)
@settings(max_examples=300, deadline=None)
def test_a_rule_tried_near_its_hints_finds_what_its_pattern_finds(text: str) -> None:
    for rule in RULES:
        if rule.near is not None and any(hint in text.lower() for hint in rule.hints):
            assert rule.apply(text, text.lower()) == rule.pattern.sub(rule.replace, text)
