"""The compiled core gives the answers of the pure path, on lines made to hit its edges and on the labelled logs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from flyball import native
from flyball.distill.scanner import Scanner
from flyball.distill.shapes import OTHER, Distilled, Distiller
from flyball.model.pattern import Shape
from flyball_sdk.redact import redact_text
from harness.data import labelled_bodies, raw_lines
from harness.secrets import SECRETS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

pytestmark = pytest.mark.skipif(native.library() is None, reason="the compiled core was not built")

LEVELS = (0, 1, 2)
"""Without wide instructions, AVX2, AVX-512; a processor without takes the next lower ones."""

_PIECES = st.sampled_from(
    """
    user job failed ok connection to from at in 10.0.0.1 10.0.0.1:8080 4111111111111111 4111-1111-1111-1111
    4111 1111 5500005555555559 3782 822463 10005 2024-01-31 12:07:41 12:07:41,123 07:41.5Z [INFO] ERROR WARN: <14> I0102
    15:04:05.123456 Mon Jan 31 key=value k=1 id= =x a==b path=/var/log/x.1 "quoted text" 'it' `tick` "GET /a/1?x=2"
    {"msg":"hello","level":"warn"} {"a":1} { {bad [1,2] [a, b, c] (none) () true null None 0x1f deadbeefdeadbeef
    password=hunter2 pwd: token=abc Bearer abc123def basic eyJhbGciOiJI.eyJzdWIi.x AKIAABCDEFGHIJKLMNOP
    sk-abcdefghijklmnopqrstuv ghp_0123456789abcdef xoxb-1234567890 https://u:p@h/x://y@z hooks.slack.com/x1
    -----BEGIN PRIVATE KEY----- com.example.app.Thing java.lang.IllegalStateException a.b.C$D user@example.org
    C:\\temp\\x \\\\host\\share ~/a ./b/c/d 5ms 10KB 3.5GB/s 99% v1.2.3 part-0001. 1. 2- _3_ -4- .5 a1b2 $x1 *y2
    fe80::1 ::1 aa:bb:cc:dd:ee:ff 0 00 <*> <0> über naïve 用户 登录 失败 مستخدم ١٢٣ ａｂｃ１ ſecret \u212a \x1b[31mred\x1b[0m
    \u200f \u2028 \x00 \x0b \x1c \x7f é \U0001f600 ... -> => :: == -- __ | ; , . level=error msg="it is" lvl=info
    at com.x.Y.z(Y.java:12) Caused by: Traceback (most recent call last):
    """.split(" ")  # noqa: SIM905 - control characters are white space to a bare split
)
_GAPS = st.sampled_from([" ", " ", " ", "", "  ", "\t", ": ", ", ", "=", "-", ".", "/", "\r", "\n"])
_LINES = st.one_of(
    st.lists(st.tuples(_PIECES, _GAPS), max_size=12).map(lambda parts: "".join(a + b for a, b in parts)),
    st.text(st.sampled_from("aZf g09._-= :/\"'{[<*>]}@\t\r\n\x1bé０"), max_size=200),
    st.text(max_size=40),
)


def _both(
    batches: list[list[str]], level: int
) -> tuple[list[Distilled], list[Shape], list[Distilled], list[Shape]]:
    core, pure = Distiller(core=level), Distiller(core=None)
    found: list[list[Distilled]] = [[], []]
    new: list[list[Shape]] = [[], []]
    for lines in batches:
        texts = pa.array(lines, pa.string())
        for at, distiller in enumerate((core, pure)):
            found[at].append(distiller.distill(texts, np.zeros(len(lines), np.uint8)))
            new[at] += distiller.drain_new()
    return found[0], new[0], found[1], new[1]


def _same(batches: list[list[str]], level: int) -> None:
    core, core_new, pure, pure_new = _both(batches, level)
    for lines, one, other in zip(batches, core, pure, strict=True):
        assert one.texts.to_pylist() == other.texts.to_pylist()
        assert one.redacted == other.redacted
        differing = np.flatnonzero((one.shapes != other.shapes) | (one.severity != other.severity))
        assert [lines[at] for at in differing] == []
    assert core_new == pure_new


@pytest.mark.parametrize("level", LEVELS)
@given(st.lists(st.lists(_LINES, max_size=8), max_size=3))
@settings(max_examples=150, deadline=None)
@example([["5. 6", "a 5.", "x-1-.", "1" * 64 + " a", "a" * 63 + "1", "-" * 64 + "1.", "a" * 130 + " 7"]])
@example([["4111 1111 1111 1111", "4111-1111 1111 1111", "4111 1111-1111-1111", "x 3782 822463 10005"]])
@example([["{}", "", " ", "\t", "é1", "é2", "é1"], ["é1", "é3"]])
def test_the_core_says_what_the_pure_path_says(level: int, batches: list[list[str]]) -> None:
    _same(batches, level)


_SECRET_PIECES = st.sampled_from(
    """
    password passwd passphrase pwd PWD secret api_key apikey api-key access.key private_key signing-key encryption_key
    client_secret credential credentials auth_key token Token jwt token_id secret.of.x cookie Set-Cookie cookie2
    authorization Proxy-Authorization bearer Bearer basic Basic = : := => == :: " ' \\" \\' , ; & ) ] } . < > @ :// / \\
    true null none "" '' <*> hunter2 hunter abcDef abc12345 abcdefgh a=1 ,a=1 ,b: x.y.z 6019 4111111111111111
    4111-1111-1111-1111 378282246310005 3782 822463 10005 12 123 1234 5500005555555559 eyJhbGciOi .eyJzdWIi AKIAABCDEFGHIJKLMNOP
    AIzaSyA1234567890abcdefghijklmnopqrstuv ya29. abcdefghijklmnopq ghp_ glpat- github_pat_ 0123456789abcdef xoxb- hooks.slack.com/ sk_live_
    whsec_ sk- npm_ SG. bob:pa55@db {"msg":"x" {"password":"q9"} {"level":"warn","msg":" "} I0102 [INFO] user came é \x1b[31m
    """.split()  # noqa: SIM905 - as above
)
_SECRET_LINES = st.lists(
    st.tuples(_SECRET_PIECES, st.sampled_from(["", "", " ", "  ", "\t", "_", "-", ".", ":", "="])),
    max_size=12,
).map(lambda parts: "".join(a + b for a, b in parts))


@pytest.mark.parametrize("level", LEVELS)
@given(st.lists(_SECRET_LINES, max_size=8))
@settings(max_examples=150, deadline=None)
@example(
    [
        "5018 0000 0009 1234",
        "4111 1111 1111 1111 12",
        "4111 1111 1111 1111-12",
        "3782 822463 10005 7",
        "x 4111111111111111 4111111111111111",
    ]
)
@example(
    [
        "token: \"\" password='' pwd=null) secret=TRUE, jwt: unexpected token : x1",
        "Token.moveSurface:6019",
        "pwd=a)];",
    ]
)
@example(
    [
        "password=x" + " y" * 500,
        "password=x" + " y" * 507,
        "password=x " + "7" * 1030,
        "pwd=1 " * 400,
        "pwd=1 " * 300,
    ]
)
def test_what_redaction_leaves(level: int, lines: list[str]) -> None:
    _same([lines, lines], level)


@pytest.mark.parametrize("level", LEVELS)
@given(st.lists(st.tuples(st.sampled_from(sorted(SECRETS)), _LINES, _LINES), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_planted_secret_is_kept(level: int, planted: list[tuple[str, str, str]]) -> None:
    lines = [f"{before} {SECRETS[secret].format(secret)} {after}" for secret, before, after in planted]
    _same([lines, lines], level)
    core = Distiller(core=level)
    left: list[str] = []
    for _ in range(2):  # a key met again is another way
        left = core.distill(pa.array(lines), np.zeros(len(lines), np.uint8)).texts.to_pylist()
        assert left == [redact_text(line) for line in lines]
    examples = "\n".join(shape.example for shape in core.drain_new())
    clean = " ".join([*left, *(before + after for _secret, before, after in planted)])
    assert [secret for secret, *_ in planted if secret in examples and secret not in clean] == []


@pytest.mark.parametrize("secret", [secret for secret in SECRETS if "\n" not in secret])
def test_the_core_removes_it_alone(secret: str) -> None:
    said = f"seen {SECRETS[secret].format(secret)} ."  # what is JSON to its end is the interpreter's
    texts = ["user 5 came", said, "user 6 came", f"{said} {'7' * 1024}"]
    codes, found = Scanner(other=OTHER.id, shapes_max=9).texts(pa.array(texts))
    assert found.redacted == [(at, redact_text(texts[at])) for at in (1, 3)]
    assert not len(found.odd)
    assert (codes >= 0).all()


_NAMES = st.sampled_from(
    [
        "message",
        "msg",
        "event",
        "@mt",
        "log",
        "fields",
        "level",
        "severity",
        "lvl",
        "log.level",
        "error",
        "err",
        "exception",
        "error.type",
        "stack",
        "a",
        "b",
        "time",
    ]
)
_LEAVES = st.one_of(
    st.sampled_from(
        [
            "user 7 came",
            "",
            " {x",
            "warn",
            "ERROR",
            "I0102 15:04:05 x",
            "a\nb",
            "é 5",
            "password=hunter2",
            'q"',
        ]
    ),
    st.integers(-10, 70),
    st.sampled_from([0.5, 1e300, True, False, None, 30, 50, 10**19]),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_NAMES, inner, max_size=2)),
    max_leaves=4,
)


@pytest.mark.parametrize("level", LEVELS)
@given(
    st.lists(st.dictionaries(_NAMES, _VALUES, max_size=5), min_size=1, max_size=4),
    st.sampled_from(["", " ", "prefix 5: ", "\t", "\x1b[32m"]),
    st.sampled_from(["", " ", "\r", "x", "\x1b[0m"]),
    st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_json(level: int, objects: list[dict[str, Any]], before: str, after: str, spaced: bool) -> None:  # noqa: FBT001
    separators = (", ", ": ") if spaced else (",", ":")
    lines = [before + json.dumps(one, separators=separators, ensure_ascii=spaced) + after for one in objects]
    _same([lines, lines], level)


@pytest.mark.parametrize(
    "line",
    [
        '{"msg":"a","msg":"b"}',
        '{"level":"info","level":"warn","msg":"x"}',
        '{"msg":""}',
        '{"msg":"x",}',
        '{"msg":"x"}}',
        "{}",
        '{"msg":"x" "a":1}',
        '{"msg":"x","n":01}',
        '{"msg":"x","n":-}',
        '{"msg":"x","n":1.}',
        '{"msg":"x","n":.5}',
        '{"msg":"x","n":1e5}',
        '{"msg":"x","s":"\\q"}',
        '{"msg":"x","s":"\\u00e9"}',
        '{"msg":"x\ty"}',
        '{"msg":"x","s":"a\tb"}',
        '{"msg":tru}',
        '{"msg":null,"message":"y"}',
        '{"message":null,"msg":"y"}',
        '{"":1,"msg":"x"}',
        '{"msg":"x","a":' + "[" * 40 + "]" * 40 + "}",
        '{"msg":"x","level":30}',
        '{"msg":"x","level":30.0}',
        '{"msg":"x","level":-30}',
        '{"msg":"x","n":' + "9" * 400 + "}",
        '{"msg":"  {y"}',
        '{"msg":"   "}',
        '{"msg":"x","level":null,"lvl":"warn"}',
    ],
)
def test_json_that_is_unusual_or_none(line: str) -> None:
    _same([[line, f" {line} "], [line]], 2)


@pytest.mark.parametrize("level", LEVELS)
@given(st.integers(0, 200), st.integers(0, 200), _LINES)
@settings(max_examples=100, deadline=None)
def test_wherever_in_a_word_of_bits_a_token_lies(level: int, before: int, after: int, middle: str) -> None:
    _same(
        [["x" * before + middle + "y" * after, " " * before + middle, "1" * before + middle + "." * after]],
        level,
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [1023, 1024, 1025, 4095, 4096, 4097, 10_000])
def test_long_texts(level: int, size: int) -> None:
    lines = [
        ("word 12 and " * 1000)[:size],
        "w" * size,
        "7" * size,
        "a=1;" * (size // 4),
        "é" * size,
        "x y " * (size // 4),
    ]
    _same([lines], level)


def _request(bodies: list[str]) -> bytes:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for body in bodies:
        record = records.add(time_unix_nano=1, body=AnyValue(string_value=body))
        record.attributes.extend(KeyValue(key=key, value=AnyValue(string_value=key)) for key in body.split())
    return request.SerializeToString()


@given(st.lists(st.lists(_LINES.filter(str.isascii), max_size=6), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_bodies_in_requests_are_texts(batches: list[list[str]]) -> None:
    one, other = (Scanner(other=OTHER.id, shapes_max=99) for _ in range(2))
    before: list[tuple[list[int], Any]] = []
    for bodies in batches:
        codes, found = one.logs(_request(bodies), 6)
        expected, same = other.texts(pa.array(bodies, pa.string()))
        assert codes.tolist() == expected.tolist()
        assert found.shapes.tolist() == same.shapes.tolist()
        assert (found.odd.tolist(), found.new, found.redacted) == (same.odd.tolist(), same.new, same.redacted)
        before.append((expected.tolist(), codes))
    assert [codes.tolist() for _, codes in before] == [expected for expected, _ in before]


@pytest.mark.parametrize("level", LEVELS)
def test_the_labelled_logs(level: int) -> None:
    _same([labelled_bodies(), raw_lines()], level)


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_over_the_cap_is_other(level: int) -> None:
    core = Distiller(core=level, shapes_max=3)
    lines = [f"{word} happened" for word in ("one", "two", "three", "four", "five", "one")]
    shapes = core.distill(pa.array(lines), np.zeros(6, np.uint8)).shapes
    assert [shape.template for shape in core.drain_new()] == [
        "one happened",
        "two happened",
        "three happened",
        "<other shapes>",
    ]
    assert len(set(shapes.tolist())) == 4
    assert core.other == 2


def test_keys_forgotten_are_met_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.distill.scanner.ENTRIES_MAX", 4)
    distiller, pure = Distiller(), Distiller(core=None)
    for batch in range(5):
        texts = pa.array([f"{chr(97 + batch)}{chr(97 + at)} happened {at}" for at in range(5)] + ["é came"])
        zero = np.zeros(len(texts), np.uint8)
        assert distiller.distill(texts, zero).shapes.tolist() == pure.distill(texts, zero).shapes.tolist()
        assert distiller.drain_new() == pure.drain_new()
