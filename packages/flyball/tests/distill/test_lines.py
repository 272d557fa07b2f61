"""Lines: nothing lost, nothing doubled, however the stream is cut; a stack trace is one record."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from flyball.distill.lines import KEY_LINES_MAX, NO_RECORD, LineReader
from flyball.distill.traces import TRACE_LINES_MAX, gist
from flyball_sdk.redact import redact_text
from hypothesis import given, settings
from hypothesis import strategies as st

PYTHON = """ERROR payment failed for 7
Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    g(x)
    ~^^^
  File "/app/b.py", line 9, in g
    raise ValueError("bad")
ValueError: bad thing

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 5, in f
    raise RuntimeError("x") from e
  [Previous line repeated 3 more times]
app.errors.PaymentError: x"""
JAVA = """2024-01-01 12:00:00 ERROR c.e.Svc - failed
java.lang.IllegalStateException: pool exhausted
\tat com.e.Pool.get(Pool.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:829) ~[na:na]
Caused by: java.sql.SQLException: no conn

\tat com.e.Db.open(Db.java:99)
\t... 23 more"""
GO = """panic: runtime error: index out of range [5]

goroutine 1 [running]:
main.foo(0x1, 0x2)
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:20 +0x20

goroutine 7 [chan receive]:
main.(*W).run(...)
\t/app/main.go:30 +0x1
created by main.main in goroutine 1
\t/app/main.go:31 +0x1
exit status 2"""
NODE = """/app/x.js:10
    throw new Error("boom");
    ^

Error: boom
    at foo (/app/x.js:10:11)
    at Object.<anonymous> (/app/x.js:14:1)
    at async Promise.all (index 0)
    at node:internal/main/run_main_module:23:47 {
  code: 'E',
}"""
NODE_LOGGED = """TypeError: x is not a function
    at /app/y.js:1:1
    at processTicksAndRejections (node:internal/process/task_queues:95:5)"""
DOTNET = """Unhandled exception. System.InvalidOperationException: outer
 ---> System.ArgumentException: inner
   at App.Svc.Do(String a) in /src/Svc.cs:line 12
   --- End of inner exception stack trace ---
   at App.Program.Main(String[] args) in /src/Program.cs:line 5"""
RUBY = """/app/x.rb:3:in `foo': bad thing (RuntimeError)
\tfrom /app/x.rb:7:in `bar'
\tfrom /app/x.rb:9:in `<main>'"""
PHP = """PHP Fatal error:  Uncaught RuntimeException: none in /app/a.php:12
Stack trace:
#0 /app/a.php(20): App\\Cart->take('a', 2)
#1 /app/vendor/slim/App.php(11): Slim\\App->run(Array)
#2 {main}
  thrown in /app/a.php on line 12"""
RUST = """thread 'main' panicked at src/main.rs:5:10:
index out of bounds
stack backtrace:
   0: rust_begin_unwind
             at /rustc/07dca489ac2d/library/std/src/panicking.rs:645:5
   1: core::panicking::panic_fmt
   2: shop::pool::Pool<T>::take::{{closure}}
             at ./src/pool.rs:12:9
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace."""
TRACES = {
    "php": PHP,
    "rust": RUST,
    "python": PYTHON,
    "java": JAVA,
    "go": GO,
    "node": NODE,
    "node logged": NODE_LOGGED,
    "dotnet": DOTNET,
    "ruby": RUBY,
}


def read(
    data: bytes, cuts: list[int] | None = None, **options: int
) -> tuple[list[str], list[int], LineReader]:
    """Texts, the record of each line, and the reader, when `data` comes in chunks cut there."""
    reader = LineReader(**options)
    texts: list[str] = []
    of_line: list[int] = []
    edges = [0, *sorted(cuts or []), len(data)]
    parts = [reader.feed(data[a:b]) for a, b in pairwise(edges)] + [reader.flush()]
    for records in parts:
        of_line += np.where(records.of_line == NO_RECORD, NO_RECORD, records.of_line + len(texts)).tolist()
        texts += records.texts.to_pylist()
    return texts, of_line, reader


@pytest.mark.parametrize("name", TRACES)
def test_a_stack_trace_is_one_record(name: str) -> None:
    trace = TRACES[name]
    texts, of_line, _reader = read(f"INFO served 1\n{trace}\nINFO served 2\n leading blank\n".encode())
    assert texts == ["INFO served 1", trace, "INFO served 2", " leading blank"]
    middle = [NO_RECORD if not line.strip() else 1 for line in trace.split("\n")]
    assert of_line == [0, *middle, 2, 3]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "python",
            "ERROR payment failed for 7 ValueError: bad thing app.errors.PaymentError: x at b.py::g(), a.py::f()",
        ),
        (
            "java",
            (
                "2024-01-01 12:00:00 ERROR c.e.Svc - failed java.lang.IllegalStateException: pool exhausted"
                " Caused by: java.sql.SQLException: no conn at Db.java::Db.open(), Pool.java::Pool.get()"
            ),
        ),
        (
            "go",
            "panic: runtime error: index out of range [5] at main.go::main.foo(), main.go::main.main()",
        ),
        (
            "dotnet",
            (
                "Unhandled exception. System.InvalidOperationException: outer ---> System.ArgumentException: inner"
                " at Svc.cs::Svc.Do(), Program.cs::Program.Main()"
            ),
        ),
        (
            "ruby",
            "/app/x.rb:3:in `foo': bad thing (RuntimeError) at x.rb::foo(), x.rb::bar(), x.rb::main()",
        ),
        ("node logged", "TypeError: x is not a function at y.js::anonymous()"),
        ("php", "PHP Fatal error:  Uncaught RuntimeException: none in /app/a.php:12 at a.php::Cart.take()"),
        ("rust", "thread 'main' panicked at src/main.rs:5:10: index out of bounds at pool.rs::Pool.take()"),
    ],
)
def test_the_gist_of_a_trace_is_what_it_says(name: str, says: str) -> None:
    assert gist(TRACES[name]) == says


