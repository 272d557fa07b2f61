"""Parsing: message, severity and time of a record, whatever the format."""

from __future__ import annotations

import pyarrow as pa
import pytest
from flyball.distill.mask import key, mask
from flyball.distill.parse import KEYS_MAX, head, messages, severity_of, time_ns


def parsed(line: str, exception: str | None = None) -> tuple[str, int]:
    kinds = pa.array([exception], pa.string()) if exception is not None else None
    texts, stated = messages(pa.array([line], pa.string()), kinds)
    rest, severity = head(key(texts[0].as_py()))
    return mask(rest), int(stated[0]) or severity


@pytest.mark.parametrize(
    ("line", "template", "severity"),
    [
        ("2024-01-31 12:00:00,123 INFO  [main] started 12", "[main] started <*>", 9),
        ("2024-01-31T12:00:00.123Z ERROR foo", "foo", 17),
        ("[2024-01-31 12:00:00] [error] foo bar", "foo bar", 17),
        ("Jun 14 15:16:01 combo sshd[19939]: auth", "combo sshd[<*>]: auth", 0),
        ("03-17 16:13:38.811  1702  2395 W Window: odd", "Window: odd", 13),
        ("17/06/09 20:10:40 WARN executor.X: Reg", "executor.X: Reg", 13),
        ("Thu Jun 09 06:07:04 2005 [notice] LDAP: built", "LDAP: built", 9),
        ("081109 203615 148 INFO dfs.X: block 5", "dfs.X: block <*>", 9),
        ("I0614 12:00:00.000123 1 foo.go:12] hi", "<*> foo.go:<*>] hi", 9),
        ("12:00:00 [WARN] low", "low", 13),
        ("2024/01/31 12:00:00 listening", "listening", 0),
        ("ERROR:root:bad", "ERROR:root:bad", 17),
        ("fatal: cannot read", "fatal: cannot read", 21),
        ('ts=2024-01-01T00:00:00Z level=warn msg="pool 5 low" user=bob', "pool <*> low", 13),
        ("a=1 b=2", "a=<*> b=<*>", 0),
        ('{"level":"error","msg":"x 12","a":1}', "x <*>", 17),
        ('{"level":50,"b":1,"a":2}', "{a, b, level}", 17),
        ('{"severity":"WARNING","message":"m","exception":{"type":"E1"}}', "m <*>", 13),
        ('{"message":"boom","exception.type":"ValueError"}', "boom ValueError", 0),
        ('{"event":{"msg":"deep"}}', "deep", 0),
        ('{"not json', '{"not json', 0),
        ("\x1b[32mINFO\x1b[0m 2024-01-31 12:00:00 \x1b[31mred\x1b[0m 5", "INFO <*> red <*>", 9),
        ("2024-01-31 12:00:00 \x1b[33mWARN\x1b[0m low 5", "low <*>", 13),
        ("10.0.0.1:80 served", "<*> served", 0),
        ("information desk opens", "information desk opens", 0),
        ("\u202b2024-01-31 12:00:00 فشل الطلب 7", "\u202b<*> فشل الطلب <*>", 0),
    ],
)
def test_message_and_severity(line: str, template: str, severity: int) -> None:
    assert parsed(line) == (template, severity)


def test_the_same_message_has_one_template_in_every_format() -> None:
    lines = [
        "pool 7 exhausted",
        "2024-01-31 12:00:00,123 ERROR pool 7 exhausted",
        '{"level":"error","msg":"pool 7 exhausted"}',
        'level=error msg="pool 7 exhausted"',
    ]
    assert {parsed(line)[0] for line in lines} == {"pool <*> exhausted"}


def test_an_exception_type_is_added_once() -> None:
    assert parsed("it broke", "ValueError")[0] == "it broke ValueError"
    assert parsed("it broke: ValueError", "ValueError")[0] == "it broke: ValueError"
    assert parsed("it broke", "")[0] == "it broke"


def test_a_map_with_many_keys_is_bounded() -> None:
    big = "{" + ",".join(f'"k{chr(97 + n % 26)}{"x" * (n // 26)}":1' for n in range(500)) + "}"
    assert parsed(big)[0].count(",") == KEYS_MAX - 1


@pytest.mark.parametrize(
    ("word", "number"), [("Error", 17), ("warning", 13), ("CRITICAL", 21), ("notice", 9), ("odd", 0)]
)
def test_level_words(word: str, number: int) -> None:
    assert severity_of(word) == number


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2024-01-31T12:00:00Z x", 1706702400000000000),
        ("2024-01-31 12:00:00,123 x", 1706702400123000000),
        ("[2024-01-31T13:00:00.000000001+01:00] x", 1706702400000000001),
        ('{"time":"2024-01-31T12:00:00Z"}', 1706702400000000000),
        ("2024-13-31 12:00:00 x", None),
        ("12:00:00 x", None),
        ("x" * 300 + " 2024-01-31T12:00:00Z", None),
    ],
)
def test_the_time_a_line_states(line: str, expected: int | None) -> None:
    assert time_ns(line) == expected
