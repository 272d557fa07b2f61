"""`flyball distill` through the real process."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flyball.distill.shapes import shape_of
from flyball.model.pattern import fingerprint

FLYBALL = str(Path(sys.executable).with_name("flyball"))
LOG = """2024-01-31 12:00:00,000 INFO session opened for user alice by root

2024-01-31 12:00:01,000 ERROR payment 7 failed
Traceback (most recent call last):
  File "/app/a.py", line 3, in f

    g(x)
ValueError: bad
2024-01-31 12:00:02,000 INFO session opened for user bob by root
2024-01-31 12:00:03,500 INFO session opened for user carol by root
password=hunter2 for 12"""


def run(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [FLYBALL, "distill", *arguments], input=stdin, capture_output=True, timeout=60, check=False
    )


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(LOG, encoding="utf-8")
    return path


def test_json_has_one_object_per_pattern_by_count(log: Path) -> None:
    done = run(str(log), "--json")
    found = rows(done)
    assert [(row["template"], row["count"], row["severity"]) for row in found] == [
        ("session opened for user <*> by root", 3, "INFO"),
        ("payment <*> failed ValueError: bad at a.py::f()", 1, "ERROR"),
        ("password=<*> for <*>", 1, None),
    ]
    assert list(found[0]) == [
        "fingerprint",
        "template",
        "count",
        "severity",
        "first_seen",
        "last_seen",
        "example",
    ]
    assert (found[0]["first_seen"], found[0]["last_seen"]) == (
        "2024-01-31T12:00:00Z",
        "2024-01-31T12:00:03.500Z",
    )
    assert (found[2]["first_seen"], found[2]["last_seen"]) == (None, None)
    assert found[2]["example"] == "password=<*> for 12"
    assert b"hunter2" not in done.stdout
    assert done.stderr.count(b"\n") == 1
    assert b"lines 11 | records 5 | patterns 3 |" in done.stderr
    assert b"redacted 1 | other 0 | cut 0" in done.stderr


def test_the_summary_says_how_much_smaller_it_is(tmp_path: Path) -> None:
    path = tmp_path / "many.log"
    path.write_text("request 5 from 10.0.0.1 took 17 ms\n" * 20_000)
    done = run(str(path), "--json")
    summary = dict(
        part.rsplit(" ", 1) for part in done.stderr.decode().replace(" %", "%").strip().split(" | ")
    )
    bytes_in, kept = (int(summary[name].replace(",", "")) for name in ("bytes in", "bytes kept"))
    assert (summary["lines"], summary["patterns"]) == ("20,000", "1")
    assert (bytes_in, kept) == (path.stat().st_size, len(done.stdout))
    assert float(summary["kept"].removesuffix("%")) == pytest.approx(100 * kept / bytes_in, rel=0.05)
    assert b"kept - |" in run("-", "--json", stdin=b"").stderr, "of nothing there is no share"


def test_assign_gives_each_line_its_patterns_fingerprint(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = rows(run(str(log), "--json", "--assign", str(out)))
    names = out.read_text().split("\n")
    assert names.pop() == ""
    assert len(names) == 11
    session, payment, password = (row["fingerprint"] for row in found)
    assert names == [
        session,
        "-",
        payment,
        payment,
        payment,
        "-",
        payment,
        payment,
        session,
        session,
        password,
    ]
    assert session == fingerprint(shape_of("session opened for user alice by root").id), (
        "the oldest shape names it"
    )


def test_the_order_of_lines_changes_neither_groups_nor_templates(tmp_path: Path) -> None:
    lines = [
        *(f"session opened for user {name} by root" for name in ("alice", "bob", "carol", "dave")),
        *(f"bean {name} was created in {place}" for name in ("a_b", "c_d") for place in ("core_x", "web_y")),
        *(f"link {state} on port {port}" for state in ("up", "down") for port in (1, 2)),
        "payment 7 declined",
    ]

    def groups(order: list[str]) -> set[tuple[str, frozenset[str]]]:
        path, out = tmp_path / "in.log", tmp_path / "out"
        path.write_text("".join(f"{line}\n" for line in order))
        texts = {
            row["fingerprint"]: row["template"]
            for row in rows(run(str(path), "--json", "--assign", str(out)))
        }
        found: dict[str, set[str]] = {}
        for line, name in zip(order, out.read_text().splitlines(), strict=True):
            found.setdefault(name, set()).add(line)
        return {(texts[name], frozenset(members)) for name, members in found.items()}

    mixed = sorted(lines, key=lambda line: line[::-1])
    assert len(groups(lines)) == 5
    assert groups(lines) == groups(list(reversed(lines))) == groups(mixed)


def test_stdin_gzip_and_several_files_are_one_input(log: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "app.log.gz"
    zipped.write_bytes(gzip.compress(LOG.encode()))
    once, piped, zip_ = (
        rows(run(str(log), "--json")),
        rows(run("-", "--json", stdin=LOG.encode())),
        rows(run(str(zipped), "--json")),
    )
    assert once == piped == zip_
    thrice = rows(run(str(log), "-", str(zipped), "--json", stdin=LOG.encode()))
    assert [row["count"] for row in thrice] == [9, 3, 3]
    assert rows(run("-", "--json", stdin=zipped.read_bytes())) == once


def test_the_answer_does_not_depend_on_the_process(log: Path) -> None:
    outputs = set[bytes]()
    for seed in ("1", "2"):
        command = [FLYBALL, "distill", str(log), "--json"]
        done = subprocess.run(
            command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_empty_and_strange_input(tmp_path: Path) -> None:
    assert rows(run("-", "--json", stdin=b"")) == []
    out = tmp_path / "out"
    data = b"\n\xff\xfe 1\n\xd8\xa7\xd9\x84 2\r\n" + b"x" * 3_000_000 + b"\n\x1b[31mred\n\n"
    done = run("-", "--json", "--assign", str(out), stdin=data)
    assert len(rows(done)) == 4
    assert b"| cut 1\n" in done.stderr
    assert [len(name) for name in out.read_text().splitlines()] == [1, 16, 16, 16, 16, 1]


def test_a_table_for_people_cannot_be_steered_by_the_log() -> None:
    done = run("-", stdin=b"\x1b[31mred [bold]alert 5\n")
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout
    assert b"red [bold]alert <*>" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/nonexistent/app.log"], b"/nonexistent/app.log: No such file or directory"),
        (["{tmp}"], b"is a directory"),
        (["{log}", "--assign", "{tmp}/no/out"], b"--assign needs the name of a file"),
        (["{log}", "--assign", "{log}"], b"would overwrite its own input"),
        (["{tmp}/short.gz"], b"short.gz: Compressed file ended"),
        (["{log}", "{tmp}/bad.gz"], b"bad.gz: Error -3"),
    ],
)
def test_what_cannot_be_read_is_one_line_on_stderr(
    log: Path, tmp_path: Path, arguments: Sequence[str], says: bytes
) -> None:
    packed = gzip.compress(LOG.encode() * 50)
    (tmp_path / "short.gz").write_bytes(packed[:-20])
    (tmp_path / "bad.gz").write_bytes(packed[:10] + b"\xff" * 8 + packed[18:])
    done = run(*(part.format(tmp=tmp_path, log=log) for part in arguments))
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""
    assert log.read_text() == LOG


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_one_line_on_stderr(log: Path) -> None:
    log.chmod(0)
    done = run(str(log))
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "many.log"
    words = [f"{a}{b}{c}" for a in "bcdfghjklm" for b in "aeiou" for c in "npqrstvwxz"]
    path.write_text("".join(f"{a} went {b}ward\n" for a in words[:70] for b in words[:70]))
    with subprocess.Popen(
        [FLYBALL, "distill", str(path), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(30) == 0


def test_ctrl_c_is_quiet() -> None:
    with subprocess.Popen(
        [FLYBALL, "distill", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"a 1\n" * 100_000)
        process.stdin.flush()
        time.sleep(1.5)  # past its imports, waiting for more
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
        assert process.returncode == 130
        assert (out, error) == (b"", b"")


def test_progress_shows_on_a_terminal_only(log: Path) -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [FLYBALL, "distill", str(log), "--json"], stdout=subprocess.DEVNULL, stderr=follower
    ) as process:
        os.close(follower)
        seen = b""
        with contextlib.suppress(OSError):  # the terminal closes with the process
            while part := os.read(leader, 4096):
                seen += part
        os.close(leader)
        assert process.wait(30) == 0
    assert b"distilling" in seen
    assert b"distilling" not in run(str(log)).stderr


def test_a_large_input_stays_small_in_memory(tmp_path: Path) -> None:
    path, out = tmp_path / "large.log", tmp_path / "out"
    line = "2024-01-31 12:00:00,000 INFO request {} from 10.0.0.{} took {} ms and returned the usual answer\n"
    block = "".join(line.format(n, n % 256, n * 7 % 1000) for n in range(20_000))
    with path.open("w") as file:
        for _ in range(30):  # 54 MB
            file.write(block)
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, FLYBALL, "distill", str(path), "--json", "--assign", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert int(done.stdout) < 600 * 1024, "kilobytes; what it takes does not grow with the file"
    with out.open() as names:
        counts = Counter(names)
    assert list(counts.values()) == [600_000]


def test_it_loads_neither_the_store_nor_pandas() -> None:
    code = (
        "import sys; sys.argv = ['flyball', 'distill', '-'];"
        "import atexit; atexit.register(lambda: print({'chdb', 'pandas'} & {*sys.modules}, file=sys.stderr));"
        "from flyball.cli.main import main; main()"
    )
    told = b"a\npassword=hunter2\nTraceback (most recent call last):\n\n\xff\n"
    done = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, check=True)
    assert done.stderr.endswith(b"set()\n")
