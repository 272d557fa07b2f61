"""Counting lines: the compiled core and the pure path count the same, however the bytes are cut."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from flyball import native
from flyball.distill import line_scan
from flyball.distill.line_counts import LineCounts, PureLines
from flyball.distill.line_scan import ScannedLines
from flyball.distill.lines import LINE_BYTES_MAX
from harness.data import raw_lines
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
    shapes = [
        (shape, tally.count, tally.severity, tally.first, tally.last, tally.times_ns())
        for shape, tally in counts.shapes()
    ]
    totals = counts.lines, counts.records, counts.redacted, counts.cut, counts.other
    return {
        "shapes": shapes,
        "totals": totals,
        "assigned": np.frombuffer(spool.getvalue(), np.uint64).tolist(),
    }


def _same(data: bytes, sizes: list[int], level: int = 2) -> dict[str, Any]:
    pure, core = io.BytesIO(), io.BytesIO()
    expected = _counted(PureLines(pure), pure, data, sizes)
    found = _counted(ScannedLines(core, level=level), core, data, sizes)
    assert found["totals"] == expected["totals"]
    assert found["assigned"] == expected["assigned"]
    assert found["shapes"] == expected["shapes"]
    return found


@given(
    st.lists(_LINES, max_size=30),
    st.lists(st.integers(0, 80), max_size=20),
    st.sampled_from(["\n", ""]),
    st.integers(0, 2),
)
@settings(max_examples=400, deadline=None)
@example([JAVA, "", PYTHON, KEY, GO, "x"], [7] * 40, "", 2)
def test_however_the_bytes_are_cut(lines: list[str], sizes: list[int], end: str, level: int) -> None:
    _same(("\n".join(lines) + end).encode(), sizes, level)


@given(st.binary(max_size=300), st.lists(st.integers(0, 40), max_size=8))
@settings(max_examples=200, deadline=None)
@example(b"\xff\xfe 1\n\x80\n\xe2\x82\n\xc5\xbf", [])
def test_any_bytes(data: bytes, sizes: list[int]) -> None:
    _same(data, sizes)


def test_more_lines_than_are_scanned_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_scan, "ROWS_MAX", 64)
    _same(
        "\n".join(f"user {at} came\n{JAVA if at % 50 == 0 else at}" for at in range(500)).encode(), [3000] * 4
    )


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


def test_the_labelled_logs() -> None:
    _same("\n".join(raw_lines()).encode(), [1 << 16] * 40)
