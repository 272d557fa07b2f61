"""`flyball demo` as a person runs it: the fault, a fix that repairs nothing, a deploy that changes nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

TIME_MAX_S = 300.0
"""A demo that takes longer hangs; how long it takes is no test's business."""
GONE_MAX_S = 20.0
DEMO = [str(Path(sys.executable).parent / "flyball"), "demo", "--json", "--once"]
POOL = re.compile(r"connection pool exhausted: <\*> of <\*> in use, waited <\*>")


def _demo(*options: str) -> Mapping[str, Any]:
    done = subprocess.run([*DEMO, *options], capture_output=True, text=True, check=False, timeout=TIME_MAX_S)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert set(answer) == {"agent", "findings", "verdict", "seconds_to_answer", "incident"}
    return answer


def _check_fault(answer: Mapping[str, Any]) -> None:
    first = answer["findings"][0]
    assert set(first) == {"kind", "service", "template", "count", "first_seen", "change", "evidence"}
    assert (first["kind"], first["service"]) == ("new", "checkout")
    assert POOL.search(first["template"])
    assert first["count"] > 0
    assert first["evidence"]
    assert first["change"]
    incident = answer["incident"]
    assert (incident["cause"], incident["object"]) == ("connection pool exhausted", "service/checkout")
    assert "service `checkout`" in incident["first_step"]
    assert incident["suspect"] == first["change"]
    assert incident["ruled_out"] > 0
    assert incident["evidence"]


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Mapping[str, Any]]:
    """Of all three at once, each with a server and a shop of its own: they mostly wait."""
    variants: Mapping[str, Sequence[str]] = {
        "fault": (),
        "no fix": ("--no-fix",),
        "no fault": ("--no-fault",),
    }
    with ThreadPoolExecutor(len(variants)) as threads:
        running = {name: threads.submit(_demo, *options) for name, options in variants.items()}
        return {name: demo.result() for name, demo in running.items()}


def test_the_fault_is_found_and_the_fix_is_confirmed(answers: Mapping[str, Mapping[str, Any]]) -> None:
    answer = answers["fault"]
    _check_fault(answer)
    assert answer["verdict"] == "fixed"
    assert answer["incident"]["state"] == "resolved"
    assert answer["incident"]["resolved_by"] not in {"", None, answer["incident"]["suspect"]}


def test_an_agent_is_stopped_and_what_it_did_beside_becomes_a_rule(
    answers: Mapping[str, Mapping[str, Any]],
) -> None:
    agent = answers["fault"]["agent"]
    assert [row["rules"] for row in agent["blocked"]] == [["iac.apply-production"]] * 3
    assert re.fullmatch(r"[0-9a-f]{32}", agent["run"])
    assert agent["run"] == agent["blocked"][0]["trace_id"]
    assert {effect["target"] for row in agent["blocked"] for effect in row["effects"]} == {"production"}
    proposal = agent["proposal"]
    assert "iac.apply" in proposal["rule"]
    assert proposal["support"]["near"] == proposal["backtest"]["hits"] == 3
    assert proposal["backtest"]["false_hits"] == 0
    assert proposal["warning"] == ""


def test_a_fix_that_repairs_nothing_is_not_fixed(answers: Mapping[str, Mapping[str, Any]]) -> None:
    answer = answers["no fix"]
    _check_fault(answer)
    assert answer["verdict"] == "not fixed"
    assert answer["incident"]["state"] == "active"


def test_a_deploy_that_changes_nothing_has_nothing_new(answers: Mapping[str, Mapping[str, Any]]) -> None:
    answer = answers["no fault"]
    assert answer["findings"] == []
    assert answer["verdict"] is None
    assert answer["incident"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_it_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    demo = subprocess.Popen(
        DEMO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        assert demo.stderr is not None
        assert any("The shop is open" in line for line in demo.stderr)
        assert len(_processes(tmp_path)) >= 9  # the demo, the server, run.py, five services, the load
        demo.send_signal(number)
        demo.wait(GONE_MAX_S)
    finally:
        demo.kill()
        demo.communicate()
    until = time.monotonic() + GONE_MAX_S
    while _processes(tmp_path) and time.monotonic() < until:
        time.sleep(0.1)
    assert _processes(tmp_path) == []
    if number != signal.SIGKILL:  # no one is left to clean up after kill -9
        assert demo.returncode == 130
        assert list(tmp_path.iterdir()) == []


def _processes(temporary: Path) -> list[str]:
    """The command lines of all processes that run with this folder as their TMPDIR."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={temporary}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found
