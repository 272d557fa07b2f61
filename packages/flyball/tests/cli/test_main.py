"""Every way a command ends: one line, the documented exit code, never a traceback; through real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flyball.cli import client
from flyball.cli.exit_codes import EXIT_CODES, exit_code
from flyball.errors import (
    ConfigurationError,
    FlyballError,
    Forbidden,
    InputError,
    NotFound,
    ServerUnreachable,
)
from harness.server import free_ports

pytestmark = pytest.mark.e2e

FLYBALL = [sys.executable, "-m", "flyball"]
HANG_S = 30
CHANGES = b'{"changes": [%s]}' % b",".join(
    [
        b'{"id": "chg_%012d", "time": "2026-11-21T10:00:00Z", "kind": "deploy", "service": "checkout",'
        b' "environment": "prod", "previous_version": "v1", "version": "v2", "announced": true}' % number
        for number in range(3_000)
    ]
)


class _Answers(BaseHTTPRequestHandler):
    """A server that is slow, no Flyball, or has much to say, by path."""

    def do_GET(self) -> None:
        if self.path.startswith("/slow"):
            time.sleep(HANG_S)
        body = b"<html>" if self.path.startswith("/html") else CHANGES
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # the client was interrupted
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def flyball(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FLYBALL, *arguments], capture_output=True, text=True, check=False, timeout=HANG_S)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frob"], 2, "No such command 'frob'"),
        (["whats-new", "--foo"], 2, "No such option: --foo; `flyball whats-new --help` tells what there is"),
        (["verify"], 2, "Missing option '--change'"),
        (["up", "--port", "x"], 2, "Invalid value for '--port'"),
        (["up", "--port", "99999"], 2, "port = 99999"),
        (["up", "--config", "/no/such.yaml"], 2, "is no file"),
        (["distill", "/no/such.log"], 2, "No such file"),
        (["changes", "add"], 2, "Missing option '--service'"),
        (["whats-new", "--server", "http://127.0.0.1:{port}"], 3, "start one with `flyball up`"),
        (["whats-new", "--server", "no address"], 3, "start one with `flyball up`"),
        (["explain", "a/b"], 4, "there is no incident 'a/b'"),
        (["incidents", "close", ""], 4, "there is no incident ''"),
        (["changes", "--server", "{url}/html"], 1, "is no Flyball server"),
        (["verify", "--change", "chg_x", "--server", "{url}"], 1, "FLYBALL_TRACEBACK=1"),
    ],
)
def test_an_error_is_one_line_and_its_code(arguments: list[str], code: int, said: str, url: str) -> None:
    (port,) = free_ports(1)
    done = flyball(*(text.format(url=url, port=port) for text in arguments))
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("flyball")
    assert said in line


def test_a_server_that_is_slow_is_not_said_to_be_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_SECONDS_MAX", 0.2)
    with pytest.raises(ServerUnreachable, match="did not answer within"):
        client.call("GET", f"{url}/slow", "")


def test_the_codes_of_errors_are_the_documented_ones() -> None:
    codes = {
        exit_code(kind("x"))
        for kind in (InputError, ConfigurationError, ServerUnreachable, NotFound, Forbidden, FlyballError)
    }
    assert codes == {1, 2, 3, 4, 5}
    assert codes | {0, 130} == set(EXIT_CODES)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_error(url: str, form: list[str]) -> None:
    with subprocess.Popen(
        [*FLYBALL, "changes", *form, "--server", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(HANG_S) == 0


def test_a_pipe_gets_whole_lines(url: str) -> None:
    lines = flyball("changes", "--server", url).stdout.splitlines()
    assert len(lines) == 3_001
    assert all("chg_" in line and "v1 → v2" in line for line in lines[1:])


@pytest.mark.parametrize("command", [["changes"], ["whats-new"], ["verify", "--change", "chg_x"]])
def test_ctrl_c_while_waiting_is_130_and_quiet(url: str, command: list[str]) -> None:
    interrupted([*command, "--server", f"{url}/slow"])


def test_ctrl_c_ends_the_stdio_server() -> None:
    interrupted(["mcp"])


def interrupted(arguments: list[str]) -> None:
    with subprocess.Popen(
        [*FLYBALL, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        _until_it_waits(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_S) == 130
        assert process.stderr
        assert process.stderr.read() == b""


def _until_it_waits(pid: int) -> None:
    """Its start is over when it no longer uses the processor."""
    used, quiet = -1.0, 0
    deadline = time.monotonic() + HANG_S
    while quiet < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        now = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        quiet = quiet + 1 if now == used and now > 0.2 else 0
        used = now