def test_two_traces_in_a_row_are_two_records() -> None:
    texts, _of_line, _reader = read(f"{JAVA}\n{JAVA}\n{PYTHON}\n{PYTHON}\n".encode())
    assert texts == [JAVA, JAVA, PYTHON, PYTHON]


def test_a_trace_after_a_calm_line_is_its_own_record() -> None:
    bare = PYTHON.partition("\n")[2]
    texts, _of_line, _reader = read(f"INFO no errors so far\n{bare}\n".encode())
    assert texts == ["INFO no errors so far", bare]


def test_bare_traces_in_a_row_are_two_records() -> None:
    bare = 'Traceback (most recent call last):\n  File "/a.py", line 1, in f\n    g()\nValueError: x'
    assert read(f"{bare}\n{bare}\n\n{bare}\n".encode())[0] == [bare, bare, bare]


def test_blank_lines_inside_a_trace_split_nothing() -> None:
    spaced = PYTHON.partition("\n")[2].replace("\n", "\n\n")
    assert read(spaced.encode())[0] == [spaced]


def test_indentation_alone_continues_nothing() -> None:
    lines = ["step one", "  step two", "\tstep three", "    at home"]
    assert read("\n".join(lines).encode())[0] == lines


def test_an_endless_trace_ends() -> None:
    deep = "java.lang.StackOverflowError\n" + "\tat a.B.c(B.java:1)\n" * (3 * TRACE_LINES_MAX)
    texts, of_line, reader = read(deep.encode())
    assert len(texts) == 4
    assert len(of_line) == reader.lines == 3 * TRACE_LINES_MAX + 1


KEY_BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 25 + ["q83v=="])
KEY = f"loaded -----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("cut", range(0, len(KEY), 97))
def test_a_private_key_is_one_record_and_redacted_as_one(cut: int) -> None:
    texts, of_line, _reader = read(f"before\n{KEY}\n{KEY}\nafter\n{PYTHON}\n".encode(), [7 + cut])
    assert texts == ["before", KEY, KEY, "after", PYTHON]
    assert of_line[:4] == [0, 1, 1, NO_RECORD]
    assert redact_text(texts[1]) == "loaded <*>"


