"""Counting lines: the compiled core and the pure path count the same, however the bytes are cut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partialmethod
from typing import Any

import numpy as np
import pytest
from flyball import native
from flyball.distill import scans
from flyball.distill.line_counts import LineCounts, PureLines
from flyball.distill.line_scan import ScannedLines
from flyball.distill.lines import LINE_BYTES_MAX
from flyball.distill.shapes import OTHER, Distiller
from harness.data import raw_lines
from harness.secrets import SECRETS
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.skipif(native.library() is None, reason="the compiled core was not built")

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----"
JAVA = "java.lang.IllegalStateException: no\n\tat a.b.C.d(C.java:12)\n\tat a.b.E.f(E.java:3)\nCaused by: x.Y: z\n\t... 3 more"
PYTHON = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g(x)\n\nValueError: bad 7'
GO = "panic: oh\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/main.go:12 +0x1d\nexit status 2"
_LINES = st.sampled_from(
    [
        *(
            "user 1 came",
            "user bob came",
            "ERROR payment 7 failed",
            "2024-01-31 12:00:01 INFO up",
            "",
            "  ",
            "\x0c",
            "\t",
        ),
        *(
            KEY,
            JAVA,
            PYTHON,
            GO,
            "    indented 5",
            "  at the end",
            '{"msg":"hi 1","level":"error"}',
            "I0102 15:04:05 glog 7",
        ),
        *(
            "é came",
            "用户 5 登录",
            "password=hunter2",
            "a\rb",
            "a 1\r",
            "\x1b[31mred 7\x1b[0m",
            "at x",
            "^",
            "KEY PRIVATE KEY-----",
        ),
    ]
)


def _counted(counts: LineCounts, spool: io.BytesIO, data: bytes, sizes: list[int]) -> dict[str, Any]:
    at = 0
    for size in sizes:
        counts.feed(data[at : at + size])
        at += size
    counts.feed(data[at:])
    counts.end_file()
    settled = counts.settle()
    totals = counts.lines, counts.records, counts.redacted, counts.cut, counts.other
    assigned = np.frombuffer(spool.getvalue(), np.uint64)
    return {
        "patterns": list(settled.patterns),
        "totals": totals,
        "assigned": assigned.tolist(),
        "named": settled.of(assigned).tolist(),
    }


def _same(data: bytes, sizes: list[int], level: int = 2) -> dict[str, Any]:
    pure = io.BytesIO()
    expected = _counted(PureLines(pure), pure, data, sizes)
    for workers in (1, 2):
        core = io.BytesIO()
        found = _counted(ScannedLines(core, level=level, workers=workers), core, data, sizes)
        assert found["totals"] == expected["totals"]
        assert found["assigned"] == expected["assigned"]
        assert found["named"] == expected["named"]
        assert found["patterns"] == expected["patterns"]
    alone = _counted(ScannedLines(level=level), io.BytesIO(), data, sizes)  # without a spool odd lines wait
    assert alone["patterns"] == expected["patterns"]
    assert alone["totals"] == expected["totals"]
    return expected


@pytest.fixture(autouse=True, scope="module")
def halves_of_any_size() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scans, "HALF_BYTES_MIN", 1)
        yield


@given(
    st.lists(_LINES, max_size=30),
    st.lists(st.integers(0, 80), max_size=20),
    st.sampled_from(["\n", ""]),
    st.integers(0, 2),
)
@settings(max_examples=150, deadline=None)
@example([JAVA, "", PYTHON, KEY, GO, "x"], [7] * 40, "", 2)
@example([PYTHON + " password=hunter2", "pwd=1", JAVA, PYTHON + " pwd: x", "x"], [9] * 60, "", 2)
def test_however_the_bytes_are_cut(lines: list[str], sizes: list[int], end: str, level: int) -> None:
    _same(("\n".join(lines) + end).encode(), sizes, level)


@given(
    st.lists(st.one_of(_LINES, st.text(st.sampled_from("a0 .-_4é\t"), max_size=150)), min_size=1, max_size=8),
    st.integers(0, 300),
    st.integers(0, 2),
)
@settings(max_examples=30, deadline=None)
@example(["x" * 8190 + " 1", "y 2"], 0, 2)
@example(["y 2", "x" * 8192], 60, 1)
def test_lines_that_cross_the_blocks_that_are_read_at_once(lines: list[str], shift: int, level: int) -> None:
    some = "\n".join(lines) + "\n"
    _same(("-" * shift + "\n" + some * (20_000 // len(some) + 1)).encode(), [], level)


@given(st.binary(max_size=300), st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=100, deadline=None)
@example(b"\xff\xfe 1\n\x80\n\xe2\x82\n\xc5\xbf", [])
def test_any_bytes(data: bytes, sizes: list[int]) -> None:
    _same(data, sizes)


_PLANTED = st.tuples(
    st.sampled_from([secret for secret in sorted(SECRETS) if "\n" not in secret]),
    st.sampled_from(
        ["", "user 5: ", "2024-01-31 12:00:01 ERROR ", "I0102 15:04:05 ", '{"level":"warn","msg":"x"} ', "é "]
    ),
    st.sampled_from(["", " at 2023-01-31 12:00:01", " 7", " é", "\r", " -" * 600]),
)


@given(
    st.lists(st.one_of(_LINES, _PLANTED), max_size=25),
    st.lists(st.integers(0, 300), max_size=20),
    st.integers(0, 2),
)
@settings(max_examples=150, deadline=None)
def test_no_planted_secret_is_kept(
    lines: list[str | tuple[str, str, str]], sizes: list[int], level: int
) -> None:
    texts: list[str] = []
    for line in lines:
        planted = (
            (line,) if isinstance(line, str) else (line[1] + SECRETS[line[0]].format(line[0]) + line[2],) * 2
        )
        texts += planted
    found = _same("\n".join(texts).encode(), sizes, level)
    said = "\n".join(row.template + row.example for row in found["patterns"])
    assert [line[0] for line in lines if not isinstance(line, str) and line[0] in said] == []


def test_more_lines_than_are_scanned_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "ROWS_MAX", 64)
    _same(
        "\n".join(f"user {at} came\n{JAVA if at % 50 == 0 else at}" for at in range(500)).encode(), [3000] * 4
    )
    secret = "".join(f"user {at} came\n{'pwd' * (at % 3 == 0)}={at} went\n" for at in range(500))
    assert _same(secret.encode(), [3000] * 4)["totals"][2] == 167


def test_keys_are_forgotten_and_counts_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.distill.scanner.ENTRIES_MAX", 8)
    words = [chr(97 + at % 26) + chr(97 + at // 26) for at in range(100)]
    _same("".join(f"{word} came {at}\n" for at, word in enumerate(words * 3)).encode(), [200] * 10)


@pytest.mark.parametrize("over", [-1, 0, 1, 5000])
def test_a_line_over_the_limit_is_cut(over: int) -> None:
    line = b"x" * (LINE_BYTES_MAX + over)
    data = b"a 1\n" + line + b"\nb 2\n" + line
    found = _same(data, [])
    assert found["totals"][3] == (2 if over > 0 else 0)
    _same(data, [100_000] * 30)


NAMES = [
    "bob",
    "carol",
    "dave",
    "жук",
    "用户",
    "db_main",
    "OrderService",
    "<*>",
    "É",
    "root_7",
    "svc-a",
    "Zoë",
]
_FORMS = (
    "session opened for user {0} by {1}",
    "2024-02-29 23:59:{2:02d} INFO moved {0} of group {1} to shard {2}",
    "connection from {0} lost after {2} ms",
    "payment of {1} für {0} accepted at 2023-{3:02d}-01T00:00:00.5+02:00",
    "{0} waits for node {1}",
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(_FORMS),
            st.sampled_from(NAMES),
            st.sampled_from(NAMES),
            st.integers(0, 70),
            st.integers(0, 14),
        ),
        max_size=80,
    ),
    st.sampled_from([5, 1 << 18]),
)
@settings(max_examples=150, deadline=None)
def test_merging_columns(lines: list[tuple[str, str, str, int, int]], entries_max: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("flyball.distill.scanner.ENTRIES_MAX", entries_max)
        _same("".join(f"{form.format(*values)}\n" for form, *values in lines).encode(), [400] * 5)


def test_more_shapes_than_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyball.distill.line_scan.SHAPES_MAX", 40)
    monkeypatch.setattr(Distiller, "__init__", partialmethod(Distiller.__init__, shapes_max=40))
    words = ["".join(chr(97 + at // 26**place % 26) for place in range(3)) for at in range(90)]
    found = _same(
        "".join(f"{word} {word}s came {at}\n" for at, word in enumerate(words * 2)).encode(), [500] * 3
    )
    assert found["totals"][4] == 100
    assert [row.count for row in found["patterns"] if row.template == OTHER.template] == [100]


TIMES = [
    *(
        "0000-01-01 00:00:00",
        "0001-01-01 00:00:00+01:00",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59.999999999Z",
    ),
    *("9999-12-31 23:59:59-00:01", "2023-02-29 00:00:00", "2024-02-29 12:00:00,1 UTC", "1900/02/29 01:02:03"),
    *("2000-02-29 01:02:03 +0530", "2024-13-01 00:00:00", "2024-12-01 24:00:00", "2024-12-01 00:00:60"),
    *(
        "2024-12-01 00:00:00 +24:00",
        "2024-12-01 00:00:00+23:60",
        "12024-12-01 00:00:00",
        "1969-12-31 23:59:59.0000009",
    ),
    *(
        "x" * 240 + "2024-12-01 00:00:00",
        "é" * 120 + "2024-12-01 00:00:00",
        "2024-02-30 00:00:00 2024-02-01 00:00:00",
    ),
]


def test_the_times_that_lines_state() -> None:
    for text in TIMES:
        _same(f"up {text}\n".encode(), [])
    _same("\n".join(TIMES).encode(), [])


def test_the_labelled_logs() -> None:
    _same("\n".join(raw_lines()).encode(), [1 << 16] * 40)