def test_a_private_key_without_its_end_takes_no_more_than_looks_like_one() -> None:
    torn = KEY.rpartition("\n")[0]
    texts, _of_line, _reader = read(f"{torn}\nGET /cart 200\n".encode())
    assert texts == [torn, "GET /cart 200"]
    assert redact_text(torn) == "loaded <*>"
    endless = "-----BEGIN PRIVATE KEY-----\n" + "QUJD\n" * 3 * KEY_LINES_MAX
    assert len(read(endless.encode())[0]) == 1 + 2 * KEY_LINES_MAX + 1


def test_a_private_key_in_one_line_takes_no_other() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----\\nQUJD\\n-----END PRIVATE KEY-----", "next"]
    assert read("\n".join(lines).encode())[0] == lines


def test_lines_end_at_newline_only() -> None:
    texts, of_line, _reader = read("a\r\nb\rc\x0bd\x85e\u2028f\n\n \n\r\ng".encode())
    assert texts == ["a\r", "b\rc\x0bd\x85e\u2028f", "g"]
    assert of_line == [0, 1, NO_RECORD, NO_RECORD, NO_RECORD, 2]


def test_invalid_utf8_is_replaced() -> None:
    assert read(b"caf\xe9 1\n\xff\xfe\nok \xd8\xa7\n")[0] == ["caf\ufffd 1", "\ufffd\ufffd", "ok \u0627"]


@pytest.mark.parametrize("cuts", [[], [3], [1024 * 1024], [1024 * 1024 + 1, 2_000_000]])
def test_a_long_line_is_cut_and_counted(cuts: list[int]) -> None:
    texts, of_line, reader = read(b"x" * 3_000_000 + b"\nshort\n" + b"y" * 2_000_000, cuts)
    assert [len(text) for text in texts] == [1024 * 1024, 5, 1024 * 1024]
    assert of_line == [0, 1, 2]
    assert reader.cut == 2


def test_what_is_held_back_comes_when_the_stream_is_quiet() -> None:
    reader = LineReader()
    assert len(reader.feed(b"one\ntwo\nthr").texts) == 0
    assert reader.flush(end=False).texts.to_pylist() == ["one", "two"]
    assert reader.feed(b"ee\n").texts.to_pylist() == []
    assert reader.flush().texts.to_pylist() == ["three"]


PIECES = st.one_of(
    st.sampled_from(
        [
            "a 1",
            "",
            " b",
            "ERROR x",
            "INFO y",
            "\r",
            "é",
            "日本",
            *[line for t in TRACES.values() for line in t.split("\n")],
        ]
    ),
    st.sampled_from(list(TRACES.values())),
)


@given(st.lists(PIECES, max_size=12), st.lists(st.integers(0, 2000), max_size=8), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_cut_loses_or_doubles_a_line(pieces: list[str], cuts: list[int], newline_at_end: bool) -> None:  # noqa: FBT001
    text = "\n".join(pieces) + ("\n" if newline_at_end and pieces else "")
    data = text.encode()
    whole = read(data)
    assert read(data, [min(cut, len(data)) for cut in cuts])[:2] == whole[:2]
    lines = text.removesuffix("\n").split("\n") if data else []
    texts, of_line, reader = whole
    assert len(of_line) == reader.lines == len(lines)
    spoken = [line for record in texts for line in record.split("\n") if line.strip()]
    assert spoken == [line for line in lines if line.strip()]
    assert all(
        (record == NO_RECORD) == (not line.strip()) for line, record in zip(lines, of_line, strict=True)
    )


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_rubbish_bytes_are_read_the_same_however_they_are_cut(
    data: bytes, cuts: list[int], bound: int
) -> None:
    whole = read(data, line_bytes_max=bound)
    cut = read(data, [min(cut, len(data)) for cut in cuts], line_bytes_max=bound)
    assert cut[:2] == whole[:2]
    assert cut[2].cut == whole[2].cut
    assert len(whole[1]) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
